//! ListWorkflowDefinitions: lists an account's definitions, page by page.

use serde::Serialize;

use super::{Done, Operation};
use crate::app::App;
use crate::error::ApiError;
use crate::model::{DateTime, NextToken, Page, WorkflowDefinitionName, WorkflowDefinitionStatus};
use crate::outcome::Effect;
use crate::request::AuthorizedRequest;
use crate::validation::Input;

pub struct ListWorkflowDefinitions {
    page: Page<WorkflowDefinitionName>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Output {
    workflow_definition_summaries: Vec<WorkflowDefinitionSummary>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_token: Option<NextToken<WorkflowDefinitionName>>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct WorkflowDefinitionSummary {
    workflow_definition_arn: String,
    workflow_definition_name: WorkflowDefinitionName,
    created_at: DateTime,
    status: WorkflowDefinitionStatus,
}

impl Operation for ListWorkflowDefinitions {
    type Output = Output;

    fn parse(input: &mut Input<'_>) -> Option<Self> {
        Some(Self { page: input.page() })
    }

    /// Reads a page of an account's definitions from the index, which is eventually consistent.
    async fn run(self, app: &App, request: &AuthorizedRequest<'_>) -> Result<Done<Output>, ApiError> {
        let listing = app.store.list_definitions(request.account_id, &self.page).await?;
        let summaries = listing.entries.into_iter().map(|entry| WorkflowDefinitionSummary {
            workflow_definition_arn: app.arns.workflow_definition(request.account_id, &entry.sort_key.id),
            workflow_definition_name: entry.sort_key.id,
            created_at: entry.sort_key.at,
            status: entry.status,
        });
        let workflow_definition_summaries = summaries.collect();
        Ok(Done::new(Effect::Read, Output { workflow_definition_summaries, next_token: listing.next_token }))
    }
}
