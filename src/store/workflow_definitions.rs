//! Workflow definitions in the table.

use aws_sdk_dynamodb::types::{ReturnValue, ReturnValuesOnConditionCheckFailure};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::index::sort_key;
use super::{Listing, Store, item, key_of, number, parse, refusing_item_of_put, refusing_item_of_update, string};
use crate::error::ApiError;
use crate::model::{DateTime, Page, WorkflowDefinitionName, WorkflowDefinitionStatus, WorkflowExportConfig};

/// A workflow definition. Its fields are the item's attributes. It has no `Debug`, so that no log can repeat its token
/// or description.
#[derive(Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct WorkflowDefinition {
    /// The AWS account whose definition it is.
    pub account_id: String,
    /// Its name, unique in the account.
    pub name: String,
    /// Its generation, a random UUID. A later definition of the same name has a different one, and so its own runs.
    pub definition_id: String,
    /// `ACTIVE`, or `DELETING`, which lets no run start.
    pub status: WorkflowDefinitionStatus,
    /// The description.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// The export configuration.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub export_config: Option<WorkflowExportConfig>,
    /// The client token of the request that created it; a random one, if the request had none.
    pub client_token: String,
    /// When it was created.
    pub created_at: DateTime,
    /// The request that created it.
    pub request_id: String,
    /// When its deletion was first requested.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deleted_at: Option<DateTime>,
    /// When it is gone, in epoch seconds; `None` until its last run is deleted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gone_at: Option<i64>,
    /// When the item expires, in epoch seconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<i64>,
}

/// The key of a workflow definition's item.
#[must_use]
pub fn definition_key(account_id: &str, name: &WorkflowDefinitionName) -> String {
    format!("definition/{account_id}/{}", name.as_str())
}

impl WorkflowDefinition {
    /// Whether runs of it may start.
    #[must_use]
    pub fn is_active(&self) -> bool {
        self.status == WorkflowDefinitionStatus::Active
    }

    /// Whether its deletion is complete. Its item stays for a day, so that no late retry of its create brings it back.
    #[must_use]
    pub fn is_gone(&self, now: Timestamp) -> bool {
        self.gone_at.is_some_and(|gone_at| gone_at <= now.as_second())
    }

    pub(super) fn is_current(&self, now: Timestamp) -> bool {
        super::is_current(self.expires_at, now)
    }
}

/// How [`Store::put_definition`] ended.
pub enum PutDefinition {
    /// The definition exists now.
    Created,
    /// This definition has the name; nothing was changed.
    Existing(Box<WorkflowDefinition>),
}

/// How [`Store::mark_deleting`] ended.
pub enum MarkedDeleting {
    /// The definition is `DELETING`.
    Deleting(Box<WorkflowDefinition>),
    /// Its deletion is complete.
    Gone(Box<WorkflowDefinition>),
    /// There is no such definition.
    Absent,
}

impl Store {
    /// Reads a definition, consistently. One that is gone is returned for another day.
    ///
    /// # Errors
    /// The errors of the call; an item that does not parse.
    pub async fn get_definition(&self, key: &str, now: Timestamp) -> Result<Option<WorkflowDefinition>, ApiError> {
        Ok(self.get(key).await?.filter(|definition: &WorkflowDefinition| definition.is_current(now)))
    }

