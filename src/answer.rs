//! From an outcome to the HTTP response.

use lambda_http::http::header::{CONTENT_TYPE, HeaderName, HeaderValue, RETRY_AFTER};
use lambda_http::http::{HeaderMap, StatusCode};
use lambda_http::{Body, Response};
use serde_json::Value;

const REQUEST_ID: HeaderName = HeaderName::from_static("x-amzn-requestid");
const ERROR_TYPE: HeaderName = HeaderName::from_static("x-amzn-errortype");
const IDEMPOTENT_REPLAYED: HeaderName = HeaderName::from_static("idempotent-replayed");

/// What an operation answers when it has succeeded.
pub struct Success {
    /// The output, as JSON.
    pub output: Value,
    /// How it came about.
    pub outcome: Outcome,
    /// The workflow run that it is about, for the log.
    pub workflow_run_id: Option<String>,
}

/// How a success came about.
#[derive(Clone, Copy)]
pub enum Outcome {
    /// This request created the resource.
    Created,
    /// An earlier, equal request had created it.
    Replayed,
}

impl Outcome {
    /// The outcome, as the log and the metrics name it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Created => "created",
            Self::Replayed => "replayed",
        }
    }
}

/// An answer, as it goes over the wire.
pub struct Answer {
    /// The HTTP status.
    pub status: StatusCode,
    /// Header `x-amzn-errortype`.
    pub error_type: Option<&'static str>,
    /// Header `Retry-After`, in seconds.
    pub retry_after_seconds: Option<u32>,
    /// Header `idempotent-replayed: true`.
    pub replayed: bool,
    /// The body, JSON.
    pub body: String,
}

impl Success {
    /// The success as the API reference documents it.
    pub fn to_answer(&self) -> Answer {
        let (status, replayed) = match self.outcome {
            Outcome::Created => (StatusCode::CREATED, false),
            Outcome::Replayed => (StatusCode::CREATED, true),
        };
        Answer { status, error_type: None, retry_after_seconds: None, replayed, body: self.output.to_string() }
    }
}

impl Answer {
    /// The response. Every one carries the request id.
    pub fn into_response(self, request_id: &str) -> Response<Body> {
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        // A caller can make API Gateway use an id of the caller's; one that is no header value is left out.
        if let Ok(request_id) = HeaderValue::from_str(request_id) {
            headers.insert(REQUEST_ID, request_id);
        }
        if let Some(error_type) = self.error_type {
            headers.insert(ERROR_TYPE, HeaderValue::from_static(error_type));
        }
        if let Some(seconds) = self.retry_after_seconds {
            headers.insert(RETRY_AFTER, seconds.into());
        }
        if self.replayed {
            headers.insert(IDEMPOTENT_REPLAYED, HeaderValue::from_static("true"));
        }
        let mut response = Response::new(Body::Text(self.body));
        *response.status_mut() = self.status;
        *response.headers_mut() = headers;
        response
    }
}
