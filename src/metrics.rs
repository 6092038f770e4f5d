//! The metrics of a request: what it counts on its way, and how CloudWatch reads them from its line in the log.
//!
//! The format is the [CloudWatch embedded metric format][emf]: CloudWatch makes metrics of the members that `_aws`
//! names, and no call is made for it.
//!
//! [emf]: https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html

use std::sync::atomic::{AtomicU32, Ordering};

use serde::Serialize;
use serde_json::value::{RawValue, to_raw_value};

const NAMESPACE: &str = "WorkflowRuns";

/// What requests are counted by. The values are bounded: one function, the operations of the API, the outcomes. Alarms
/// look at the set without the operation, so that their number does not grow with the API.
const BY_OUTCOME: &[&[&str]] = &[&["function_name", "operation", "outcome"], &["function_name", "outcome"]];
const BY_OPERATION: &[&[&str]] = &[&["function_name", "operation"], &["function_name"]];
const BY_FUNCTION: &[&[&str]] = &[&["function_name"]];

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
        dimensions: BY_FUNCTION,
        metrics: &[
            Metric { name: "log_groups_created", unit: "Count" },
            Metric { name: "create_log_group_throttles", unit: "Count" },
        ],
    },
];

/// How a success came about. (How an error is counted is the log's affair.)
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

/// What a request has CloudWatch Logs do, counted as it happens, whatever becomes of the request.
#[derive(Default)]
pub struct Counters {
    /// Log groups that did not exist before.
    log_groups_created: AtomicU32,
    /// CreateLogGroup calls that were throttled, even if a later one succeeded.
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

/// The metric directives of a line, as JSON: they are in every line, and never change.
pub struct Directives {
    always: Box<RawValue>,
    with_log_groups: Box<RawValue>,
}

impl Directives {
    /// Serializes the directives once.
    pub fn new() -> Self {
        let json = |metrics| to_raw_value(metrics).unwrap_or_default();
        Self { always: json(&METRICS[..2]), with_log_groups: json(&METRICS) }
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
