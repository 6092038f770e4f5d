//! CloudWatch Logs: creates a log group, and sets its retention.

use aws_config::SdkConfig;
use aws_config::retry::RetryConfig;
use aws_sdk_cloudwatchlogs::Client;
use aws_sdk_cloudwatchlogs::config::Builder;
use aws_sdk_cloudwatchlogs::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_cloudwatchlogs::operation::create_log_group::CreateLogGroupError;
use aws_sdk_cloudwatchlogs::operation::put_retention_policy::PutRetentionPolicyError;

use super::{Action, is_throttling};
use crate::error::{ApiError, Failure, Limit, Resource};
use crate::model::{LogGroupName, Violation};

/// A log group that no run uses does no harm, so it does not matter whether a call that failed has created one.
pub const CREATE_LOG_GROUP: Action = Action::read("logs:CreateLogGroup");
pub const PUT_RETENTION_POLICY: Action = Action::read("logs:PutRetentionPolicy");

pub struct LogGroups {
    client: Client,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ensured {
    Created,
    Existing,
}

/// A failed call, and whether the same call may succeed a moment later.
pub struct Failed<E> {
    /// What it comes to if it is not tried again.
    pub failure: E,
    pub is_transient: bool,
    pub is_throttled: bool,
}

impl LogGroups {
    /// A client without the SDK's retries: its caller has a policy of its own, and two would multiply.
    pub fn new(config: &SdkConfig) -> Self {
        let config = Builder::from(config).retry_config(RetryConfig::disabled()).build();
        Self { client: Client::from_conf(config) }
    }

    /// Creates the log group unless it exists. Limited to 10 calls per second per account and Region.
    pub async fn create(&self, name: &LogGroupName) -> Result<Ensured, Failed<ApiError>> {
        let Err(error) = self.client.create_log_group().log_group_name(name.as_str()).send().await else {
            return Ok(Ensured::Created);
        };
        match error.as_service_error() {
            Some(CreateLogGroupError::ResourceAlreadyExistsException(_)) => Ok(Ensured::Existing),
            _ => Err(Failed::new(error, |error| create_failure(name, error))),
        }
    }

    /// Sets how long the log group keeps its events. Limited to 5 calls per second per account and Region.
    pub async fn set_retention(&self, name: &LogGroupName, days: i32) -> Result<(), Failed<Failure>> {
        let put = self.client.put_retention_policy().log_group_name(name.as_str()).retention_in_days(days);
        let result = put.send().await.map(drop);
        result.map_err(|error: SdkError<PutRetentionPolicyError>| {
            Failed::new(error, |error| PUT_RETENTION_POLICY.failed(error))
        })
    }
}

impl<F> Failed<F> {
    fn new<E: ProvideErrorMetadata>(error: SdkError<E>, map: impl FnOnce(SdkError<E>) -> F) -> Self {
        let (is_transient, is_throttled) = (is_transient(&error), error.code().is_some_and(is_throttling));
        Self { failure: map(error), is_transient, is_throttled }
    }
}

fn is_transient<E: ProvideErrorMetadata>(error: &SdkError<E>) -> bool {
    match error {
        SdkError::TimeoutError(_) | SdkError::DispatchFailure(_) | SdkError::ResponseError(_) => true,
        SdkError::ServiceError(response) => {
            response.raw().status().is_server_error()
                || error.code().is_some_and(|code| code == "OperationAbortedException" || is_throttling(code))
        }
        _ => false,
    }
}

/// The service model leaves `ThrottlingException` and `AccessDeniedException` out.
fn create_failure(name: &LogGroupName, error: SdkError<CreateLogGroupError>) -> ApiError {
    match error.as_service_error() {
        Some(CreateLogGroupError::LimitExceededException(_)) => {
            ApiError::Throttling(Limit::LogGroupCount, CREATE_LOG_GROUP.failed(error))
        }
        Some(CreateLogGroupError::InvalidParameterException(_)) => {
            ApiError::validation(None, &[("logGroupName".to_owned(), Violation::RejectedByCloudWatchLogs)])
        }
        Some(CreateLogGroupError::OperationAbortedException(_)) => {
            ApiError::Conflict(Resource::LogGroup(name.clone()), "Another operation on the log group is in progress.")
        }
        _ if error.code().is_some_and(is_throttling) => {
            ApiError::Throttling(Limit::CreateLogGroupRate, CREATE_LOG_GROUP.failed(error))
        }
        _ => super::failure(CREATE_LOG_GROUP, error),
    }
}
