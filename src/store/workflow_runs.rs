//! Workflow runs in the table.

use aws_sdk_dynamodb::operation::put_item::builders::PutItemFluentBuilder;
use aws_sdk_dynamodb::types::{AttributeValue, ReturnValuesOnConditionCheckFailure};
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use serde_dynamo::from_item;
use tracing::error;

use super::{
    Attributes, Conditional, Item, KEY, Key, Listing, PUT_ITEM, Store, UPDATE_ITEM, attributes, conditional, number,
    string,
};
use crate::error::ApiError;
use crate::model::{
    AccountId, ClientInfo, ClientToken, DateTime, DefinitionId, EpochSeconds, LogGroupName, ModelId, Page, RunState,
    SortKey, WorkflowDefinitionName, WorkflowRunId, WorkflowRunStatus,
};

/// The number of index partitions over which a definition's runs are spread. Each takes 1,000 writes per second.
const SHARDS: u8 = 4;

/// The condition of a write that deletes a run. A tombstone differs from a run by its status.
const IS_RUN_OF_DEFINITION: &str = "definitionId = :definitionId AND #status <> :deleting";

/// The maximum number of runs that [`Store::runs_to_delete`] finds.
const RUNS_TO_DELETE: usize = 256;

/// How long a tombstone lives. While it does, no late retry of a create brings its run back.
const TOMBSTONE_LIFETIME: SignedDuration = SignedDuration::from_hours(24);

/// A workflow run. Its fields are the item's attributes. It has no `Debug`, so that no log can repeat its token.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct WorkflowRun {
    #[serde(flatten)]
    pub requested: RequestedRun,
    /// `RUNNING` at first.
    pub status: WorkflowRunStatus,
    pub started_at: DateTime,
    pub ended_at: Option<DateTime>,
    pub request_id: String,
    /// When DynamoDB may delete the item, if runs have a retention. It decides nothing else.
    pub expires_at: Option<EpochSeconds>,
}

/// The part of a run that never changes. Two creates are the same request if they are equal in it.
#[derive(PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RequestedRun {
    pub account_id: AccountId,
    /// Derived from account and client token.
    pub workflow_run_id: WorkflowRunId,
    pub workflow_definition_name: WorkflowDefinitionName,
    pub definition_id: DefinitionId,
    pub model_id: ModelId,
    pub log_group_name: Option<LogGroupName>,
    pub client_info: ClientInfo,
    /// The client token of the request; a random one, if it had none.
    pub client_token: ClientToken,
}

/// What remains of a deleted run for a day, so that no late retry of its create brings it back.
#[derive(Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Tombstone {
    pub definition_id: DefinitionId,
    status: WorkflowRunStatus,
    expires_at: EpochSeconds,
}

/// The item under a run's key: a run or a tombstone, by its `status`.
pub enum StoredRun {
    Tombstone(Tombstone),
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
    pub fn stored_state(&self) -> RunState {
        RunState { status: self.status, ended_at: self.ended_at }
    }
}

impl Tombstone {
    pub fn is_current(&self, now: Timestamp) -> bool {
        super::is_current(Some(self.expires_at), now)
    }
}

impl StoredRun {
    /// The run, if it belongs to this definition, is not deleted and started after `oldest`.
    pub fn of(self, definition_id: DefinitionId, oldest: Option<DateTime>) -> Option<Box<WorkflowRun>> {
        match self {
            Self::Run(run) if run.requested.definition_id == definition_id && Some(run.started_at) > oldest => {
                Some(run)
            }
            Self::Run(_) | Self::Tombstone(_) => None,
        }
    }

    /// Whether the client token that started it still is taken. [`Store::put_run`]'s condition agrees with it.
    pub fn blocks_token(&self, now: Timestamp, free: Option<DateTime>) -> bool {
        match self {
            Self::Run(run) => Some(run.started_at) > free,
            Self::Tombstone(tombstone) => tombstone.is_current(now),
        }
    }
}

/// What a sweep reads of an entry of the index.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct RunToDelete {
    sort_key: SortKey<WorkflowRunId>,
    #[expect(dead_code, reason = "an entry with another status is not a run's")]
    status: WorkflowRunStatus,
}

