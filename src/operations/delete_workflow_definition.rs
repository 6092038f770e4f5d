//! DeleteWorkflowDefinition: deletes a workflow definition and its runs.

use std::time::Duration;

use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use jiff::SignedDuration;
use serde::Serialize;
use tokio::time::{Instant, sleep};

use super::{Done, Operation};
use crate::app::App;
use crate::error::{ApiError, Resource};
use crate::known::definitions;
use crate::model::{EpochSeconds, MaxResults, Page, SortOrder, WorkflowDefinitionName, WorkflowDefinitionStatus};
use crate::outcome::Effect;
use crate::request::AuthorizedRequest;
use crate::store::{Conditional, WorkflowDefinition, definition_key, run_key};
use crate::validation::Input;

const SWEEP_TIME: Duration = Duration::from_secs(8);
const TIME_AFTER_SWEEP: Duration = Duration::from_secs(1);
const DELETES_AT_ONCE: usize = 32;
const INDEX_DELAY: Duration = Duration::from_millis(50);
const LINGER: SignedDuration = SignedDuration::from_secs(120);
const _: () = assert!(LINGER.as_secs() >= 2 * definitions::TIME_TO_LIVE.as_secs());
const ITEM_LIFETIME: SignedDuration = SignedDuration::from_hours(24);

/// The operation's input.
pub struct DeleteWorkflowDefinition {
    workflow_definition_name: WorkflowDefinitionName,
}

/// The operation's output.
#[derive(Serialize)]
pub struct Output {
    status: WorkflowDefinitionStatus,
}

impl Operation for DeleteWorkflowDefinition {
    type Output = Output;

    fn parse(input: &mut Input<'_>) -> Option<Self> {
        Some(Self { workflow_definition_name: input.workflow_definition_name()? })
    }

    async fn run(self, app: &App, request: &AuthorizedRequest<'_>) -> Result<Done<Output>, ApiError> {
        let name = self.workflow_definition_name;
        let sweep_until = Instant::now() + SWEEP_TIME.min(request.request.time_left.saturating_sub(TIME_AFTER_SWEEP));
        let not_found = || ApiError::ResourceNotFound(Resource::WorkflowDefinition(name.clone()));
        let key = definition_key(request.account_id, &name);
        let now = app.now();
        let definition_id = match app.definitions.get(&key, now) {
            Some(definition_id) => definition_id,
            None => app.store.get_definition(&key, now).await?.ok_or_else(not_found)?.definition_id,
        };
        let now = app.now();
        let marked = app.store.mark_deleting(&key, definition_id, now).await;
        app.definitions.forget(&key);
        let definition = match marked? {
            Ok(definition) => definition,
            Err(Some(gone)) if gone.definition_id == definition_id && gone.is_current(now) => {
                sweep(app, &gone, sweep_until).await?;
                return Err(not_found());
            }
            Err(_) => return Err(not_found()),
        };
        let is_empty = sweep(app, &definition, sweep_until).await?;
        if is_empty && definition.gone_at.is_none() {
            let now = app.now();
            let deleted_at = definition.deleted_at.map_or(now, |at| at.timestamp());
            let gone_at = EpochSeconds::at_or_after(deleted_at + LINGER).max(EpochSeconds::new(now));
            app.store.mark_gone(&key, definition_id, gone_at, gone_at + ITEM_LIFETIME).await?;
        }
        Ok(Done::new(Effect::Deleted, Output { status: WorkflowDefinitionStatus::Deleting }))
    }
}

async fn sweep(app: &App, definition: &WorkflowDefinition, until: Instant) -> Result<bool, ApiError> {
    let definition_id = definition.definition_id;
    let mut page = Page { max_results: MaxResults::default(), next_token: None, sort_order: SortOrder::Ascending };
    let (mut found_any, mut deleted_any) = (false, false);
    loop {
        let listing = app.store.list_runs(definition_id, &page).await?;
        found_any |= !listing.entries.is_empty();
        let deletions = listing.entries.into_iter().map(|entry| async move {
            let key = run_key(&definition.requested.account_id, &entry.sort_key.id);
            app.store.delete_run(&key, definition_id, app.now()).await
        });
        let deleted: Vec<_> = stream::iter(deletions).buffer_unordered(DELETES_AT_ONCE).try_collect().await?;
        deleted_any |= deleted.iter().any(|deleted| matches!(deleted, Conditional::Applied));
        page.next_token = listing.next_token;
        if page.next_token.is_none() {
            if !found_any {
                return Ok(true);
            }
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
