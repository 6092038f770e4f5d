//! API Gateway and Lambda in this process: HTTP becomes an event, the function answers it, the answer becomes HTTP.

use std::error::Error;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use axum::Router;
use axum::body::{Bytes, to_bytes};
use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use base64::{Engine as _, prelude::BASE64_STANDARD};
use lambda_runtime::{Context, LambdaEvent, Service as _};
use serde_json::{Map, Value, json};
use uuid::Uuid;
use workflow_runs::{App, lambda};

/// What API Gateway takes at most.
const LARGEST_BODY: usize = 10 << 20;

/// The function's time-out.
pub const TIMEOUT: Duration = Duration::from_secs(15);

/// Invokes the function with an event, as Lambda does, and returns the proxy response.
pub async fn invoke(app: Arc<App>, event: &[u8], timeout: Duration) -> Result<Value, Box<dyn Error + Send + Sync>> {
    let mut context = Context::default();
    context.request_id = Uuid::new_v4().to_string();
    let deadline = (SystemTime::now() + timeout).duration_since(SystemTime::UNIX_EPOCH)?;
    context.deadline = u64::try_from(deadline.as_millis())?;
    let event = LambdaEvent::new(serde_json::from_slice(event)?, context);
    let Ok(response) = lambda::service(app).call(event).await;
    Ok(serde_json::to_value(response)?)
}

/// A REST API in front of the function, whose callers all belong to one account.
pub fn router(app: Arc<App>, account_id: &'static str) -> Router {
    Router::new().fallback(serve).with_state((app, account_id))
}

async fn serve(State((app, account_id)): State<(Arc<App>, &'static str)>, request: Request) -> Response {
    match proxy(app, account_id, request).await {
        Ok(response) => response,
        Err(error) => (StatusCode::BAD_GATEWAY, error.to_string()).into_response(),
    }
}

async fn proxy(app: Arc<App>, account_id: &str, request: Request) -> Result<Response, Box<dyn Error + Send + Sync>> {
    let event = event(account_id, request).await?;
    let answer = invoke(app, &serde_json::to_vec(&event)?, TIMEOUT).await?;
    let status = answer["statusCode"].as_u64().ok_or("no statusCode")?;
    let body = answer["body"].as_str().unwrap_or_default().to_owned();
    let mut response = (StatusCode::from_u16(u16::try_from(status)?)?, body).into_response();
    response.headers_mut().clear();
    for (name, values) in answer["multiValueHeaders"].as_object().into_iter().flatten() {
        for value in values.as_array().into_iter().flatten() {
            response
                .headers_mut()
                .append(name.parse::<axum::http::HeaderName>()?, value.as_str().unwrap_or_default().parse()?);
        }
    }
    Ok(response)
}

/// The event that a REST API with a Lambda proxy integration makes of a request (payload 1.0).
async fn event(account_id: &str, request: Request) -> Result<Value, Box<dyn Error + Send + Sync>> {
    let (parts, body) = request.into_parts();
    // As API Gateway has it, the stage is part of the URL, but not of the path. Here it may be left out.
    let path = parts.uri.path();
    let path = path.strip_prefix("/local").filter(|path| path.starts_with('/')).unwrap_or(path);
    let (body, is_base64_encoded) = text_or_base64(to_bytes(body, LARGEST_BODY).await?);
    let headers: Map<String, Value> = parts
        .headers
        .iter()
        .map(|(name, value)| (name.to_string(), String::from_utf8_lossy(value.as_bytes()).into()))
        .collect();
    Ok(json!({
        "resource": "/{proxy+}",
        "path": path,
        "httpMethod": parts.method.as_str(),
        "headers": headers,
        "queryStringParameters": null,
        "requestContext": {
            "accountId": account_id,
            "httpMethod": parts.method.as_str(),
            "identity": {"accountId": account_id, "sourceIp": "127.0.0.1"},
            "path": format!("/local{path}"),
            "protocol": "HTTP/1.1",
            "requestId": Uuid::new_v4().to_string(),
            "resourcePath": "/{proxy+}",
            "stage": "local",
        },
        "body": body,
        "isBase64Encoded": is_base64_encoded,
    }))
}

fn text_or_base64(body: Bytes) -> (Option<String>, bool) {
    if body.is_empty() {
        return (None, false);
    }
    match String::from_utf8(body.into()) {
        Ok(text) => (Some(text), false),
        Err(error) => (Some(BASE64_STANDARD.encode(error.as_bytes())), true),
    }
}
