//! The settings that both AWS clients share, and the two calls to CloudWatch Logs. (Calls to DynamoDB are in `store`.)

mod http_client;
pub mod log_groups;
mod user_agent;

use std::error::Error as StdError;
use std::fmt;

use aws_sdk_dynamodb::error::{ProvideErrorMetadata, SdkError};

use crate::error::{ApiError, Change, Failure};

pub use http_client::http_client;
pub use user_agent::ShortUserAgent;

/// An AWS call, named by the IAM action that allows it.
#[derive(Clone, Copy, Debug)]
pub struct Action {
    name: &'static str,
    /// Whether it changes what the API shows.
    writes: bool,
}

impl Action {
    /// A call that changes nothing that the API shows.
    pub const fn read(name: &'static str) -> Self {
        Self { name, writes: false }
    }

    /// A call that changes a resource of the API.
    pub const fn write(name: &'static str) -> Self {
        Self { name, writes: true }
    }

    /// The call's failure, and what it has changed.
    pub fn failed<E>(self, error: SdkError<E>) -> Failure
    where
        E: ProvideErrorMetadata + StdError + Send + Sync + 'static,
    {
        let change = if self.writes && is_in_doubt(&error) { Change::Unknown } else { Change::None };
        Failure { cause: Box::new(FailedCall { action: self, source: error }), change }
    }

    /// The failure of a call whose effect does not matter.
    pub fn caused_by(self, source: impl StdError + Send + Sync + 'static) -> Failure {
        Failure::without_change(FailedCall { action: self, source })
    }
}

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name)
    }
}

#[derive(Debug)]
struct FailedCall<E> {
    action: Action,
    source: E,
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

/// Whether a write that failed like this may have been applied. If the last attempt was throttled, one before it may
/// have been applied and its response lost.
fn is_in_doubt<E: ProvideErrorMetadata>(error: &SdkError<E>) -> bool {
    match error {
        SdkError::ConstructionFailure(_) => false,
        SdkError::ServiceError(response) => {
            let status = response.raw().status();
            !status.is_client_error() || error.code().is_some_and(is_throttling)
        }
        _ => true,
    }
}

/// Whether this error code is a throttling error of DynamoDB or CloudWatch Logs.
pub fn is_throttling(code: &str) -> bool {
    matches!(code, "ProvisionedThroughputExceededException" | "RequestLimitExceeded" | "ThrottlingException")
}

/// Maps the failure of an AWS call for which a service has no more specific mapping.
pub fn failure<E>(action: Action, error: SdkError<E>) -> ApiError
where
    E: ProvideErrorMetadata + StdError + Send + Sync + 'static,
{
    let denied = error.code() == Some("AccessDeniedException");
    let failure = action.failed(error);
    if denied { ApiError::AccessDenied(failure) } else { ApiError::InternalServer(failure) }
}
