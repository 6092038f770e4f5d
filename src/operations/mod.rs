//! The operations of the API, one file each, and the table of them.

pub mod create_workflow_run;

use std::future::ready;

use futures_util::future::BoxFuture;
use lambda_http::http::{Method, StatusCode};
use serde::Serialize;
use serde_json::value::{RawValue, to_raw_value};

use crate::app::App;
use crate::error::ApiError;
use crate::request::{ApiRequest, PathParameters};

/// An operation and where it is found. `{…}` in the path is a parameter, of one segment.
pub struct Operation {
    /// The operation's name.
    pub name: &'static str,
    method: Method,
    path: &'static str,
    /// The HTTP status of its success.
    pub status: StatusCode,
    /// Parses a request, does what it asks for and gives the output.
    pub handle: Handle,
}

type Handle = for<'a> fn(&'a App, &'a ApiRequest, PathParameters<'a>) -> BoxFuture<'a, Result<Success, ApiError>>;

static OPERATIONS: &[Operation] = &[Operation {
    name: "CreateWorkflowRun",
    method: Method::PUT,
    path: "/workflow-definitions/{workflowDefinitionName}/workflow-runs",
    status: StatusCode::CREATED,
    handle: |app, request, parameters| Box::pin(create_workflow_run::handle(app, request, parameters)),
}];

/// Stands for every method and path that the API does not have.
static UNKNOWN: Operation = Operation {
    name: "Unknown",
    method: Method::OPTIONS,
    path: "",
    status: StatusCode::NOT_FOUND,
    handle: |_, _, _| Box::pin(ready(Err(ApiError::UnknownOperation))),
};

/// The operation that a request is for, with or without the stage in its path, and its path parameters.
pub fn find(request: &ApiRequest) -> (&'static Operation, PathParameters<'_>) {
    let mut paths = [Some(request.path.as_str()), request.path_below_stage()].into_iter().flatten();
    let found = paths.find_map(|path| {
        let mut operations = OPERATIONS.iter().filter(|operation| operation.method == request.method);
        operations.find_map(|operation| Some((operation, PathParameters::of(operation.path, path)?)))
    });
    found.unwrap_or((&UNKNOWN, PathParameters::default()))
}

/// What an operation has done.
pub struct Success {
    /// The output, as JSON.
    pub output: Box<RawValue>,
    /// How it came about.
    pub outcome: Outcome,
    /// The workflow run that it is about, for the log.
    pub workflow_run_id: Option<String>,
}

impl Success {
    /// A success with this output.
    ///
    /// # Errors
    /// None: an output is plain members.
    pub fn new(outcome: Outcome, output: &impl Serialize) -> Result<Self, ApiError> {
        let output = to_raw_value(output).map_err(|error| ApiError::InternalServer(error.into()))?;
        Ok(Self { output, outcome, workflow_run_id: None })
    }
}

/// How a success came about.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// This request created the resource.
    Created,
    /// An earlier, equal request had created it.
    Replayed,
}
