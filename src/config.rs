//! The environment, read once.

use std::{env, fmt, time::Duration};

use aws_config::environment::EnvironmentVariableCredentialsProvider;
use aws_config::{BehaviorVersion, Region, SdkConfig, timeout::TimeoutConfig};

use crate::aws::http_client;

/// What the function needs to know before its first request.
#[derive(Clone, Debug)]
pub struct Config {
    /// The DynamoDB table, from `TABLE_NAME`.
    pub table_name: String,
    /// The function's name, from `AWS_LAMBDA_FUNCTION_NAME`: a dimension of its metrics.
    pub function_name: String,
    /// Region, credentials, endpoints, time-outs: what both AWS clients share.
    pub aws: SdkConfig,
}

impl Config {
    /// Reads `TABLE_NAME`, `AWS_REGION`, and what the AWS SDK reads itself (credentials, `AWS_ENDPOINT_URL`…).
    ///
    /// The rest is Lambda's, or that of `cargo lambda watch`: without it, the Lambda runtime would panic.
    ///
    /// # Errors
    /// Names the variable that is missing or empty.
    pub async fn from_env() -> Result<Self, ConfigError> {
        let required = |variable| required(variable, env::var(variable).ok());
        for variable in ["AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "AWS_LAMBDA_FUNCTION_VERSION", "AWS_LAMBDA_RUNTIME_API"] {
            required(variable)?;
        }
        let function_name = required("AWS_LAMBDA_FUNCTION_NAME")?;
        let table_name = required("TABLE_NAME")?;
        let region = Region::new(required("AWS_REGION")?);
        let timeouts = timeouts();
        let mut aws = aws_config::defaults(BehaviorVersion::latest())
            .http_client(http_client(&timeouts))
            .region(region)
            .timeout_config(timeouts);
        // Where Lambda gives them, the AWS SDK need not prepare for every other place where they could be.
        if env::var("AWS_ACCESS_KEY_ID").is_ok_and(|key| !key.is_empty()) {
            aws = aws.credentials_provider(EnvironmentVariableCredentialsProvider::new());
        }
        Ok(Self { table_name, function_name, aws: aws.load().await })
    }
}

/// What to log: `RUST_LOG`, as `target=level,…`.
#[must_use]
pub fn log_filter() -> Option<String> {
    env::var("RUST_LOG").ok().filter(|filter| !filter.is_empty())
}

/// Whether Lambda gives a process several requests at once (Managed Instances): `AWS_LAMBDA_MAX_CONCURRENCY`.
#[must_use]
pub fn is_concurrent() -> bool {
    env::var("AWS_LAMBDA_MAX_CONCURRENCY").is_ok_and(|limit| limit.parse().is_ok_and(|limit: u32| limit > 1))
}

/// Time-outs that suit a function: a hung connection is retried, not waited for.
#[must_use]
pub fn timeouts() -> TimeoutConfig {
    TimeoutConfig::builder()
        .connect_timeout(Duration::from_secs(1))
        .operation_attempt_timeout(Duration::from_secs(2))
        .build()
}

fn required(variable: &'static str, value: Option<String>) -> Result<String, ConfigError> {
    value.filter(|value| !value.is_empty()).ok_or(ConfigError { variable })
}

/// A variable of the environment that is not set, or empty.
#[derive(Debug, PartialEq, Eq)]
pub struct ConfigError {
    variable: &'static str,
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the environment variable {} is not set or empty", self.variable)
    }
}

impl std::error::Error for ConfigError {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_variable_that_is_missing_or_empty_is_named() {
        for value in [None, Some(String::new())] {
            let error = required("TABLE_NAME", value).unwrap_err();
            assert_eq!(error.to_string(), "the environment variable TABLE_NAME is not set or empty");
        }
        assert_eq!(required("TABLE_NAME", Some("runs".into())), Ok("runs".into()));
    }
}
