//! Turns a request into a response. It cannot fail: an error becomes a response.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::FutureExt as _;
use jiff::Timestamp;
use lambda_http::http::StatusCode;
use lambda_http::{Body, Response};

use crate::app::App;
use crate::error::{ApiError, Failure};
use crate::model::AccountId;
use crate::operations::{self, Endpoint};
use crate::outcome::Outcome;
use crate::request::{ApiRequest, AuthorizedRequest};
use crate::request_log::{Entry, RequestLog};
use crate::response::ApiResponse;

/// How long before Lambda's deadline an operation is abandoned, so that the response still gets out.
const TIME_TO_RESPOND: Duration = Duration::from_millis(250);

/// Handles requests, several of them concurrently.
pub struct Handler {
    app: Arc<App>,
    unsigned_account_id: Option<AccountId>,
    request_log: RequestLog,
}

impl Handler {
    /// A handler that treats unsigned requests as this account's, and writes a line about each request.
    pub fn new(app: Arc<App>, unsigned_account_id: Option<AccountId>, request_log: RequestLog) -> Self {
        Self { app, unsigned_account_id, request_log }
    }

    /// The time, for a request that arrives now.
    pub fn now(&self) -> Timestamp {
        self.app.now()
    }

    pub async fn handle(&self, request: ApiRequest) -> Response<Body> {
        let started = Instant::now();
        let account_id = request.signed_by.as_ref().or(self.unsigned_account_id.as_ref());
        let found = operations::find(&request);
        let operation = found.as_ref().map(|(operation, _)| *operation);
        let outcome = match (account_id, found) {
            (Some(account_id), Some((operation, parameters))) => {
                let authorized = AuthorizedRequest { account_id, parameters, request: &request };
                self.run(operation, &authorized).await
            }
            (Some(_), None) => {
                let method_and_route = format!("{} {}", request.method, request.route).chars().take(200).collect();
                Err(ApiError::UnknownOperation(method_and_route))
            }
            // A forgotten authorizer must not make every caller the owner of the API.
            (None, _) => Err(ApiError::AccessDenied(Failure::without_change(
                "no AWS account has signed the request: does its route have IAM authorization?",
            ))),
        };
        let response =
            ApiResponse::new(operation.map_or(StatusCode::NOT_FOUND, |operation| operation.status), &outcome);
        self.request_log.write(&Entry {
            request: &request,
            account_id: account_id.map_or("", AccountId::as_str),
            operation: operation.map_or("Unknown", |operation| operation.name),
            status: response.status,
            outcome: &outcome,
            duration: started.elapsed(),
        });
        response.into_http(&request.request_id)
    }

    /// The outcome of an operation, or an error if it panics or would outlast the invocation.
    async fn run(&self, operation: &Endpoint, request: &AuthorizedRequest<'_>) -> Outcome {
        let time = request.request.time_left.saturating_sub(TIME_TO_RESPOND);
        let work = AssertUnwindSafe(operation.handle(&self.app, request)).catch_unwind();
        let cause = match tokio::time::timeout(time, work).await {
            Ok(Ok(outcome)) => return outcome,
            Ok(Err(_)) => "the operation panicked",
            Err(_) => "the invocation's deadline is near",
        };
        let failure = if operation.writes() { Failure::in_doubt(cause) } else { Failure::without_change(cause) };
        Err(ApiError::InternalServer(failure))
    }
}
