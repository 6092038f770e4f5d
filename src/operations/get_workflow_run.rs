//! GetWorkflowRun: returns a run and its current status.

use serde::Serialize;

use super::{AuthorizedRequest, Outcome, RunInput, Success};
use crate::app::App;
use crate::error::{ApiError, Resource};
use crate::model::{DateTime, WorkflowRunStatus};
use crate::store::{WorkflowRun, definition_key, run_key};

/// The operation's output.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct GetWorkflowRunResponse {
    workflow_run_arn: String,
    workflow_run_id: String,
    status: WorkflowRunStatus,
    started_at: DateTime,
    #[serde(skip_serializing_if = "Option::is_none")]
    ended_at: Option<DateTime>,
    model_id: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    log_group_name: Option<String>,
}

/// Handles a request.
///
/// # Errors
/// [`ApiError::Validation`], and the errors of [`get_workflow_run`].
pub(super) async fn handle(app: &App, request: AuthorizedRequest<'_>) -> Result<Success, ApiError> {
    let input = request.run_input()?;
    let output = get_workflow_run(app, request.account_id, &input).await?;
    Ok(Success::new(Outcome::Read, &output)?.about(output.workflow_run_id))
}

/// Reads a run, and its definition unless that is cached, consistently and in one call.
///
/// # Errors
/// [`ApiError::ResourceNotFound`]: the account has no such definition, or the definition has no such run. Those of the
/// call.
async fn get_workflow_run(app: &App, account_id: &str, input: &RunInput) -> Result<GetWorkflowRunResponse, ApiError> {
    let name = &input.workflow_definition_name;
    let (definition_key, run_key) = (definition_key(account_id, name), run_key(account_id, &input.workflow_run_id));
    let now = app.now();
    let run = if let Some(definition_id) = app.known_definitions.get(&definition_key, now) {
        app.store.get_run(&run_key, &definition_id).await?
    } else {
        let found = app.store.find(&run_key, Some(&definition_key), None, now).await?;
        let definition = app.check_and_cache_definition(found.definition, name, definition_key, now)?;
        found.run.and_then(|run| run.of(&definition.definition_id))
    };
    let run = run
        .ok_or_else(|| ApiError::ResourceNotFound(Resource::WorkflowRun(input.workflow_run_id.as_str().to_owned())))?;
    let state = app.run_timeout.derive(run.stored_state(), run.started_at, DateTime::new(now));
    let WorkflowRun { workflow_run_id, started_at, model_id, log_group_name, .. } = *run;
    Ok(GetWorkflowRunResponse {
        workflow_run_arn: app.arns.workflow_run(account_id, name.as_str(), &workflow_run_id),
        workflow_run_id,
        status: state.status,
        started_at,
        ended_at: state.ended_at,
        model_id,
        log_group_name,
    })
}
