//! Generations of deleted definitions, whose items make the cleanup look for late runs when DynamoDB deletes them.

use serde::Serialize;

use super::{Key, PUT_ITEM, Store, attributes, failure};
use crate::error::ApiError;
use crate::model::{AccountId, DefinitionId, EpochSeconds};

/// A generation whose runs were deleted.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub struct DeletedGeneration {
    /// The account whose definition it was.
    pub account_id: AccountId,
    /// When DynamoDB may delete the item.
    pub expires_at: EpochSeconds,
}

impl Store {
    /// Lets the cleanup look for runs of this generation once more when the item has expired.
    pub async fn put_generation(
        &self,
        definition_id: DefinitionId,
        generation: &DeletedGeneration,
    ) -> Result<(), ApiError> {
        let key = Key::<DeletedGeneration>::new(format!("generation/{definition_id}"));
        let item = attributes(&key, generation)?;
        let put = self.client.put_item().table_name(&self.table_name).set_item(Some(item));
        put.send().await.map(drop).map_err(|error| failure(PUT_ITEM, error))
    }
}
