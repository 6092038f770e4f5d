//! The metrics of a request, and how CloudWatch extracts them from the request's log line.
//!
//! The format is the [CloudWatch embedded metric format][emf]: CloudWatch turns the members that `_aws` names into
//! metrics, without a call by the function.
//!
//! [emf]: https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html

use std::sync::LazyLock;
use std::sync::atomic::{AtomicU32, Ordering};

use serde::Serialize;
use serde_json::value::{RawValue, to_raw_value};

const NAMESPACE: &str = "WorkflowRuns";

/// The dimension sets of the metrics. Their values are bounded: one function, the API's operations, the outcomes.
/// Alarms use the sets without the operation, so that the number of alarms does not grow with the API.
const BY_OUTCOME: &[&[&str]] = &[&["function_name", "operation", "outcome"], &["function_name", "outcome"]];
const BY_OPERATION: &[&[&str]] = &[&["function_name", "operation"], &["function_name"]];
const BY_FUNCTION: &[&[&str]] = &[&["function_name"]];

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

/// The metric of a request that has ended a run.
const ENDED_METRICS: MetricDirective = MetricDirective {
    namespace: NAMESPACE,
    dimensions: &[&["function_name", "run_status"], &["function_name"]],
    metrics: &[Metric { name: "runs_ended", unit: "Count" }],
};

/// Counts what CloudWatch Logs does for a request, whether or not the request succeeds.
#[derive(Default)]
pub struct Counters {
    /// Log groups that did not exist before.
    log_groups_created: AtomicU32,
    /// Throttled CreateLogGroup calls, even if a later one succeeds.
    create_log_group_throttles: AtomicU32,
}

#[derive(Clone, Copy, PartialEq, Eq, Serialize)]
pub struct LogGroupCounts {
    log_groups_created: u32,
    create_log_group_throttles: u32,
}

impl Counters {
    pub fn log_group_created(&self) {
        self.log_groups_created.fetch_add(1, Ordering::Relaxed);
    }

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

/// The metric directives of a line.
pub fn directives(has_log_groups: bool, has_ended: bool) -> Box<RawValue> {
    /// Those of most lines. To serialize them for each takes a hundredth of a create's instructions.
    static OF_EVERY_REQUEST: LazyLock<Box<RawValue>> = LazyLock::new(|| serialize(&[None, None]));
    if !has_log_groups && !has_ended {
        return OF_EVERY_REQUEST.clone();
    }
    serialize(&[has_log_groups.then_some(&LOG_GROUP_METRICS), has_ended.then_some(&ENDED_METRICS)])
}

fn serialize(further: &[Option<&MetricDirective>]) -> Box<RawValue> {
    let directives: Vec<_> = REQUEST_METRICS.iter().chain(further.iter().copied().flatten()).collect();
    to_raw_value(&directives).unwrap_or_default()
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
