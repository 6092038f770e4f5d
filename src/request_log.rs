//! The log line of a request: one line of JSON that says what happened and carries the request's metrics.
//!
//! No log level filters it, because a metric must not depend on one. It never contains a body or a token.

use std::time::Duration;

use lambda_http::http::StatusCode;
use serde::Serialize;
use serde_json::value::RawValue;
use tracing::Level;

use crate::error::ApiError;
use crate::metrics::{Directives, LogGroupCounts, Outcome};
use crate::request::ApiRequest;

/// Writes the log lines of one function's requests.
pub struct RequestLog {
    function_name: String,
    write: fn(&[u8]),
    directives: Directives,
}

/// What the log says about a request.
pub struct Entry<'a> {
    /// The request.
    pub request: &'a ApiRequest,
    /// The caller's AWS account; empty if the request is not signed.
    pub account_id: &'a str,
    /// The operation's name.
    pub operation: &'static str,
    /// The HTTP status of the response.
    pub status: StatusCode,
    /// The operation's outcome and the workflow run it is about, or its error.
    pub result: Result<(Outcome, Option<&'a str>), &'a ApiError>,
    /// How long it took.
    pub duration: Duration,
}

impl RequestLog {
    /// Passes each line, including the trailing newline, to `write`.
    #[must_use]
    pub fn new(function_name: String, write: fn(&[u8])) -> Self {
        Self { function_name, write, directives: Directives::new() }
    }

    /// Writes a request's line.
    pub fn write(&self, entry: &Entry<'_>) {
        let (level, outcome, workflow_run_id, detail) = match entry.result {
            Ok((outcome, workflow_run_id)) => (Level::INFO, outcome.name(), workflow_run_id, None),
            Err(error) => {
                let (level, outcome) = level_and_outcome(error);
                (level, outcome, error.workflow_run_id(), Some(error.detail()))
            }
        };
        let ApiRequest { arrived_at, counters, .. } = entry.request;
        let log_groups = counters.log_groups();
        let line = Line {
            metadata: Metadata {
                timestamp: arrived_at.as_millisecond(),
                cloud_watch_metrics: self.directives.of(log_groups),
            },
            timestamp: format!("{arrived_at:.3}"),
            level: level.as_str(),
            message: "request",
            request_id: &entry.request.request_id,
            lambda_request_id: &entry.request.lambda_request_id,
            account_id: entry.account_id,
            function_name: &self.function_name,
            operation: entry.operation,
            status: entry.status.as_u16(),
            outcome,
            workflow_run_id,
            detail,
            requests: 1,
            duration_ms: (entry.duration.as_secs_f64() * 1e6).round() / 1e3,
            log_groups,
        };
        let mut json = Vec::with_capacity(1_024);
        // Writing to memory does not fail.
        if serde_json::to_writer(&mut json, &line).is_ok() {
            json.push(b'\n');
            (self.write)(&json);
        }
    }
}

/// An error's log level, and its outcome as the log and the metrics name it. `ERROR` means that someone must act; a
/// caller's mistake is `INFO`.
fn level_and_outcome(error: &ApiError) -> (Level, &'static str) {
    match error {
        ApiError::Validation { .. } => (Level::INFO, "validation"),
        ApiError::AccessDenied(_) => (Level::ERROR, "denied"),
        ApiError::ResourceNotFound(_) => (Level::INFO, "not_found"),
        ApiError::Conflict(..) => (Level::INFO, "conflict"),
        ApiError::Throttling(..) => (Level::WARN, "throttled"),
        ApiError::InternalServer(_) => (Level::ERROR, "internal"),
        ApiError::UnknownOperation(_) => (Level::INFO, "unknown_operation"),
    }
}

#[derive(Serialize)]
struct Line<'a> {
    #[serde(rename = "_aws")]
    metadata: Metadata<'a>,
    timestamp: String,
    level: &'static str,
    message: &'static str,
    request_id: &'a str,
    lambda_request_id: &'a str,
    account_id: &'a str,
    function_name: &'a str,
    operation: &'static str,
    status: u16,
    outcome: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    workflow_run_id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    detail: Option<String>,
    requests: u32,
    duration_ms: f64,
    #[serde(flatten)]
    log_groups: Option<LogGroupCounts>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Metadata<'a> {
    timestamp: i64,
    cloud_watch_metrics: &'a RawValue,
}
