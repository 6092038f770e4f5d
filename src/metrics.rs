//! The metrics of a request, and how CloudWatch extracts them from the request's log line.
//!
//! The format is the [CloudWatch embedded metric format][emf]: CloudWatch turns the members that `_aws` names into
//! metrics, without a call by the function.
//!
//! [emf]: https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html

use std::sync::atomic::{AtomicU32, Ordering};

use serde::Serialize;
use serde_json::value::{RawValue, to_raw_value};

const NAMESPACE: &str = "WorkflowRuns";

/// The dimension sets of the metrics. Their values are bounded: one function, the API's operations, the outcomes.
/// Alarms use the sets without the operation, so that the number of alarms does not grow with the API.
const BY_OUTCOME: &[&[&str]] = &[&["function_name", "operation", "outcome"], &["function_name", "outcome"]];
const BY_OPERATION: &[&[&str]] = &[&["function_name", "operation"], &["function_name"]];
const BY_FUNCTION: &[&[&str]] = &[&["function_name"]];

/// The metrics of every request.
const REQUEST_METRICS: [MetricDirective; 2] = [
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
];

/// The metrics of a request for which CloudWatch Logs created or throttled something.
const LOG_GROUP_METRICS: MetricDirective = MetricDirective {
    namespace: NAMESPACE,
    dimensions: BY_FUNCTION,
    metrics: &[
        Metric { name: "log_groups_created", unit: "Count" },
        Metric { name: "create_log_group_throttles", unit: "Count" },
    ],
};

/// The outcome of a success. (`request_log` names the outcomes of errors.)
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// This request created the resource.
    Created,
    /// An earlier, equal request had created it.
    Replayed,
    /// The resource, or a list, was read.
    Read,
    /// This request changed the resource.
    Updated,
    /// The resource was already as the request wants it.
    Unchanged,
    /// The resource is deleted, or is being deleted.
    Deleted,
}

impl Outcome {
    /// The outcome, as the log and the metrics name it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Created => "created",
            Self::Replayed => "replayed",
            Self::Read => "read",
            Self::Updated => "updated",
            Self::Unchanged => "unchanged",
            Self::Deleted => "deleted",
        }
    }
}

/// Counts what CloudWatch Logs does for a request, whether or not the request succeeds.
#[derive(Default)]
pub struct Counters {
    /// Log groups that did not exist before.
    log_groups_created: AtomicU32,
    /// Throttled CreateLogGroup calls, even if a later one succeeds.
    create_log_group_throttles: AtomicU32,
}

/// The counts of a request.
#[derive(Clone, Copy, PartialEq, Eq, Serialize)]
pub struct LogGroupCounts {
    log_groups_created: u32,
    create_log_group_throttles: u32,
}

impl Counters {
    /// Counts a log group that did not exist before.
    pub fn log_group_created(&self) {
        self.log_groups_created.fetch_add(1, Ordering::Relaxed);
    }

    /// Counts a throttled CreateLogGroup call.
    pub fn create_log_group_throttled(&self) {
        self.create_log_group_throttles.fetch_add(1, Ordering::Relaxed);
    }

    /// The counts, if anything was counted.
    pub fn log_groups(&self) -> Option<LogGroupCounts> {
        let counts = LogGroupCounts {
            log_groups_created: self.log_groups_created.load(Ordering::Relaxed),
            create_log_group_throttles: self.create_log_group_throttles.load(Ordering::Relaxed),
        };
        Some(counts).filter(|counts| counts.log_groups_created > 0 || counts.create_log_group_throttles > 0)
    }
}

/// The metric directives of a line, as JSON that is serialized once.
pub struct Directives {
    always: Box<RawValue>,
    with_log_groups: Box<RawValue>,
}

impl Directives {
    /// Serializes the directives once.
    pub fn new() -> Self {
        let [requests, duration] = &REQUEST_METRICS;
        Self {
            always: to_raw_value(&[requests, duration]).unwrap_or_default(),
            with_log_groups: to_raw_value(&[requests, duration, &LOG_GROUP_METRICS]).unwrap_or_default(),
        }
    }

    /// The directives for a line with these counts.
    pub fn of(&self, log_groups: Option<LogGroupCounts>) -> &RawValue {
        if log_groups.is_some() { &self.with_log_groups } else { &self.always }
    }
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
