//! What the two AWS clients share, and the CloudWatch Logs client. (DynamoDB is in `store`.)

mod http_client;
pub mod log_groups;
mod user_agent;

use std::error::Error as StdError;
use std::fmt;

use aws_sdk_dynamodb::error::{ProvideErrorMetadata, SdkError};

use crate::error::{ApiError, Cause};

pub use http_client::http_client;
pub use user_agent::ShortUserAgent;

/// A failed AWS call, named by the IAM action that allows it.
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

/// Maps the failure of an AWS call for which a service has no more specific mapping.
pub fn failure<E>(action: &'static str, error: SdkError<E>) -> ApiError
where
    E: ProvideErrorMetadata + StdError + Send + Sync + 'static,
{
    let denied = error.code() == Some("AccessDeniedException");
    let cause = FailedCall::boxed(action, error);
    if denied { ApiError::AccessDenied(cause) } else { ApiError::InternalServer(cause) }
}
