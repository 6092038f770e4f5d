//! Every way in which a request can fail. How the caller is told is `response`'s affair.

use std::error::Error as StdError;
use std::{fmt, iter};

use serde::Serialize;

use crate::model::Violation;

/// Why something failed, for the log; never for the caller.
pub type Cause = Box<dyn StdError + Send + Sync>;

/// A request that failed. The names are those of the API reference.
#[derive(Debug)]
pub enum ApiError {
    /// The input does not meet the constraints.
    Validation {
        /// A sentence about all that is wrong.
        message: String,
        /// Why.
        reason: ValidationExceptionReason,
        /// Every field that failed.
        field_list: Vec<ValidationExceptionField>,
    },
    /// Nobody has signed the request, or the function's role may not make an AWS call.
    AccessDenied(Cause),
    /// A resource of the request does not exist.
    ResourceNotFound(Resource),
    /// A resource is in a state that does not allow the request.
    Conflict(Resource, &'static str),
    /// An AWS service refused a call because there were too many.
    Throttling(Limit, Cause),
    /// Anything else. The caller can only try again.
    InternalServer(Cause),
    /// No operation has this method and path.
    UnknownOperation,
}

/// A resource that an error is about.
#[derive(Debug, PartialEq, Eq)]
pub enum Resource {
    /// A workflow definition, by its name.
    WorkflowDefinition(String),
    /// A workflow run, by its id.
    WorkflowRun(String),
    /// A log group, by its name.
    LogGroup(String),
}

/// Which limit was reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Limit {
    /// The table's throughput, or the account's.
    DynamoDb,
    /// CreateLogGroup calls per second, per account and Region.
    CreateLogGroupRate,
    /// The number of log groups in the account. It stays reached.
    LogGroupCount,
}

/// Why a request is not valid.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub enum ValidationExceptionReason {
    /// Fields break their constraints.
    FieldValidationFailed,
    /// The status exists, and a client may not set it.
    InvalidStatus,
}

/// A field that failed validation.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub struct ValidationExceptionField {
    /// The field's name; with the path, where it is nested.
    pub name: String,
    /// The constraint that it breaks.
    pub message: String,
}

impl ApiError {
    /// All fields that failed, and what was wrong with the body as a whole.
    #[must_use]
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
    #[must_use]
    pub fn workflow_run_id(&self) -> Option<&str> {
        match self {
            Self::Conflict(Resource::WorkflowRun(id), _) | Self::ResourceNotFound(Resource::WorkflowRun(id)) => {
                Some(id)
            }
            Self::Conflict(Resource::WorkflowDefinition(_) | Resource::LogGroup(_), _)
            | Self::ResourceNotFound(Resource::WorkflowDefinition(_) | Resource::LogGroup(_))
            | Self::Validation { .. }
            | Self::AccessDenied(_)
            | Self::Throttling(..)
            | Self::InternalServer(_)
            | Self::UnknownOperation => None,
        }
    }

    /// What went wrong, for the log: the cause, or else what the caller is told.
    #[must_use]
    pub fn detail(&self) -> Option<String> {
        let detail = match self {
            Self::AccessDenied(cause) | Self::Throttling(_, cause) | Self::InternalServer(cause) => {
                describe(cause.as_ref())
            }
            Self::Validation { message, .. } => message.clone(),
            Self::ResourceNotFound(resource) => resource.to_string(),
            Self::Conflict(resource, message) => format!("{resource}: {message}"),
            Self::UnknownOperation => return None,
        };
        Some(detail)
    }
}

/// A cause with all its sources.
///
/// Display only: the `Debug` of an AWS error shows the response, and that may hold an item.
#[must_use]
pub fn describe(cause: &(dyn StdError + Send + Sync + 'static)) -> String {
    let sources = iter::successors(cause.source(), |&error| error.source());
    sources.fold(cause.to_string(), |detail, error| format!("{detail}: {error}"))
}

impl Resource {
    /// `resourceType` and `resourceId`.
    #[must_use]
    pub fn type_and_id(&self) -> (&'static str, &str) {
        match self {
            Self::WorkflowDefinition(name) => ("workflow-definition", name),
            Self::WorkflowRun(id) => ("workflow-run", id),
            Self::LogGroup(name) => ("log-group", name),
        }
    }
}

impl fmt::Display for Resource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (resource_type, resource_id) = self.type_and_id();
        write!(f, "{resource_type} {resource_id}")
    }
}
