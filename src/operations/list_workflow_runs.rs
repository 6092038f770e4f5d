//! ListWorkflowRuns: lists the runs of a definition, page by page.

use serde::Serialize;

use super::{Done, Operation};
use crate::app::App;
use crate::error::ApiError;
use crate::model::{DateTime, NextToken, Page, RunState, WorkflowDefinitionName, WorkflowRunId, WorkflowRunStatus};
use crate::outcome::Effect;
use crate::request::AuthorizedRequest;
use crate::validation::Input;

pub struct ListWorkflowRuns {
    workflow_definition_name: WorkflowDefinitionName,
    page: Page<WorkflowRunId>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Output {
    workflow_run_summaries: Vec<WorkflowRunSummary>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_token: Option<NextToken<WorkflowRunId>>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct WorkflowRunSummary {
    workflow_run_arn: String,
    workflow_run_id: WorkflowRunId,
    status: WorkflowRunStatus,
    started_at: DateTime,
    #[serde(skip_serializing_if = "Option::is_none")]
    ended_at: Option<DateTime>,
}

impl Operation for ListWorkflowRuns {
    type Output = Output;

    fn parse(input: &mut Input<'_>) -> Option<Self> {
        let (workflow_definition_name, page) = (input.workflow_definition_name(), input.page());
        Some(Self { workflow_definition_name: workflow_definition_name?, page })
    }

    /// Reads a page of the runs of a definition from the index, which is eventually consistent.
    ///
    /// # Errors
    /// [`ApiError::ResourceNotFound`]: the account has no such definition.
    async fn run(self, app: &App, request: &AuthorizedRequest<'_>) -> Result<Done<Output>, ApiError> {
        let Self { workflow_definition_name: name, page } = self;
        let definition_id = app.definition_id(request.account_id, &name).await?;
        let now = DateTime::new(app.now());
        let listing = app.store.list_runs(definition_id, &page, app.run_retention.oldest(now)).await?;
        let summaries = listing.entries.into_iter().map(|entry| {
            let stored = RunState { status: entry.status, ended_at: entry.ended_at };
            let state = app.run_timeout.derive(stored, entry.sort_key.at, now);
            WorkflowRunSummary {
                workflow_run_arn: app.arns.workflow_run(request.account_id, &name, &entry.sort_key.id),
                workflow_run_id: entry.sort_key.id,
                status: state.status,
                started_at: entry.sort_key.at,
                ended_at: state.ended_at,
            }
        });
        let workflow_run_summaries = summaries.collect();
        Ok(Done::new(Effect::Read, Output { workflow_run_summaries, next_token: listing.next_token }))
    }
}
