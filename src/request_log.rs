//! The log line of a request: one line of JSON that says what happened and carries the request's metrics.
//!
//! No log level filters it, because a metric must not depend on one. It never contains a body or a token.

use std::sync::Arc;
use std::time::Duration;

use lambda_http::http::StatusCode;
use serde::Serialize;

use crate::error::{ApiError, Change};
use crate::metrics::{self, LogGroupCounts};
use crate::model::WorkflowRunStatus;
use crate::outcome::{self, Outcome};
use crate::request::ApiRequest;

/// Receives a line of the log, including the trailing newline.
pub type LogWriter = Arc<dyn Fn(&[u8]) + Send + Sync>;

/// Writes the log lines of one function's requests.
pub struct RequestLog {
    function_name: String,
    write: LogWriter,
}

/// What the log says about a request.
pub struct Entry<'a> {
    pub request: &'a ApiRequest,
    /// The caller's AWS account; empty if the request is not signed.
    pub account_id: &'a str,
    pub operation: &'static str,
    pub status: StatusCode,
    pub outcome: &'a Outcome,
    pub duration: Duration,
}

impl RequestLog {
    /// Passes each line to `write`.
    pub fn new(function_name: String, write: LogWriter) -> Self {
        Self { function_name, write }
    }

    pub fn write(&self, entry: &Entry<'_>) {
        let ApiRequest { arrived_at, counters, .. } = entry.request;
        let error = entry.outcome.as_ref().err();
        let log_groups = counters.log_groups();
        let ended = entry.outcome.as_ref().ok().and_then(|success| success.ended);
        let line = Line {
            metadata: Metadata {
                timestamp: arrived_at.as_millisecond(),
                cloud_watch_metrics: metrics::directives(log_groups.is_some(), ended.is_some()),
            },
            timestamp: format!("{arrived_at:.3}"),
            level: outcome::level(entry.outcome).as_str(),
            message: "request",
            request_id: entry.request.logged_id(),
            lambda_request_id: &entry.request.lambda_request_id,
            account_id: entry.account_id,
            function_name: &self.function_name,
            operation: entry.operation,
            status: entry.status.as_u16(),
            outcome: outcome::name(entry.outcome),
            workflow_run_id: outcome::workflow_run_id(entry.outcome),
            change: error.filter(|error| error.change() == Change::Unknown).map(|_| "unknown"),
            detail: error.map(ApiError::detail),
            requests: 1,
            duration_ms: milliseconds(entry.duration),
            log_groups,
            run_status: ended.map(WorkflowRunStatus::as_str),
            runs_ended: ended.map(|_| 1),
        };
        write_line(&self.write, &line);
    }
}

/// Writes a line of JSON.
pub fn write_line(write: &LogWriter, line: &impl Serialize) {
    let mut json = Vec::with_capacity(1_024);
    // Writing to memory does not fail.
    if serde_json::to_writer(&mut json, line).is_ok() {
        json.push(b'\n');
        write(&json);
    }
}

/// A duration in milliseconds, with three decimals.
pub fn milliseconds(duration: Duration) -> f64 {
    (duration.as_secs_f64() * 1e6).round() / 1e3
}

#[derive(Serialize)]
struct Line<'a, D> {
    #[serde(rename = "_aws")]
    metadata: Metadata<D>,
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
    /// `unknown` if a failed request may have changed something, which a retry settles.
    #[serde(skip_serializing_if = "Option::is_none")]
    change: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    detail: Option<String>,
    requests: u32,
    duration_ms: f64,
    #[serde(flatten)]
    log_groups: Option<LogGroupCounts>,
    #[serde(skip_serializing_if = "Option::is_none")]
    run_status: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    runs_ended: Option<u32>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Metadata<D> {
    timestamp: i64,
    cloud_watch_metrics: D,
}
