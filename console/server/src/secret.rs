//! Keeps other programs and other users of this machine out.
//!
//! The address of the console holds a secret of this start. Every request without it gets the same empty 404.

use std::hint::black_box;
use std::io;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::extract::{Request, State};
use axum::http::header::{CACHE_CONTROL, LOCATION};
use axum::http::{StatusCode, Uri};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use console_page::guard::Guard;
use uuid::Uuid;

use crate::door::Door;

/// The console's address, and who may use it.
pub struct Secret {
    guard: Guard,
    secret: String,
    once: Mutex<Once>,
}

/// The path that opens the console once, and the file that shows it to its owner.
struct Once {
    path: String,
    door: Option<Door>,
}

impl Secret {
    /// A new random secret of 122 bits, for a server on this port.
    pub fn new(port: u16) -> Self {
        let once = Once { path: random(), door: None };
        Self { guard: Guard(port), secret: random(), once: Mutex::new(once) }
    }

    /// The address of the console, which holds the secret.
    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}/{}/", self.guard.0, self.secret)
    }

    /// An address that leads to the console once, for a browser that is started with it: other users of this machine can
    /// read a program's arguments.
    pub fn url_for_once(&self) -> String {
        self.once_url(&self.once().path)
    }

    /// Keeps the address that works next in a file, for `console open`.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn open_door(&self, path: PathBuf) -> io::Result<()> {
        let mut once = self.once();
        let mut door = Door::new(path);
        door.set(self.once_url(&once.path))?;
        once.door = Some(door);
        Ok(())
    }

    fn once(&self) -> MutexGuard<'_, Once> {
        self.once.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn once_url(&self, path: &str) -> String {
        format!("http://127.0.0.1:{}/{path}", self.guard.0)
    }

    /// Where a request goes. `None` if it may not pass.
    fn admit(&self, request: &Request) -> Option<Target> {
        let path_and_query = request.uri().path_and_query()?.as_str().strip_prefix('/')?;
        if !self.guard.admits(request) {
            return None;
        }
        let end = path_and_query.find(['/', '?']).unwrap_or(path_and_query.len());
        let (first, rest) = path_and_query.split_at(end);
        if is_same(first, &self.secret) {
            // The page's URLs are relative: without the trailing slash they would lose the secret.
            return if rest.starts_with('/') { rest.parse().ok().map(Target::Behind) } else { Some(Target::Console) };
        }
        let mut once = self.once();
        if !rest.is_empty() || !is_same(first, &once.path) {
            return None;
        }
        once.path = random();
        let next = self.once_url(&once.path);
        if let Some(Err(error)) = once.door.as_mut().map(|door| door.set(next)) {
            eprintln!("`console open` works no more: {error}");
        }
        Some(Target::Console)
    }
}

enum Target {
    /// The console's address.
    Console,
    /// The path and query behind the secret.
    Behind(Uri),
}

/// Lets a request pass without the secret in its path, or responds with 404.
pub async fn check(State(secret): State<Arc<Secret>>, mut request: Request, next: Next) -> Response {
    match secret.admit(&request) {
        Some(Target::Console) => {
            let headers = [(LOCATION, secret.url()), (CACHE_CONTROL, "no-store".to_owned())];
            (StatusCode::TEMPORARY_REDIRECT, headers).into_response()
        }
        Some(Target::Behind(uri)) => {
            *request.uri_mut() = uri;
            next.run(request).await
        }
        None => StatusCode::NOT_FOUND.into_response(),
    }
}

fn random() -> String {
    Uuid::new_v4().simple().to_string()
}

/// Compares in a time that depends only on the length.
fn is_same(given: &str, secret: &str) -> bool {
    let differences = given.bytes().zip(secret.bytes()).fold(0, |seen, (a, b)| black_box(seen | (a ^ b)));
    given.len() == secret.len() && differences == 0
}
