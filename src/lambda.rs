//! What Lambda hands over, and back: API Gateway's event becomes a request, and the response what the gateway expects;
//! an event of the table's stream becomes records for the cleanup.
//!
//! An event is read member by member, and only for what is used. A member that is missing or of the wrong type is absent:
//! parsed into a library's types, an event fails as a whole for a member that nobody uses, and the gateway turns that
//! into a 502.

use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use jiff::Timestamp;
use lambda_http::Response;
use lambda_http::aws_lambda_events::apigw::{ApiGatewayProxyResponse, ApiGatewayV2httpResponse};
use lambda_http::http::HeaderValue;
use lambda_runtime::{Context, Error, LambdaEvent, Service, service_fn};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use tracing::error;

use crate::app::{App, Sources};
use crate::cleanup::{Cleanup, Record};
use crate::config::Config;
use crate::handler::Handler;
use crate::json::{each_member, members};
use crate::metrics::Counters;
use crate::model::{AccountId, DefinitionId, WorkflowDefinitionName};
use crate::request::{ApiRequest, Body, Route};
use crate::request_log::{LogWriter, RequestLog};

/// The function: what a process makes of every event.
pub struct Function {
    handler: Handler,
    cleanup: Cleanup,
    table_name: String,
}

impl Function {
    /// Builds the clients without making a call. `log` receives the line of each request.
    #[must_use]
    pub fn new(config: Config, sources: Sources, log: LogWriter) -> Self {
        let app = Arc::new(App::new(&config, sources));
        let cleanup = Cleanup::new(Arc::clone(&app), config.function_name.clone(), Arc::clone(&log));
        let request_log = RequestLog::new(config.function_name, log);
        let handler = Handler::new(app, config.unsigned_account_id, request_log);
        Self { handler, cleanup, table_name: config.table_name }
    }

    /// Handles an event, which may be any JSON. Returns what to pass to Lambda: a response, or nothing for records of the
    /// table's stream.
    ///
    /// # Errors
    /// Lambda must not count the event as done: it has records of another source, or an AWS call failed.
    pub async fn invoke(&self, event: LambdaEvent<Box<RawValue>>) -> Result<impl Serialize + use<>, Error> {
        let now = self.handler.now();
        match read(&event.payload, &event.context, now) {
            Event::Request(payload, request) => Ok(Some(payload.response(self.handler.handle(*request).await))),
            Event::Records(records) => {
                if !records.iter().all(|record| is_of_stream(record, &self.table_name)) {
                    return Err(format!("not every record is of a stream of the table {}", self.table_name).into());
                }
                let time_left = time_left(event.context.deadline, now).unwrap_or(Duration::MAX);
                for record in records.into_iter().filter_map(record) {
                    // In a box, since requests need not make room for it.
                    let handled = Box::pin(self.cleanup.handle(&record, time_left)).await;
                    handled.map_err(|error| error.detail())?;
                }
                Ok(None)
            }
        }
    }
}

/// The function as the service that the Lambda runtime calls.
#[must_use]
pub fn service(
    function: Arc<Function>,
) -> impl Service<LambdaEvent<Box<RawValue>>, Response = impl Serialize + Send, Error = Error, Future: Send> + Clone + Send
{
    service_fn(move |event: LambdaEvent<Box<RawValue>>| {
        let function = Arc::clone(&function);
        async move { function.invoke(event).await }
    })
}

enum Event<'a> {
    Request(Payload, Box<ApiRequest>),
    Records(Vec<&'a RawValue>),
}

/// The format of an event and of its response.
#[derive(Clone, Copy)]
enum Payload {
    /// A REST API's, payload 1.0.
    Rest,
    /// An HTTP API's, payload 2.0.
    Http,
}

#[derive(Serialize)]
#[serde(untagged)]
enum ProxyResponse {
    Rest(ApiGatewayProxyResponse),
    Http(ApiGatewayV2httpResponse),
}

impl Payload {
    fn response(self, response: Response<lambda_http::Body>) -> ProxyResponse {
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

/// Reads an event that arrived at this time.
fn read<'a>(event: &'a RawValue, context: &Context, arrived_at: Timestamp) -> Event<'a> {
    let [request_context, records, version, http_method, resource, route_key, raw_path] =
        object(Some(event), ["requestContext", "Records", "version", "httpMethod", "resource", "routeKey", "rawPath"]);
    let [path_parameters, query, multi_value_query, body, is_base64_encoded] = object(
        Some(event),
        ["pathParameters", "queryStringParameters", "multiValueQueryStringParameters", "body", "isBase64Encoded"],
    );
    if !begins_with(request_context, '{')
        && let Some(records) = parse(records)
    {
        return Event::Records(records);
    }
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
        signed_by: text(account_id).map(AccountId::of_signer),
        request_id: request_id.unwrap_or_else(|| context.request_id.clone()),
        lambda_request_id: context.request_id.clone(),
        method: text(method).unwrap_or_default(),
        route,
        query,
        body: decode(body, parse(is_base64_encoded).unwrap_or_default()),
        arrived_at,
        time_left: time_left(context.deadline, arrived_at).unwrap_or(Duration::MAX),
        counters: Counters::default(),
    };
    Event::Request(payload, Box::new(request))
}

