//! Generations of deleted definitions, whose items make the cleanup look for late runs when DynamoDB deletes them.

use serde::Serialize;

use super::{Key, Store};
use crate::error::ApiError;
use crate::model::{AccountId, DefinitionId, EpochSeconds};

/// A generation whose runs were deleted.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub struct DeletedGeneration {
    pub account_id: AccountId,
    pub expires_at: EpochSeconds,
}

impl Store {
    /// Lets the cleanup look for runs of this generation once more when the item has expired.
    pub async fn put_generation(
        &self,
        definition_id: DefinitionId,
        generation: &DeletedGeneration,
    ) -> Result<(), ApiError> {
        self.overwrite(&Key::new(format!("generation/{definition_id}")), generation).await
    }
}
