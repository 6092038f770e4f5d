//! The API's operations: a table, and one file for each.

mod create_workflow_definition;
mod create_workflow_run;
mod delete_workflow_definition;
mod delete_workflow_run;
mod get_workflow_definition;
mod get_workflow_run;
mod list_workflow_definitions;
mod list_workflow_runs;
mod update_workflow_run;

use futures_util::future::BoxFuture;
use lambda_http::http::{Method, StatusCode};
use serde::Serialize;

use create_workflow_definition::CreateWorkflowDefinition;
use create_workflow_run::CreateWorkflowRun;
use delete_workflow_definition::DeleteWorkflowDefinition;
use delete_workflow_run::DeleteWorkflowRun;
use get_workflow_definition::GetWorkflowDefinition;
use get_workflow_run::GetWorkflowRun;
use list_workflow_definitions::ListWorkflowDefinitions;
use list_workflow_runs::ListWorkflowRuns;
use update_workflow_run::UpdateWorkflowRun;

use crate::app::App;
use crate::error::ApiError;
use crate::model::{WorkflowRunId, WorkflowRunStatus};
use crate::outcome::{Effect, Outcome, Success};
use crate::request::{ApiRequest, AuthorizedRequest, PathParameters};
use crate::validation::Input;

/// An operation of the API. Its fields are the members of the input.
trait Operation: Sized + Send + 'static {
    type Output: Serialize;

    /// Parses the input. `None` if a field failed.
    fn parse(input: &mut Input<'_>) -> Option<Self>;

    /// Does the work. Any operation can also fail as its AWS calls do: denied, throttled or internal.
    fn run(
        self,
        app: &App,
        request: &AuthorizedRequest<'_>,
    ) -> impl Future<Output = Result<Done<Self::Output>, ApiError>> + Send;
}

/// What an operation has done.
struct Done<T> {
    effect: Effect,
    output: T,
    workflow_run_id: Option<WorkflowRunId>,
    ended: Option<WorkflowRunStatus>,
}

impl<T> Done<T> {
    fn new(effect: Effect, output: T) -> Self {
        Self { effect, output, workflow_run_id: None, ended: None }
    }

    /// The same, about this run.
    fn about(self, workflow_run_id: WorkflowRunId) -> Self {
        Self { workflow_run_id: Some(workflow_run_id), ..self }
    }

    /// The same, and it has ended the run with this status, if there is one.
    fn ended(self, ended: Option<WorkflowRunStatus>) -> Self {
        Self { ended, ..self }
    }
}

/// How the API offers an operation. `{…}` in the path is a parameter of one segment.
pub struct Endpoint {
    /// The operation's name.
    pub name: &'static str,
    /// The HTTP method.
    pub method: Method,
    /// The path.
    pub path: &'static str,
    /// The HTTP status of its success.
    pub status: StatusCode,
    handle: for<'a> fn(&'a App, &'a AuthorizedRequest<'a>) -> BoxFuture<'a, Outcome>,
}

const DEFINITIONS: &str = "/workflow-definitions";
const DEFINITION: &str = "/workflow-definitions/{workflowDefinitionName}";
const RUNS: &str = "/workflow-definitions/{workflowDefinitionName}/workflow-runs";
const RUN: &str = "/workflow-definitions/{workflowDefinitionName}/workflow-runs/{workflowRunId}";

/// The API's operations, in the order of the API reference.
#[rustfmt::skip]
pub static OPERATIONS: &[Endpoint] = &[
    Endpoint::of::<CreateWorkflowDefinition>("CreateWorkflowDefinition", Method::PUT,    DEFINITIONS, StatusCode::CREATED),
    Endpoint::of::<CreateWorkflowRun>       ("CreateWorkflowRun",        Method::PUT,    RUNS,        StatusCode::CREATED),
    Endpoint::of::<DeleteWorkflowDefinition>("DeleteWorkflowDefinition", Method::DELETE, DEFINITION,  StatusCode::ACCEPTED),
    Endpoint::of::<DeleteWorkflowRun>       ("DeleteWorkflowRun",        Method::DELETE, RUN,         StatusCode::ACCEPTED),
    Endpoint::of::<GetWorkflowDefinition>   ("GetWorkflowDefinition",    Method::GET,    DEFINITION,  StatusCode::OK),
    Endpoint::of::<GetWorkflowRun>          ("GetWorkflowRun",           Method::GET,    RUN,         StatusCode::OK),
    Endpoint::of::<ListWorkflowDefinitions> ("ListWorkflowDefinitions",  Method::POST,   DEFINITIONS, StatusCode::OK),
    Endpoint::of::<ListWorkflowRuns>        ("ListWorkflowRuns",         Method::POST,   RUNS,        StatusCode::OK),
    Endpoint::of::<UpdateWorkflowRun>       ("UpdateWorkflowRun",        Method::PUT,    RUN,         StatusCode::OK),
];

/// The operation for a request, and the values of its path parameters. `None` if the API has no such operation.
pub fn find(request: &ApiRequest) -> Option<(&'static Endpoint, PathParameters<'_>)> {
    let mut operations = OPERATIONS.iter().filter(|operation| operation.method.as_str() == request.method);
    operations.find_map(|operation| Some((operation, request.route.parameters_of(operation.path)?)))
}

impl Endpoint {
    const fn of<O: Operation>(name: &'static str, method: Method, path: &'static str, status: StatusCode) -> Self {
        // Made in place: `Box::pin` would copy the future, which is several kilobytes.
        Self {
            name,
            method,
            path,
            status,
            handle: |app, request| {
                let future = Box::write(Box::new_uninit(), handle::<O>(app, request));
                Box::into_pin(future)
            },
        }
    }

    /// Handles a request for this operation.
    pub fn handle<'a>(&self, app: &'a App, request: &'a AuthorizedRequest<'a>) -> BoxFuture<'a, Outcome> {
        (self.handle)(app, request)
    }

    /// Whether the operation changes what the API shows.
    pub fn writes(&self) -> bool {
        matches!(self.method, Method::PUT | Method::DELETE)
    }
}

async fn handle<O: Operation>(app: &App, request: &AuthorizedRequest<'_>) -> Outcome {
    let mut input = Input::new(request);
    let parsed = O::parse(&mut input);
    let operation = input.finish(parsed)?;
    let Done { effect, output, workflow_run_id, ended } = operation.run(app, request).await?;
    let body = serde_json::to_string(&output).map_err(ApiError::internal)?;
    Ok(Success { body, effect, workflow_run_id, ended })
}
