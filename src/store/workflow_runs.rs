//! Workflow runs in the table.

use aws_sdk_dynamodb::types::ReturnValuesOnConditionCheckFailure;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::index::sort_key;
use super::{Listing, Store, item, key_of, number, parse, refusing_item_of_put, refusing_item_of_update, string};
use crate::error::ApiError;
use crate::model::{DateTime, Page, RunState, WorkflowRunId, WorkflowRunStatus};

/// The number of index partitions over which a definition's runs are spread. Each takes 1,000 writes per second.
const SHARDS: u8 = 4;

/// How long a tombstone lives, in seconds. Until then, no late retry of a create brings its run back.
const TOMBSTONE_SECONDS: i64 = 24 * 60 * 60;

/// A workflow run. Its fields are the item's attributes. It has no `Debug`, so that no log can repeat its token.
#[derive(Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct WorkflowRun {
    /// The AWS account whose run it is.
    pub account_id: String,
    /// A UUID, derived from account and client token.
    pub workflow_run_id: String,
    /// The name of its definition.
    pub workflow_definition_name: String,
    /// The generation of that definition.
    pub definition_id: String,
    /// `RUNNING` at first.
    pub status: WorkflowRunStatus,
    /// The AI model.
    pub model_id: String,
    /// The log group, if the request named one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub log_group_name: Option<String>,
    /// The client that started it.
    pub client_info: ClientInfo,
    /// The client token; a random one, if the request had none.
    pub client_token: String,
    /// When it started.
    pub started_at: DateTime,
    /// When it ended, if it has.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended_at: Option<DateTime>,
    /// The request that started it.
    pub request_id: String,
}

/// The client of a request.
#[derive(Deserialize, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ClientInfo {
    /// The client's compatibility version.
    pub compatibility_version: i32,
    /// The version of its SDK.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sdk_version: Option<String>,
}

/// What remains of a deleted run for a day, so that no late retry of its create brings it back.
#[derive(Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Tombstone {
    definition_id: String,
    status: WorkflowRunStatus,
    /// Epoch seconds.
    expires_at: i64,
}

/// The item under a run's key.
#[derive(Deserialize)]
#[serde(untagged)]
pub enum StoredRun {
    /// The run was deleted.
    Tombstone(Tombstone),
    /// The run.
    Run(Box<WorkflowRun>),
}

impl WorkflowRun {
    /// The key of the run's item.
    #[must_use]
    pub fn key(&self) -> String {
        key(&self.account_id, &self.workflow_run_id)
    }

    /// The stored state, from which [`RunTimeout`](crate::model::RunTimeout) derives the current one.
    #[must_use]
    pub fn stored_state(&self) -> RunState {
        RunState { status: self.status, ended_at: self.ended_at }
    }

    /// Whether equal requests started both runs: everything that never changes is equal.
    #[must_use]
    pub fn is_same_request_as(&self, other: &Self) -> bool {
        self.client_token == other.client_token
            && self.workflow_definition_name == other.workflow_definition_name
            && self.definition_id == other.definition_id
            && self.model_id == other.model_id
            && self.log_group_name == other.log_group_name
            && self.client_info == other.client_info
    }
}

impl StoredRun {
    /// The run, if it belongs to this definition and is not deleted.
    #[must_use]
    pub fn of(self, definition_id: &str) -> Option<Box<WorkflowRun>> {
        match self {
            Self::Run(run) if run.definition_id == definition_id => Some(run),
            Self::Run(_) | Self::Tombstone(_) => None,
        }
    }

    pub(super) fn is_current(&self, now: Timestamp) -> bool {
        match self {
            Self::Run(_) => true,
            Self::Tombstone(tombstone) => super::is_current(Some(tombstone.expires_at), now),
        }
    }
}

/// The key of a run's item.
#[must_use]
pub fn run_key(account_id: &str, id: &WorkflowRunId) -> String {
    key(account_id, id.as_str())
}

fn key(account_id: &str, id: &str) -> String {
    format!("run/{account_id}/{id}")
}

/// How [`Store::put_run`] ended.
pub enum PutRun {
    /// The run exists now.
    Created,
    /// The key is taken by this; nothing was changed.
    Existing(StoredRun),
}

/// How [`Store::update_run`] ended.
pub enum UpdatedRun {
    /// The run has its new state.
    Updated,
    /// The run is not `RUNNING` or does not exist; nothing was changed.
    NotRunning(Option<StoredRun>),
}

impl Store {
    /// Reads a run of this definition, consistently.
    ///
    /// # Errors
    /// The errors of the call; an item that does not parse.
    pub async fn get_run(&self, key: &str, definition_id: &str) -> Result<Option<Box<WorkflowRun>>, ApiError> {
        Ok(self.get(key).await?.and_then(|run: StoredRun| run.of(definition_id)))
    }

