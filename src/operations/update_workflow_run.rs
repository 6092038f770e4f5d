//! UpdateWorkflowRun: ends a run, once.

use serde::Serialize;

use super::{Done, Operation};
use crate::app::App;
use crate::error::{ApiError, Resource};
use crate::model::{DateTime, RunState, Violation, WorkflowDefinitionName, WorkflowRunId, WorkflowRunStatus};
use crate::outcome::Effect;
use crate::request::AuthorizedRequest;
use crate::store::{Conditional, run_key};
use crate::validation::Input;

/// The statuses that a client may set.
const MAY_BE_SET: &[&str] = &["RUNNING", "SUCCEEDED", "FAILED", "TIMED_OUT"];

pub struct UpdateWorkflowRun {
    workflow_definition_name: WorkflowDefinitionName,
    workflow_run_id: WorkflowRunId,
    /// Any but `DELETING`.
    status: WorkflowRunStatus,
}

#[derive(Serialize)]
pub struct Output {}

impl Operation for UpdateWorkflowRun {
    type Output = Output;

    fn parse(input: &mut Input<'_>) -> Option<Self> {
        let (name, id) = (input.workflow_definition_name(), input.workflow_run_id());
        let [status] = input.body(["status"]);
        let status = input.required_where(status, |status| match status {
            WorkflowRunStatus::Deleting => Err(Violation::InvalidStatus(MAY_BE_SET)),
            status => Ok(status),
        });
        Some(Self { workflow_definition_name: name?, workflow_run_id: id?, status: status? })
    }

    /// Sets the status of a run that is `RUNNING`. A run that has ended keeps its status: setting the same status again
    /// succeeds, and setting another one conflicts.
    ///
    /// # Errors
    /// * [`ApiError::ResourceNotFound`]: the account has no such definition, or the definition has no such run.
    /// * [`ApiError::Conflict`]: the run has ended with another status.
    async fn run(self, app: &App, request: &AuthorizedRequest<'_>) -> Result<Done<Output>, ApiError> {
        let Self { workflow_definition_name: name, workflow_run_id: id, status } = self;
        let definition_id = app.definition_id(request.account_id, &name).await?;
        let key = run_key(request.account_id, &id);
        let now = DateTime::new(app.now());
        let ended_at = (status != WorkflowRunStatus::Running).then_some(now);
        let oldest = app.run_retention.oldest(now);
        let latest_start = app.run_timeout.latest_start(now).max(oldest);
        let requested = RunState { status, ended_at };
        let mut update = app.store.update_run(&key, definition_id, requested, latest_start).await?;
        let mut effect = if ended_at.is_some() { Effect::Updated } else { Effect::Unchanged };
        while let Conditional::NotApplied(found) = update {
            let run = found.and_then(|run| run.of(definition_id, oldest));
            let Some(run) = run else { return Err(ApiError::ResourceNotFound(Resource::WorkflowRun(id))) };
            // The SDK retries an update whose response was lost, and the retry finds what the first attempt wrote.
            if ended_at.is_some() && run.stored_state() == requested {
                break;
            }
            let derived = app.run_timeout.derive(run.stored_state(), run.started_at, now);
            if derived.status != status {
                let message = "The workflow run has already ended with another status.";
                return Err(ApiError::Conflict(Resource::WorkflowRun(id), message));
            }
            effect = Effect::Unchanged;
            if run.status == derived.status {
                return Ok(Done::new(effect, Output {}).about(id));
            }
            // The run has timed out, which the table does not say yet. An end that was sent in time may still be faster.
            update = app.store.update_run(&key, definition_id, derived, oldest).await?;
        }
        Ok(Done::new(effect, Output {}).about(id).ended(ended_at.map(|_| status)))
    }
}
