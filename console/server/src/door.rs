//! A way into the running console for its owner: an address that works once, in a file that only its owner can read.
//!
//! The file spares `console open` a secret in the arguments of a browser, which other users of this machine can read.

use std::error::Error;
use std::fs::{self, OpenOptions};
use std::io::Write as _;
use std::net::{Ipv4Addr, TcpStream};
use std::path::{Path, PathBuf};

/// The file with the address that works next.
pub struct Door {
    path: PathBuf,
    /// The address in it, if this console has written it.
    own: String,
}

impl Door {
    /// The file of this user, or `None` if no directory exists for it.
    pub fn path() -> Option<PathBuf> {
        let directory = std::env::var_os("XDG_RUNTIME_DIR").map(PathBuf::from).or_else(std::env::home_dir)?;
        Some(directory.join(".workflow-runs-console"))
    }

    /// A door that `set` makes.
    pub fn new(path: PathBuf) -> Self {
        Self { path, own: String::new() }
    }

    /// Leads in through this address from now on. A console that was started before keeps running without a door.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn set(&mut self, address: String) -> std::io::Result<()> {
        let mut options = OpenOptions::new();
        options.write(true).create_new(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        // A new file, since an old one might be readable for others.
        let _ = fs::remove_file(&self.path);
        options.open(&self.path)?.write_all(address.as_bytes())?;
        self.own = address;
        Ok(())
    }
}

impl Drop for Door {
    fn drop(&mut self) {
        if fs::read_to_string(&self.path).is_ok_and(|address| address == self.own) {
            let _ = fs::remove_file(&self.path);
        }
    }
}

/// The address that leads into the running console, to what `reference` names: a run's ARN or id, or a link of the page.
///
/// # Errors
/// No console is running.
pub fn find(path: Option<&Path>, reference: &str) -> Result<String, Box<dyn Error + Send + Sync>> {
    let none = "no console is running; start one with: console ENDPOINT";
    let address = path.and_then(|path| fs::read_to_string(path).ok()).ok_or(none)?;
    let port =
        address.strip_prefix("http://127.0.0.1:").and_then(|rest| rest.split('/').next()?.parse().ok()).ok_or(none)?;
    // One that was killed has left its file.
    TcpStream::connect((Ipv4Addr::LOCALHOST, port)).map_err(|_| none)?;
    Ok(format!("{address}#/find/{}", percent_encoded(reference)))
}

fn percent_encoded(text: &str) -> String {
    let byte = |byte: u8| match byte {
        b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' => char::from(byte).to_string(),
        _ => format!("%{byte:02X}"),
    };
    text.bytes().map(byte).collect()
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use super::*;

    fn path() -> PathBuf {
        std::env::temp_dir().join(format!("door-{}", uuid::Uuid::new_v4()))
    }

    #[test]
    fn a_reference_is_part_of_the_address_of_a_running_console() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = format!("http://{}/once", listener.local_addr().unwrap());
        let path = path();
        let mut door = Door::new(path.clone());
        door.set(address.clone()).unwrap();
        let found = find(Some(&path), "arn:aws:nova-act:eu-west-1:1:workflow-definition/a_b-c #é").unwrap();
        let encoded = "arn%3Aaws%3Anova-act%3Aeu-west-1%3A1%3Aworkflow-definition%2Fa_b-c%20%23%C3%A9";
        assert_eq!(found, format!("{address}#/find/{encoded}"));
        drop(listener);
        assert!(find(Some(&path), "a").is_err(), "nothing listens there");
        drop(door);
        assert!(!path.exists());
        assert!(find(Some(&path), "a").is_err());
        assert!(find(None, "a").is_err());
    }

    #[test]
    fn a_console_that_ends_leaves_the_door_of_another_one() {
        let path = path();
        let (mut first, mut second) = (Door::new(path.clone()), Door::new(path.clone()));
        first.set("http://127.0.0.1:1/first".to_owned()).unwrap();
        second.set("http://127.0.0.1:2/second".to_owned()).unwrap();
        drop(first);
        assert_eq!(fs::read_to_string(&path).unwrap(), "http://127.0.0.1:2/second");
        drop(second);
        assert!(!path.exists());
    }

    #[cfg(unix)]
    #[test]
    fn the_file_is_for_its_owner_only() {
        use std::os::unix::fs::PermissionsExt as _;
        let path = path();
        fs::write(&path, "").unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
        let mut door = Door::new(path.clone());
        door.set("http://127.0.0.1:1/once".to_owned()).unwrap();
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    }
}
