//! What the real client reports when API Gateway itself rejects a request.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use aws_sdk_novaact::config::retry::RetryConfig;
use aws_sdk_novaact::config::{AsyncSleep, Sleep};
use aws_sdk_novaact::error::ProvideErrorMetadata as _;
use aws_sdk_novaact::operation::create_workflow_run::CreateWorkflowRunError as E;
use axum::Router;
use axum::http::{HeaderName, StatusCode};
use axum::response::{IntoResponse as _, Response};
use serde_json::{Value, json};

use super::properties;
use crate::support::{client, create, serve};

/// Gateway responses; their status; the `__type` in their body; the error type that API Gateway sends
/// (`.ci/gateway_responses.py` has the sources); the requests that the client makes.
type Rejection = (&'static [&'static str], u16, Option<&'static str>, &'static str, usize);

const REJECTIONS: [Rejection; 10] = [
    (&["ACCESS_DENIED"], 403, Some("AccessDeniedException"), "AccessDeniedException", 1),
    (&["MISSING_AUTHENTICATION_TOKEN"], 403, Some("AccessDeniedException"), "MissingAuthenticationTokenException", 1),
    (&["UNAUTHORIZED"], 403, Some("AccessDeniedException"), "UnauthorizedException", 1),
    (&["INVALID_API_KEY", "WAF_FILTERED"], 403, Some("AccessDeniedException"), "ForbiddenException", 1),
    (&["EXPIRED_TOKEN", "INVALID_SIGNATURE"], 403, None, "InvalidSignatureException", 1),
    (&["THROTTLED"], 429, Some("ThrottlingException"), "TooManyRequestsException", 3),
    (&["QUOTA_EXCEEDED"], 429, Some("ThrottlingException"), "LimitExceededException", 3),
    (
        &["BAD_REQUEST_BODY", "BAD_REQUEST_PARAMETERS", "UNSUPPORTED_MEDIA_TYPE"],
        400,
        Some("ValidationException"),
        "BadRequestException",
        1,
    ),
    (&["RESOURCE_NOT_FOUND"], 404, Some("UnknownOperationException"), "ResourceNotFoundException", 1),
    (
        &["API_CONFIGURATION_ERROR", "DEFAULT_5XX", "INTEGRATION_FAILURE", "INTEGRATION_TIMEOUT"],
        500,
        Some("InternalServerException"),
        "InternalServerErrorException",
        3,
    ),
];

/// What `x-amz-retry-after` asks a client to wait.
const RETRY_AFTER: Duration = Duration::from_secs(1);

/// Sleeps as the client asks, but only counts the sleeps that a gateway response asks for.
#[derive(Clone, Debug, Default)]
struct Sleeps(Arc<AtomicUsize>);

impl AsyncSleep for Sleeps {
    fn sleep(&self, duration: Duration) -> Sleep {
        if duration == RETRY_AFTER {
            self.0.fetch_add(1, Ordering::Relaxed);
            return Sleep::new(std::future::ready(()));
        }
        Sleep::new(tokio::time::sleep(duration))
    }
}

/// A gateway response as API Gateway sends it, with its own error type, or as something in between leaves it.
fn respond(declared: &Value, error_type: Option<&str>) -> Response {
    let status = declared["StatusCode"].as_str().unwrap().parse().unwrap();
    let body = declared["ResponseTemplates"]["application/json"].as_str().unwrap();
    let body = body.replace("$context.error.messageString", r#""User: arn:aws:iam::1:user/\"x\" is not authorized""#);
    let mut response = (StatusCode::from_u16(status).unwrap(), body).into_response();
    for (name, value) in declared["ResponseParameters"]["Headers"].as_object().into_iter().flatten() {
        let literal = value.as_str().unwrap().strip_prefix('\'').unwrap().strip_suffix('\'').unwrap();
        response.headers_mut().append(name.parse::<HeaderName>().unwrap(), literal.parse().unwrap());
    }
    if let Some(error_type) = error_type {
        response.headers_mut().append("x-amzn-errortype", error_type.parse().unwrap());
    }
    response
}

/// The name of the modelled error that this is, after a look at its members.
fn modelled(error: &E) -> Option<&'static str> {
    match error {
        E::AccessDeniedException(_) => Some("AccessDeniedException"),
        E::ResourceNotFoundException(_) => Some("ResourceNotFoundException"),
        E::InternalServerException(error) => {
            assert!(error.retry_after_seconds.is_some());
            Some("InternalServerException")
        }
        E::ThrottlingException(error) => {
            assert!(error.retry_after_seconds.is_some());
            assert_eq!(error.service_code.as_deref(), Some("apigateway"));
            Some("ThrottlingException")
        }
        E::ValidationException(error) => {
            assert_eq!(error.reason.as_str(), "FieldValidationFailed");
            Some("ValidationException")
        }
        _ => None,
    }
}

#[tokio::test]
async fn requests_that_the_gateway_rejects_get_documented_errors() {
    let mut responses = properties("WorkflowRunsApi")["GatewayResponses"].take();
    let mut named: BTreeSet<String> = responses.as_object().unwrap().keys().cloned().collect();
    // Left as API Gateway has them, and so is DEFAULT_4XX, from which they inherit.
    for response_type in ["EXPIRED_TOKEN", "INVALID_SIGNATURE"] {
        assert!(named.insert(response_type.to_owned()), "{response_type}");
        let template = json!({"application/json": r#"{"message": $context.error.messageString}"#});
        responses[response_type] = json!({"StatusCode": "403", "ResponseTemplates": template});
    }
    let responses = Arc::new(responses);
    for (types, status, documented, error_type, tries) in REJECTIONS {
        for &response_type in types {
            assert!(named.remove(response_type), "{response_type} is missing");
            for error_type in [Some(error_type), None] {
                let Some(code) = error_type.or(documented) else { continue };
                let requests = Arc::new(AtomicUsize::new(0));
                let (responses, count) = (Arc::clone(&responses), Arc::clone(&requests));
                let handle = move || async move {
                    count.fetch_add(1, Ordering::Relaxed);
                    respond(&responses[response_type], error_type)
                };
                let url = serve(Router::new().fallback(handle)).await;
                let retries = RetryConfig::standard().with_initial_backoff(Duration::from_millis(1));
                let sleeps = Sleeps::default();
                let retries = aws_sdk_novaact::Config::builder().retry_config(retries).sleep_impl(sleeps.clone());
                let call = create(&client(&url), "demo").customize().config_override(retries);
                let error = call.send().await.unwrap_err();
                let response = error.raw_response().unwrap();
                assert_eq!(response.status().as_u16(), status, "{response_type}");
                assert_eq!(response.headers().get("retry-after").is_some(), tries > 1, "{response_type}");
                assert_eq!(error.code(), Some(code), "{response_type}");
                assert!(error.message().is_some_and(|message| !message.is_empty()), "{response_type}");
                let is_modelled = code == "AccessDeniedException"
                    || code == "ResourceNotFoundException"
                    || (error_type.is_none() && code != "UnknownOperationException");
                assert_eq!(modelled(error.as_service_error().unwrap()), is_modelled.then_some(code), "{error:?}");
                assert_eq!(requests.load(Ordering::Relaxed), tries, "{response_type}, {error_type:?}");
                // A fixed wait after a 429 would bring throttled clients back together. The SDK forgets the wait of an
                // error that its model calls retryable.
                let asked = if status >= 500 && !is_modelled { tries - 1 } else { 0 };
                assert_eq!(sleeps.0.load(Ordering::Relaxed), asked, "{response_type}, {error_type:?}");
            }
        }
    }
    assert_eq!(named, BTreeSet::new());
}
