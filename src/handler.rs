//! The one function from request to response; Lambda, the local server and the tests all call it.

use std::panic::AssertUnwindSafe;
use std::time::{Duration, Instant};

use futures_util::FutureExt as _;
use lambda_http::{Body, Request, Response};
use tracing::{Level, error, info, warn};

use crate::answer::{Answer, Success};
use crate::api::Api;
use crate::error::ApiError;
use crate::event::Call;
use crate::routes;

/// What is left of an invocation's time when it is given up, for the answer to be on its way before Lambda ends it.
const TIME_TO_ANSWER: Duration = Duration::from_millis(250);

impl Api {
    /// Answers a request. It cannot fail: a request that does is answered with its error.
    pub async fn handle(&self, request: Request) -> Response<Body> {
        let started = Instant::now();
        let call = Call::new(request, (self.sources.now)());
        let route = routes::find(&call);
        let operation = route.as_ref().map(|(route, _)| route.operation);

        let result = match route {
            Some((route, parameters)) => with_deadline(&call, (route.serve)(self, &call, parameters)).await,
            None => Err(ApiError::UnknownOperation),
        };
        let answer = match &result {
            Ok(success) => success.to_answer(),
            Err(error) => error.to_answer(),
        };
        log(&call, operation, &result, &answer, started.elapsed());
        answer.into_response(&call.caller.request_id)
    }
}

/// The work's result, or a failure if it panics or would not end before the invocation does.
async fn with_deadline(
    call: &Call,
    work: impl Future<Output = Result<Success, ApiError>>,
) -> Result<Success, ApiError> {
    let time = call.time_left.saturating_sub(TIME_TO_ANSWER);
    match tokio::time::timeout(time, AssertUnwindSafe(work).catch_unwind()).await {
        Ok(Ok(result)) => result,
        Ok(Err(_)) => Err(ApiError::InternalServer("the operation panicked".into())),
        Err(_) => Err(ApiError::InternalServer("the invocation's deadline is near".into())),
    }
}

/// Writes a request's one line. It names neither body nor token.
fn log(call: &Call, operation: Option<&str>, result: &Result<Success, ApiError>, answer: &Answer, duration: Duration) {
    let (level, outcome, workflow_run_id, detail) = match result {
        Ok(success) => (Level::INFO, success.outcome.name(), success.workflow_run_id.as_deref(), None),
        Err(error) => (error.level(), error.outcome(), error.workflow_run_id(), error.detail()),
    };
    macro_rules! line {
        ($level:ident) => {
            $level!(
                request_id = call.caller.request_id,
                lambda_request_id = call.lambda_request_id,
                account_id = call.caller.account_id,
                operation,
                status = answer.status.as_u16(),
                outcome,
                workflow_run_id,
                detail,
                duration_ms = (duration.as_secs_f64() * 1e6).round() / 1e3,
                "request"
            )
        };
    }
    match level {
        Level::ERROR => line!(error),
        Level::WARN => line!(warn),
        _ => line!(info),
    }
}
