//! What fails, and the response to the caller: a call to DynamoDB or CloudWatch Logs, or the invocation itself.

mod dynamodb;
mod invocation;
mod log_groups;

use serde_json::{Value, json};

use crate::support::ApiResponse;

#[track_caller]
fn assert_throttled(response: &ApiResponse, retry_after: &str, members: Value) {
    response.assert_error(429, "ThrottlingException", members);
    assert_eq!(response.header("retry-after"), Some(retry_after));
}

#[track_caller]
fn assert_internal(response: &ApiResponse) {
    response.assert_error(500, "InternalServerException", json!({}));
    assert_eq!(response.header("retry-after"), Some("1"));
    assert_eq!(response.body["message"], "The service encountered an internal error. Try again later.");
}
