//! Notes on what a deployed stack would do differently.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, PoisonError};

use axum::body::{Body, to_bytes};
use axum::extract::{Request, State};
use axum::http::request::Parts;
use axum::http::{Method, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use serde_json::Value;
use workflow_runs::operations::OPERATIONS;

use crate::gateway;

/// The default of the template's parameter `LogGroupPrefix`.
const LOG_GROUP_PREFIX: &str = "/workflow-runs/";

/// Notes that are each printed once.
#[derive(Clone)]
pub struct Notes {
    said: Arc<Mutex<HashSet<String>>>,
    say: fn(&str),
}

impl Notes {
    /// Says notes by this function.
    pub fn new(say: fn(&str)) -> Self {
        Self { said: Arc::default(), say }
    }
}

/// Says what there is to say about a request, and lets it pass.
pub async fn observe(State(notes): State<Notes>, request: Request, next: Next) -> Response {
    let (parts, body) = request.into_parts();
    let Ok(body) = to_bytes(body, gateway::LARGEST_BODY).await else {
        return StatusCode::PAYLOAD_TOO_LARGE.into_response();
    };
    for note in [signing_name(&parts), method(&parts), log_group(&parts, &body)].into_iter().flatten() {
        if notes.said.lock().unwrap_or_else(PoisonError::into_inner).insert(note.clone()) {
            (notes.say)(&note);
        }
    }
    next.run(Request::from_parts(parts, Body::from(body))).await
}

/// API Gateway accepts signatures for `execute-api` only.
fn signing_name(request: &Parts) -> Option<String> {
    let authorization = request.headers.get("authorization")?.to_str().ok()?;
    let scope = authorization.split_once("Credential=")?.1.split(',').next()?;
    let name = scope.rsplit('/').nth(1).filter(|name| *name != "execute-api")?;
    Some(format!("requests are signed for {name}: API Gateway rejects them, and accepts execute-api only"))
}

/// A GET that should have been a POST.
fn method(request: &Parts) -> Option<String> {
    let path = gateway::without_stage(request.uri.path());
    let (resource, _) = gateway::resource(path);
    let has = |method| OPERATIONS.iter().any(|operation| operation.path == resource && operation.method == method);
    let is_list = request.method == Method::GET && has(Method::POST) && !has(Method::GET);
    is_list.then(|| format!("GET {path} is no operation: lists use POST"))
}

/// A log group that the role of a deployed function does not allow.
fn log_group(request: &Parts, body: &[u8]) -> Option<String> {
    if request.method != Method::PUT {
        return None;
    }
    let body: Value = serde_json::from_slice(body).ok()?;
    let name = body["logGroupName"].as_str().filter(|name| !name.starts_with(LOG_GROUP_PREFIX))?;
    let allowed = "log groups begin with its LogGroupPrefix, by default";
    Some(format!("log group {name}: a deployed stack rejects it with 403, as {allowed} {LOG_GROUP_PREFIX}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parts(method: &str, path: &str) -> Parts {
        Request::builder().method(method).uri(path).body(()).unwrap().into_parts().0
    }

    #[test]
    fn the_default_of_the_prefix_is_the_templates() {
        let template = include_str!("../../template.yaml");
        let parameter = template.split_once("  LogGroupPrefix:\n").unwrap().1;
        let default = parameter.lines().find_map(|line| line.trim().strip_prefix("Default: ")).unwrap();
        assert_eq!(default, LOG_GROUP_PREFIX);
    }

    #[test]
    fn a_log_group_outside_the_prefix_has_a_note() {
        for (body, has_note) in [
            (r#"{"logGroupName": "/workflow-runs/demo"}"#, false),
            (r#"{"logGroupName": "/workflow-runs"}"#, true),
            (r#"{"logGroupName": "/aws/lambda/x"}"#, true),
            (r#"{"logGroupName": 1}"#, false),
            ("{}", false),
            ("{", false),
        ] {
            assert_eq!(log_group(&parts("PUT", "/"), body.as_bytes()).is_some(), has_note, "{body}");
        }
    }

    #[test]
    fn a_get_on_the_path_of_a_list_has_a_note() {
        for (request, has_note) in [
            (parts("GET", "/workflow-definitions"), true),
            (parts("GET", "/local/workflow-definitions?maxResults=1"), true),
            (parts("GET", "/workflow-definitions/demo/workflow-runs"), true),
            (parts("GET", "/workflow-definitions/demo"), false),
            (parts("POST", "/workflow-definitions"), false),
            (parts("DELETE", "/workflow-definitions"), false),
            (parts("GET", "/"), false),
            (parts("GET", "/unknown"), false),
        ] {
            assert_eq!(method(&request).is_some(), has_note, "{request:?}");
        }
    }

    #[test]
    fn a_signature_for_another_service_has_a_note() {
        let note = |scope: &str| {
            let mut parts = parts("POST", "/");
            let value =
                format!("AWS4-HMAC-SHA256 Credential=AKID/20260101/us-east-1/{scope}/aws4_request, Signature=0");
            parts.headers.insert("authorization", value.parse().unwrap());
            signing_name(&parts)
        };
        assert!(note("nova-act").unwrap().starts_with("requests are signed for nova-act: "));
        assert_eq!(note("execute-api"), None);
        assert_eq!(signing_name(&parts("POST", "/")), None);
    }
}
