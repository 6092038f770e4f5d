//! The API's operations: a table, and one file for each.

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

/// An operation and its route. `{…}` in the path is a parameter of one segment.
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

/// Handles a request for an operation.
type Handle = for<'a> fn(&'a App, AuthorizedRequest<'a>) -> BoxFuture<'a, Result<Success, ApiError>>;

const DEFINITIONS: &str = "/workflow-definitions";
const DEFINITION: &str = "/workflow-definitions/{workflowDefinitionName}";
const RUNS: &str = "/workflow-definitions/{workflowDefinitionName}/workflow-runs";
const RUN: &str = "/workflow-definitions/{workflowDefinitionName}/workflow-runs/{workflowRunId}";

macro_rules! operation {
    ($module:ident, $name:literal, $method:ident, $path:ident, $status:ident) => {
        Operation {
            name: $name,
            method: Method::$method,
            path: $path,
            status: StatusCode::$status,
            handle: |app, request| Box::pin($module::handle(app, request)),
        }
    };
}

/// The API's operations, in the order of the API reference.
#[rustfmt::skip]
pub static OPERATIONS: &[Operation] = &[
    operation!(create_workflow_definition, "CreateWorkflowDefinition", PUT,    DEFINITIONS, CREATED),
    operation!(create_workflow_run,        "CreateWorkflowRun",        PUT,    RUNS,        CREATED),
    operation!(delete_workflow_definition, "DeleteWorkflowDefinition", DELETE, DEFINITION,  ACCEPTED),
    operation!(delete_workflow_run,        "DeleteWorkflowRun",        DELETE, RUN,         ACCEPTED),
    operation!(get_workflow_definition,    "GetWorkflowDefinition",    GET,    DEFINITION,  OK),
    operation!(get_workflow_run,           "GetWorkflowRun",           GET,    RUN,         OK),
    operation!(list_workflow_definitions,  "ListWorkflowDefinitions",  POST,   DEFINITIONS, OK),
    operation!(list_workflow_runs,         "ListWorkflowRuns",         POST,   RUNS,        OK),
    operation!(update_workflow_run,        "UpdateWorkflowRun",        PUT,    RUN,         OK),
];

/// The operation of every method and path that the API does not have.
static UNKNOWN: Operation = Operation {
    name: "Unknown",
    method: Method::OPTIONS,
    path: "",
    status: StatusCode::NOT_FOUND,
    handle: |_, AuthorizedRequest { request, .. }| {
        let method_and_route: String = format!("{} {}", request.method, request.route).chars().take(200).collect();
        Box::pin(ready(Err(ApiError::UnknownOperation(method_and_route))))
    },
};

/// The operation for a method and route, and the values of its path parameters.
#[must_use]
pub fn find<'a>(method: &Method, route: &'a Route) -> (&'static Operation, PathParameters<'a>) {
    let mut operations = OPERATIONS.iter().filter(|operation| operation.method == method);
    let found = operations.find_map(|operation| Some((operation, route.parameters_of(operation.path)?)));
    found.unwrap_or((&UNKNOWN, PathParameters::default()))
}

impl Operation {
    /// Handles a request for this operation.
    pub fn handle<'a>(&self, app: &'a App, request: AuthorizedRequest<'a>) -> BoxFuture<'a, Result<Success, ApiError>> {
        (self.handle)(app, request)
    }
}

/// A request whose caller is known, for the operation that its route matches.
pub struct AuthorizedRequest<'a> {
    /// The caller's AWS account. Accounts see nothing of each other.
    pub account_id: &'a str,
    /// The path parameters.
    pub parameters: PathParameters<'a>,
    /// The request.
    pub request: &'a ApiRequest,
}

/// The input of an operation on one run without a body.
struct RunInput {
    workflow_definition_name: WorkflowDefinitionName,
    workflow_run_id: WorkflowRunId,
}

impl AuthorizedRequest<'_> {
    /// Parses the input of an operation on one definition without a body.
    fn definition_input(&self) -> Result<WorkflowDefinitionName, ApiError> {
        let mut fields = Fields::default();
        let name = self.workflow_definition_name(&mut fields);
        fields.finish(name)
    }

    /// The input of an operation on one run without a body.
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

/// The success of an operation.
pub struct Success {
    /// The output, as JSON.
    pub output: Box<RawValue>,
    /// The outcome, for the log and the metrics.
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
