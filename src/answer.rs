//! From an outcome to the HTTP response.

use lambda_http::http::header::{CONTENT_TYPE, HeaderName, HeaderValue, RETRY_AFTER};
use lambda_http::http::{HeaderMap, StatusCode};
use lambda_http::{Body, Response};
use serde_json::Value;

use crate::error::ApiError;

const REQUEST_ID: HeaderName = HeaderName::from_static("x-amzn-requestid");
const ERROR_TYPE: HeaderName = HeaderName::from_static("x-amzn-errortype");
const IDEMPOTENT_REPLAYED: HeaderName = HeaderName::from_static("idempotent-replayed");

/// What an operation answers when it has succeeded.
#[derive(Debug)]
pub struct Success {
    /// The HTTP status.
    pub status: StatusCode,
    /// The body.
    pub body: Value,
    /// The outcome that the log names.
    pub outcome: &'static str,
    /// An earlier request did what this one asks for.
    pub replayed: bool,
}

/// The response, with the headers that every answer carries.
#[must_use]
pub fn response(result: &Result<Success, ApiError>, request_id: &str) -> Response<Body> {
    let mut headers = HeaderMap::new();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    if let Ok(request_id) = HeaderValue::from_str(request_id) {
        headers.insert(REQUEST_ID, request_id);
    }
    let (status, body) = match result {
        Ok(success) => {
            if success.replayed {
                headers.insert(IDEMPOTENT_REPLAYED, HeaderValue::from_static("true"));
            }
            (success.status, success.body.to_string())
        }
        Err(error) => {
            let wire = error.to_wire();
            headers.insert(ERROR_TYPE, HeaderValue::from_static(wire.name));
            if let Some(seconds) = wire.retry_after_seconds {
                headers.insert(RETRY_AFTER, seconds.into());
            }
            (wire.status, wire.body.to_string())
        }
    };
    let mut response = Response::new(Body::Text(body));
    *response.status_mut() = status;
    *response.headers_mut() = headers;
    response
}
