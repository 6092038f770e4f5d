//! DeleteWorkflowDefinition: deletes a workflow definition and its runs.

use std::time::Duration;

use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use jiff::SignedDuration;
use serde::Serialize;
use tokio::time::{Instant, sleep};

use super::{AuthorizedRequest, Outcome, Success};
use crate::app::{App, DEFINITION_TIME_TO_LIVE};
use crate::error::{ApiError, Resource};
use crate::model::{MaxResults, Page, SortOrder, WorkflowDefinitionName, WorkflowDefinitionStatus, WorkflowRunId};
use crate::store::{DeletedRun, MarkedDeleting, WorkflowDefinition, definition_key, run_key};

/// How long one request may delete runs.
const SWEEP_TIME: Duration = Duration::from_secs(8);

/// The time that a sweep leaves for the last update and the response.
const TIME_AFTER_SWEEP: Duration = Duration::from_secs(1);

/// How many runs are deleted concurrently.
const DELETES_AT_ONCE: usize = 32;

/// The wait before the index is read again if it showed only runs that are already deleted.
const INDEX_DELAY: Duration = Duration::from_millis(50);

/// The minimum time for which a definition stays `DELETING`. After that, no process can still have it cached as `ACTIVE` (60
/// seconds) or be about to write a run of it.
const LINGER: SignedDuration = SignedDuration::from_secs(120);

const _: () = assert!(LINGER.as_secs() >= 2 * DEFINITION_TIME_TO_LIVE.as_secs());

/// How long the item of a definition that is gone is kept, in seconds.
const ITEM_SECONDS: i64 = 24 * 60 * 60;

/// The operation's output.
#[derive(Serialize)]
struct DeleteWorkflowDefinitionResponse {
    status: WorkflowDefinitionStatus,
}

/// Handles a request.
///
/// # Errors
/// [`ApiError::Validation`], and the errors of [`delete_workflow_definition`].
pub(super) async fn handle(app: &App, request: AuthorizedRequest<'_>) -> Result<Success, ApiError> {
    let name = request.definition_input()?;
    let time = SWEEP_TIME.min(request.request.time_left.saturating_sub(TIME_AFTER_SWEEP));
    delete_workflow_definition(app, request.account_id, &name, Instant::now() + time).await?;
    let output = DeleteWorkflowDefinitionResponse { status: WorkflowDefinitionStatus::Deleting };
    Success::new(Outcome::Deleted, &output)
}

/// Deletes a definition in three steps: it stops starting runs; its runs are deleted, until none is left or
/// `sweep_until` is reached; once none is left, it is marked to be gone. If the request breaks off anywhere, the same
/// request continues.
///
/// # Errors
/// [`ApiError::ResourceNotFound`]: the account has no such definition, or it is gone. Also the errors of the calls.
async fn delete_workflow_definition(
    app: &App,
    account_id: &str,
    name: &WorkflowDefinitionName,
    sweep_until: Instant,
) -> Result<(), ApiError> {
    let not_found = || ApiError::ResourceNotFound(Resource::WorkflowDefinition(name.as_str().to_owned()));
    let key = definition_key(account_id, name);

    // 1. Stop starting runs: here at once, unless another request is just reading the definition; in other processes
    //    within a minute. The generation is part of the condition, so that an attempt which lands late does not delete a
    //    later definition of the name.
    let now = app.now();
    let definition_id = match app.known_definitions.get(&key, now) {
        Some(definition_id) => definition_id,
        None => app.store.get_definition(&key, now).await?.ok_or_else(not_found)?.definition_id,
    };
    let marked = app.store.mark_deleting(&key, &definition_id, app.now()).await;
    app.known_definitions.remove(&key);
    let definition = match marked? {
        MarkedDeleting::Deleting(definition) => definition,
        MarkedDeleting::Gone(definition) => {
            // Runs may have started, or reached the index, after the last sweep.
            sweep(app, &definition, sweep_until).await?;
            return Err(not_found());
        }
        MarkedDeleting::Absent => return Err(not_found()),
    };

    // 2. Delete its runs.
    let is_empty = sweep(app, &definition, sweep_until).await?;

    // 3. Set when it is gone: once no process can still have it cached.
    if is_empty && definition.gone_at.is_none() {
        let now = app.date_time();
        let deleted_at = definition.deleted_at.unwrap_or(now);
        // Rounded up to whole seconds: never early.
        let lingered = (deleted_at + LINGER + SignedDuration::from_millis(999)).epoch_seconds();
        let gone_at = lingered.max(now.epoch_seconds());
        app.store.mark_gone(&key, &definition.definition_id, gone_at, gone_at + ITEM_SECONDS).await?;
    }
    Ok(())
}

/// Deletes the runs of a definition until the index shows none, or until the given time. Returns whether none is left.
async fn sweep(app: &App, definition: &WorkflowDefinition, until: Instant) -> Result<bool, ApiError> {
    let mut page = Page { max_results: MaxResults::default(), next_token: None, sort_order: SortOrder::Ascending };
    let (mut found_any, mut deleted_any) = (false, false);
    loop {
        let listing = app.store.list_runs(&definition.definition_id, &page).await?;
        found_any |= !listing.entries.is_empty();
        let deletions = listing.entries.into_iter().map(|entry| async move {
            let (_, id) = entry.created_at_and_id()?;
            let id =
                WorkflowRunId::new(id).map_err(|violation| ApiError::InternalServer(violation.to_string().into()))?;
            let key = run_key(&definition.account_id, &id);
            app.store.delete_run(&key, &definition.definition_id, app.now()).await
        });
        let deleted: Vec<_> = stream::iter(deletions).buffer_unordered(DELETES_AT_ONCE).try_collect().await?;
        deleted_any |= deleted.contains(&DeletedRun::Now);
        page.next_token = listing.next_token;
        if page.next_token.is_none() {
            if !found_any {
                return Ok(true);
            }
            // The index may still show runs that are already deleted.
            if !deleted_any {
                sleep(INDEX_DELAY).await;
            }
            (found_any, deleted_any) = (false, false);
        }
        if Instant::now() >= until {
            return Ok(false);
        }
    }
}
