//! ListWorkflowRuns: lists the runs of a definition, page by page.

use serde::Serialize;

use super::{AuthorizedRequest, Outcome, Success};
use crate::app::App;
use crate::error::ApiError;
use crate::model::{DateTime, Page, RunState, WorkflowDefinitionName, WorkflowRunId, WorkflowRunStatus};
use crate::validation::Fields;

/// The operation's input.
struct ListWorkflowRunsRequest {
    workflow_definition_name: WorkflowDefinitionName,
    page: Page,
}

/// The operation's output.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ListWorkflowRunsResponse {
    workflow_run_summaries: Vec<WorkflowRunSummary>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_token: Option<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct WorkflowRunSummary {
    workflow_run_arn: String,
    workflow_run_id: String,
    status: WorkflowRunStatus,
    started_at: DateTime,
    #[serde(skip_serializing_if = "Option::is_none")]
    ended_at: Option<DateTime>,
}

/// Handles a request.
///
/// # Errors
/// [`ApiError::Validation`], and the errors of [`list_workflow_runs`].
pub(super) async fn handle(app: &App, request: AuthorizedRequest<'_>) -> Result<Success, ApiError> {
    let mut fields = Fields::default();
    let workflow_definition_name = request.workflow_definition_name(&mut fields);
    let page = fields.page(request.request, |id| WorkflowRunId::new(id).is_ok());
    let input = fields.finish(
        workflow_definition_name
            .zip(page)
            .map(|(workflow_definition_name, page)| ListWorkflowRunsRequest { workflow_definition_name, page }),
    )?;
    let output = list_workflow_runs(app, request.account_id, &input).await?;
    Success::new(Outcome::Read, &output)
}

/// Reads a page of the runs of a definition from the index, which is eventually consistent.
///
/// # Errors
/// [`ApiError::ResourceNotFound`]: the account has no such definition. Also the errors of the calls.
async fn list_workflow_runs(
    app: &App,
    account_id: &str,
    input: &ListWorkflowRunsRequest,
) -> Result<ListWorkflowRunsResponse, ApiError> {
    let name = &input.workflow_definition_name;
    let definition_id = app.definition_id(account_id, name).await?;
    let now = app.date_time();
    let listing = app.store.list_runs(&definition_id, &input.page).await?;
    let summaries = listing.entries.iter().map(|entry| {
        let (started_at, id) = entry.created_at_and_id()?;
        let stored = RunState { status: entry.status, ended_at: entry.ended_at };
        let state = app.run_timeout.derive(stored, started_at, now);
        Ok(WorkflowRunSummary {
            workflow_run_arn: app.arns.workflow_run(account_id, name.as_str(), id),
            workflow_run_id: id.to_owned(),
            status: state.status,
            started_at,
            ended_at: state.ended_at,
        })
    });
    Ok(ListWorkflowRunsResponse {
        workflow_run_summaries: summaries.collect::<Result<_, ApiError>>()?,
        next_token: listing.next_token.map(|token| token.encode()),
    })
}
