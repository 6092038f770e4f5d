//! Shared by the operations: the table, what the process knows, the clock and ids.

use std::sync::Arc;

use jiff::Timestamp;
use uuid::Uuid;

use crate::config::Config;
use crate::error::ApiError;
use crate::known::definitions::KnownDefinitions;
use crate::known::log_groups::KnownLogGroups;
use crate::model::{AccountId, Arns, DefinitionId, RunRetention, RunTimeout, WorkflowDefinitionName};
use crate::store::{Store, definition_key};

/// What all requests of a process share, several of them concurrently.
pub struct App {
    pub(crate) store: Store,
    pub(crate) definitions: KnownDefinitions,
    pub(crate) log_groups: KnownLogGroups,
    pub(crate) arns: Arns,
    pub(crate) run_timeout: RunTimeout,
    pub(crate) run_retention: RunRetention,
    sources: Sources,
}

/// The sources of time and randomness, which tests replace. (Jitter comes from `fastrand`, which can be seeded.)
#[derive(Clone)]
pub struct Sources {
    /// The wall clock.
    pub now: Arc<dyn Fn() -> Timestamp + Send + Sync>,
    /// Random UUIDs: unique, and impossible to guess.
    pub uuid: Arc<dyn Fn() -> Uuid + Send + Sync>,
}

impl Default for Sources {
    fn default() -> Self {
        Self { now: Arc::new(Timestamp::now), uuid: Arc::new(Uuid::new_v4) }
    }
}

impl App {
    /// Builds the clients without making a call.
    pub fn new(config: &Config, sources: Sources) -> Self {
        Self {
            store: Store::new(&config.aws, config.table_name.clone()),
            definitions: KnownDefinitions::new(),
            log_groups: KnownLogGroups::new(&config.aws, config.run_log_retention_days),
            arns: Arns::new(config.aws.region().map_or("us-east-1", AsRef::as_ref)),
            run_timeout: config.run_timeout,
            run_retention: config.run_retention,
            sources,
        }
    }

    pub(crate) fn now(&self) -> Timestamp {
        (self.sources.now)()
    }

    pub(crate) fn uuid(&self) -> Uuid {
        (self.sources.uuid)()
    }

    /// The generation of an existing definition.
    ///
    /// # Errors
    /// [`ApiError::ResourceNotFound`] if the definition does not exist or is gone, and the errors of the call.
    pub(crate) async fn definition_id(
        &self,
        account_id: &AccountId,
        name: &WorkflowDefinitionName,
    ) -> Result<DefinitionId, ApiError> {
        self.definitions.find(&self.store, &definition_key(account_id, name), name, self.now()).await
    }
}
