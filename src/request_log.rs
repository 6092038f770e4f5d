//! The one line that each request leaves in the log: what happened, and the metrics of it.
//!
//! The line is JSON in the [CloudWatch embedded metric format][emf]: CloudWatch makes metrics of the members that
//! `_aws` names, and no call is made for it. No log level filters the line, since a metric must not depend on one. It
//! names neither body nor token.
//!
//! [emf]: https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html

use std::time::Duration;

use serde::Serialize;
use serde_json::value::{RawValue, to_raw_value};
use tracing::Level;

use crate::answer::{Answer, Success};
use crate::error::ApiError;
use crate::event::Call;

const NAMESPACE: &str = "WorkflowRuns";

/// What a metric is counted by. The values are bounded: one function, the operations of the API, the outcomes.
const BY_OUTCOME: &[&[&str]] = &[&["function_name", "operation", "outcome"]];
const BY_OPERATION: &[&[&str]] = &[&["function_name", "operation"]];

/// The metrics of every request, and last those of a request that had CloudWatch Logs do something.
const METRICS: [MetricDirective; 3] = [
    MetricDirective {
        namespace: NAMESPACE,
        dimensions: BY_OUTCOME,
        metrics: &[Metric { name: "requests", unit: "Count" }],
    },
    MetricDirective {
        namespace: NAMESPACE,
        dimensions: BY_OPERATION,
        metrics: &[Metric { name: "duration_ms", unit: "Milliseconds" }],
    },
    MetricDirective {
        namespace: NAMESPACE,
        dimensions: BY_OPERATION,
        metrics: &[
            Metric { name: "log_groups_created", unit: "Count" },
            Metric { name: "create_log_group_throttles", unit: "Count" },
        ],
    },
];

/// The log of the requests of one function.
pub struct RequestLog {
    function_name: String,
    write: fn(&[u8]),
    /// The directives for a request, by whether CloudWatch Logs had to do something; JSON already, since they are in
    /// every line.
    directives: [Box<RawValue>; 2],
}

/// What a request had CloudWatch Logs do, whatever became of the request.
#[derive(Default, PartialEq, Eq, Serialize)]
pub struct LogGroupCounts {
    /// Log groups that did not exist before.
    pub log_groups_created: u32,
    /// CreateLogGroup calls that were throttled, even if a later one succeeded.
    pub create_log_group_throttles: u32,
}

/// A request and what became of it.
pub struct Entry<'a> {
    /// The request.
    pub call: &'a Call,
    /// The operation, if the API has one for it.
    pub operation: Option<&'static str>,
    /// What the operation came to.
    pub result: &'a Result<Success, ApiError>,
    /// What the caller is told.
    pub answer: &'a Answer,
    /// What CloudWatch Logs did.
    pub log_groups: &'a LogGroupCounts,
    /// How long it took.
    pub duration: Duration,
}

impl RequestLog {
    /// A log that hands each line, with its end of line, to `write`.
    #[must_use]
    pub fn new(function_name: String, write: fn(&[u8])) -> Self {
        let directives = [&METRICS[..2], &METRICS].map(|metrics| to_raw_value(metrics).unwrap_or_default());
        Self { function_name, write, directives }
    }

    /// Writes a request's line.
    pub fn write(&self, entry: &Entry<'_>) {
        let (level, outcome, workflow_run_id, detail) = match entry.result {
            Ok(success) => (Level::INFO, success.outcome.name(), success.workflow_run_id.as_deref(), None),
            Err(error) => (error.level(), error.outcome(), error.workflow_run_id(), error.detail()),
        };
        let log_groups = Some(entry.log_groups).filter(|counts| **counts != LogGroupCounts::default());
        let arrived_at = entry.call.arrived_at;
        let line = Line {
            metadata: Metadata {
                timestamp: arrived_at.as_millisecond(),
                cloud_watch_metrics: &self.directives[usize::from(log_groups.is_some())],
            },
            timestamp: format!("{arrived_at:.3}"),
            level: level.as_str(),
            message: "request",
            request_id: &entry.call.caller.request_id,
            lambda_request_id: &entry.call.lambda_request_id,
            account_id: &entry.call.caller.account_id,
            function_name: &self.function_name,
            operation: entry.operation.unwrap_or("Unknown"),
            status: entry.answer.status.as_u16(),
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
    log_groups: Option<&'a LogGroupCounts>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Metadata<'a> {
    timestamp: i64,
    cloud_watch_metrics: &'a RawValue,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct MetricDirective {
    namespace: &'static str,
    dimensions: &'static [&'static [&'static str]],
    metrics: &'static [Metric],
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Metric {
    name: &'static str,
    unit: &'static str,
}
