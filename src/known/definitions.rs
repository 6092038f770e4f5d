//! The definitions that a process knows to be `ACTIVE`.

use jiff::{SignedDuration, Timestamp};

use super::KEYS;
use super::cache::Cache;
use crate::error::{ApiError, Resource};
use crate::model::{DefinitionId, WorkflowDefinitionName};
use crate::store::{Key, Store, WorkflowDefinition};

/// How long a definition stays known, and so how long a deleted one can still start runs.
pub const TIME_TO_LIVE: SignedDuration = SignedDuration::from_secs(60);

/// The generation of each definition that was read as `ACTIVE`, by its key.
pub struct KnownDefinitions(Cache<DefinitionId>);

impl KnownDefinitions {
    pub fn new() -> Self {
        Self(Cache::new(KEYS))
    }

    /// The generation of the definition, if it is known.
    pub fn get(&self, key: &Key<WorkflowDefinition>, now: Timestamp) -> Option<DefinitionId> {
        self.0.get(key.as_str(), now)
    }

    /// The generation of an existing definition, read from the table unless it is known.
    ///
    /// # Errors
    /// [`ApiError::ResourceNotFound`] if it does not exist or is gone, and the errors of the call.
    pub async fn find(
        &self,
        store: &Store,
        key: &Key<WorkflowDefinition>,
        name: &WorkflowDefinitionName,
        now: Timestamp,
    ) -> Result<DefinitionId, ApiError> {
        match self.get(key, now) {
            Some(definition_id) => Ok(definition_id),
            None => Ok(self.learn(key, name, store.get_definition(key, now).await?, now)?.definition_id),
        }
    }

    /// Checks that a definition just read exists and is not gone. If it is `ACTIVE`, it is known for a minute from
    /// `now`, the time at which the read was sent.
    ///
    /// # Errors
    /// [`ApiError::ResourceNotFound`] if it does not exist or is gone.
    pub fn learn(
        &self,
        key: &Key<WorkflowDefinition>,
        name: &WorkflowDefinitionName,
        found: Option<WorkflowDefinition>,
        now: Timestamp,
    ) -> Result<WorkflowDefinition, ApiError> {
        let definition = found.filter(|definition| !definition.is_gone(now));
        let definition =
            definition.ok_or_else(|| ApiError::ResourceNotFound(Resource::WorkflowDefinition(name.clone())))?;
        if definition.is_active() {
            self.0.insert(key.as_str().to_owned(), definition.definition_id, now + TIME_TO_LIVE);
        }
        Ok(definition)
    }

    /// Forgets a definition that this process deletes.
    pub fn forget(&self, key: &Key<WorkflowDefinition>) {
        self.0.remove(key.as_str());
    }
}
