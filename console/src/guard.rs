//! Keeps other pages and other users of this machine out.
//!
//! A page from elsewhere can make the browser send requests to 127.0.0.1, and with DNS rebinding even read the answers.
//! So every request must name this host, come from no other origin, and know the secret of this start. Every other
//! request gets the same empty 404.

use std::hint::black_box;
use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::header::{HOST, LOCATION, ORIGIN};
use axum::http::{HeaderMap, HeaderName, StatusCode, Uri};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use uuid::Uuid;

const SEC_FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

/// The conditions on a request.
pub struct Guard {
    secret: String,
    port: u16,
}

impl Guard {
    /// A guard with a new random secret of 122 bits.
    pub fn new(port: u16) -> Self {
        Self { secret: Uuid::new_v4().simple().to_string(), port }
    }

    /// The address of the console, which holds the secret.
    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}/{}/", self.port, self.secret)
    }

    /// The path and query behind the secret, if the request may pass.
    fn admit(&self, headers: &HeaderMap, uri: &Uri) -> Option<Uri> {
        let hosts = [format!("127.0.0.1:{}", self.port), format!("localhost:{}", self.port)];
        let host = only(headers, &HOST).ok()??;
        if uri.authority().is_some() || !hosts.iter().any(|own| own == host) {
            return None;
        }
        if only(headers, &ORIGIN).ok()?.is_some_and(|origin| origin != format!("http://{host}")) {
            return None;
        }
        // A page on another port of this machine is "same-site". "none" is an address that a person has entered.
        if only(headers, &SEC_FETCH_SITE).ok()?.is_some_and(|site| site != "same-origin" && site != "none") {
            return None;
        }
        let path_and_query = uri.path_and_query()?.as_str().strip_prefix('/')?;
        let end = path_and_query.find(['/', '?']).unwrap_or(path_and_query.len());
        let (secret, rest) = path_and_query.split_at(end);
        if is_same(secret, &self.secret) {
            if rest.is_empty() { Some(Uri::default()) } else { rest.parse().ok() }
        } else {
            None
        }
    }
}

/// Lets a request pass without the secret in its path, or answers 404.
pub async fn check(State(guard): State<Arc<Guard>>, mut request: Request, next: Next) -> Response {
    match guard.admit(request.headers(), request.uri()) {
        // The page's URLs are relative: without the trailing slash they would lose the secret.
        Some(_) if request.uri().path().len() == 1 + guard.secret.len() => {
            (StatusCode::TEMPORARY_REDIRECT, [(LOCATION, guard.url())]).into_response()
        }
        Some(uri) => {
            *request.uri_mut() = uri;
            next.run(request).await
        }
        None => StatusCode::NOT_FOUND.into_response(),
    }
}

/// The value of a header that may occur once, or an error if it occurs more often or is not text.
fn only<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Result<Option<&'a str>, Ambiguous> {
    let mut values = headers.get_all(name).iter();
    let value = values.next().map(|value| value.to_str().map_err(|_| Ambiguous)).transpose()?;
    if values.next().is_some() { Err(Ambiguous) } else { Ok(value) }
}

/// A header that programs may read in different ways.
struct Ambiguous;

/// Compares in a time that depends only on the length.
fn is_same(given: &str, secret: &str) -> bool {
    let differences = given.bytes().zip(secret.bytes()).fold(0, |seen, (a, b)| black_box(seen | (a ^ b)));
    given.len() == secret.len() && differences == 0
}