/// Whether a record is one of a stream of this table: `arn:aws:dynamodb:us-east-1:123456789012:table/NAME/stream/…`.
fn is_of_stream(record: &RawValue, table_name: &str) -> bool {
    let [arn] = object(Some(record), ["eventSourceARN"]);
    let arn = text(arn).unwrap_or_default();
    let [_, _, service, _, _, resource] = arn.splitn(6, ':').collect::<Vec<_>>()[..] else { return false };
    let table = resource.strip_prefix("table/").and_then(|table| table.split_once("/stream/"));
    service == "dynamodb" && table.is_some_and(|(name, _)| name == table_name)
}

/// What there is to do for a record of the table's stream, if anything.
fn record(record: &RawValue) -> Option<Record> {
    let [event_name, change] = object(Some(record), ["eventName", "dynamodb"]);
    let [keys, old_image, new_image] = object(change, ["Keys", "OldImage", "NewImage"]);
    let key = attribute(keys, "pk", "S")?;
    if let Some(definition_id) = key.strip_prefix("generation/") {
        if text(event_name).as_deref() != Some("REMOVE") {
            return None;
        }
        let account_id = attribute(old_image, "accountId", "S").map(AccountId::of_signer);
        let removed = account_id.zip(DefinitionId::parse(definition_id));
        let removed =
            removed.map(|(account_id, definition_id)| Record::GenerationRemoved { account_id, definition_id });
        return removed.or_else(|| unreadable(&key));
    }
    let is_deleting = attribute(new_image, "status", "S").as_deref() == Some("DELETING");
    if !key.starts_with("definition/") || !is_deleting || attribute(new_image, "goneAt", "N").is_some() {
        return None;
    }
    let record = || {
        Some(Record::DefinitionDeleting {
            account_id: AccountId::of_signer(attribute(new_image, "accountId", "S")?),
            name: WorkflowDefinitionName::new(attribute(new_image, "name", "S")?).ok()?,
            definition_id: DefinitionId::parse(&attribute(new_image, "definitionId", "S")?)?,
            sweep: attribute(new_image, "sweep", "N").map_or(Some(0), |sweep| sweep.parse().ok())?,
        })
    };
    record().or_else(|| unreadable(&key))
}

/// A record that cannot be read must not hold up those behind it.
fn unreadable(key: &str) -> Option<Record> {
    error!(key, "a record of the table's stream cannot be read");
    None
}

/// The value of an attribute of this type in an image of a record.
fn attribute(image: Option<&RawValue>, name: &str, attribute_type: &str) -> Option<String> {
    let [value] = object(image, [name]);
    let [value] = object(value, [attribute_type]);
    parse(value)
}

/// The route of a resource, whose `{proxy+}` stands for a path.
fn route(resource: String, path_parameters: Option<&RawValue>) -> Route {
    if resource == "/{proxy+}" {
        let [proxy] = object(path_parameters, ["proxy"]);
        return Route::Path(format!("/{}", text(proxy).unwrap_or_default()));
    }
    Route::Resource(resource, entries(path_parameters, |value| parse(Some(value))))
}

/// The path without the stage of an HTTP API, with which it begins unless the stage is `$default`.
fn without_stage<'a>(path: &'a str, stage: Option<&str>) -> &'a str {
    let below = |stage| path.strip_prefix('/')?.strip_prefix(stage).filter(|rest| rest.starts_with('/'));
    stage.and_then(below).unwrap_or(path)
}

fn decode(body: Option<&RawValue>, is_base64_encoded: bool) -> Body {
    if !begins_with(body, '"') {
        return Body::Bytes(Vec::new());
    }
    let bytes = match parse::<String>(body) {
        Some(body) if is_base64_encoded => BASE64_STANDARD.decode(body).ok(),
        body => body.map(String::into_bytes),
    };
    bytes.map_or(Body::Unreadable, Body::Bytes)
}

/// The time until a deadline in epoch milliseconds. A deadline in the past is ignored, since cargo-lambda's emulator
/// sends such deadlines.
fn time_left(deadline_ms: u64, now: Timestamp) -> Option<Duration> {
    let now_ms = u64::try_from(now.as_millisecond()).ok()?;
    deadline_ms.checked_sub(now_ms).map(Duration::from_millis)
}

/// The values of these members; none, if the value is not an object.
fn object<'a, const N: usize>(value: Option<&'a RawValue>, names: [&str; N]) -> [Option<&'a RawValue>; N] {
    value.and_then(|value| members(value.get().as_bytes(), names).ok()).unwrap_or([None; N])
}

/// The members of an object for which `f` has a text.
fn entries<'a>(value: Option<&'a RawValue>, f: impl Fn(&'a RawValue) -> Option<String>) -> Vec<(String, String)> {
    let mut entries = Vec::new();
    if let Some(value) = value {
        // What is not an object has no members.
        let _ = each_member(
            value.get().as_bytes(),
            |name| Ok(name.to_owned()),
            |name, value| entries.extend(f(value).map(|text| (name, text))),
        );
    }
    entries
}

/// The value, if it is of this type.
fn parse<'a, T: Deserialize<'a>>(value: Option<&'a RawValue>) -> Option<T> {
    serde_json::from_str(value?.get()).ok()
}

/// The value, if it is a text that is not empty. A gateway omits some members and leaves others empty.
fn text(value: Option<&RawValue>) -> Option<String> {
    parse(value).filter(|text: &String| !text.is_empty())
}

/// Whether the value begins like an object, an array or a text.
fn begins_with(value: Option<&RawValue>, first: char) -> bool {
    value.is_some_and(|value| value.get().starts_with(first))
}
