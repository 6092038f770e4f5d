//! CloudWatch Logs: makes sure that a log group exists.

use std::time::Duration;

use aws_config::SdkConfig;
use aws_config::retry::RetryConfig;
use aws_sdk_cloudwatchlogs::Client;
use aws_sdk_cloudwatchlogs::config::Builder;
use aws_sdk_cloudwatchlogs::error::{ProvideErrorMetadata as _, SdkError};
use aws_sdk_cloudwatchlogs::operation::create_log_group::CreateLogGroupError;
use tokio::time::{sleep, timeout};

use super::FailedCall;
use crate::error::{ApiError, Limit, Resource, ValidationExceptionField};
use crate::metrics::Counters;
use crate::model::{LogGroupName, Violation};

const ACTION: &str = "logs:CreateLogGroup";

/// How long to try: a caller who floods us with new names must not hold environments that others need.
const RETRY_BUDGET: Duration = Duration::from_secs(3);

/// The wait after the first attempt, which doubles up to the longest; a random 50 to 100 % of it is waited.
const FIRST_WAIT: Duration = Duration::from_millis(100);
const LONGEST_WAIT: Duration = Duration::from_millis(800);

/// How [`LogGroups::ensure`] came to know that the log group exists.
#[derive(PartialEq, Eq)]
pub enum Ensured {
    /// From CloudWatch Logs: it was created, or existed.
    ByCloudWatchLogs,
    /// From the table: another environment has had it from CloudWatch Logs.
    ByTheTable,
}

/// The log groups of the function's account.
pub struct LogGroups {
    client: Client,
}

impl LogGroups {
    /// A client without the SDK's retries: [`LogGroups::ensure`] has its own, and two policies would multiply.
    #[must_use]
    pub fn new(config: &SdkConfig) -> Self {
        let config = Builder::from(config).retry_config(RetryConfig::disabled()).build();
        Self { client: Client::from_conf(config) }
    }

    /// Creates the log group, unless it exists.
    ///
    /// CreateLogGroup is limited to 10 calls per second per account and Region. A call that failed for a reason that
    /// passes is repeated for about 3 seconds, and before each repetition `is_known` tells whether somebody else was
    /// faster.
    ///
    /// # Errors
    /// What the last failure means; nothing was created then, as far as CloudWatch Logs has told.
    pub async fn ensure<F>(
        &self,
        name: &LogGroupName,
        is_known: impl Fn() -> F,
        counters: &Counters,
    ) -> Result<Ensured, ApiError>
    where
        F: Future<Output = bool>,
    {
        let mut last_failure = None;
        let attempts = async {
            let mut wait = FIRST_WAIT;
            loop {
                match self.client.create_log_group().log_group_name(name.as_str()).send().await {
                    Ok(_) => {
                        counters.log_group_created();
                        return Ok(Ensured::ByCloudWatchLogs);
                    }
                    Err(error) => match error.as_service_error() {
                        Some(CreateLogGroupError::ResourceAlreadyExistsException(_)) => {
                            return Ok(Ensured::ByCloudWatchLogs);
                        }
                        _ if is_transient(&error) => {
                            if is_throttling(&error) {
                                counters.create_log_group_throttled();
                            }
                            last_failure = Some(error);
                        }
                        _ => return Err(error),
                    },
                }
                sleep(wait.mul_f64(fastrand::f64().mul_add(0.5, 0.5))).await;
                wait = LONGEST_WAIT.min(wait * 2);
                if is_known().await {
                    return Ok(Ensured::ByTheTable);
                }
            }
        };
        match timeout(RETRY_BUDGET, attempts).await {
            Ok(ensured) => ensured.map_err(|error| failure(name, error)),
            Err(elapsed) => Err(last_failure.map_or_else(
                || ApiError::InternalServer(FailedCall::boxed(ACTION, elapsed)),
                |error| failure(name, error),
            )),
        }
    }
}

/// Whether the same call may succeed a moment later.
fn is_transient(error: &SdkError<CreateLogGroupError>) -> bool {
    match error {
        SdkError::TimeoutError(_) | SdkError::DispatchFailure(_) | SdkError::ResponseError(_) => true,
        SdkError::ServiceError(answer) => {
            answer.raw().status().is_server_error()
                || answer.err().is_operation_aborted_exception()
                || is_throttling(error)
        }
        _ => false,
    }
}

/// Whether there were too many calls. The model leaves `ThrottlingException` out.
fn is_throttling(error: &SdkError<CreateLogGroupError>) -> bool {
    error.code() == Some("ThrottlingException")
}

fn failure(name: &LogGroupName, error: SdkError<CreateLogGroupError>) -> ApiError {
    match error.as_service_error() {
        Some(CreateLogGroupError::LimitExceededException(_)) => {
            ApiError::Throttling(Limit::LogGroupCount, FailedCall::boxed(ACTION, error))
        }
        Some(CreateLogGroupError::InvalidParameterException(_)) => {
            let field = ValidationExceptionField::new("logGroupName", &Violation::RefusedByCloudWatchLogs);
            ApiError::validation(None, vec![field])
        }
        Some(CreateLogGroupError::OperationAbortedException(_)) => ApiError::Conflict(
            Resource::LogGroup(name.as_str().to_owned()),
            "Another operation on the log group is in progress.",
        ),
        _ if is_throttling(&error) => ApiError::Throttling(Limit::CreateLogGroupRate, FailedCall::boxed(ACTION, error)),
        _ => super::failure(ACTION, error),
    }
}
