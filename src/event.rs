//! From the event of API Gateway to a call: who calls, what, and how long there is to answer.

use std::time::Duration;

use jiff::Timestamp;
use lambda_http::http::Method;
use lambda_http::request::RequestContext;
use lambda_http::{Body, Request, RequestExt as _};

/// The account of a caller whom nobody has identified.
const NO_ACCOUNT: &str = "000000000000";

/// One request of a REST API (payload 1.0) or an HTTP API (payload 2.0).
pub struct Call {
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
}

/// Who makes a request, and which one it is.
pub struct Caller {
    /// The AWS account. Accounts see nothing of each other.
    pub account_id: String,
    /// The gateway's id of the request, so that its log and ours can be joined; else Lambda's.
    pub request_id: String,
}

impl Call {
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