    /// Writes the run unless its key is taken. This is the commit point of a create and the whole idempotency protocol.
    ///
    /// # Errors
    /// The errors of the call; an existing item that does not parse. If the outcome is unknown, the run may exist; a
    /// retry settles it.
    pub async fn put_run(&self, run: &WorkflowRun, now: Timestamp) -> Result<PutRun, ApiError> {
        let key = run.key();
        let mut item = item(&key, run)?;
        item.insert("listKey".into(), string(list_key(&run.definition_id, shard(&run.workflow_run_id))));
        item.insert("sortKey".into(), string(sort_key(run.started_at, &run.workflow_run_id)));
        let put = self.client.put_item().table_name(&self.table_name).set_item(Some(item));
        let result = put
            .condition_expression("attribute_not_exists(pk) OR expiresAt <= :now")
            .expression_attribute_values(":now", number(now.as_second()))
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
            .send()
            .await;
        let Err(error) = result else { return Ok(PutRun::Created) };
        let existing = refusing_item_of_put(error)?.unwrap_or_default();
        Ok(PutRun::Existing(parse(&key, existing)?))
    }

    /// Reads a page of the runs of a definition.
    ///
    /// # Errors
    /// The errors of the calls; an item that does not parse.
    pub async fn list_runs(&self, definition_id: &str, page: &Page) -> Result<Listing<WorkflowRunStatus>, ApiError> {
        let list_keys: Vec<_> = (0..SHARDS).map(|shard| list_key(definition_id, shard)).collect();
        self.list(&list_keys, page).await
    }

    /// Sets the state of a run of this definition, if it is `RUNNING` and, if `latest_start` is given, started after
    /// it.
    ///
    /// # Errors
    /// The errors of the call; an item that does not parse.
    pub async fn update_run(
        &self,
        key: &str,
        definition_id: &str,
        state: RunState,
        latest_start: Option<DateTime>,
    ) -> Result<UpdatedRun, ApiError> {
        let mut update = self
            .client
            .update_item()
            .table_name(&self.table_name)
            .set_key(Some(key_of(key)))
            .expression_attribute_names("#status", "status")
            .expression_attribute_values(":definitionId", string(definition_id))
            .expression_attribute_values(":running", string(WorkflowRunStatus::Running.as_str()))
            .expression_attribute_values(":status", string(state.status.as_str()))
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld);
        update = match state.ended_at {
            Some(ended_at) => update
                .update_expression("SET #status = :status, endedAt = :endedAt")
                .expression_attribute_values(":endedAt", string(ended_at.to_string())),
            None => update.update_expression("SET #status = :status"),
        };
        let is_running = "definitionId = :definitionId AND #status = :running";
        update = match latest_start {
            Some(latest_start) => update
                .condition_expression(format!("{is_running} AND startedAt > :latestStart"))
                .expression_attribute_values(":latestStart", string(latest_start.to_string())),
            None => update.condition_expression(is_running),
        };
        let Err(error) = update.send().await else { return Ok(UpdatedRun::Updated) };
        let existing = refusing_item_of_update(error)?;
        Ok(UpdatedRun::NotRunning(existing.map(|item| parse(key, item)).transpose()?))
    }

    /// Replaces a run of this definition with its tombstone, which removes it from the index.
    ///
    /// # Errors
    /// The errors of the call; an item that does not parse.
    pub async fn delete_run(&self, key: &str, definition_id: &str, now: Timestamp) -> Result<DeletedRun, ApiError> {
        let tombstone = Tombstone {
            definition_id: definition_id.to_owned(),
            status: WorkflowRunStatus::Deleting,
            expires_at: now.as_second() + TOMBSTONE_SECONDS,
        };
        let put = self.client.put_item().table_name(&self.table_name).set_item(Some(item(key, &tombstone)?));
        let result = put
            .condition_expression("definitionId = :definitionId AND attribute_not_exists(expiresAt)")
            .expression_attribute_values(":definitionId", string(definition_id))
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
            .send()
            .await;
        let Err(error) = result else { return Ok(DeletedRun::Now) };
        let existing = refusing_item_of_put(error)?.map(|item| parse::<StoredRun>(key, item)).transpose()?;
        Ok(match existing.filter(|existing| existing.is_current(now)) {
            Some(StoredRun::Tombstone(tombstone)) if tombstone.definition_id == definition_id => DeletedRun::Before,
            _ => DeletedRun::Absent,
        })
    }
}

/// How [`Store::delete_run`] ended.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum DeletedRun {
    /// This call deleted the run.
    Now,
    /// The run was already deleted, less than a day ago.
    Before,
    /// The definition has no such run.
    Absent,
}

fn list_key(definition_id: &str, shard: u8) -> String {
    format!("runs/{definition_id}/{shard}")
}

/// The shard of a run: the last bits of its id.
fn shard(workflow_run_id: &str) -> u8 {
    let last = workflow_run_id.chars().last().and_then(|digit| digit.to_digit(16)).unwrap_or_default();
    u8::try_from(last).unwrap_or_default() % SHARDS
}
