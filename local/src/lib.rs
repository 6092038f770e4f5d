//! The API on this machine: DynamoDB and CloudWatch Logs, API Gateway and Lambda, all in this process.
//!
//! The tests of the function run on the same parts.

mod data_file;
mod dynamodb;
pub mod embedded;
pub mod gateway;
mod log_groups;
pub mod notes;
pub mod stream;

use std::error::Error;

/// What the functions here return when something is not as they expect.
pub type Result<T> = std::result::Result<T, Box<dyn Error + Send + Sync>>;
