//! The file of `--data`. It holds tokens, so only its owner may read it, and no other program's file is used.

use std::fs::{self, File, OpenOptions};
use std::io::{ErrorKind, Read as _};
use std::path::Path;

use rusqlite::{Connection, OpenFlags};

use crate::Result;

/// What a SQLite file begins with.
const MAGIC: &[u8] = b"SQLite format 3\0";

/// Creates the file if it does not exist, and takes it from everyone but its owner. SQLite gives the files beside it, `-wal`
/// and `-shm`, the same permissions when it creates them.
///
/// # Errors
/// The file cannot be created or read, or it is not a database of this server.
pub fn protect(file: &Path) -> Result<()> {
    let name = file.display();
    let created = owner_only(OpenOptions::new().write(true).create_new(true)).open(file);
    match created {
        Ok(_) => return Ok(()),
        Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
        Err(error) => return Err(format!("{name} cannot be created: {error}").into()),
    }
    if !is_own(file).map_err(|error| format!("{name} cannot be read: {error}"))? {
        return Err(
            format!("{name} is not a database of this server; name another file, or one that does not exist").into()
        );
    }
    for suffix in ["", "-wal", "-shm"] {
        let mut path = file.as_os_str().to_owned();
        path.push(suffix);
        let restricted = restrict(Path::new(&path));
        restricted
            .map_err(|error| format!("{}: its permissions cannot be set: {error}", Path::new(&path).display()))?;
    }
    Ok(())
}

/// Whether it is an empty file, or a SQLite database with no table or with those of the embedded DynamoDB.
fn is_own(file: &Path) -> Result<bool> {
    let mut start = Vec::new();
    File::open(file)?.take(MAGIC.len() as u64).read_to_end(&mut start)?;
    if start.is_empty() {
        return Ok(true);
    }
    if start != MAGIC {
        return Ok(false);
    }
    let database = Connection::open_with_flags(file, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
    let count = "SELECT count(*), count(*) FILTER (WHERE name IN ('_tables', '_stream_records')) FROM sqlite_schema";
    let (all, own) = database.query_row(count, [], |row| Ok((row.get::<_, u32>(0)?, row.get::<_, u32>(1)?)))?;
    Ok(all == 0 || own == 2)
}

#[cfg(unix)]
fn owner_only(options: &mut OpenOptions) -> &mut OpenOptions {
    use std::os::unix::fs::OpenOptionsExt as _;

    options.mode(0o600)
}

#[cfg(not(unix))]
fn owner_only(options: &mut OpenOptions) -> &mut OpenOptions {
    options
}

#[cfg(unix)]
fn restrict(path: &Path) -> std::io::Result<()> {
    use std::os::unix::fs::PermissionsExt as _;

    match fs::set_permissions(path, fs::Permissions::from_mode(0o600)) {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
        done => done,
    }
}

#[cfg(not(unix))]
fn restrict(_: &Path) -> std::io::Result<()> {
    Ok(())
}
