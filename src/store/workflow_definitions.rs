//! Workflow definitions in the table.

use aws_sdk_dynamodb::types::ReturnValuesOnConditionCheckFailure;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use serde_dynamo::from_item;
use tracing::error;

use super::{
    Attributes, Conditional, Item, Key, Listing, PUT_ITEM, Store, UPDATE_ITEM, attributes, conditional, number, string,
};
use crate::error::ApiError;
use crate::model::{
    AccountId, ClientToken, DateTime, DefinitionId, Description, EpochSeconds, Page, SortKey, WorkflowDefinitionName,
    WorkflowDefinitionStatus, WorkflowExportConfig,
};

/// A workflow definition. Its fields are the item's attributes. It has no `Debug`, so that no log can repeat its token
/// or description.
#[derive(Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct WorkflowDefinition {
    #[serde(flatten)]
    pub requested: RequestedDefinition,
    pub definition_id: DefinitionId,
    /// `ACTIVE`, or `DELETING`, which lets no run start.
    pub status: WorkflowDefinitionStatus,
    pub created_at: DateTime,
    pub request_id: String,
    /// When it is gone; `None` until its last run is deleted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gone_at: Option<EpochSeconds>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<EpochSeconds>,
}

/// The part of a definition that never changes. Two creates are the same request if they are equal in it.
#[derive(PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct RequestedDefinition {
    pub account_id: AccountId,
    pub name: WorkflowDefinitionName,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<Description>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub export_config: Option<WorkflowExportConfig>,
    /// The client token of the request; a random one, if it had none.
    pub client_token: ClientToken,
}

/// The condition of a write that carries a deletion on.
const IS_BEING_DELETED: &str = "definitionId = :definitionId AND #status = :deleting AND attribute_not_exists(goneAt)";

/// How long a repeated request to delete a definition changes nothing.
const DELETION_REQUEST_INTERVAL: SignedDuration = SignedDuration::from_secs(60);

/// How long the item of a definition that is gone is kept.
const GONE_ITEM_LIFETIME: SignedDuration = SignedDuration::from_hours(24);

/// What the cleanup reads of a definition's item: how far its deletion is.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Deletion {
    definition_id: DefinitionId,
    status: WorkflowDefinitionStatus,
    gone_at: Option<EpochSeconds>,
    /// How often it was put behind the other records of the stream.
    sweep: Option<u64>,
}

impl Deletion {
    /// Whether it is this generation's, is not over, and was put behind the other records this often.
    pub fn is_current(&self, definition_id: DefinitionId, sweep: u64) -> bool {
        self.definition_id == definition_id
            && self.status == WorkflowDefinitionStatus::Deleting
            && self.gone_at.is_none()
            && self.sweep.unwrap_or_default() == sweep
    }
}

pub fn definition_key(account_id: &AccountId, name: &WorkflowDefinitionName) -> Key<WorkflowDefinition> {
    Key::new(format!("definition/{account_id}/{name}"))
}

impl Item for WorkflowDefinition {
    fn from_attributes(attributes: Attributes) -> Result<Self, serde_dynamo::Error> {
        from_item(attributes)
    }
}

impl WorkflowDefinition {
    /// Whether runs of it may start.
    pub fn is_active(&self) -> bool {
        self.status == WorkflowDefinitionStatus::Active
    }

    /// Whether its deletion is complete. Its item stays for a day, so that no late retry of its create brings it back.
    pub fn is_gone(&self, now: Timestamp) -> bool {
        self.gone_at.is_some_and(|gone_at| gone_at <= EpochSeconds::new(now))
    }

    pub fn is_current(&self, now: Timestamp) -> bool {
        super::is_current(self.expires_at, now)
    }
}

impl Store {
    /// Reads a definition, consistently. One that is gone is returned for another day.
    pub async fn get_definition(
        &self,
        key: &Key<WorkflowDefinition>,
        now: Timestamp,
    ) -> Result<Option<WorkflowDefinition>, ApiError> {
        Ok(self.get(key).await?.filter(|definition| definition.is_current(now)))
    }

    /// Writes a definition if its name is free. The name of a definition that is gone is free for a different client
    /// token.
    pub async fn put_definition(
        &self,
        definition: &WorkflowDefinition,
        now: Timestamp,
    ) -> Result<Conditional<WorkflowDefinition>, ApiError> {
        let RequestedDefinition { account_id, name, client_token, .. } = &definition.requested;
        let key = definition_key(account_id, name);
        let sort_key = SortKey { at: definition.created_at, id: name.clone() };
        let mut item = attributes(&key, definition)?;
        item.insert("listKey".into(), string(list_key(account_id)));
        item.insert("sortKey".into(), string(sort_key));
        let result = self
            .put(item)
            .condition_expression(
                "attribute_not_exists(pk) OR expiresAt <= :now OR (goneAt <= :now AND clientToken <> :clientToken)",
            )
            .expression_attribute_values(":now", number(EpochSeconds::new(now)))
            .expression_attribute_values(":clientToken", string(client_token))
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
            .send()
            .await;
        conditional(PUT_ITEM, &key, result)?.or_existing(&key)
    }

