//! What the operations work with: clients, caches, clock and ids.

use std::num::NonZeroUsize;
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use uuid::Uuid;

use crate::aws::log_groups::LogGroups;
use crate::cache::Cache;
use crate::config::Config;
use crate::error::{ApiError, Resource};
use crate::model::{Arns, DateTime, RunTimeout, WorkflowDefinitionName};
use crate::request_log::RequestLog;
use crate::store::{Store, WorkflowDefinition, definition_key};

/// How long a definition stays cached, and so how long a deleted one can still start runs.
pub(crate) const DEFINITION_TIME_TO_LIVE: SignedDuration = SignedDuration::from_secs(60);

/// The state of a process: its clients and caches. One `App` serves all requests, several of them at once.
pub struct App {
    pub(crate) store: Store,
    pub(crate) log_groups: LogGroups,
    /// The `definitionId` of each definition that was read as `ACTIVE`, by its key.
    pub(crate) known_definitions: Cache<String>,
    /// The keys of log groups that exist.
    pub(crate) known_log_groups: Cache<()>,
    pub(crate) arns: Arns,
    pub(crate) run_timeout: RunTimeout,
    pub(crate) unsigned_account_id: Option<String>,
    pub(crate) request_log: RequestLog,
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
    /// Builds the clients without making a call. `log` receives the requests' lines.
    #[must_use]
    pub fn new(config: Config, sources: Sources, log: fn(&[u8])) -> Self {
        /// At a few hundred bytes each, both caches together stay below a megabyte.
        const KEYS: NonZeroUsize = NonZeroUsize::new(1_000).unwrap();
        Self {
            log_groups: LogGroups::new(&config.aws, config.run_log_retention_days),
            arns: Arns::new(config.aws.region().map_or("us-east-1", AsRef::as_ref)),
            store: Store::new(&config.aws, config.table_name),
            run_timeout: config.run_timeout,
            unsigned_account_id: config.unsigned_account_id,
            request_log: RequestLog::new(config.function_name, log),
            known_definitions: Cache::new(KEYS),
            known_log_groups: Cache::new(KEYS),
            sources,
        }
    }

    /// The wall clock's time.
    pub(crate) fn now(&self) -> Timestamp {
        (self.sources.now)()
    }

    /// The wall clock's time in the API's form.
    pub(crate) fn date_time(&self) -> DateTime {
        DateTime::new(self.now())
    }

    /// A random UUID.
    pub(crate) fn uuid(&self) -> Uuid {
        (self.sources.uuid)()
    }

    /// The `definitionId` of an existing definition, from the cache or else from the table.
    ///
    /// # Errors
    /// [`ApiError::ResourceNotFound`] if the definition does not exist or is gone, and the errors of the call.
    pub(crate) async fn definition_id(
        &self,
        account_id: &str,
        name: &WorkflowDefinitionName,
    ) -> Result<String, ApiError> {
        let key = definition_key(account_id, name);
        let now = self.now();
        if let Some(definition_id) = self.known_definitions.get(&key, now) {
            return Ok(definition_id);
        }
        let definition = self.store.get_definition(&key, now).await?;
        self.check_and_cache_definition(definition, name, key, now).map(|definition| definition.definition_id)
    }

    /// Checks that a definition just read exists and is not gone. If it is `ACTIVE`, caches it for a minute from `now`,
    /// the time at which the read was sent.
    ///
    /// # Errors
    /// [`ApiError::ResourceNotFound`] if it does not exist or is gone.
    pub(crate) fn check_and_cache_definition(
        &self,
        found: Option<WorkflowDefinition>,
        name: &WorkflowDefinitionName,
        key: String,
        now: Timestamp,
    ) -> Result<WorkflowDefinition, ApiError> {
        let definition = found.filter(|definition| !definition.is_gone(now));
        let definition = definition
            .ok_or_else(|| ApiError::ResourceNotFound(Resource::WorkflowDefinition(name.as_str().to_owned())))?;
        if definition.is_active() {
            self.known_definitions.insert(key, definition.definition_id.clone(), now + DEFINITION_TIME_TO_LIVE);
        }
        Ok(definition)
    }
}