    /// Writes a definition if its name is free. The name of a definition that is gone is free for a different client
    /// token.
    ///
    /// # Errors
    /// The errors of the call; an existing item that does not parse.
    pub async fn put_definition(
        &self,
        key: &str,
        definition: &WorkflowDefinition,
        now: Timestamp,
    ) -> Result<PutDefinition, ApiError> {
        let mut item = item(key, definition)?;
        item.insert("listKey".into(), string(list_key(&definition.account_id)));
        item.insert("sortKey".into(), string(sort_key(definition.created_at, &definition.name)));
        let put = self.client.put_item().table_name(&self.table_name).set_item(Some(item));
        let result = put
            .condition_expression(
                "attribute_not_exists(pk) OR expiresAt <= :now OR (goneAt <= :now AND clientToken <> :clientToken)",
            )
            .expression_attribute_values(":now", number(now.as_second()))
            .expression_attribute_values(":clientToken", string(&definition.client_token))
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
            .send()
            .await;
        let Err(error) = result else { return Ok(PutDefinition::Created) };
        let existing = refusing_item_of_put(error)?.unwrap_or_default();
        Ok(PutDefinition::Existing(Box::new(parse(key, existing)?)))
    }

    /// Reads a page of an account's definitions.
    ///
    /// # Errors
    /// The errors of the call; an item that does not parse.
    pub async fn list_definitions(
        &self,
        account_id: &str,
        page: &Page,
    ) -> Result<Listing<WorkflowDefinitionStatus>, ApiError> {
        self.list(&[list_key(account_id)], page).await
    }

    /// Marks a definition as `DELETING`, if it is still this generation and not gone.
    ///
    /// # Errors
    /// The errors of the call; an item that does not parse.
    pub async fn mark_deleting(
        &self,
        key: &str,
        definition_id: &str,
        now: Timestamp,
    ) -> Result<MarkedDeleting, ApiError> {
        let result = self
            .client
            .update_item()
            .table_name(&self.table_name)
            .set_key(Some(key_of(key)))
            .update_expression("SET #status = :deleting, deletedAt = if_not_exists(deletedAt, :deletedAt)")
            .condition_expression("definitionId = :definitionId AND (attribute_not_exists(goneAt) OR goneAt > :now)")
            .expression_attribute_values(":definitionId", string(definition_id))
            .expression_attribute_names("#status", "status")
            .expression_attribute_values(":deleting", string(WorkflowDefinitionStatus::Deleting.as_str()))
            .expression_attribute_values(":deletedAt", string(DateTime::new(now).to_string()))
            .expression_attribute_values(":now", number(now.as_second()))
            .return_values(ReturnValue::AllNew)
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
            .send()
            .await;
        match result {
            Ok(output) => {
                let definition = parse(key, output.attributes.unwrap_or_default())?;
                Ok(MarkedDeleting::Deleting(Box::new(definition)))
            }
            Err(error) => {
                let existing = refusing_item_of_update(error)?.map(|item| parse::<WorkflowDefinition>(key, item));
                let is_it = |found: &WorkflowDefinition| found.definition_id == definition_id && found.is_current(now);
                let gone = existing.transpose()?.filter(is_it);
                Ok(gone.map_or(MarkedDeleting::Absent, |definition| MarkedDeleting::Gone(Box::new(definition))))
            }
        }
    }

    /// Sets when a definition without runs is gone, unless that is already set. The item leaves the index and keeps
    /// only what recognises a late retry of its create.
    ///
    /// # Errors
    /// The errors of the call.
    pub async fn mark_gone(
        &self,
        key: &str,
        definition_id: &str,
        gone_at: i64,
        expires_at: i64,
    ) -> Result<(), ApiError> {
        let result = self
            .client
            .update_item()
            .table_name(&self.table_name)
            .set_key(Some(key_of(key)))
            .update_expression(
                "SET goneAt = :goneAt, expiresAt = :expiresAt REMOVE description, exportConfig, listKey, sortKey",
            )
            .condition_expression("definitionId = :definitionId AND attribute_not_exists(goneAt)")
            .expression_attribute_values(":definitionId", string(definition_id))
            .expression_attribute_values(":goneAt", number(gone_at))
            .expression_attribute_values(":expiresAt", number(expires_at))
            .send()
            .await;
        result.map(drop).or_else(|error| refusing_item_of_update(error).map(drop))
    }
}

fn list_key(account_id: &str) -> String {
    format!("definitions/{account_id}")
}
