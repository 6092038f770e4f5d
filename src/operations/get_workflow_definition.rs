//! GetWorkflowDefinition: returns a workflow definition.

use serde::Serialize;

use super::{AuthorizedRequest, Outcome, Success};
use crate::app::App;
use crate::error::ApiError;
use crate::model::{DateTime, WorkflowDefinitionName, WorkflowDefinitionStatus, WorkflowExportConfig};
use crate::store::{WorkflowDefinition, definition_key};

/// The operation's output.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct GetWorkflowDefinitionResponse {
    name: String,
    arn: String,
    created_at: DateTime,
    status: WorkflowDefinitionStatus,
    #[serde(skip_serializing_if = "Option::is_none")]
    description: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    export_config: Option<WorkflowExportConfig>,
}

/// Handles a request.
///
/// # Errors
/// [`ApiError::Validation`], and the errors of [`get_workflow_definition`].
pub(super) async fn handle(app: &App, request: AuthorizedRequest<'_>) -> Result<Success, ApiError> {
    let name = request.definition_input()?;
    let output = get_workflow_definition(app, request.account_id, &name).await?;
    Success::new(Outcome::Read, &output)
}

/// Reads a definition, consistently. A definition that is being deleted exists until it is gone.
///
/// # Errors
/// [`ApiError::ResourceNotFound`]: the account has no such definition. Also the errors of the call.
async fn get_workflow_definition(
    app: &App,
    account_id: &str,
    name: &WorkflowDefinitionName,
) -> Result<GetWorkflowDefinitionResponse, ApiError> {
    let key = definition_key(account_id, name);
    let now = app.now();
    let found = app.store.get_definition(&key, now).await?;
    let definition = app.check_and_cache_definition(found, name, key, now)?;
    let WorkflowDefinition { name, created_at, status, description, export_config, .. } = definition;
    let arn = app.arns.workflow_definition(account_id, &name);
    Ok(GetWorkflowDefinitionResponse { name, arn, created_at, status, description, export_config })
}
