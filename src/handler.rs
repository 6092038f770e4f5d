//! The one function from request to response; Lambda, the local server and the tests all call it.

use std::num::NonZeroUsize;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::FutureExt as _;
use jiff::{SignedDuration, Timestamp};
use lambda_http::{Body, Request, Response};
use tracing::{Level, error, info, warn};
use uuid::Uuid;

use crate::answer::{Success, response};
use crate::config::Config;
use crate::error::ApiError;
use crate::event::Call;
use crate::log_groups::LogGroups;
use crate::memory::Memory;
use crate::routes;
use crate::store::Store;

/// What is left of an invocation's time when it is given up, for the answer to be on its way before Lambda ends it.
const TIME_TO_ANSWER: Duration = Duration::from_millis(250);

/// The API: its operations' clients, and what they remember between requests.
pub struct Api {
    /// The table.
    pub store: Store,
    /// CloudWatch Logs.
    pub log_groups: LogGroups,
    /// Definitions that were there and active.
    pub known_definitions: Memory,
    /// Log groups that were there.
    pub known_log_groups: Memory,
    /// Time and randomness.
    pub sources: Sources,
}

/// Where time and randomness come from, so that tests can decide them.
#[derive(Clone)]
pub struct Sources {
    /// The wall clock.
    pub now: Arc<dyn Fn() -> Timestamp + Send + Sync>,
    /// A UUID that nobody can guess and nobody else draws.
    pub uuid: Arc<dyn Fn() -> Uuid + Send + Sync>,
}

impl Default for Sources {
    fn default() -> Self {
        Self { now: Arc::new(Timestamp::now), uuid: Arc::new(Uuid::new_v4) }
    }
}

impl Api {
    /// Makes the clients. No call is made yet.
    #[must_use]
    pub fn new(config: Config, sources: Sources) -> Self {
        /// At a few hundred bytes each, both memories together stay below a megabyte.
        const CAPACITY: NonZeroUsize = NonZeroUsize::new(1_000).unwrap();
        Self {
            log_groups: LogGroups::new(&config.aws),
            store: Store::new(&config.aws, config.table_name),
            known_definitions: Memory::new(CAPACITY, SignedDuration::from_secs(60)),
            known_log_groups: Memory::new(CAPACITY, SignedDuration::from_hours(1)),
            sources,
        }
    }

    /// Answers a request. It cannot fail: a request that does is answered with its error.
    pub async fn handle(&self, request: Request) -> Response<Body> {
        let started = Instant::now();
        let call = Call::from(request);
        let route = routes::find(&call);
        let operation = route.as_ref().map(|(route, _)| route.operation);

        let result = match route {
            Some((route, parameters)) => in_time(&call, (route.serve)(self, &call, parameters)).await,
            None => Err(ApiError::UnknownOperation),
        };
        log(&call, operation, &result, started.elapsed());
        response(&result, &call.caller.request_id)
    }
}

/// The work's result, or a failure if it panics or would not end before the invocation does.
async fn in_time(call: &Call, work: impl Future<Output = Result<Success, ApiError>>) -> Result<Success, ApiError> {
    let time = call.time_left.saturating_sub(TIME_TO_ANSWER);
    match tokio::time::timeout(time, AssertUnwindSafe(work).catch_unwind()).await {
        Ok(Ok(result)) => result,
        Ok(Err(_)) => Err(ApiError::InternalServer("the operation panicked".into())),
        Err(_) => Err(ApiError::InternalServer("the invocation's deadline is near".into())),
    }
}

/// Writes a request's one line. It names neither body nor token.
fn log(call: &Call, operation: Option<&str>, result: &Result<Success, ApiError>, duration: Duration) {
    let (level, status, outcome, workflow_run_id, detail) = match result {
        Ok(success) => (Level::INFO, success.status, success.outcome, success.body["workflowRunId"].as_str(), None),
        Err(error) => (error.level(), error.to_wire().status, error.outcome(), error.workflow_run_id(), error.detail()),
    };
    macro_rules! line {
        ($level:ident) => {
            $level!(
                request_id = call.caller.request_id,
                lambda_request_id = call.lambda_request_id,
                account_id = call.caller.account_id,
                operation,
                status = status.as_u16(),
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
