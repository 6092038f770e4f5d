//! Serves the page's files, embedded in the program, with a strict Content-Security-Policy.

pub mod guard;

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::header::{
    ACCEPT, CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS,
};
use axum::http::{HeaderMap, Method};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use serde_json::json;

/// The page loads nothing from other hosts, has no inline code and must not be framed.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; \
                      base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

const HTML: &str = "text/html; charset=utf-8";
const CSS: &str = "text/css; charset=utf-8";
const JAVASCRIPT: &str = "text/javascript; charset=utf-8";
const SVG: &str = "image/svg+xml";
const JSON: &str = "application/json";

const INDEX: &str = include_str!("../files/index.html");

/// The other files. No route of the API begins with `/console/`.
const FILES: &[(&str, &str, &str)] = &[
    ("/console/console.css", CSS, include_str!("../files/console.css")),
    ("/console/icon.svg", SVG, include_str!("../files/icon.svg")),
    ("/console/address.js", JAVASCRIPT, include_str!("../files/address.js")),
    ("/console/api.js", JAVASCRIPT, include_str!("../files/api.js")),
    ("/console/app.js", JAVASCRIPT, include_str!("../files/app.js")),
    ("/console/chart.js", JAVASCRIPT, include_str!("../files/chart.js")),
    ("/console/definition.js", JAVASCRIPT, include_str!("../files/definition.js")),
    ("/console/definitions.js", JAVASCRIPT, include_str!("../files/definitions.js")),
    ("/console/details.js", JAVASCRIPT, include_str!("../files/details.js")),
    ("/console/dialogs.js", JAVASCRIPT, include_str!("../files/dialogs.js")),
    ("/console/dom.js", JAVASCRIPT, include_str!("../files/dom.js")),
    ("/console/facts.js", JAVASCRIPT, include_str!("../files/facts.js")),
    ("/console/filters.js", JAVASCRIPT, include_str!("../files/filters.js")),
    ("/console/find.js", JAVASCRIPT, include_str!("../files/find.js")),
    ("/console/format.js", JAVASCRIPT, include_str!("../files/format.js")),
    ("/console/outside.js", JAVASCRIPT, include_str!("../files/outside.js")),
    ("/console/overview.js", JAVASCRIPT, include_str!("../files/overview.js")),
    ("/console/pace.js", JAVASCRIPT, include_str!("../files/pace.js")),
    ("/console/pager.js", JAVASCRIPT, include_str!("../files/pager.js")),
    ("/console/refresh.js", JAVASCRIPT, include_str!("../files/refresh.js")),
    ("/console/run.js", JAVASCRIPT, include_str!("../files/run.js")),
    ("/console/search.js", JAVASCRIPT, include_str!("../files/search.js")),
    ("/console/states.js", JAVASCRIPT, include_str!("../files/states.js")),
    ("/console/statistics.js", JAVASCRIPT, include_str!("../files/statistics.js")),
    ("/console/table.js", JAVASCRIPT, include_str!("../files/table.js")),
];

/// Settings for the page, as JSON.
#[derive(Clone)]
pub struct Settings(Arc<str>);

impl Settings {
    /// The endpoint behind the page, or `None` if this server is the API; and the URL prefix of log groups in CloudWatch
    /// Logs, if the endpoint is in AWS.
    pub fn new(endpoint: Option<&str>, logs: Option<&str>) -> Self {
        Self(json!({"endpoint": endpoint, "logs": logs}).to_string().into())
    }
}

/// Serves the page's files, and the page itself to clients that accept HTML. Everything else goes to the API.
pub async fn serve(State(settings): State<Settings>, request: Request, next: Next) -> Response {
    if request.method() != Method::GET {
        return next.run(request).await;
    }
    match request.uri().path() {
        "/" if accepts_html(request.headers()) => respond(HTML, INDEX.to_owned()),
        "/console/settings.json" => respond(JSON, settings.0.to_string()),
        path => match FILES.iter().find(|(name, ..)| *name == path) {
            Some((_, content_type, text)) => respond(content_type, (*text).to_owned()),
            None => next.run(request).await,
        },
    }
}

fn accepts_html(headers: &HeaderMap) -> bool {
    headers.get_all(ACCEPT).iter().any(|value| value.as_bytes().windows(9).any(|part| part == b"text/html"))
}

fn respond(content_type: &str, text: String) -> Response {
    let headers = [
        (CONTENT_TYPE, content_type),
        (CONTENT_SECURITY_POLICY, POLICY),
        (X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (REFERRER_POLICY, "no-referrer"),
        (CACHE_CONTROL, "no-store"),
    ];
    (headers, text).into_response()
}
