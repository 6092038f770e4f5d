//! The outcome of a request, as read by the response, the log and the metrics.

use tracing::Level;

use crate::error::ApiError;
use crate::model::{WorkflowRunId, WorkflowRunStatus};

/// The success of an operation, or its error.
pub type Outcome = Result<Success, ApiError>;

/// The success of an operation, whose output is serialized.
pub struct Success {
    /// The output, JSON.
    pub body: String,
    pub effect: Effect,
    pub workflow_run_id: Option<WorkflowRunId>,
    /// The status that this request ended a run with.
    pub ended: Option<WorkflowRunStatus>,
}

/// What a successful request did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effect {
    /// It created the resource.
    Created,
    /// Nothing: a previous, equal request had created the resource.
    Replayed,
    /// It read the resource, or a list.
    Read,
    /// It changed the resource.
    Updated,
    /// Nothing: the resource was already as the request wants it.
    Unchanged,
    /// It deleted the resource, or began to.
    Deleted,
}

/// The outcome, as the log and the metrics name it.
pub fn name(outcome: &Outcome) -> &'static str {
    match outcome {
        Ok(success) => match success.effect {
            Effect::Created => "created",
            Effect::Replayed => "replayed",
            Effect::Read => "read",
            Effect::Updated => "updated",
            Effect::Unchanged => "unchanged",
            Effect::Deleted => "deleted",
        },
        Err(error) => match error {
            ApiError::Validation { .. } => "validation",
            ApiError::AccessDenied(_) => "denied",
            ApiError::ResourceNotFound(_) => "not_found",
            ApiError::Conflict(..) => "conflict",
            ApiError::Throttling(..) => "throttled",
            ApiError::InternalServer(_) => "internal",
            ApiError::UnknownOperation(_) => "unknown_operation",
        },
    }
}

/// The level to log it at. `ERROR` means that someone must act; a caller's mistake is `INFO`.
pub fn level(outcome: &Outcome) -> Level {
    match outcome {
        Err(ApiError::AccessDenied(_) | ApiError::InternalServer(_)) => Level::ERROR,
        Err(ApiError::Throttling(..)) => Level::WARN,
        Ok(_)
        | Err(
            ApiError::Validation { .. }
            | ApiError::ResourceNotFound(_)
            | ApiError::Conflict(..)
            | ApiError::UnknownOperation(_),
        ) => Level::INFO,
    }
}

/// The workflow run that the request is about, if it is known.
pub fn workflow_run_id(outcome: &Outcome) -> Option<&str> {
    match outcome {
        Ok(success) => success.workflow_run_id.as_ref().map(WorkflowRunId::as_str),
        Err(error) => error.workflow_run_id(),
    }
}
