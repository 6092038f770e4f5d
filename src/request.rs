//! From API Gateway's event to an [`ApiRequest`]: who calls, what, and how long there is to answer.

use std::time::Duration;

use jiff::Timestamp;
use lambda_http::http::Method;
use lambda_http::request::RequestContext;
use lambda_http::{Body, Request, RequestExt as _};
use percent_encoding::percent_decode_str;

use crate::metrics::Counters;

/// The account of a caller whom nobody has identified.
const NO_ACCOUNT: &str = "000000000000";

/// One request of a REST API (payload 1.0) or an HTTP API (payload 2.0).
pub struct ApiRequest {
    /// Who calls.
    pub caller: Caller,
    /// Lambda's own id of the request.
    pub lambda_request_id: String,
    /// The HTTP method.
    pub method: Method,
    /// The path, still percent-encoded.
    pub path: String,
    /// The stage of an HTTP API, with which the path begins unless it is `$default`. The path of a REST API never does:
    /// there, what looks like a stage is part of a path for which another permission was asked.
    pub stage: Option<String>,
    /// The body; decoded, if it came base64-encoded.
    pub body: Body,
    /// When it arrived.
    pub arrived_at: Timestamp,
    /// The time until Lambda ends the invocation; [`Duration::MAX`], if nobody has said when.
    pub time_left: Duration,
    /// What is counted on the way.
    pub counters: Counters,
}

/// Who makes a request, and which one it is.
pub struct Caller {
    /// The AWS account. Accounts see nothing of each other.
    pub account_id: String,
    /// The gateway's id of the request, so that its log and ours can be joined; else Lambda's.
    pub request_id: String,
}

impl ApiRequest {
    /// Reads a request that arrived at this time.
    pub fn new(request: Request, arrived_at: Timestamp) -> Self {
        let (signed_by, context_account, request_id, stage) = match request.request_context_ref() {
            Some(RequestContext::ApiGatewayV1(context)) => (
                context.identity.account_id.as_deref(),
                context.account_id.as_deref(),
                context.request_id.as_deref(),
                None,
            ),
            Some(RequestContext::ApiGatewayV2(context)) => (
                context.authorizer.as_ref().and_then(|authorizer| authorizer.iam.as_ref()?.account_id.as_deref()),
                context.account_id.as_deref(),
                context.request_id.as_deref(),
                context.stage.as_deref(),
            ),
            _ => (None, None, None, None),
        };
        let lambda = request.lambda_context_ref();
        let lambda_request_id = lambda.map(|context| context.request_id.as_str()).unwrap_or_default();
        let caller = Caller {
            account_id: non_empty(signed_by).or(non_empty(context_account)).unwrap_or(NO_ACCOUNT).to_owned(),
            request_id: non_empty(request_id).unwrap_or(lambda_request_id).to_owned(),
        };
        Self {
            caller,
            lambda_request_id: lambda_request_id.to_owned(),
            method: request.method().clone(),
            path: request.raw_http_path().to_owned(),
            stage: stage.map(ToOwned::to_owned),
            arrived_at,
            time_left: lambda.and_then(|context| time_left(context.deadline, arrived_at)).unwrap_or(Duration::MAX),
            body: request.into_body(),
            counters: Counters::default(),
        }
    }

    /// The path without the stage, if it begins with it.
    pub fn path_below_stage(&self) -> Option<&str> {
        let rest = self.path.strip_prefix('/')?.strip_prefix(self.stage.as_deref()?)?;
        rest.starts_with('/').then_some(rest)
    }
}

/// The time until a deadline in epoch milliseconds. cargo-lambda's emulator sends deadlines that have passed long ago;
/// they are ignored.
fn time_left(deadline_ms: u64, now: Timestamp) -> Option<Duration> {
    let now_ms = u64::try_from(now.as_millisecond()).ok()?;
    deadline_ms.checked_sub(now_ms).map(Duration::from_millis)
}

/// A gateway leaves some members out and some empty.
fn non_empty(value: Option<&str>) -> Option<&str> {
    value.filter(|value| !value.is_empty())
}

/// The parameters in a path, by name.
#[derive(Default)]
pub struct PathParameters<'a>(Vec<(&'static str, &'a str)>);

impl<'a> PathParameters<'a> {
    /// The parameters of a path that a template matches.
    pub fn of(template: &'static str, path: &'a str) -> Option<Self> {
        let mut parameters = Vec::new();
        let mut segments = path.split('/');
        for expected in template.split('/') {
            let segment = segments.next()?;
            match expected.strip_prefix('{').and_then(|name| name.strip_suffix('}')) {
                Some(name) => parameters.push((name, segment)),
                None if expected == segment => {}
                None => return None,
            }
        }
        segments.next().is_none().then_some(Self(parameters))
    }

    /// The parameter's value, percent-decoded; empty, if the path has no such parameter.
    pub fn get(&self, name: &str) -> String {
        let encoded = self.0.iter().find(|(parameter, _)| *parameter == name).map_or("", |(_, value)| value);
        percent_decode_str(encoded).decode_utf8_lossy().into_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEMPLATE: &str = "/workflow-definitions/{workflowDefinitionName}/workflow-runs";

    fn name_in(path: &str) -> Option<String> {
        PathParameters::of(TEMPLATE, path).map(|parameters| parameters.get("workflowDefinitionName"))
    }

    #[test]
    fn a_parameter_is_one_segment_and_is_decoded() {
        for (segment, name) in [("demo", "demo"), ("my%2Dflow", "my-flow"), ("a%2Fb", "a/b"), ("", ""), ("..", "..")] {
            assert_eq!(name_in(&format!("/workflow-definitions/{segment}/workflow-runs")).as_deref(), Some(name));
        }
    }

    #[test]
    fn any_other_path_is_no_route() {
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
            assert_eq!(name_in(path), None, "{path}");
        }
    }
}
