//! ListWorkflowDefinitions: lists the definitions of an account, page by page.

use serde::Serialize;

use super::{AuthorizedRequest, Outcome, Success};
use crate::app::App;
use crate::error::ApiError;
use crate::model::{DateTime, Page, WorkflowDefinitionName, WorkflowDefinitionStatus};
use crate::validation::Fields;

/// The operation's output.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ListWorkflowDefinitionsResponse {
    workflow_definition_summaries: Vec<WorkflowDefinitionSummary>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_token: Option<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct WorkflowDefinitionSummary {
    workflow_definition_arn: String,
    workflow_definition_name: String,
    created_at: DateTime,
    status: WorkflowDefinitionStatus,
}

/// Handles a request.
///
/// # Errors
/// [`ApiError::Validation`], and the errors of [`list_workflow_definitions`].
pub(super) async fn handle(app: &App, request: AuthorizedRequest<'_>) -> Result<Success, ApiError> {
    let mut fields = Fields::default();
    let page = fields.page(request.request, |name| WorkflowDefinitionName::new(name).is_ok());
    let page = fields.finish(page)?;
    let output = list_workflow_definitions(app, request.account_id, &page).await?;
    Success::new(Outcome::Read, &output)
}

/// Reads a page of an account's definitions from the index, which is eventually consistent.
///
/// # Errors
/// The errors of the call.
async fn list_workflow_definitions(
    app: &App,
    account_id: &str,
    page: &Page,
) -> Result<ListWorkflowDefinitionsResponse, ApiError> {
    let listing = app.store.list_definitions(account_id, page).await?;
    let summaries = listing.entries.iter().map(|entry| {
        let (created_at, name) = entry.created_at_and_id()?;
        Ok(WorkflowDefinitionSummary {
            workflow_definition_arn: app.arns.workflow_definition(account_id, name),
            workflow_definition_name: name.to_owned(),
            created_at,
            status: entry.status,
        })
    });
    Ok(ListWorkflowDefinitionsResponse {
        workflow_definition_summaries: summaries.collect::<Result<_, ApiError>>()?,
        next_token: listing.next_token.map(|token| token.encode()),
    })
}
