//! API Gateway and Lambda in this process: an HTTP request becomes an event, and the function's response becomes an HTTP response.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::{Query, Request, State};
use axum::http::{HeaderName, StatusCode, Uri, request};
use axum::response::{IntoResponse, Response};
use base64::{Engine as _, prelude::BASE64_STANDARD};
use lambda_runtime::{Context, LambdaEvent};
use serde_json::{Value, json};
use uuid::Uuid;
use workflow_runs::Function;
use workflow_runs::operations::OPERATIONS;

use crate::Result;

/// The largest body that API Gateway accepts.
pub const LARGEST_BODY: usize = 10 << 20;

/// The function's timeout.
pub const TIMEOUT: Duration = Duration::from_secs(15);

/// The account of the local server's callers, signed or not. It has also signed the sample events.
pub const LOCAL_ACCOUNT: &str = "123456789012";

/// Invokes the function with an event, as Lambda does, and returns the proxy response.
///
/// # Errors
/// The event is not JSON, or Lambda must not count it as done.
pub async fn invoke(function: &Function, event: &[u8], timeout: Duration) -> Result<Value> {
    let deadline = (SystemTime::now() + timeout).duration_since(SystemTime::UNIX_EPOCH)?;
    invoke_until(function, event, u64::try_from(deadline.as_millis())?).await
}

/// Invokes the function with an event and a deadline in epoch milliseconds, and returns the proxy response.
///
/// # Errors
/// As for [`invoke`].
pub async fn invoke_until(function: &Function, event: &[u8], deadline: u64) -> Result<Value> {
    let mut context = Context::default();
    context.request_id = Uuid::new_v4().to_string();
    context.deadline = deadline;
    let response = function.invoke(LambdaEvent::new(serde_json::from_slice(event)?, context)).await?;
    Ok(serde_json::to_value(response)?)
}

/// A REST API in front of the function, whose callers all belong to one account.
pub fn router(function: Arc<Function>, account_id: &'static str) -> Router {
    Router::new().fallback(serve).with_state((function, account_id))
}

async fn serve(State((function, account_id)): State<(Arc<Function>, &'static str)>, request: Request) -> Response {
    match proxy(&function, account_id, request).await {
        Ok(response) => response,
        Err(error) => (StatusCode::BAD_GATEWAY, error.to_string()).into_response(),
    }
}

async fn proxy(function: &Function, account_id: &str, request: Request) -> Result<Response> {
    let (parts, body) = request.into_parts();
    let event = rest_event(account_id, &parts, &to_bytes(body, LARGEST_BODY).await?);
    let proxied = invoke(function, event.to_string().as_bytes(), TIMEOUT).await?;
    let status = proxied["statusCode"].as_u64().ok_or("no statusCode")?;
    let mut response = Response::new(Body::from(proxied["body"].as_str().unwrap_or_default().to_owned()));
    *response.status_mut() = StatusCode::from_u16(u16::try_from(status)?)?;
    for (name, values) in proxied["multiValueHeaders"].as_object().into_iter().flatten() {
        for value in values.as_array().into_iter().flatten() {
            response.headers_mut().append(name.parse::<HeaderName>()?, value.as_str().unwrap_or_default().parse()?);
        }
    }
    Ok(response)
}

/// The event that a REST API with a Lambda proxy integration makes of a request (payload 1.0).
pub fn rest_event(account_id: &str, request: &request::Parts, body: &[u8]) -> Value {
    let path = without_stage(request.uri.path());
    let (resource, path_parameters) = resource(path);
    let method = request.method.as_str();
    let (body, is_base64_encoded) = text_or_base64(body);
    let headers = request.headers.iter();
    let headers: BTreeMap<_, _> =
        headers.map(|(name, value)| (name.as_str(), String::from_utf8_lossy(value.as_bytes()))).collect();
    let query = query(&request.uri);
    let last = query.iter().map(|(name, values)| (name, values.last()));
    json!({
        "resource": resource,
        "path": path,
        "httpMethod": method,
        "headers": headers,
        "queryStringParameters": last.collect::<BTreeMap<_, _>>(),
        "multiValueQueryStringParameters": query,
        "pathParameters": path_parameters,
        "requestContext": {
            "accountId": account_id,
            "httpMethod": method,
            "identity": {"accountId": account_id, "sourceIp": "127.0.0.1"},
            "path": format!("/local{path}"),
            "protocol": "HTTP/1.1",
            "requestId": Uuid::new_v4().to_string(),
            "resourcePath": resource,
            "stage": "local",
        },
        "body": body,
        "isBase64Encoded": is_base64_encoded,
    })
}

/// The stage is part of API Gateway's URLs, and not of the path. Here it may be left out.
pub fn without_stage(path: &str) -> &str {
    path.strip_prefix("/local").filter(|path| path.starts_with('/')).unwrap_or(path)
}

/// The resource that a path belongs to, and the values of its parameters, as they were sent. The template's resources are
/// the paths of the operations, `/` and `/{proxy+}`.
pub fn resource(path: &str) -> (&'static str, BTreeMap<&'static str, &str>) {
    let matches = |resource: &'static str| {
        let (segments, values): (Vec<_>, Vec<_>) = (resource.split('/').collect(), path.split('/').collect());
        let mut parameters = BTreeMap::new();
        for (&segment, &value) in segments.iter().zip(&values) {
            match segment.strip_prefix('{').and_then(|segment| segment.strip_suffix('}')) {
                Some(name) if !value.is_empty() => parameters.insert(name, value),
                _ if segment == value => None,
                _ => return None,
            };
        }
        (segments.len() == values.len()).then_some((resource, parameters))
    };
    let mut resources = OPERATIONS.iter().map(|operation| operation.path).chain(["/"]);
    let greedy = || ("/{proxy+}", BTreeMap::from([("proxy", path.trim_start_matches('/'))]));
    resources.find_map(matches).unwrap_or_else(greedy)
}

/// The parameters of a query string, decoded.
fn query(uri: &Uri) -> BTreeMap<String, Vec<String>> {
    let mut query: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for (name, value) in Query::<Vec<(String, String)>>::try_from_uri(uri).map_or_else(|_| vec![], |query| query.0) {
        query.entry(name).or_default().push(value);
    }
    query
}

fn text_or_base64(body: &[u8]) -> (Option<String>, bool) {
    match str::from_utf8(body) {
        Ok("") => (None, false),
        Ok(text) => (Some(text.to_owned()), false),
        Err(_) => (Some(BASE64_STANDARD.encode(body)), true),
    }
}
