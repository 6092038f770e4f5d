//! DeleteWorkflowDefinition: begins to delete a workflow definition and its runs.

use serde::Serialize;

use super::{Done, Operation};
use crate::app::App;
use crate::error::{ApiError, Resource};
use crate::model::{WorkflowDefinitionName, WorkflowDefinitionStatus};
use crate::outcome::Effect;
use crate::request::AuthorizedRequest;
use crate::store::{Conditional, definition_key};
use crate::validation::Input;

pub struct DeleteWorkflowDefinition {
    workflow_definition_name: WorkflowDefinitionName,
}

#[derive(Serialize)]
pub struct Output {
    status: WorkflowDefinitionStatus,
}

impl Operation for DeleteWorkflowDefinition {
    type Output = Output;

    fn parse(input: &mut Input<'_>) -> Option<Self> {
        Some(Self { workflow_definition_name: input.workflow_definition_name()? })
    }

    /// Marks the definition as `DELETING`: from now on it starts no run, here and, within a minute, in other processes.
    /// The table's stream triggers the cleanup, which deletes the runs and then the definition.
    ///
    /// The generation is part of the condition, so that an attempt that lands late does not delete a later definition of
    /// the name.
    ///
    /// # Errors
    /// [`ApiError::ResourceNotFound`]: the account has no such definition, or it is gone.
    async fn run(self, app: &App, request: &AuthorizedRequest<'_>) -> Result<Done<Output>, ApiError> {
        let name = self.workflow_definition_name;
        let key = definition_key(request.account_id, &name);
        let definition_id = app.definition_id(request.account_id, &name).await?;
        let now = app.now();
        // Before the call too, since the invocation's deadline may cut it off.
        app.definitions.forget(&key);
        let requested = app.store.request_deletion(&key, definition_id, now).await;
        app.definitions.forget(&key);
        let effect = match requested? {
            Conditional::Applied => Effect::Deleted,
            Conditional::NotApplied(Some(existing))
                if existing.definition_id == definition_id && !existing.is_active() && !existing.is_gone(now) =>
            {
                Effect::Unchanged
            }
            Conditional::NotApplied(_) => return Err(ApiError::ResourceNotFound(Resource::WorkflowDefinition(name))),
        };
        Ok(Done::new(effect, Output { status: WorkflowDefinitionStatus::Deleting }))
    }
}
