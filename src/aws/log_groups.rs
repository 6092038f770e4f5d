//! CloudWatch Logs: makes sure that a log group exists, and has its retention.

use std::time::Duration;

use aws_config::SdkConfig;
use aws_config::retry::RetryConfig;
use aws_sdk_cloudwatchlogs::Client;
use aws_sdk_cloudwatchlogs::config::Builder;
use aws_sdk_cloudwatchlogs::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_cloudwatchlogs::operation::create_log_group::CreateLogGroupError;
use aws_sdk_cloudwatchlogs::operation::put_retention_policy::PutRetentionPolicyError;
use jiff::Timestamp;
use tokio::time::{sleep, timeout};

use super::FailedCall;
use crate::error::{ApiError, Cause, Limit, Resource};
use crate::metrics::Counters;
use crate::model::{LogGroupName, Violation};

const CREATE_LOG_GROUP: &str = "logs:CreateLogGroup";
const PUT_RETENTION_POLICY: &str = "logs:PutRetentionPolicy";

/// How long to keep trying. A caller who floods the API with new names must not hold execution environments that others
/// need.
const RETRY_BUDGET: Duration = Duration::from_secs(3);

/// The wait after the first attempt. It doubles up to the longest wait, and jitter cuts it to between 50 and 100 %.
const FIRST_WAIT: Duration = Duration::from_millis(100);
const LONGEST_WAIT: Duration = Duration::from_millis(800);

/// How it is known that the log group exists.
pub enum Ensured {
    /// CloudWatch Logs: it created the log group or already had it, and the retention is set if there is one to set.
    ByCloudWatchLogs,
    /// CloudWatch Logs, but the retention could not be set.
    WithoutRetention(Cause),
    /// The table, until this time: another process has asked CloudWatch Logs.
    ByTheTable(Timestamp),
}

/// The log groups of the function's account.
pub struct LogGroups {
    client: Client,
    retention_days: Option<i32>,
}

impl LogGroups {
    /// A client without the SDK's retries: [`LogGroups::ensure`] has its own, and two policies would multiply.
    /// `retention_days` is the retention to set, if any.
    #[must_use]
    pub fn new(config: &SdkConfig, retention_days: Option<i32>) -> Self {
        let config = Builder::from(config).retry_config(RetryConfig::disabled()).build();
        Self { client: Client::from_conf(config), retention_days }
    }

    /// Creates the log group unless it exists, and sets its retention.
    ///
    /// CreateLogGroup is limited to 10 calls per second per account and Region. A transient failure is retried for
    /// about 3 seconds; before each retry `known_until` tells whether another process was faster.
    ///
    /// # Errors
    /// The mapping of the last failure. CloudWatch Logs has then confirmed no log group.
    pub async fn ensure<F>(
        &self,
        name: &LogGroupName,
        known_until: impl Fn() -> F,
        counters: &Counters,
    ) -> Result<Ensured, ApiError>
    where
        F: Future<Output = Option<Timestamp>>,
    {
        let mut exists = false;
        let (mut create_failure, mut retention_failure) = (None, None);
        let attempts = async {
            let mut wait = FIRST_WAIT;
            loop {
                if !exists {
                    match self.create(name, counters).await {
                        Ok(()) => exists = true,
                        Err(error) if is_transient(&error) => create_failure = Some(failure(name, error)),
                        Err(error) => return Err(failure(name, error)),
                    }
                }
                if exists {
                    match self.set_retention(name).await {
                        Ok(()) => return Ok(Ensured::ByCloudWatchLogs),
                        Err(error) if is_transient(&error) => {
                            retention_failure = Some(FailedCall::boxed(PUT_RETENTION_POLICY, error));
                        }
                        Err(error) => {
                            return Ok(Ensured::WithoutRetention(FailedCall::boxed(PUT_RETENTION_POLICY, error)));
                        }
                    }
                }
                sleep(wait.mul_f64(fastrand::f64().mul_add(0.5, 0.5))).await;
                wait = LONGEST_WAIT.min(wait * 2);
                if let Some(until) = known_until().await {
                    return Ok(Ensured::ByTheTable(until));
                }
            }
        };
        match timeout(RETRY_BUDGET, attempts).await {
            Ok(ended) => ended,
            Err(elapsed) if exists => {
                let elapsed = || FailedCall::boxed(PUT_RETENTION_POLICY, elapsed);
                Ok(Ensured::WithoutRetention(retention_failure.unwrap_or_else(elapsed)))
            }
            Err(elapsed) => {
                let elapsed = || ApiError::InternalServer(FailedCall::boxed(CREATE_LOG_GROUP, elapsed));
                Err(create_failure.unwrap_or_else(elapsed))
            }
        }
    }

    /// Creates the log group unless it exists.
    async fn create(&self, name: &LogGroupName, counters: &Counters) -> Result<(), SdkError<CreateLogGroupError>> {
        let Err(error) = self.client.create_log_group().log_group_name(name.as_str()).send().await else {
            counters.log_group_created();
            return Ok(());
        };
        if is_throttling(&error) {
            counters.create_log_group_throttled();
        }
        match error.as_service_error() {
            Some(CreateLogGroupError::ResourceAlreadyExistsException(_)) => Ok(()),
            _ => Err(error),
        }
    }

    /// Sets the retention, if there is one to set.
    async fn set_retention(&self, name: &LogGroupName) -> Result<(), SdkError<PutRetentionPolicyError>> {
        let Some(days) = self.retention_days else { return Ok(()) };
        let put = self.client.put_retention_policy().log_group_name(name.as_str()).retention_in_days(days);
        put.send().await.map(drop)
    }
}

/// Whether the same call may succeed a moment later.
fn is_transient<E: ProvideErrorMetadata>(error: &SdkError<E>) -> bool {
    match error {
        SdkError::TimeoutError(_) | SdkError::DispatchFailure(_) | SdkError::ResponseError(_) => true,
        SdkError::ServiceError(answer) => {
            answer.raw().status().is_server_error()
                || matches!(error.code(), Some("OperationAbortedException" | "ThrottlingException"))
        }
        _ => false,
    }
}

/// Whether the call was throttled. The service model leaves `ThrottlingException` out.
fn is_throttling(error: &SdkError<CreateLogGroupError>) -> bool {
    error.code() == Some("ThrottlingException")
}

fn failure(name: &LogGroupName, error: SdkError<CreateLogGroupError>) -> ApiError {
    match error.as_service_error() {
        Some(CreateLogGroupError::LimitExceededException(_)) => {
            ApiError::Throttling(Limit::LogGroupCount, FailedCall::boxed(CREATE_LOG_GROUP, error))
        }
        Some(CreateLogGroupError::InvalidParameterException(_)) => {
            ApiError::validation(None, &[("logGroupName".to_owned(), Violation::RefusedByCloudWatchLogs)])
        }
        Some(CreateLogGroupError::OperationAbortedException(_)) => ApiError::Conflict(
            Resource::LogGroup(name.as_str().to_owned()),
            "Another operation on the log group is in progress.",
        ),
        _ if is_throttling(&error) => {
            ApiError::Throttling(Limit::CreateLogGroupRate, FailedCall::boxed(CREATE_LOG_GROUP, error))
        }
        _ => super::failure(CREATE_LOG_GROUP, error),
    }
}
