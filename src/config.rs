//! The configuration, read once from environment variables.

use std::{env, fmt, time::Duration};

use aws_config::environment::EnvironmentVariableCredentialsProvider;
use aws_config::{BehaviorVersion, Region, SdkConfig, timeout::TimeoutConfig};

use jiff::SignedDuration;

pub use crate::aws::http_client;
use crate::model::{AccountId, RunRetention, RunTimeout};

/// The function's configuration.
#[derive(Clone, Debug)]
pub struct Config {
    /// The DynamoDB table, from `TABLE_NAME`.
    pub table_name: String,
    /// The function's name, from `AWS_LAMBDA_FUNCTION_NAME`: a dimension of its metrics.
    pub function_name: String,
    /// The AWS account that owns unsigned requests, from `UNSIGNED_ACCOUNT_ID`; for emulators. Without it, unsigned
    /// requests are rejected.
    pub unsigned_account_id: Option<AccountId>,
    /// The retention of runs' log groups in days, from `RUN_LOG_RETENTION_DAYS`. Without it, the function leaves their
    /// retention alone.
    pub run_log_retention_days: Option<i32>,
    /// How long a run may be `RUNNING`, from `RUN_TIMEOUT_HOURS`. Unset, there is no limit.
    pub run_timeout: RunTimeout,
    /// How long runs are kept, from `RUN_RETENTION_DAYS`. Without it, forever.
    pub run_retention: RunRetention,
    /// Region, credentials, endpoints and timeouts, shared by both AWS clients.
    pub aws: SdkConfig,
}

impl Config {
    /// A configuration without the optional settings.
    pub fn new(table_name: impl Into<String>, function_name: impl Into<String>, aws: SdkConfig) -> Self {
        Self {
            table_name: table_name.into(),
            function_name: function_name.into(),
            unsigned_account_id: None,
            run_log_retention_days: None,
            run_timeout: RunTimeout::default(),
            run_retention: RunRetention::default(),
            aws,
        }
    }

    /// Reads these variables, `AWS_REGION`, and those that the AWS SDK reads itself (credentials, `AWS_ENDPOINT_URL`…).
    ///
    /// # Errors
    /// The variable that is missing, empty or not valid.
    pub async fn from_env() -> Result<Self, ConfigError> {
        let function_name = required("AWS_LAMBDA_FUNCTION_NAME")?;
        let table_name = required("TABLE_NAME")?;
        let region = Region::new(required("AWS_REGION")?);
        let unsigned_account_id =
            optional("UNSIGNED_ACCOUNT_ID", "is not an AWS account ID of 12 digits", AccountId::parse)?;
        let run_log_retention_days = optional("RUN_LOG_RETENTION_DAYS", NO_RETENTION, retention_days)?;
        let run_timeout = optional("RUN_TIMEOUT_HOURS", NO_TIMEOUT, timeout_hours)?;
        let run_retention = optional("RUN_RETENTION_DAYS", NO_RUN_RETENTION, run_retention_days)?;
        let timeouts = timeouts();
        let mut aws = aws_config::defaults(BehaviorVersion::latest())
            .http_client(http_client(&timeouts))
            .region(region)
            .timeout_config(timeouts);
        // With Lambda's credentials in the environment, the SDK need not prepare the other providers of its chain.
        if env::var_os("AWS_ACCESS_KEY_ID").is_some() {
            aws = aws.credentials_provider(EnvironmentVariableCredentialsProvider::new());
        }
        Ok(Self {
            unsigned_account_id,
            run_log_retention_days,
            run_timeout: RunTimeout(run_timeout),
            run_retention: RunRetention(run_retention),
            ..Self::new(table_name, function_name, aws.load().await)
        })
    }
}

/// The log filter, from `RUST_LOG`, as `target=level,…`.
pub fn log_filter() -> Option<String> {
    value_of("RUST_LOG")
}

