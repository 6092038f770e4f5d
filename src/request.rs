//! From the HTTP request of an event to an [`ApiRequest`]: who calls, what, and how long there is to answer.

use std::fmt;
use std::time::Duration;

use jiff::Timestamp;
use lambda_http::aws_lambda_events::query_map::QueryMap;
use lambda_http::http::Method;
use lambda_http::request::RequestContext;
use lambda_http::{Body, Request, RequestExt as _};

use crate::metrics::Counters;

/// The longest gateway request id that is stored, in characters. A caller can choose that id.
const LONGEST_STORED_ID: usize = 128;

/// One request of a REST API (payload 1.0) or an HTTP API (payload 2.0).
pub struct ApiRequest {
    /// The AWS account that signed the request; `None` if it is not signed.
    pub signed_by: Option<String>,
    /// The gateway's request id, by which its log and ours can be joined; if there is none, Lambda's.
    pub request_id: String,
    /// Lambda's request id.
    pub lambda_request_id: String,
    /// The HTTP method.
    pub method: Method,
    /// The route that the gateway matched, and for which IAM authorized the caller.
    pub route: Route,
    /// The query string's parameters, decoded.
    query: QueryMap,
    /// The body, decoded if it arrived base64-encoded.
    pub body: Body,
    /// The time of arrival.
    pub arrived_at: Timestamp,
    /// The time until Lambda ends the invocation; [`Duration::MAX`] if that is unknown.
    pub time_left: Duration,
    /// The request's counters.
    pub counters: Counters,
}

/// A route of the gateway.
#[derive(Debug)]
pub enum Route {
    /// A resource: its path, with `{…}` for parameters, and the values of those parameters.
    Resource(String, QueryMap),
    /// A path that reached the function through a greedy or default route.
    Path(String),
}

impl ApiRequest {
    /// Reads a request that arrived at this time.
    pub fn new(request: Request, arrived_at: Timestamp) -> Self {
        let (signed_by, request_id, route) = match request.request_context_ref() {
            Some(RequestContext::ApiGatewayV1(context)) => (
                context.identity.account_id.as_deref(),
                context.request_id.as_deref(),
                Route::of_resource(context.resource_path.as_deref().unwrap_or_default(), &request),
            ),
            Some(RequestContext::ApiGatewayV2(context)) => (
                context.authorizer.as_ref().and_then(|authorizer| authorizer.iam.as_ref()?.account_id.as_deref()),
                context.request_id.as_deref(),
                match context.route_key.as_deref().and_then(|key| key.split_once(' ')) {
                    Some((_, resource)) => Route::of_resource(resource, &request),
                    None => Route::Path(without_stage(request.raw_http_path(), context.stage.as_deref()).to_owned()),
                },
            ),
            _ => (None, None, Route::Path(String::new())),
        };
        let lambda = request.lambda_context_ref();
        let lambda_request_id = lambda.map(|context| context.request_id.as_str()).unwrap_or_default();
        Self {
            signed_by: non_empty(signed_by).map(ToOwned::to_owned),
            request_id: non_empty(request_id).unwrap_or(lambda_request_id).to_owned(),
            lambda_request_id: lambda_request_id.to_owned(),
            method: request.method().clone(),
            route,
            query: request.query_string_parameters_ref().cloned().unwrap_or_default(),
            arrived_at,
            time_left: lambda.and_then(|context| time_left(context.deadline, arrived_at)).unwrap_or(Duration::MAX),
            body: request.into_body(),
            counters: Counters::default(),
        }
    }

    /// A query string parameter; the last value if it is repeated.
    pub fn query(&self, name: &str) -> Option<&str> {
        self.query.all(name)?.pop()
    }

    /// The request id to store: the gateway's, unless the caller chose one that is too long.
    pub fn stored_id(&self) -> &str {
        let is_too_long = self.request_id.chars().nth(LONGEST_STORED_ID).is_some();
        if is_too_long { &self.lambda_request_id } else { &self.request_id }
    }
}

impl Route {
    fn of_resource(resource: &str, request: &Request) -> Self {
        let parameters = request.path_parameters_ref().cloned().unwrap_or_default();
        if resource == "/{proxy+}" {
            return Self::Path(format!("/{}", parameters.first("proxy").unwrap_or_default()));
        }
        Self::Resource(resource.to_owned(), parameters)
    }

