//! Turns the outcome of a request into the HTTP response.

use lambda_http::http::header::{CONTENT_TYPE, HeaderName, HeaderValue, RETRY_AFTER};
use lambda_http::http::{HeaderMap, StatusCode};
use lambda_http::{Body, Response};
use serde_json::{Value, json};

use crate::error::{ApiError, Limit, Resource};
use crate::outcome::{Effect, Outcome};

const REQUEST_ID: HeaderName = HeaderName::from_static("x-amzn-requestid");
const ERROR_TYPE: HeaderName = HeaderName::from_static("x-amzn-errortype");
const RETRY_AFTER_MILLISECONDS: HeaderName = HeaderName::from_static("x-amz-retry-after");
const IDEMPOTENT_REPLAYED: HeaderName = HeaderName::from_static("idempotent-replayed");

/// A response, as it goes over the wire.
pub struct ApiResponse {
    pub status: StatusCode,
    /// Header `x-amzn-errortype`.
    error_type: Option<&'static str>,
    /// Header `Retry-After`, in seconds, and header `x-amz-retry-after`, in milliseconds.
    retry_after_seconds: Option<u32>,
    /// Header `idempotent-replayed: true`.
    replayed: bool,
    body: String,
}

impl ApiResponse {
    /// The response that the API reference documents. `status` is that of a success.
    pub fn new(status: StatusCode, outcome: &Outcome) -> Self {
        match outcome {
            Ok(success) => Self {
                status,
                error_type: None,
                retry_after_seconds: None,
                replayed: success.effect == Effect::Replayed,
                body: success.body.clone(),
            },
            Err(error) => Self::of_error(error),
        }
    }

    fn of_error(error: &ApiError) -> Self {
        let (name, status, retry_after_seconds, message, members) = match error {
            ApiError::Validation { message, reason, field_list } => (
                "ValidationException",
                StatusCode::BAD_REQUEST,
                None,
                message.as_str(),
                json!({"reason": reason, "fieldList": field_list}),
            ),
            ApiError::AccessDenied(_) => (
                "AccessDeniedException",
                StatusCode::FORBIDDEN,
                None,
                "You don't have sufficient permissions to perform this action. Verify your IAM permissions and try again.",
                json!({}),
            ),
            ApiError::ResourceNotFound(resource) => (
                "ResourceNotFoundException",
                StatusCode::NOT_FOUND,
                None,
                "The requested resource was not found.",
                resource_members(resource),
            ),
            ApiError::Conflict(resource, message) => {
                ("ConflictException", StatusCode::CONFLICT, None, *message, resource_members(resource))
            }
            ApiError::Throttling(limit, _) => (
                "ThrottlingException",
                StatusCode::TOO_MANY_REQUESTS,
                Some(match limit {
                    Limit::DynamoDb | Limit::CreateLogGroupRate => 1,
                    Limit::LogGroupCount => 60,
                }),
                "The request was denied due to request throttling.",
                match limit {
                    Limit::DynamoDb => json!({"serviceCode": "dynamodb"}),
                    Limit::CreateLogGroupRate => json!({"serviceCode": "logs", "quotaCode": "L-D2832119"}),
                    Limit::LogGroupCount => json!({"serviceCode": "logs", "quotaCode": "L-C7B9AAAB"}),
                },
            ),
            ApiError::InternalServer(_) => (
                "InternalServerException",
                StatusCode::INTERNAL_SERVER_ERROR,
                Some(1),
                "The service encountered an internal error. Try again later.",
                json!({}),
            ),
            ApiError::UnknownOperation(_) => (
                "UnknownOperationException",
                StatusCode::NOT_FOUND,
                None,
                "The API has no operation with this method and path.",
                json!({}),
            ),
        };
        let mut body = members;
        body["__type"] = name.into();
        body["message"] = message.into();
        Self { status, error_type: Some(name), retry_after_seconds, replayed: false, body: body.to_string() }
    }

    /// The HTTP response. Every response carries the request id.
    pub fn into_http(self, request_id: &str) -> Response<Body> {
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        if let Ok(request_id) = HeaderValue::from_str(request_id) {
            headers.insert(REQUEST_ID, request_id);
        }
        if let Some(error_type) = self.error_type {
            headers.insert(ERROR_TYPE, HeaderValue::from_static(error_type));
        }
        if let Some(seconds) = self.retry_after_seconds {
            headers.insert(RETRY_AFTER, seconds.into());
            // botocore and the AWS SDK for Rust read this one, and wait exactly as long as it says.
            headers.insert(RETRY_AFTER_MILLISECONDS, fastrand::u32(seconds * 500..=seconds * 1_500).into());
        }
        if self.replayed {
            headers.insert(IDEMPOTENT_REPLAYED, HeaderValue::from_static("true"));
        }
        let mut response = Response::new(Body::Text(self.body));
        *response.status_mut() = self.status;
        *response.headers_mut() = headers;
        response
    }
}

fn resource_members(resource: &Resource) -> Value {
    let (resource_type, resource_id) = resource.type_and_id();
    json!({"resourceId": resource_id, "resourceType": resource_type})
}
