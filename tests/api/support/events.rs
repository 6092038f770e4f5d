//! Events, as API Gateway makes them of requests.

use std::fs;

use axum::http::Request;
use local::gateway::{self, rest_event};
use serde::Deserialize;
use serde_json::{Map, Value, json};

/// The event of a REST API (payload 1.0).
pub fn rest(account_id: &str, method: &str, uri: &str, body: &str) -> Value {
    let request = Request::builder().method(method).uri(uri).body(()).unwrap();
    rest_event(account_id, &request.into_parts().0, body.as_bytes())
}

/// The event of an HTTP API (payload 2.0) with a route for each operation and a stage `prod`.
pub fn http(account_id: &str, method: &str, uri: &str, body: &str) -> Value {
    let (path, query) = uri.split_once('?').unwrap_or((uri, ""));
    let (resource, parameters) = gateway::resource(path);
    let route_key = format!("{method} {resource}");
    let parameter = |pair: &str| {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        (name.to_owned(), Value::from(value))
    };
    let query_parameters: Map<_, _> = query.split('&').filter(|pair| !pair.is_empty()).map(parameter).collect();
    json!({
        "version": "2.0",
        "routeKey": route_key,
        "rawPath": format!("/prod{path}"),
        "rawQueryString": query,
        "queryStringParameters": query_parameters,
        "pathParameters": parameters,
        "headers": {"content-type": "application/json"},
        "requestContext": {
            "accountId": account_id,
            "authorizer": {"iam": {"accountId": account_id}},
            "http": {"method": method, "path": format!("/prod{path}"), "protocol": "HTTP/1.1", "sourceIp": "192.0.2.1"},
            "requestId": "Kd0dXj1joAMEMsw=",
            "routeKey": route_key,
            "stage": "prod",
        },
        "body": body,
        "isBase64Encoded": false,
    })
}

/// The path of all definitions.
pub const DEFINITIONS: &str = "/workflow-definitions";

/// The path of a definition.
pub fn definition(name: &str) -> String {
    format!("{DEFINITIONS}/{name}")
}

/// The path of a run.
pub fn run(definition: &str, id: &str) -> String {
    format!("{}/{id}", runs(definition))
}

/// The path of a definition's runs.
pub fn runs(definition: &str) -> String {
    format!("/workflow-definitions/{definition}/workflow-runs")
}

/// A sample event under `events/`, and what it comes to.
#[derive(Deserialize)]
pub struct Sample {
    /// The file's name, without `.json`.
    #[serde(rename = "event")]
    pub name: String,
    /// The status of the response; none for records of the stream, which get no response.
    pub status: Option<i64>,
    /// The name of the error; empty, if it is none.
    #[serde(default)]
    pub error: String,
}

impl Sample {
    pub fn event(&self) -> Value {
        sample(&self.name)
    }
}

/// The sample events in the order of a life: `events/expected.json`.
pub fn samples() -> Vec<Sample> {
    serde_json::from_value(sample("expected")).unwrap()
}

/// A file under `events/`.
pub fn sample(name: &str) -> Value {
    let file = format!("{}/events/{name}.json", env!("CARGO_MANIFEST_DIR"));
    serde_json::from_slice(&fs::read(&file).unwrap_or_else(|error| panic!("{file}: {error}"))).unwrap()
}
