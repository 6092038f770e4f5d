//! GetWorkflowRun: returns a run and its current status.

use serde::Serialize;

use super::{Done, Operation};
use crate::app::App;
use crate::error::{ApiError, Resource};
use crate::model::{DateTime, LogGroupName, ModelId, WorkflowDefinitionName, WorkflowRunId, WorkflowRunStatus};
use crate::outcome::Effect;
use crate::request::AuthorizedRequest;
use crate::store::{definition_key, run_key};
use crate::validation::Input;

pub struct GetWorkflowRun {
    workflow_definition_name: WorkflowDefinitionName,
    workflow_run_id: WorkflowRunId,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Output {
    workflow_run_arn: String,
    workflow_run_id: WorkflowRunId,
    status: WorkflowRunStatus,
    started_at: DateTime,
    #[serde(skip_serializing_if = "Option::is_none")]
    ended_at: Option<DateTime>,
    model_id: ModelId,
    #[serde(skip_serializing_if = "Option::is_none")]
    log_group_name: Option<LogGroupName>,
}

impl Operation for GetWorkflowRun {
    type Output = Output;

    fn parse(input: &mut Input<'_>) -> Option<Self> {
        let (name, id) = (input.workflow_definition_name(), input.workflow_run_id());
        Some(Self { workflow_definition_name: name?, workflow_run_id: id? })
    }

    /// Reads a run, and its definition unless that is known, consistently and in one call.
    ///
    /// # Errors
    /// [`ApiError::ResourceNotFound`]: the account has no such definition, or the definition has no such run.
    async fn run(self, app: &App, request: &AuthorizedRequest<'_>) -> Result<Done<Output>, ApiError> {
        let Self { workflow_definition_name: name, workflow_run_id: id } = self;
        let account_id = request.account_id;
        let (definition_key, run_key) = (definition_key(account_id, &name), run_key(account_id, &id));
        let now = app.now();
        let oldest = app.run_retention.oldest(DateTime::new(now));
        let run = if let Some(definition_id) = app.definitions.get(&definition_key, now) {
            app.store.get_run(&run_key, definition_id, oldest).await?
        } else {
            let found = app.store.find(&run_key, Some(&definition_key), None, now).await?;
            let definition = app.definitions.learn(&definition_key, &name, found.definition, now)?;
            found.run.and_then(|run| run.of(definition.definition_id, oldest))
        };
        let Some(run) = run else { return Err(ApiError::ResourceNotFound(Resource::WorkflowRun(id))) };
        let state = app.run_timeout.derive(run.stored_state(), run.started_at, DateTime::new(now));
        let output = Output {
            workflow_run_arn: app.arns.workflow_run(account_id, &name, &id),
            workflow_run_id: id.clone(),
            status: state.status,
            started_at: run.started_at,
            ended_at: state.ended_at,
            model_id: run.requested.model_id,
            log_group_name: run.requested.log_group_name,
        };
        Ok(Done::new(Effect::Read, output).about(id))
    }
}
