//! UpdateWorkflowRun: ends a run, once.

use serde::Deserialize;
use serde_json::json;
use serde_json::value::RawValue;

use super::{AuthorizedRequest, Outcome, Success};
use crate::app::App;
use crate::error::{ApiError, Resource};
use crate::model::{RunState, Violation, WorkflowDefinitionName, WorkflowRunId, WorkflowRunStatus};
use crate::store::{UpdatedRun, run_key};
use crate::validation::Fields;

/// The statuses that a client may set.
const MAY_BE_SET: &[&str] = &["RUNNING", "SUCCEEDED", "FAILED", "TIMED_OUT"];

/// The operation's input.
struct UpdateWorkflowRunRequest {
    workflow_definition_name: WorkflowDefinitionName,
    workflow_run_id: WorkflowRunId,
    /// Any but `DELETING`.
    status: WorkflowRunStatus,
}

/// Handles a request.
///
/// # Errors
/// [`ApiError::Validation`], and the errors of [`update_workflow_run`].
pub(super) async fn handle(app: &App, request: AuthorizedRequest<'_>) -> Result<Success, ApiError> {
    let input = UpdateWorkflowRunRequest::parse(&request)?;
    let outcome = update_workflow_run(app, request.account_id, &input).await?;
    Ok(Success::new(outcome, &json!({}))?.about(input.workflow_run_id))
}

impl UpdateWorkflowRunRequest {
    fn parse(request: &AuthorizedRequest<'_>) -> Result<Self, ApiError> {
        #[derive(Deserialize)]
        struct Body<'a> {
            #[serde(borrow)]
            status: Option<&'a RawValue>,
        }

        let mut fields = Fields::default();
        let workflow_definition_name = request.workflow_definition_name(&mut fields);
        let workflow_run_id = request.workflow_run_id(&mut fields);
        let Some(body) = fields.body::<Body>(&request.request.body) else { return fields.finish(None) };
        let status = fields.required("status", body.status).and_then(|status| match status {
            WorkflowRunStatus::Deleting => fields.check("status", Err(Violation::InvalidStatus(MAY_BE_SET))),
            status => Some(status),
        });
        let input = || {
            Some(Self {
                workflow_definition_name: workflow_definition_name?,
                workflow_run_id: workflow_run_id?,
                status: status?,
            })
        };
        fields.finish(input())
    }
}

/// Sets the status of a run that is `RUNNING`. A run that has ended keeps its status: setting the same status again
/// succeeds, and setting another one conflicts.
///
/// # Errors
/// * [`ApiError::ResourceNotFound`]: the account has no such definition, or the definition has no such run.
/// * [`ApiError::Conflict`]: the run has ended with another status.
/// * The errors of the calls.
async fn update_workflow_run(
    app: &App,
    account_id: &str,
    input: &UpdateWorkflowRunRequest,
) -> Result<Outcome, ApiError> {
    let definition_id = app.definition_id(account_id, &input.workflow_definition_name).await?;
    let key = run_key(account_id, &input.workflow_run_id);
    let now = app.date_time();
    let ended_at = (input.status != WorkflowRunStatus::Running).then_some(now);
    let state = RunState { status: input.status, ended_at };
    let latest_start = app.run_timeout.latest_start(now);
    let mut found = match app.store.update_run(&key, &definition_id, state, latest_start).await? {
        // The write tells that the run is RUNNING, and so does the request.
        UpdatedRun::Updated if input.status == WorkflowRunStatus::Running => return Ok(Outcome::Unchanged),
        UpdatedRun::Updated => return Ok(Outcome::Updated),
        UpdatedRun::NotRunning(found) => found,
    };

    let resource = || Resource::WorkflowRun(input.workflow_run_id.as_str().to_owned());
    loop {
        let run = found.and_then(|run| run.of(&definition_id)).ok_or_else(|| ApiError::ResourceNotFound(resource()))?;
        let derived = app.run_timeout.derive(run.stored_state(), run.started_at, now);
        if derived.status != input.status {
            return Err(ApiError::Conflict(resource(), "The workflow run has already ended with another status."));
        }
        if run.status == derived.status {
            return Ok(Outcome::Unchanged);
        }
        // The run has timed out, which the table does not say yet. An end that was sent in time may still be faster.
        found = match app.store.update_run(&key, &definition_id, derived, None).await? {
            UpdatedRun::Updated => return Ok(Outcome::Unchanged),
            UpdatedRun::NotRunning(found) => found,
        };
    }
}