pub fn run_key(account_id: &AccountId, id: &WorkflowRunId) -> Key<StoredRun> {
    Key::new(format!("run/{account_id}/{id}"))
}

impl Store {
    pub async fn get_run(
        &self,
        key: &Key<StoredRun>,
        definition_id: DefinitionId,
        oldest: Option<DateTime>,
    ) -> Result<Option<Box<WorkflowRun>>, ApiError> {
        Ok(self.get(key).await?.and_then(|run| run.of(definition_id, oldest)))
    }

    /// Writes the run unless its key is taken. This is the commit point of a create and the whole idempotency protocol.
    /// The key of a run that started at `free` or before is not taken.
    pub async fn put_run(
        &self,
        run: &WorkflowRun,
        now: Timestamp,
        free: Option<DateTime>,
    ) -> Result<Conditional<StoredRun>, ApiError> {
        let RequestedRun { account_id, workflow_run_id, .. } = &run.requested;
        let key = run_key(account_id, workflow_run_id);
        let mut put = self
            .put(item(&key, run))
            .expression_attribute_names("#status", "status")
            .expression_attribute_values(":deleting", string(WorkflowRunStatus::Deleting.as_str()))
            .expression_attribute_values(":now", number(EpochSeconds::new(now)))
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld);
        let is_free = "attribute_not_exists(pk) OR (#status = :deleting AND expiresAt <= :now)";
        put = match free {
            Some(free) => put
                .condition_expression(format!("{is_free} OR startedAt <= :free"))
                .expression_attribute_values(":free", string(free)),
            None => put.condition_expression(is_free),
        };
        conditional(PUT_ITEM, &key, put.send().await)?.or_existing(&key)
    }

    /// Reads a page of the runs of a definition that started after `oldest`.
    pub async fn list_runs(
        &self,
        definition_id: DefinitionId,
        page: &Page<WorkflowRunId>,
        oldest: Option<DateTime>,
    ) -> Result<Listing<WorkflowRunId, WorkflowRunStatus>, ApiError> {
        self.list(&list_keys(definition_id), page, oldest).await
    }

    /// Finds runs of a definition of any age, to delete them: those after a sort key, and the sort key of the last one if
    /// there are more. What cannot be read is logged, since it must not hold up what can.
    pub async fn runs_to_delete(
        &self,
        definition_id: DefinitionId,
        after: Option<&str>,
    ) -> Result<(Vec<WorkflowRunId>, Option<String>), ApiError> {
        let items = self.merged(&list_keys(definition_id), true, after, RUNS_TO_DELETE).await?;
        let last = items.get(RUNS_TO_DELETE - 1).map(|(sort_key, _)| sort_key.clone());
        let readable = items.into_iter().take(RUNS_TO_DELETE).filter_map(|(sort_key, item)| {
            let entry = from_item::<_, RunToDelete>(item);
            let skipped = |reason| error!(%definition_id, sort_key, %reason, "an entry of the index is not a run's");
            entry.map_err(skipped).ok().map(|entry| entry.sort_key.id)
        });
        Ok((readable.collect(), last))
    }

    /// Sets the state of a run of this definition, if it is `RUNNING` and started after `latest_start`, if that is given.
    pub async fn update_run(
        &self,
        key: &Key<StoredRun>,
        definition_id: DefinitionId,
        state: RunState,
        latest_start: Option<DateTime>,
    ) -> Result<Conditional<Option<StoredRun>>, ApiError> {
        let mut update = self
            .update(key)
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

    /// Replaces a run of this definition that started after `oldest` with its tombstone, which removes it from the index.
    pub async fn delete_run(
        &self,
        key: &Key<StoredRun>,
        definition_id: DefinitionId,
        oldest: Option<DateTime>,
        now: Timestamp,
    ) -> Result<Conditional<Option<StoredRun>>, ApiError> {
        let mut put = self.put_tombstone(key, definition_id, now)?;
        if let Some(oldest) = oldest {
            put = put
                .condition_expression(format!("{IS_RUN_OF_DEFINITION} AND startedAt > :oldest"))
                .expression_attribute_values(":oldest", string(oldest));
        }
        let put = put.return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld);
        conditional(PUT_ITEM, key, put.send().await)
    }

    /// Does the same with a run of any age, and does not read what exists instead. Returns whether there was such a run.
    pub async fn sweep_run(
        &self,
        key: &Key<StoredRun>,
        definition_id: DefinitionId,
        now: Timestamp,
    ) -> Result<bool, ApiError> {
        let result = self.put_tombstone(key, definition_id, now)?.send().await;
        Ok(matches!(conditional(PUT_ITEM, key, result)?, Conditional::Applied))
    }

    fn put_tombstone(
        &self,
        key: &Key<StoredRun>,
        definition_id: DefinitionId,
        now: Timestamp,
    ) -> Result<PutItemFluentBuilder, ApiError> {
        let tombstone = Tombstone {
            definition_id,
            status: WorkflowRunStatus::Deleting,
            expires_at: EpochSeconds::new(now) + TOMBSTONE_LIFETIME,
        };
        Ok(self
            .put(attributes(key, &tombstone)?)
            .condition_expression(IS_RUN_OF_DEFINITION)
            .expression_attribute_names("#status", "status")
            .expression_attribute_values(":definitionId", string(definition_id))
            .expression_attribute_values(":deleting", string(WorkflowRunStatus::Deleting.as_str())))
    }
}

