//! Keeps web pages out of a server on this machine.
//!
//! Any page can make the browser send requests to 127.0.0.1, and with DNS rebinding even read the responses. So a request
//! must name this server as its host, and come from this server's own page, from no page at all, or from a link to it.

use axum::extract::{Request, State};
use axum::http::header::{HOST, ORIGIN};
use axum::http::{HeaderMap, HeaderName, Method, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

const SEC_FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");
const SEC_FETCH_MODE: HeaderName = HeaderName::from_static("sec-fetch-mode");
const SEC_FETCH_DEST: HeaderName = HeaderName::from_static("sec-fetch-dest");

/// The port of a server that listens on 127.0.0.1.
#[derive(Clone, Copy)]
pub struct Guard(pub u16);

impl Guard {
    /// Whether a request may pass.
    pub fn admits(self, request: &Request) -> bool {
        let headers = request.headers();
        let (Ok(Some(host)), Ok(origin), Ok(site)) =
            (only(headers, &HOST), only(headers, &ORIGIN), only(headers, &SEC_FETCH_SITE))
        else {
            return false;
        };
        // A page on another port of this machine is "same-site". "none" is an address that a person has entered.
        request.uri().authority().is_none()
            && self.is_own(host)
            && origin.is_none_or(|origin| origin.strip_prefix("http://") == Some(host))
            && site.is_none_or(|site| site == "same-origin" || site == "none" || follows_link(request))
    }

    /// Browsers leave out the default port.
    fn is_own(self, host: &str) -> bool {
        let (name, port) = host.split_once(':').unwrap_or((host, "80"));
        (name == "127.0.0.1" || name == "localhost") && port == self.0.to_string()
    }
}

/// Whether a person has followed a link: the page with the link does not see the response.
fn follows_link(request: &Request) -> bool {
    let is = |name, value| only(request.headers(), &name).is_ok_and(|found| found == Some(value));
    request.method() == Method::GET && is(SEC_FETCH_MODE, "navigate") && is(SEC_FETCH_DEST, "document")
}

/// Lets a request pass, or rejects it with 403.
pub async fn check(State(guard): State<Guard>, request: Request, next: Next) -> Response {
    if guard.admits(&request) {
        return next.run(request).await;
    }
    let message = format!("http://127.0.0.1:{} rejects another Host, and requests of other pages\n", guard.0);
    (StatusCode::FORBIDDEN, message).into_response()
}

/// The value of a header that may occur once, or an error if it occurs more often or is not text.
fn only<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Result<Option<&'a str>, Ambiguous> {
    let mut values = headers.get_all(name).iter();
    let value = values.next().map(|value| value.to_str().map_err(|_| Ambiguous)).transpose()?;
    if values.next().is_some() { Err(Ambiguous) } else { Ok(value) }
}

/// A header that programs may read in different ways.
struct Ambiguous;

#[cfg(test)]
mod tests {
    use axum::body::Body;

    use super::*;

    fn admits(port: u16, method: &str, headers: &[(&str, &str)]) -> bool {
        let request = Request::builder().method(method).uri("/");
        let request = headers.iter().fold(request, |request, (name, value)| request.header(*name, *value));
        Guard(port).admits(&request.body(Body::empty()).unwrap())
    }

    #[test]
    fn the_host_is_this_server() {
        for (port, host, passes) in [
            (3000, "127.0.0.1:3000", true),
            (3000, "localhost:3000", true),
            (3000, "127.0.0.1", false),
            (3000, "127.0.0.1:4566", false),
            (3000, "rebound.example.com:3000", false),
            (3000, "127.0.0.1.example.com:3000", false),
            (3000, "127.0.0.1:3000@example.com:3000", false),
            (3000, "[::1]:3000", false),
            (3000, "", false),
            (80, "127.0.0.1", true),
            (80, "localhost", true),
            (80, "127.0.0.1:80", true),
            (80, "example.com", false),
        ] {
            assert_eq!(admits(port, "GET", &[("host", host)]), passes, "{port} {host}");
        }
        assert!(!admits(3000, "GET", &[]));
        assert!(!admits(3000, "GET", &[("host", "127.0.0.1:3000"), ("host", "127.0.0.1:3000")]));
        let absolute = Request::get("http://127.0.0.1:3000/").header("host", "127.0.0.1:3000");
        assert!(!Guard(3000).admits(&absolute.body(Body::empty()).unwrap()));
    }

    #[test]
    fn a_page_is_this_servers_own() {
        for (port, host, origin, passes) in [
            (3000, "127.0.0.1:3000", "http://127.0.0.1:3000", true),
            (3000, "localhost:3000", "http://localhost:3000", true),
            (3000, "127.0.0.1:3000", "http://localhost:3000", false),
            (3000, "127.0.0.1:3000", "https://127.0.0.1:3000", false),
            (3000, "127.0.0.1:3000", "http://127.0.0.1:8080", false),
            (3000, "127.0.0.1:3000", "http://example.com", false),
            (3000, "127.0.0.1:3000", "null", false),
            (3000, "127.0.0.1:3000", "", false),
            (80, "localhost", "http://localhost", true),
            (80, "localhost", "http://localhost:8080", false),
        ] {
            assert_eq!(admits(port, "POST", &[("host", host), ("origin", origin)]), passes, "{host} {origin}");
        }
        let twice = ("origin", "http://127.0.0.1:3000");
        assert!(!admits(3000, "POST", &[("host", "127.0.0.1:3000"), twice, twice]));
    }

    #[test]
    fn a_browser_that_sends_no_origin_says_where_the_request_comes_from() {
        for (method, site, mode, dest, passes) in [
            ("GET", "same-origin", "cors", "empty", true),
            ("GET", "none", "navigate", "document", true),
            ("GET", "same-site", "cors", "empty", false),
            ("GET", "cross-site", "no-cors", "script", false),
            ("GET", "cross-site", "navigate", "iframe", false),
            ("POST", "cross-site", "navigate", "document", false),
            ("GET", "cross-site", "navigate", "document", true),
        ] {
            let host = ("host", "127.0.0.1:3000");
            let headers = [host, ("sec-fetch-site", site), ("sec-fetch-mode", mode), ("sec-fetch-dest", dest)];
            assert_eq!(admits(3000, method, &headers), passes, "{method} {site} {mode} {dest}");
        }
        assert!(!admits(3000, "GET", &[("host", "127.0.0.1:3000"), ("sec-fetch-site", "cross-site")]));
    }
}
