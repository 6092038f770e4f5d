//! DeleteWorkflowRun: deletes a run, whatever its status.

use serde::Serialize;

use super::{Done, Operation};
use crate::app::App;
use crate::error::{ApiError, Resource};
use crate::model::{DateTime, WorkflowDefinitionName, WorkflowRunId, WorkflowRunStatus};
use crate::outcome::Effect;
use crate::request::AuthorizedRequest;
use crate::store::{Conditional, StoredRun, run_key};
use crate::validation::Input;

pub struct DeleteWorkflowRun {
    workflow_definition_name: WorkflowDefinitionName,
    workflow_run_id: WorkflowRunId,
}

#[derive(Serialize)]
pub struct Output {
    status: WorkflowRunStatus,
}

impl Operation for DeleteWorkflowRun {
    type Output = Output;

    fn parse(input: &mut Input<'_>) -> Option<Self> {
        let (name, id) = (input.workflow_definition_name(), input.workflow_run_id());
        Some(Self { workflow_definition_name: name?, workflow_run_id: id? })
    }

    /// Replaces a run with its tombstone in one conditional put. While the tombstone lives, a repeated request succeeds
    /// too.
    ///
    /// # Errors
    /// [`ApiError::ResourceNotFound`]: the account has no such definition, or the definition has no such run.
    async fn run(self, app: &App, request: &AuthorizedRequest<'_>) -> Result<Done<Output>, ApiError> {
        let Self { workflow_definition_name: name, workflow_run_id: id } = self;
        let definition_id = app.definition_id(request.account_id, &name).await?;
        let now = app.now();
        let oldest = app.run_retention.oldest(DateTime::new(now));
        let key = run_key(request.account_id, &id);
        let effect = match app.store.delete_run(&key, definition_id, oldest, now).await? {
            Conditional::Applied => Effect::Deleted,
            Conditional::NotApplied(Some(StoredRun::Tombstone(tombstone)))
                if tombstone.definition_id == definition_id && tombstone.is_current(now) =>
            {
                Effect::Unchanged
            }
            Conditional::NotApplied(_) => return Err(ApiError::ResourceNotFound(Resource::WorkflowRun(id))),
        };
        Ok(Done::new(effect, Output { status: WorkflowRunStatus::Deleting }).about(id))
    }
}