/// The item of a run that starts. Every create writes one, and serde would build three maps for it, one after another.
fn item(key: &Key<StoredRun>, run: &WorkflowRun) -> Attributes {
    let WorkflowRun { requested, status, started_at, ended_at: _, request_id, expires_at } = run;
    let RequestedRun {
        account_id,
        workflow_run_id,
        workflow_definition_name,
        definition_id,
        model_id,
        log_group_name,
        client_info: ClientInfo { compatibility_version, sdk_version },
        client_token,
    } = requested;
    let sdk_version = sdk_version.as_ref().map(|sdk_version| ("sdkVersion", string(sdk_version.as_str())));
    let client_info = [("compatibilityVersion", number(compatibility_version))].into_iter().chain(sdk_version);
    let client_info = client_info.map(|(name, value)| (name.to_owned(), value)).collect();
    let sort_key = SortKey { at: *started_at, id: workflow_run_id.clone() };
    let attributes = [
        (KEY, string(key.as_str())),
        ("accountId", string(account_id.as_str())),
        ("workflowRunId", string(workflow_run_id.as_str())),
        ("workflowDefinitionName", string(workflow_definition_name.as_str())),
        ("definitionId", string(definition_id)),
        ("modelId", string(model_id.as_str())),
        ("clientInfo", AttributeValue::M(client_info)),
        ("clientToken", string(client_token.as_str())),
        ("status", string(status.as_str())),
        ("startedAt", string(started_at)),
        ("requestId", string(request_id)),
        ("listKey", string(list_key(*definition_id, shard(workflow_run_id)))),
        ("sortKey", string(sort_key)),
    ];
    let log_group_name = log_group_name.as_ref().map(|name| ("logGroupName", string(name.as_str())));
    let expires_at = expires_at.map(|expires_at| ("expiresAt", number(expires_at)));
    let attributes = attributes.into_iter().chain(log_group_name).chain(expires_at);
    attributes.map(|(name, value)| (name.to_owned(), value)).collect()
}

/// The keys of all partitions of a definition's runs.
fn list_keys(definition_id: DefinitionId) -> Vec<String> {
    (0..SHARDS).map(|shard| list_key(definition_id, shard)).collect()
}

fn list_key(definition_id: DefinitionId, shard: u8) -> String {
    format!("runs/{definition_id}/{shard}")
}

/// The shard of a run: the last bits of its id.
fn shard(workflow_run_id: &WorkflowRunId) -> u8 {
    let last = workflow_run_id.as_str().chars().last().and_then(|digit| digit.to_digit(16)).unwrap_or_default();
    u8::try_from(last).unwrap_or_default() % SHARDS
}
