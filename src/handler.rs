//! The one function from request to response; Lambda, the local server and the tests all call it.

use std::panic::AssertUnwindSafe;
use std::time::{Duration, Instant};

use futures_util::FutureExt as _;
use lambda_http::{Body, Request, Response};

use crate::app::App;
use crate::error::ApiError;
use crate::operations::{self, Success};
use crate::request::ApiRequest;
use crate::request_log::Entry;
use crate::response::ApiResponse;

/// What is left of an invocation's time when it is given up, for the answer to be on its way before Lambda ends it.
const TIME_TO_ANSWER: Duration = Duration::from_millis(250);

/// Answers a request. It cannot fail: a request that does is answered with its error.
pub async fn handle(app: &App, request: Request) -> Response<Body> {
    let started = Instant::now();
    let request = ApiRequest::new(request, (app.sources.now)());
    let (operation, parameters) = operations::find(&request);
    let result = with_deadline(&request, (operation.handle)(app, &request, parameters)).await;
    let response = match &result {
        Ok(success) => ApiResponse::of_success(operation.status, success),
        Err(error) => ApiResponse::of_error(error),
    };
    let duration = started.elapsed();
    let (operation, status) = (operation.name, response.status);
    app.request_log.write(&Entry { request: &request, operation, status, result: &result, duration });
    response.into_http(&request.caller.request_id)
}

/// The work's result, or a failure if it panics or would not end before the invocation does.
async fn with_deadline(
    request: &ApiRequest,
    work: impl Future<Output = Result<Success, ApiError>>,
) -> Result<Success, ApiError> {
    let time = request.time_left.saturating_sub(TIME_TO_ANSWER);
    match tokio::time::timeout(time, AssertUnwindSafe(work).catch_unwind()).await {
        Ok(Ok(result)) => result,
        Ok(Err(_)) => Err(ApiError::InternalServer("the operation panicked".into())),
        Err(_) => Err(ApiError::InternalServer("the invocation's deadline is near".into())),
    }
}
