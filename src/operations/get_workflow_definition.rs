//! GetWorkflowDefinition: returns a workflow definition.

use serde::Serialize;

use super::{Done, Operation};
use crate::app::App;
use crate::error::ApiError;
use crate::model::{DateTime, Description, WorkflowDefinitionName, WorkflowDefinitionStatus, WorkflowExportConfig};
use crate::outcome::Effect;
use crate::request::AuthorizedRequest;
use crate::store::definition_key;
use crate::validation::Input;

pub struct GetWorkflowDefinition {
    workflow_definition_name: WorkflowDefinitionName,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Output {
    name: WorkflowDefinitionName,
    arn: String,
    created_at: DateTime,
    status: WorkflowDefinitionStatus,
    #[serde(skip_serializing_if = "Option::is_none")]
    description: Option<Description>,
    #[serde(skip_serializing_if = "Option::is_none")]
    export_config: Option<WorkflowExportConfig>,
}

impl Operation for GetWorkflowDefinition {
    type Output = Output;

    fn parse(input: &mut Input<'_>) -> Option<Self> {
        Some(Self { workflow_definition_name: input.workflow_definition_name()? })
    }

    /// Reads a definition, consistently. A definition that is being deleted exists until it is gone.
    ///
    /// # Errors
    /// [`ApiError::ResourceNotFound`]: the account has no such definition.
    async fn run(self, app: &App, request: &AuthorizedRequest<'_>) -> Result<Done<Output>, ApiError> {
        let name = self.workflow_definition_name;
        let key = definition_key(request.account_id, &name);
        let now = app.now();
        let found = app.store.get_definition(&key, now).await?;
        let definition = app.definitions.learn(&key, &name, found, now)?;
        let output = Output {
            arn: app.arns.workflow_definition(request.account_id, &name),
            name,
            created_at: definition.created_at,
            status: definition.status,
            description: definition.requested.description,
            export_config: definition.requested.export_config,
        };
        Ok(Done::new(Effect::Read, output))
    }
}
