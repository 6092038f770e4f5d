//! Workflow runs in the table.

use aws_sdk_dynamodb::types::{AttributeValue, ReturnValuesOnConditionCheckFailure};
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use serde_dynamo::from_item;

use super::{
    Attributes, Conditional, Item, Key, Listing, PUT_ITEM, Store, UPDATE_ITEM, attributes, conditional, number, string,
};
use crate::error::ApiError;
use crate::model::{
    AccountId, ClientInfo, ClientToken, DateTime, DefinitionId, EpochSeconds, LogGroupName, ModelId, Page, RunState,
    SortKey, WorkflowDefinitionName, WorkflowRunId, WorkflowRunStatus,
};

/// The number of index partitions over which a definition's runs are spread. Each takes 1,000 writes per second.
const SHARDS: u8 = 4;

/// How long a tombstone lives. Until then, no late retry of a create brings its run back.
const TOMBSTONE_LIFETIME: SignedDuration = SignedDuration::from_hours(24);

/// A workflow run. Its fields are the item's attributes. It has no `Debug`, so that no log can repeat its token.
#[derive(Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct WorkflowRun {
    /// What its create asked for.
    #[serde(flatten)]
    pub requested: RequestedRun,
    /// `RUNNING` at first.
    pub status: WorkflowRunStatus,
    /// When it started.
    pub started_at: DateTime,
    /// When it ended, if it has.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended_at: Option<DateTime>,
    /// The request that started it.
    pub request_id: String,
}

/// The part of a run that never changes. Two creates are the same request if they are equal in it.
#[derive(PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct RequestedRun {
    /// The AWS account whose run it is.
    pub account_id: AccountId,
    /// Derived from account and client token.
    pub workflow_run_id: WorkflowRunId,
    /// The name of its definition.
    pub workflow_definition_name: WorkflowDefinitionName,
    /// The generation of that definition.
    pub definition_id: DefinitionId,
    /// The AI model.
    pub model_id: ModelId,
    /// The log group, if the request named one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub log_group_name: Option<LogGroupName>,
    /// The client that started it.
    pub client_info: ClientInfo,
    /// The client token of the request; a random one, if it had none.
    pub client_token: ClientToken,
}

/// What remains of a deleted run for a day, so that no late retry of its create brings it back.
#[derive(Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Tombstone {
    /// The generation of its definition.
    pub definition_id: DefinitionId,
    status: WorkflowRunStatus,
    expires_at: EpochSeconds,
}

/// The item under a run's key, which its `status` tells apart.
pub enum StoredRun {
    /// The run was deleted.
    Tombstone(Tombstone),
    /// The run.
    Run(Box<WorkflowRun>),
}

impl Item for StoredRun {
    fn from_attributes(attributes: Attributes) -> Result<Self, serde_dynamo::Error> {
        match attributes.get("status") {
            Some(AttributeValue::S(status)) if status == WorkflowRunStatus::Deleting.as_str() => {
                from_item(attributes).map(Self::Tombstone)
            }
            _ => from_item(attributes).map(|run| Self::Run(Box::new(run))),
        }
    }
}

impl WorkflowRun {
    /// The stored state, from which [`RunTimeout`](crate::model::RunTimeout) derives the current one.
    #[must_use]
    pub fn stored_state(&self) -> RunState {
        RunState { status: self.status, ended_at: self.ended_at }
    }
}

impl Tombstone {
    /// Whether the run's token is still blocked.
    #[must_use]
    pub fn is_current(&self, now: Timestamp) -> bool {
        super::is_current(Some(self.expires_at), now)
    }
}

impl StoredRun {
    /// The run, if it belongs to this definition and is not deleted.
    #[must_use]
    pub fn of(self, definition_id: DefinitionId) -> Option<Box<WorkflowRun>> {
        match self {
            Self::Run(run) if run.requested.definition_id == definition_id => Some(run),
            Self::Run(_) | Self::Tombstone(_) => None,
        }
    }

    /// Whether it still exists for the API.
    #[must_use]
    pub fn is_current(&self, now: Timestamp) -> bool {
        match self {
            Self::Run(_) => true,
            Self::Tombstone(tombstone) => tombstone.is_current(now),
        }
    }
}

/// The key of a run's item.
#[must_use]
pub fn run_key(account_id: &AccountId, id: &WorkflowRunId) -> Key<StoredRun> {
    Key::new(format!("run/{account_id}/{id}"))
}

impl Store {
    /// Reads a run of this definition, consistently.
    ///
    /// # Errors
    /// The errors of the call; an item that cannot be read.
    pub async fn get_run(
        &self,
        key: &Key<StoredRun>,
        definition_id: DefinitionId,
    ) -> Result<Option<Box<WorkflowRun>>, ApiError> {
        Ok(self.get(key).await?.and_then(|run| run.of(definition_id)))
    }

