//! Every way in which a request can fail, and what the caller is told.

use std::error::Error as StdError;
use std::{fmt, iter};

use aws_sdk_dynamodb::error::{ProvideErrorMetadata, SdkError};
use lambda_http::http::StatusCode;
use serde::Serialize;
use serde_json::{Value, json};
use tracing::Level;

use crate::answer::Answer;
use crate::model::Violation;

/// Why something failed, for the log; never for the caller.
pub type Cause = Box<dyn StdError + Send + Sync>;

/// An AWS call that failed, by the IAM action that allows it.
#[derive(Debug)]
pub struct FailedCall<E> {
    action: &'static str,
    source: E,
}

impl<E: StdError + Send + Sync + 'static> FailedCall<E> {
    /// The failure as a cause.
    pub fn boxed(action: &'static str, source: E) -> Cause {
        Box::new(Self { action, source })
    }
}

impl<E> fmt::Display for FailedCall<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} failed", self.action)
    }
}

impl<E: StdError + 'static> StdError for FailedCall<E> {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        Some(&self.source)
    }
}

/// A request that failed. The names are those of the API reference.
#[derive(Debug)]
pub enum ApiError {
    /// The input does not meet the constraints.
    Validation {
        /// A sentence about all that is wrong.
        message: String,
        /// Every field that failed.
        field_list: Vec<ValidationExceptionField>,
    },
    /// The function's role may not make an AWS call.
    AccessDenied(Cause),
    /// A resource of the request does not exist.
    ResourceNotFound(Resource),
    /// A resource is in a state that does not allow the request.
    Conflict(Resource, &'static str),
    /// An AWS service refused a call because there were too many.
    Throttling(Throttled, Cause),
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
pub enum Throttled {
    /// The table's throughput, or the account's.
    DynamoDb,
    /// CreateLogGroup calls per second, per account and Region.
    CreateLogGroupRate,
    /// The number of log groups in the account. It stays reached.
    LogGroupCount,
}

/// A field that failed validation.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub struct ValidationExceptionField {
    /// The field's name; with the path, where it is nested.
    pub name: String,
    /// The constraint that it breaks.
    pub message: String,
}

impl ValidationExceptionField {
    /// A field and the constraint that it breaks. The value is not repeated.
    #[must_use]
    pub fn new(name: &str, violation: &Violation) -> Self {
        Self { name: name.to_owned(), message: violation.to_string() }
    }
}

impl ApiError {
    /// All fields that failed, and what was wrong with the body as a whole.
    #[must_use]
    pub fn validation(unreadable_body: Option<String>, field_list: Vec<ValidationExceptionField>) -> Self {
        let fields = field_list
            .iter()
            .map(|field| format!("Value at '{}' failed to satisfy constraint: {}", field.name, field.message));
        let problems: Vec<String> = unreadable_body.into_iter().chain(fields).collect();
        let errors = if problems.len() == 1 { "error" } else { "errors" };
        let message = format!("{} validation {errors} detected: {}", problems.len(), problems.join("; "));
        Self::Validation { message, field_list }
    }

