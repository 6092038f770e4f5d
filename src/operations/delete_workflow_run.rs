//! DeleteWorkflowRun: deletes a run, whatever its status.

use serde::Serialize;

use super::{AuthorizedRequest, Outcome, RunInput, Success};
use crate::app::App;
use crate::error::{ApiError, Resource};
use crate::model::WorkflowRunStatus;
use crate::store::{DeletedRun, run_key};

/// The operation's output.
#[derive(Serialize)]
struct DeleteWorkflowRunResponse {
    status: WorkflowRunStatus,
}

/// Handles a request.
///
/// # Errors
/// [`ApiError::Validation`], and the errors of [`delete_workflow_run`].
pub(super) async fn handle(app: &App, request: AuthorizedRequest<'_>) -> Result<Success, ApiError> {
    let input = request.run_input()?;
    let outcome = delete_workflow_run(app, request.account_id, &input).await?;
    let output = DeleteWorkflowRunResponse { status: WorkflowRunStatus::Deleting };
    Ok(Success::new(outcome, &output)?.about(input.workflow_run_id))
}

/// Replaces a run with its tombstone in one conditional put. While the tombstone lives, a repeated request succeeds
/// too.
///
/// # Errors
/// [`ApiError::ResourceNotFound`]: the account has no such definition, or the definition has no such run. Those of the
/// calls.
async fn delete_workflow_run(app: &App, account_id: &str, input: &RunInput) -> Result<Outcome, ApiError> {
    let definition_id = app.definition_id(account_id, &input.workflow_definition_name).await?;
    let key = run_key(account_id, &input.workflow_run_id);
    match app.store.delete_run(&key, &definition_id, app.now()).await? {
        DeletedRun::Now => Ok(Outcome::Deleted),
        DeletedRun::Before => Ok(Outcome::Unchanged),
        DeletedRun::Absent => {
            Err(ApiError::ResourceNotFound(Resource::WorkflowRun(input.workflow_run_id.as_str().to_owned())))
        }
    }
}