    /// Writes the run unless its key is taken. This is the commit point of a create and the whole idempotency protocol.
    ///
    /// # Errors
    /// The errors of the call; an existing item that cannot be read.
    pub async fn put_run(&self, run: &WorkflowRun, now: Timestamp) -> Result<Conditional<StoredRun>, ApiError> {
        let RequestedRun { account_id, workflow_run_id, definition_id, .. } = &run.requested;
        let key = run_key(account_id, workflow_run_id);
        let sort_key = SortKey { at: run.started_at, id: workflow_run_id.clone() };
        let mut item = attributes(&key, run)?;
        item.insert("listKey".into(), string(list_key(*definition_id, shard(workflow_run_id))));
        item.insert("sortKey".into(), string(sort_key));
        let put = self.client.put_item().table_name(&self.table_name).set_item(Some(item));
        let result = put
            .condition_expression("attribute_not_exists(pk) OR expiresAt <= :now")
            .expression_attribute_values(":now", number(EpochSeconds::new(now)))
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
            .send()
            .await;
        conditional(PUT_ITEM, &key, result)?.or_existing(&key)
    }

    /// Reads a page of the runs of a definition.
    ///
    /// # Errors
    /// The errors of the calls; an item that cannot be read.
    pub async fn list_runs(
        &self,
        definition_id: DefinitionId,
        page: &Page<WorkflowRunId>,
    ) -> Result<Listing<WorkflowRunId, WorkflowRunStatus>, ApiError> {
        let list_keys: Vec<_> = (0..SHARDS).map(|shard| list_key(definition_id, shard)).collect();
        self.list(&list_keys, page).await
    }

    /// Sets the state of a run of this definition, if it is `RUNNING` and, if `latest_start` is given, started after
    /// it.
    ///
    /// # Errors
    /// The errors of the call; an item that cannot be read.
    pub async fn update_run(
        &self,
        key: &Key<StoredRun>,
        definition_id: DefinitionId,
        state: RunState,
        latest_start: Option<DateTime>,
    ) -> Result<Conditional<Option<StoredRun>>, ApiError> {
        let mut update = self
            .client
            .update_item()
            .table_name(&self.table_name)
            .set_key(Some(key.attributes()))
            .expression_attribute_names("#status", "status")
            .expression_attribute_values(":definitionId", string(definition_id))
            .expression_attribute_values(":running", string(WorkflowRunStatus::Running.as_str()))
            .expression_attribute_values(":status", string(state.status.as_str()))
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld);
        update = match state.ended_at {
            Some(ended_at) => update
                .update_expression("SET #status = :status, endedAt = :endedAt")
                .expression_attribute_values(":endedAt", string(ended_at)),
            None => update.update_expression("SET #status = :status"),
        };
        let is_running = "definitionId = :definitionId AND #status = :running";
        update = match latest_start {
            Some(latest_start) => update
                .condition_expression(format!("{is_running} AND startedAt > :latestStart"))
                .expression_attribute_values(":latestStart", string(latest_start)),
            None => update.condition_expression(is_running),
        };
        conditional(UPDATE_ITEM, key, update.send().await)
    }

    /// Replaces a run of this definition with its tombstone, which removes it from the index.
    ///
    /// # Errors
    /// The errors of the call; an item that cannot be read.
    pub async fn delete_run(
        &self,
        key: &Key<StoredRun>,
        definition_id: DefinitionId,
        now: Timestamp,
    ) -> Result<Conditional<Option<StoredRun>>, ApiError> {
        let tombstone = Tombstone {
            definition_id,
            status: WorkflowRunStatus::Deleting,
            expires_at: EpochSeconds::new(now) + TOMBSTONE_LIFETIME,
        };
        let put = self.client.put_item().table_name(&self.table_name).set_item(Some(attributes(key, &tombstone)?));
        let result = put
            .condition_expression("definitionId = :definitionId AND #status <> :deleting")
            .expression_attribute_names("#status", "status")
            .expression_attribute_values(":definitionId", string(definition_id))
            .expression_attribute_values(":deleting", string(WorkflowRunStatus::Deleting.as_str()))
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
            .send()
            .await;
        conditional(PUT_ITEM, key, result)
    }
}

fn list_key(definition_id: DefinitionId, shard: u8) -> String {
    format!("runs/{definition_id}/{shard}")
}

/// The shard of a run: the last bits of its id.
fn shard(workflow_run_id: &WorkflowRunId) -> u8 {
    let last = workflow_run_id.as_str().chars().last().and_then(|digit| digit.to_digit(16)).unwrap_or_default();
    u8::try_from(last).unwrap_or_default() % SHARDS
}
