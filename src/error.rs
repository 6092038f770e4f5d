//! Every way in which a request can fail. `response` turns an error into HTTP.

use std::error::Error as StdError;
use std::{fmt, iter};

use serde::Serialize;

use crate::model::{LogGroupName, Violation, WorkflowDefinitionName, WorkflowRunId};

/// The cause of a failure, for the log and never for the caller.
pub type Cause = Box<dyn StdError + Send + Sync>;

/// A failure that is not the caller's: its cause, and what the request may have changed before it.
#[derive(Debug)]
pub struct Failure {
    pub cause: Cause,
    pub change: Change,
}

/// What a failed request has changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    None,
    /// Perhaps what it was to change: the response to a write is lost or inconclusive. A retry settles it.
    Unknown,
}

impl Failure {
    /// A failure before anything was changed.
    pub fn without_change(cause: impl Into<Cause>) -> Self {
        Self { cause: cause.into(), change: Change::None }
    }

    /// A failure after which it is unknown whether the request has changed anything.
    pub fn in_doubt(cause: impl Into<Cause>) -> Self {
        Self { cause: cause.into(), change: Change::Unknown }
    }
}

/// The error of a request, under the API reference's names.
#[derive(Debug)]
pub enum ApiError {
    /// The input does not meet the constraints.
    Validation {
        /// A sentence that lists everything that is wrong.
        message: String,
        reason: ValidationExceptionReason,
        field_list: Vec<ValidationExceptionField>,
    },
    /// The request is not signed, or the function's role may not make an AWS call.
    AccessDenied(Failure),
    ResourceNotFound(Resource),
    /// A resource is in a state that does not allow the request.
    Conflict(Resource, &'static str),
    /// An AWS service throttled a call.
    Throttling(Limit, Failure),
    /// Anything else. The caller can only try again.
    InternalServer(Failure),
    /// No operation has this method and route.
    UnknownOperation(String),
}

#[derive(Debug, PartialEq, Eq)]
pub enum Resource {
    WorkflowDefinition(WorkflowDefinitionName),
    WorkflowRun(WorkflowRunId),
    LogGroup(LogGroupName),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Limit {
    /// The table's throughput, or the account's.
    DynamoDb,
    /// CreateLogGroup calls per second, per account and Region.
    CreateLogGroupRate,
    /// The number of log groups in the account, which a retry does not change.
    LogGroupCount,
}

/// Why a request is not valid.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub enum ValidationExceptionReason {
    /// Fields break their constraints.
    FieldValidationFailed,
    /// The status exists, but a client may not set it.
    InvalidStatus,
}

/// A field that failed validation.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub struct ValidationExceptionField {
    /// The field's name, with its path if it is nested.
    pub name: String,
    pub message: String,
}

impl ApiError {
    /// An internal error before anything was changed.
    pub fn internal(cause: impl Into<Cause>) -> Self {
        Self::InternalServer(Failure::without_change(cause))
    }

    /// An error that names all failed fields, and what is wrong with the body if it does not parse.
    pub fn validation(unreadable_body: Option<String>, failed: &[(String, Violation)]) -> Self {
        let fields = failed
            .iter()
            .map(|(name, violation)| format!("Value at '{name}' failed to satisfy constraint: {violation}"));
        let problems: Vec<String> = unreadable_body.into_iter().chain(fields).collect();
        let errors = if problems.len() == 1 { "error" } else { "errors" };
        let message = format!("{} validation {errors} detected: {}", problems.len(), problems.join("; "));
        let is_status = |(_, violation): &(String, Violation)| matches!(violation, Violation::InvalidStatus(_));
        let reason = if problems.len() == 1 && failed.iter().any(is_status) {
            ValidationExceptionReason::InvalidStatus
        } else {
            ValidationExceptionReason::FieldValidationFailed
        };
        let field = |(name, violation): &(String, Violation)| ValidationExceptionField {
            name: name.clone(),
            message: violation.to_string(),
        };
        Self::Validation { message, reason, field_list: failed.iter().map(field).collect() }
    }

    /// The run that the error is about.
    pub fn workflow_run_id(&self) -> Option<&str> {
        match self {
            Self::Conflict(Resource::WorkflowRun(id), _) | Self::ResourceNotFound(Resource::WorkflowRun(id)) => {
                Some(id.as_str())
            }
            _ => None,
        }
    }

    fn failure(&self) -> Option<&Failure> {
        match self {
            Self::AccessDenied(failure) | Self::Throttling(_, failure) | Self::InternalServer(failure) => Some(failure),
            _ => None,
        }
    }

    pub fn change(&self) -> Change {
        self.failure().map_or(Change::None, |failure| failure.change)
    }

    /// What went wrong, for the log: the cause, or the message that the caller gets.
    pub fn detail(&self) -> String {
        match self {
            Self::AccessDenied(failure) | Self::Throttling(_, failure) | Self::InternalServer(failure) => {
                describe(failure.cause.as_ref())
            }
            Self::Validation { message, .. } => message.clone(),
            Self::ResourceNotFound(resource) => resource.to_string(),
            Self::Conflict(resource, message) => format!("{resource}: {message}"),
            Self::UnknownOperation(method_and_route) => method_and_route.clone(),
        }
    }
}

/// A cause with all its sources.
///
/// It uses only `Display`, because the `Debug` of an AWS error shows the response, which may contain an item.
pub fn describe(cause: &(dyn StdError + Send + Sync + 'static)) -> String {
    let sources = iter::successors(cause.source(), |&error| error.source());
    sources.fold(cause.to_string(), |detail, error| format!("{detail}: {error}"))
}

impl Resource {
    /// `resourceType` and `resourceId`.
    pub fn type_and_id(&self) -> (&'static str, &str) {
        match self {
            Self::WorkflowDefinition(name) => ("workflow-definition", name.as_str()),
            Self::WorkflowRun(id) => ("workflow-run", id.as_str()),
            Self::LogGroup(name) => ("log-group", name.as_str()),
        }
    }
}

impl fmt::Display for Resource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (resource_type, resource_id) = self.type_and_id();
        write!(f, "{resource_type} {resource_id}")
    }
}
