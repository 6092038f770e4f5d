//! The one function from request to response; Lambda, the local server and the tests all call it.

use std::panic::AssertUnwindSafe;
use std::time::{Duration, Instant};

use futures_util::FutureExt as _;
use lambda_http::{Body, Request, Response};

use crate::answer::Success;
use crate::api::Api;
use crate::error::ApiError;
use crate::event::Call;
use crate::request_log::{Entry, LogGroupCounts};
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
        let mut log_groups = LogGroupCounts::default();

        let result = match route {
            Some((route, parameters)) => {
                with_deadline(&call, (route.serve)(self, &call, parameters, &mut log_groups)).await
            }
            None => Err(ApiError::UnknownOperation),
        };
        let answer = match &result {
            Ok(success) => success.to_answer(),
            Err(error) => error.to_answer(),
        };
        let duration = started.elapsed();
        let entry =
            Entry { call: &call, operation, result: &result, answer: &answer, log_groups: &log_groups, duration };
        self.request_log.write(&entry);
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