    /// What the failure of an AWS call means where the service's own errors say nothing more exact.
    #[must_use]
    pub fn from_aws<E>(action: &'static str, error: SdkError<E>) -> Self
    where
        E: ProvideErrorMetadata + StdError + Send + Sync + 'static,
    {
        let denied = error.code() == Some("AccessDeniedException");
        let cause = FailedCall::boxed(action, error);
        if denied { Self::AccessDenied(cause) } else { Self::InternalServer(cause) }
    }

    /// The error as the API reference documents it.
    pub(crate) fn to_answer(&self) -> Answer {
        let (name, status, retry_after_seconds, message, members) = match self {
            Self::Validation { message, field_list } => (
                "ValidationException",
                StatusCode::BAD_REQUEST,
                None,
                message.as_str(),
                json!({"reason": "FieldValidationFailed", "fieldList": field_list}),
            ),
            Self::AccessDenied(_) => (
                "AccessDeniedException",
                StatusCode::FORBIDDEN,
                None,
                "You don't have sufficient permissions to perform this action. Verify your IAM permissions and try again.",
                json!({}),
            ),
            Self::ResourceNotFound(resource) => (
                "ResourceNotFoundException",
                StatusCode::NOT_FOUND,
                None,
                "The requested resource was not found.",
                resource.members(),
            ),
            Self::Conflict(resource, message) => {
                ("ConflictException", StatusCode::CONFLICT, None, *message, resource.members())
            }
            Self::Throttling(throttled, _) => (
                "ThrottlingException",
                StatusCode::TOO_MANY_REQUESTS,
                Some(throttled.retry_after_seconds()),
                "The request was denied due to request throttling.",
                throttled.members(),
            ),
            Self::InternalServer(_) => (
                "InternalServerException",
                StatusCode::INTERNAL_SERVER_ERROR,
                Some(1),
                "The service encountered an internal error. Try again later.",
                json!({}),
            ),
            Self::UnknownOperation => (
                "UnknownOperationException",
                StatusCode::NOT_FOUND,
                None,
                "The API has no operation with this method and path.",
                json!({}),
            ),
        };
        let mut body = members;
        body["__type"] = name.into();
        body["message"] = message.into();
        Answer { status, error_type: Some(name), retry_after_seconds, replayed: false, body: body.to_string() }
    }

    /// The outcome, as the log and the metrics name it.
    #[must_use]
    pub fn outcome(&self) -> &'static str {
        match self {
            Self::Validation { .. } => "validation",
            Self::AccessDenied(_) => "denied",
            Self::ResourceNotFound(_) => "not_found",
            Self::Conflict(..) => "conflict",
            Self::Throttling(..) => "throttled",
            Self::InternalServer(_) => "internal",
            Self::UnknownOperation => "unknown_operation",
        }
    }

    /// How loud the log is: an error is what somebody must act on, and a caller's mistake is none.
    #[must_use]
    pub fn level(&self) -> Level {
        match self {
            Self::AccessDenied(_) | Self::InternalServer(_) => Level::ERROR,
            Self::Throttling(..) => Level::WARN,
            Self::Validation { .. } | Self::ResourceNotFound(_) | Self::Conflict(..) | Self::UnknownOperation => {
                Level::INFO
            }
        }
    }

    /// The run that the request collided with.
    #[must_use]
    pub fn workflow_run_id(&self) -> Option<&str> {
        match self {
            Self::Conflict(Resource::WorkflowRun(id), _) => Some(id),
            Self::Conflict(Resource::WorkflowDefinition(_) | Resource::LogGroup(_), _)
            | Self::Validation { .. }
            | Self::AccessDenied(_)
            | Self::ResourceNotFound(_)
            | Self::Throttling(..)
            | Self::InternalServer(_)
            | Self::UnknownOperation => None,
        }
    }

    /// What went wrong, for the log: the cause with all its sources, or else what the caller is told.
    ///
    /// Display only: the `Debug` of an AWS error shows the response, and that may hold an item.
    #[must_use]
    pub fn detail(&self) -> Option<String> {
        let detail = match self {
            Self::AccessDenied(cause) | Self::Throttling(_, cause) | Self::InternalServer(cause) => {
                let sources = iter::successors(cause.source(), |&error| error.source());
                sources.fold(cause.to_string(), |detail, error| format!("{detail}: {error}"))
            }
            Self::Validation { message, .. } => message.clone(),
            Self::ResourceNotFound(resource) => resource.to_string(),
            Self::Conflict(resource, message) => format!("{resource}: {message}"),
            Self::UnknownOperation => return None,
        };
        Some(detail)
    }
}

impl Resource {
    fn type_and_id(&self) -> (&'static str, &str) {
        match self {
            Self::WorkflowDefinition(name) => ("workflow-definition", name),
            Self::WorkflowRun(id) => ("workflow-run", id),
            Self::LogGroup(name) => ("log-group", name),
        }
    }

    fn members(&self) -> Value {
        let (resource_type, resource_id) = self.type_and_id();
        json!({"resourceId": resource_id, "resourceType": resource_type})
    }
}

impl fmt::Display for Resource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (resource_type, resource_id) = self.type_and_id();
        write!(f, "{resource_type} {resource_id}")
    }
}

impl Throttled {
    fn retry_after_seconds(self) -> u32 {
        match self {
            Self::DynamoDb | Self::CreateLogGroupRate => 1,
            Self::LogGroupCount => 60,
        }
    }

    fn members(self) -> Value {
        match self {
            Self::DynamoDb => json!({"serviceCode": "dynamodb"}),
            Self::CreateLogGroupRate => json!({"serviceCode": "logs", "quotaCode": "L-D2832119"}),
            Self::LogGroupCount => json!({"serviceCode": "logs"}),
        }
    }
}