    /// The values of an operation's path parameters, if the route matches its path. Nothing is decoded: names and ids
    /// need no encoding, and IAM has seen the same text.
    pub fn parameters_of<'a>(&'a self, operation_path: &'static str) -> Option<PathParameters<'a>> {
        let name_of = |segment: &'static str| segment.strip_prefix('{')?.strip_suffix('}');
        match self {
            Self::Resource(resource, parameters) => (resource == operation_path).then(|| {
                let names = operation_path.split('/').filter_map(name_of);
                PathParameters(names.map(|name| (name, parameters.first(name).unwrap_or_default())).collect())
            }),
            Self::Path(path) => {
                let mut parameters = Vec::new();
                let mut segments = path.split('/');
                for expected in operation_path.split('/') {
                    let segment = segments.next()?;
                    match name_of(expected) {
                        Some(name) => parameters.push((name, segment)),
                        None if expected == segment => {}
                        None => return None,
                    }
                }
                segments.next().is_none().then_some(PathParameters(parameters))
            }
        }
    }
}

impl fmt::Display for Route {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (Self::Resource(path, _) | Self::Path(path)) = self;
        f.write_str(path)
    }
}

/// The parameters in a path, by name.
#[derive(Debug, Default)]
pub struct PathParameters<'a>(Vec<(&'static str, &'a str)>);

impl PathParameters<'_> {
    /// The parameter's value; empty if the path has no such parameter.
    pub fn get(&self, name: &str) -> &str {
        self.0.iter().find(|(parameter, _)| *parameter == name).map_or("", |(_, value)| value)
    }
}

/// The path without the stage of an HTTP API, with which it begins unless the stage is `$default`.
fn without_stage<'a>(path: &'a str, stage: Option<&str>) -> &'a str {
    let below = |stage| path.strip_prefix('/')?.strip_prefix(stage).filter(|rest| rest.starts_with('/'));
    stage.and_then(below).unwrap_or(path)
}

/// The time until a deadline in epoch milliseconds. A deadline in the past is ignored, since cargo-lambda's emulator
/// sends such deadlines.
fn time_left(deadline_ms: u64, now: Timestamp) -> Option<Duration> {
    let now_ms = u64::try_from(now.as_millisecond()).ok()?;
    deadline_ms.checked_sub(now_ms).map(Duration::from_millis)
}

/// A gateway omits some members and leaves others empty.
fn non_empty(value: Option<&str>) -> Option<&str> {
    value.filter(|value| !value.is_empty())
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use super::*;

    const RUNS: &str = "/workflow-definitions/{workflowDefinitionName}/workflow-runs";

    fn name_in(route: &Route) -> Option<String> {
        route.parameters_of(RUNS).map(|parameters| parameters.get("workflowDefinitionName").to_owned())
    }

    #[test]
    fn the_gateways_resource_decides_and_its_parameters_count() {
        let parameters: QueryMap = HashMap::from([("workflowDefinitionName".to_owned(), "demo".to_owned())]).into();
        assert_eq!(name_in(&Route::Resource(RUNS.into(), parameters.clone())).as_deref(), Some("demo"));
        assert_eq!(name_in(&Route::Resource(RUNS.into(), QueryMap::default())).as_deref(), Some(""));
        for other in
            ["", "/", "/workflow-definitions", "/prod/workflow-definitions/{workflowDefinitionName}/workflow-runs"]
        {
            assert_eq!(name_in(&Route::Resource(other.into(), parameters.clone())), None, "{other}");
        }
    }

    #[test]
    fn a_parameter_in_a_path_is_one_segment_and_is_not_decoded() {
        for segment in ["demo", "my%2Dflow", "a%2Fb", "", ".."] {
            let path = format!("/workflow-definitions/{segment}/workflow-runs");
            assert_eq!(name_in(&Route::Path(path)).as_deref(), Some(segment));
        }
    }

    #[test]
    fn any_other_path_matches_nothing() {
        for path in [
            "",
            "/",
            "/workflow-definitions",
            "/workflow-definitions/demo",
            "/workflow-definitions/demo/workflow-runs/",
            "/workflow-definitions/demo/workflow-runs/id",
            "/workflow-definitions/a/b/workflow-runs",
            "/v1/workflow-definitions/demo/workflow-runs",
            "workflow-definitions/demo/workflow-runs",
            "/Workflow-Definitions/demo/workflow-runs",
        ] {
            assert_eq!(name_in(&Route::Path(path.into())), None, "{path}");
        }
    }
}
