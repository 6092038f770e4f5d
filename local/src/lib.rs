//! The API on this machine: DynamoDB and CloudWatch Logs, API Gateway and Lambda, all in this process.
//!
//! The tests run on the same parts.

pub mod embedded;
pub mod gateway;
