//! From request to response: the one function that Lambda, the local server and the tests all call.

use std::panic::AssertUnwindSafe;
use std::time::{Duration, Instant};

use futures_util::FutureExt as _;
use lambda_http::{Body, Request, Response};

use crate::app::App;
use crate::error::ApiError;
use crate::operations::{self, AuthorizedRequest, Success};
use crate::request::ApiRequest;
use crate::request_log::Entry;
use crate::response::ApiResponse;

/// How long before Lambda's deadline an operation is abandoned, so that the response still gets out.
const TIME_TO_ANSWER: Duration = Duration::from_millis(250);

/// Handles a request. It cannot fail: an error becomes a response.
pub async fn handle(app: &App, request: Request) -> Response<Body> {
    let started = Instant::now();
    let request = ApiRequest::new(request, app.now());
    let (operation, parameters) = operations::find(&request.method, &request.route);
    let account_id = request.signed_by.as_ref().or(app.unsigned_account_id.as_ref());
    let result = match account_id {
        Some(account_id) => {
            let authorized = AuthorizedRequest { account_id, parameters, request: &request };
            with_deadline(&request, operation.handle(app, authorized)).await
        }
        // A forgotten authorizer must not make every caller the owner of the API.
        None => Err(ApiError::AccessDenied(
            "no AWS account has signed the request: does its route have IAM authorization?".into(),
        )),
    };
    let response = match &result {
        Ok(success) => ApiResponse::of_success(operation.status, success),
        Err(error) => ApiResponse::of_error(error),
    };
    app.request_log.write(&Entry {
        request: &request,
        account_id: account_id.map_or("", String::as_str),
        operation: operation.name,
        status: response.status,
        result: result.as_ref().map(|success| (success.outcome, success.workflow_run_id.as_deref())),
        duration: started.elapsed(),
    });
    response.into_http(&request.request_id)
}

/// The result of the work, or an error if it panics or would outlast the invocation.
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