/// Whether Lambda sends a process several requests concurrently (Managed Instances), from `AWS_LAMBDA_MAX_CONCURRENCY`.
pub fn is_concurrent() -> bool {
    env::var("AWS_LAMBDA_MAX_CONCURRENCY").is_ok_and(|limit| limit.parse().is_ok_and(|limit: u32| limit > 1))
}

/// Timeouts that make a hung connection fail early enough to be retried.
pub fn timeouts() -> TimeoutConfig {
    TimeoutConfig::builder()
        .connect_timeout(Duration::from_secs(1))
        .operation_attempt_timeout(Duration::from_secs(2))
        .build()
}

fn required(variable: &'static str) -> Result<String, ConfigError> {
    value_of(variable).ok_or(ConfigError { variable, problem: "is missing or empty" })
}

fn value_of(variable: &str) -> Option<String> {
    env::var(variable).ok().filter(|value| !value.is_empty())
}

/// The value of a variable that may be absent or empty. `problem` describes a value that does not parse.
fn optional<T>(
    variable: &'static str,
    problem: &'static str,
    parse: impl Fn(&str) -> Option<T>,
) -> Result<Option<T>, ConfigError> {
    value_of(variable).map(|value| parse(&value).ok_or(ConfigError { variable, problem })).transpose()
}

/// The retentions that CloudWatch Logs accepts, in days: the API reference of `PutRetentionPolicy`.
const RETENTION_DAYS: [i32; 22] =
    [1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653];

/// What is wrong with a value that [`retention_days`] rejects.
pub const NO_RETENTION: &str = "is not a number of days that CloudWatch Logs accepts as a retention";

/// A retention of log groups, in days.
pub fn retention_days(value: &str) -> Option<i32> {
    value.parse().ok().filter(|days| RETENTION_DAYS.contains(days))
}

/// What is wrong with a value that [`timeout_hours`] rejects.
pub const NO_TIMEOUT: &str = "is not a whole number of hours from 1 to 8760";

/// A timeout of runs, in hours.
pub fn timeout_hours(value: &str) -> Option<SignedDuration> {
    value.parse().ok().filter(|hours| (1..=8_760).contains(hours)).map(SignedDuration::from_hours)
}

/// What is wrong with a value that [`run_retention_days`] rejects.
pub const NO_RUN_RETENTION: &str = "is not a whole number of days from 1 to 3653";

/// A retention of runs, in days.
pub fn run_retention_days(value: &str) -> Option<SignedDuration> {
    let days = value.parse().ok().filter(|days| (1..=3_653).contains(days));
    days.map(|days: i64| SignedDuration::from_hours(24 * days))
}

/// An environment variable that is missing, empty or not valid.
#[derive(Debug, PartialEq, Eq)]
pub struct ConfigError {
    variable: &'static str,
    problem: &'static str,
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the environment variable {} {}", self.variable, self.problem)
    }
}

impl std::error::Error for ConfigError {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_retention_is_one_that_cloudwatch_logs_accepts() {
        for (value, days) in [("1", Some(1)), ("3653", Some(3653)), ("0", None), ("2", None), ("-1", None), ("x", None)]
        {
            assert_eq!(retention_days(value), days, "{value}");
        }
    }

    #[test]
    fn a_timeout_is_at_least_an_hour_and_at_most_a_year() {
        for (value, hours) in [("1", Some(1)), ("8760", Some(8760)), ("0", None), ("8761", None), ("1.5", None)] {
            assert_eq!(timeout_hours(value), hours.map(SignedDuration::from_hours), "{value}");
        }
    }

    #[test]
    fn a_retention_of_runs_is_at_least_a_day_and_at_most_ten_years() {
        for (value, days) in [("1", Some(1)), ("3653", Some(3_653)), ("0", None), ("3654", None), ("1.5", None)] {
            assert_eq!(run_retention_days(value), days.map(|days| SignedDuration::from_hours(24 * days)), "{value}");
        }
    }
}
