//! The event of an API Gateway.

use std::time::Duration;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use jiff::Timestamp;
use lambda_http::Response;
use lambda_http::aws_lambda_events::apigw::{ApiGatewayProxyResponse, ApiGatewayV2httpResponse};
use lambda_http::http::HeaderValue;
use lambda_runtime::Context;
use serde::Serialize;
use serde_json::value::RawValue;

use super::value::{begins_with, entries, object, parse, text};
use crate::metrics::Counters;
use crate::model::AccountId;
use crate::request::{ApiRequest, Body, Route};

/// The length up to which an account id is one. Only who invokes the function directly can send another.
const LONGEST_ACCOUNT_ID: usize = 64;

/// The format of an event and of its response.
#[derive(Clone, Copy)]
pub enum Payload {
    /// A REST API's, payload 1.0.
    Rest,
    /// An HTTP API's, payload 2.0.
    Http,
}

#[derive(Serialize)]
#[serde(untagged)]
pub enum ProxyResponse {
    Rest(ApiGatewayProxyResponse),
    Http(ApiGatewayV2httpResponse),
}

impl Payload {
    pub fn response(self, response: Response<lambda_http::Body>) -> ProxyResponse {
        let (parts, body) = response.into_parts();
        let status_code = parts.status.as_u16().into();
        match self {
            Self::Rest => {
                let mut response = ApiGatewayProxyResponse::default();
                response.status_code = status_code;
                // Not `headers` too: API Gateway would send each header twice.
                response.multi_value_headers = parts.headers;
                response.body = Some(body);
                ProxyResponse::Rest(response)
            }
            Self::Http => {
                let mut response = ApiGatewayV2httpResponse::default();
                response.status_code = status_code;
                response.headers = parts.headers;
                response.body = Some(body);
                ProxyResponse::Http(response)
            }
        }
    }
}

/// The members of an event that the function uses: those of a request, and the records of a stream.
pub const MEMBERS: [&str; 12] = [
    "requestContext",
    "Records",
    "version",
    "httpMethod",
    "resource",
    "routeKey",
    "rawPath",
    "pathParameters",
    "queryStringParameters",
    "multiValueQueryStringParameters",
    "body",
    "isBase64Encoded",
];

/// Reads the request of an event with these members, which arrived at this time.
pub fn read(
    members: [Option<&RawValue>; MEMBERS.len()],
    context: &Context,
    arrived_at: Timestamp,
    time_left: Duration,
) -> (Payload, ApiRequest) {
    let [
        request_context,
        _,
        version,
        http_method,
        resource,
        route_key,
        raw_path,
        path_parameters,
        query,
        multi_value_query,
        body,
        is_base64_encoded,
    ] = members;
    let payload = if text(version).as_deref() == Some("2.0") { Payload::Http } else { Payload::Rest };
    let (account_id, request_id, method, route, query) = match payload {
        Payload::Rest => {
            let [request_id, resource_path, identity] =
                object(request_context, ["requestId", "resourcePath", "identity"]);
            let [account_id] = object(identity, ["accountId"]);
            // Some senders of events give the resource in one place only.
            let resource = text(resource_path).or_else(|| text(resource)).unwrap_or_default();
            let mut query = entries(query, |value| parse(Some(value)));
            query.extend(entries(multi_value_query, |values| parse(parse::<Vec<&RawValue>>(Some(values))?.pop())));
            (account_id, request_id, http_method, route(resource, path_parameters), query)
        }
        Payload::Http => {
            let [request_id, context_route_key, stage, http, authorizer] =
                object(request_context, ["requestId", "routeKey", "stage", "http", "authorizer"]);
            let [method] = object(http, ["method"]);
            let [iam] = object(authorizer, ["iam"]);
            let [account_id] = object(iam, ["accountId"]);
            let route_key = text(context_route_key).or_else(|| text(route_key)).unwrap_or_default();
            let route = if let Some((_, resource)) = route_key.split_once(' ') {
                route(resource.to_owned(), path_parameters)
            } else {
                let raw_path = text(raw_path).unwrap_or_default();
                Route::Path(without_stage(&raw_path, text(stage).as_deref()).to_owned())
            };
            // The gateway joins the values of a repeated parameter with commas.
            let last = |values: String| values.rsplit(',').next().map(ToOwned::to_owned);
            (account_id, request_id, method, route, entries(query, |values| last(parse(Some(values))?)))
        }
    };
    // A caller can choose API Gateway's request id.
    let request_id = text(request_id).filter(|request_id| HeaderValue::from_str(request_id).is_ok());
    let request = ApiRequest {
        signed_by: text(account_id).filter(|id| id.len() <= LONGEST_ACCOUNT_ID).map(AccountId::new),
        request_id: request_id.unwrap_or_else(|| context.request_id.clone()),
        lambda_request_id: context.request_id.clone(),
        method: text(method).unwrap_or_default(),
        route,
        query,
        body: decode(body, parse(is_base64_encoded).unwrap_or_default()),
        arrived_at,
        time_left,
        counters: Counters::default(),
    };
    (payload, request)
}

/// The route of a resource, whose `{proxy+}` stands for a path.
fn route(resource: String, path_parameters: Option<&RawValue>) -> Route {
    if resource == "/{proxy+}" {
        let [proxy] = object(path_parameters, ["proxy"]);
        return Route::Path(format!("/{}", text(proxy).unwrap_or_default()));
    }
    Route::Resource(resource, entries(path_parameters, |value| parse(Some(value))))
}

/// The path of an HTTP API without its stage prefix; `$default` has none.
fn without_stage<'a>(path: &'a str, stage: Option<&str>) -> &'a str {
    let below = |stage| path.strip_prefix('/')?.strip_prefix(stage).filter(|rest| rest.starts_with('/'));
    stage.filter(|stage| *stage != "$default").and_then(below).unwrap_or(path)
}

fn decode(body: Option<&RawValue>, is_base64_encoded: bool) -> Body {
    if !begins_with(body, '"') {
        return Body::Text(String::new());
    }
    let text = match parse::<String>(body) {
        Some(body) if is_base64_encoded => {
            BASE64_STANDARD.decode(body).ok().and_then(|bytes| String::from_utf8(bytes).ok())
        }
        body => body,
    };
    text.map_or(Body::Unreadable, Body::Text)
}
