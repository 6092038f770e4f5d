//! What the operations work with.

use std::num::NonZeroUsize;
use std::sync::Arc;

use jiff::Timestamp;
use uuid::Uuid;

use crate::aws::log_groups::LogGroups;
use crate::cache::Cache;
use crate::config::Config;
use crate::request_log::RequestLog;
use crate::store::Store;

/// The API: its clients, and what they have learnt. One serves all requests of a process, several at once.
pub struct App {
    pub(crate) store: Store,
    pub(crate) log_groups: LogGroups,
    /// The keys of definitions that were there and active.
    pub(crate) known_definitions: Cache,
    /// The keys of log groups that were there.
    pub(crate) known_log_groups: Cache,
    pub(crate) request_log: RequestLog,
    pub(crate) sources: Sources,
}

/// Where time and randomness come from, so that tests can decide them. (Jitter is drawn from `fastrand`, which can be
/// seeded.)
#[derive(Clone)]
pub struct Sources {
    /// The wall clock.
    pub now: Arc<dyn Fn() -> Timestamp + Send + Sync>,
    /// A UUID that nobody can guess and nobody else draws.
    pub uuid: Arc<dyn Fn() -> Uuid + Send + Sync>,
}

impl Default for Sources {
    fn default() -> Self {
        Self { now: Arc::new(Timestamp::now), uuid: Arc::new(Uuid::new_v4) }
    }
}

impl App {
    /// Makes the clients. No call is made yet. `log` is where the requests' lines go.
    #[must_use]
    pub fn new(config: Config, sources: Sources, log: fn(&[u8])) -> Self {
        /// At a few hundred bytes each, both caches together stay below a megabyte.
        const KEYS: NonZeroUsize = NonZeroUsize::new(1_000).unwrap();
        Self {
            log_groups: LogGroups::new(&config.aws),
            store: Store::new(&config.aws, config.table_name),
            request_log: RequestLog::new(config.function_name, log),
            known_definitions: Cache::new(KEYS),
            known_log_groups: Cache::new(KEYS),
            sources,
        }
    }
}
