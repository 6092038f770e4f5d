//! The operations of the API, one file each, and the table of them.

mod create_workflow_definition;
pub mod create_workflow_run;
mod delete_workflow_definition;
mod delete_workflow_run;
mod get_workflow_definition;
mod get_workflow_run;
mod list_workflow_definitions;
mod list_workflow_runs;
mod update_workflow_run;

use std::future::ready;

use futures_util::future::BoxFuture;
use lambda_http::http::{Method, StatusCode};
use serde::Serialize;
use serde_json::value::{RawValue, to_raw_value};

use crate::app::App;
use crate::error::ApiError;
pub use crate::metrics::Outcome;
use crate::model::{WorkflowDefinitionName, WorkflowRunId};
use crate::request::{ApiRequest, PathParameters, Route};
use crate::validation::Fields;

/// An operation and where it is found. `{…}` in the path is a parameter, of one segment.
pub struct Operation {
    /// The operation's name.
    pub name: &'static str,
    /// The HTTP method.
    pub method: Method,
    /// The path.
    pub path: &'static str,
    /// The HTTP status of its success.
    pub status: StatusCode,
    handle: Handle,
}

/// Parses a request, does what it asks for and gives the output.
type Handle = for<'a> fn(&'a App, AuthorizedRequest<'a>) -> BoxFuture<'a, Result<Success, ApiError>>;

const DEFINITIONS: &str = "/workflow-definitions";
const DEFINITION: &str = "/workflow-definitions/{workflowDefinitionName}";
const RUNS: &str = "/workflow-definitions/{workflowDefinitionName}/workflow-runs";
const RUN: &str = "/workflow-definitions/{workflowDefinitionName}/workflow-runs/{workflowRunId}";

/// The table, in the order of the API reference.
#[rustfmt::skip]
pub static OPERATIONS: &[Operation] = &[
    operation("CreateWorkflowDefinition", Method::PUT, DEFINITIONS, StatusCode::CREATED, |app, request| Box::pin(create_workflow_definition::handle(app, request))),
    operation("CreateWorkflowRun", Method::PUT, RUNS, StatusCode::CREATED, |app, request| Box::pin(create_workflow_run::handle(app, request))),
    operation("DeleteWorkflowDefinition", Method::DELETE, DEFINITION, StatusCode::ACCEPTED, |app, request| Box::pin(delete_workflow_definition::handle(app, request))),
    operation("DeleteWorkflowRun", Method::DELETE, RUN, StatusCode::ACCEPTED, |app, request| Box::pin(delete_workflow_run::handle(app, request))),
    operation("GetWorkflowDefinition", Method::GET, DEFINITION, StatusCode::OK, |app, request| Box::pin(get_workflow_definition::handle(app, request))),
    operation("GetWorkflowRun", Method::GET, RUN, StatusCode::OK, |app, request| Box::pin(get_workflow_run::handle(app, request))),
    operation("ListWorkflowDefinitions", Method::POST, DEFINITIONS, StatusCode::OK, |app, request| Box::pin(list_workflow_definitions::handle(app, request))),
    operation("ListWorkflowRuns", Method::POST, RUNS, StatusCode::OK, |app, request| Box::pin(list_workflow_runs::handle(app, request))),
    operation("UpdateWorkflowRun", Method::PUT, RUN, StatusCode::OK, |app, request| Box::pin(update_workflow_run::handle(app, request))),
];

/// Stands for every method and path that the API does not have.
static UNKNOWN: Operation = operation("Unknown", Method::OPTIONS, "", StatusCode::NOT_FOUND, |_, _| {
    Box::pin(ready(Err(ApiError::UnknownOperation)))
});

const fn operation(
    name: &'static str,
    method: Method,
    path: &'static str,
    status: StatusCode,
    handle: Handle,
) -> Operation {
    Operation { name, method, path, status, handle }
}

/// The operation for a method and route, and the values of its path parameters.
#[must_use]
pub fn find<'a>(method: &Method, route: &'a Route) -> (&'static Operation, PathParameters<'a>) {
    let mut operations = OPERATIONS.iter().filter(|operation| operation.method == method);
    let found = operations.find_map(|operation| Some((operation, route.parameters_of(operation.path)?)));
    found.unwrap_or((&UNKNOWN, PathParameters::default()))
}

impl Operation {
    /// Does the operation.
    pub fn handle<'a>(&self, app: &'a App, request: AuthorizedRequest<'a>) -> BoxFuture<'a, Result<Success, ApiError>> {
        (self.handle)(app, request)
    }
}

/// A request whose caller is known.
pub struct AuthorizedRequest<'a> {
    /// The AWS account of the caller. Accounts see nothing of each other.
    pub account_id: &'a str,
    /// The values in the path.
    pub parameters: PathParameters<'a>,
    /// The request.
    pub request: &'a ApiRequest,
}

/// The input of an operation on one run that has no body.
struct RunInput {
    workflow_definition_name: WorkflowDefinitionName,
    workflow_run_id: WorkflowRunId,
}

impl AuthorizedRequest<'_> {
    /// The input of an operation on one definition that has no body.
    fn definition_input(&self) -> Result<WorkflowDefinitionName, ApiError> {
        let mut fields = Fields::default();
        let name = self.workflow_definition_name(&mut fields);
        fields.finish(name)
    }

    /// The input of an operation on one run that has no body.
    fn run_input(&self) -> Result<RunInput, ApiError> {
        let mut fields = Fields::default();
        let (name, id) = (self.workflow_definition_name(&mut fields), self.workflow_run_id(&mut fields));
        let input = name.zip(id);
        fields.finish(input.map(|(name, id)| RunInput { workflow_definition_name: name, workflow_run_id: id }))
    }

    fn workflow_definition_name(&self, fields: &mut Fields) -> Option<WorkflowDefinitionName> {
        let name = "workflowDefinitionName";
        fields.check(name, WorkflowDefinitionName::new(self.parameters.get(name)))
    }

    fn workflow_run_id(&self, fields: &mut Fields) -> Option<WorkflowRunId> {
        let name = "workflowRunId";
        fields.check(name, WorkflowRunId::new(self.parameters.get(name)))
    }
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
    fn new(outcome: Outcome, output: &impl Serialize) -> Result<Self, ApiError> {
        let output = to_raw_value(output).map_err(|error| ApiError::InternalServer(error.into()))?;
        Ok(Self { output, outcome, workflow_run_id: None })
    }

    fn about(self, workflow_run_id: impl Into<String>) -> Self {
        Self { workflow_run_id: Some(workflow_run_id.into()), ..self }
    }
}