    pub async fn list_definitions(
        &self,
        account_id: &AccountId,
        page: &Page<WorkflowDefinitionName>,
    ) -> Result<Listing<WorkflowDefinitionName, WorkflowDefinitionStatus>, ApiError> {
        self.list(&[list_key(account_id)], page, None).await
    }

    /// Marks a definition as `DELETING`, if it is still this generation, not gone, and its deletion was not requested in
    /// the last minute: each write makes the cleanup look for runs once more. If it was not applied, the definition of
    /// the name, if any.
    pub async fn request_deletion(
        &self,
        key: &Key<WorkflowDefinition>,
        definition_id: DefinitionId,
        now: Timestamp,
    ) -> Result<Conditional<Option<WorkflowDefinition>>, ApiError> {
        let at = DateTime::new(now);
        let result = self
            .update(key)
            .update_expression(
                "SET #status = :deleting, deletedAt = if_not_exists(deletedAt, :at), deletionRequestedAt = :at",
            )
            .condition_expression(
                "definitionId = :definitionId AND (attribute_not_exists(goneAt) OR goneAt > :now) \
                 AND (attribute_not_exists(deletionRequestedAt) OR deletionRequestedAt < :aMinuteAgo)",
            )
            .expression_attribute_names("#status", "status")
            .expression_attribute_values(":definitionId", string(definition_id))
            .expression_attribute_values(":deleting", string(WorkflowDefinitionStatus::Deleting.as_str()))
            .expression_attribute_values(":at", string(at))
            .expression_attribute_values(":aMinuteAgo", string(at - DELETION_REQUEST_INTERVAL))
            .expression_attribute_values(":now", number(EpochSeconds::new(now)))
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
            .send()
            .await;
        conditional(UPDATE_ITEM, key, result)
    }

    /// Reads how far the deletion of a definition is, consistently. An item that cannot be read is logged and counts as none,
    /// since it must not hold up what can.
    pub async fn deletion(&self, key: &Key<WorkflowDefinition>) -> Result<Option<Deletion>, ApiError> {
        let unreadable = |reason: serde_dynamo::Error| error!(%key, %reason, "the item cannot be read");
        let item = self.get_attributes(key).await?;
        Ok(item.and_then(|attributes| from_item(attributes).map_err(unreadable).ok()))
    }

    /// Puts the deletion of a definition's runs behind the other records of the stream: the new image has `sweep` + 1.
    /// Not applied if the deletion is over or another record has continued it.
    pub async fn continue_deletion(
        &self,
        key: &Key<WorkflowDefinition>,
        definition_id: DefinitionId,
        sweep: u64,
    ) -> Result<(), ApiError> {
        let mut update = self
            .update(key)
            .update_expression("SET sweep = :next")
            .expression_attribute_names("#status", "status")
            .expression_attribute_values(":definitionId", string(definition_id))
            .expression_attribute_values(":deleting", string(WorkflowDefinitionStatus::Deleting.as_str()))
            .expression_attribute_values(":next", number(sweep + 1));
        update = match sweep {
            0 => update.condition_expression(format!("{IS_BEING_DELETED} AND attribute_not_exists(sweep)")),
            _ => update
                .condition_expression(format!("{IS_BEING_DELETED} AND sweep = :sweep"))
                .expression_attribute_values(":sweep", number(sweep)),
        };
        conditional(UPDATE_ITEM, key, update.send().await).map(drop)
    }

    /// Sets when a definition without runs is gone, unless that is already set. The item leaves the index and keeps
    /// only what recognises a late retry of its create.
    pub async fn mark_gone(
        &self,
        key: &Key<WorkflowDefinition>,
        definition_id: DefinitionId,
        gone_at: EpochSeconds,
    ) -> Result<Conditional<Option<WorkflowDefinition>>, ApiError> {
        let result = self
            .update(key)
            .update_expression(
                "SET goneAt = :goneAt, expiresAt = :expiresAt REMOVE description, exportConfig, listKey, sortKey",
            )
            .condition_expression(IS_BEING_DELETED)
            .expression_attribute_names("#status", "status")
            .expression_attribute_values(":definitionId", string(definition_id))
            .expression_attribute_values(":deleting", string(WorkflowDefinitionStatus::Deleting.as_str()))
            .expression_attribute_values(":goneAt", number(gone_at))
            .expression_attribute_values(":expiresAt", number(gone_at + GONE_ITEM_LIFETIME))
            .send()
            .await;
        conditional(UPDATE_ITEM, key, result)
    }
}

fn list_key(account_id: &AccountId) -> String {
    format!("definitions/{account_id}")
}
