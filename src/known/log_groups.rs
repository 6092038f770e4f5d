//! The log groups that a process knows to exist, and how it makes sure that one does.

use std::time::Duration;

use aws_config::SdkConfig;
use jiff::{SignedDuration, Timestamp};
use tokio::time::{sleep, timeout};
use tracing::warn;

use super::KEYS;
use super::cache::Cache;
use crate::aws::log_groups::{CREATE_LOG_GROUP, Ensured, LogGroups};
use crate::error::{ApiError, describe};
use crate::model::{EpochSeconds, LogGroupName};
use crate::request::ApiRequest;
use crate::store::{Key, KnownLogGroup, Store, log_group_key};

/// How long a log group stays known: they hardly ever go away, and asking costs a read of the table.
const TIME_TO_LIVE: SignedDuration = SignedDuration::from_hours(1);

/// The mean lifetime of a log group's item. Jitter spreads it from 3/4 to 5/4 of this, so that items written together
/// do not expire together.
const ITEM_TIME_TO_LIVE: SignedDuration = SignedDuration::from_hours(24);

/// The same if the log group's retention could not be set: then a process tries again a minute later, and not a day.
const TIME_TO_LIVE_WITHOUT_RETENTION: SignedDuration = SignedDuration::from_secs(60);

/// How long a log group whose item could not be written stays known.
const TIME_TO_LIVE_UNRECORDED: SignedDuration = SignedDuration::from_secs(60);

/// How long the write of a log group's item may delay a create.
const RECORD_TIMEOUT: Duration = Duration::from_millis(100);

/// How long to keep trying. A caller who floods the API with new names must not hold processes that others need.
const RETRY_BUDGET: Duration = Duration::from_secs(3);

/// The wait after the first attempt. It doubles up to the longest wait, and jitter cuts it to between 50 and 100 %.
const FIRST_WAIT: Duration = Duration::from_millis(100);
const LONGEST_WAIT: Duration = Duration::from_millis(800);

const _: () = assert!(TIME_TO_LIVE.as_secs() < ITEM_TIME_TO_LIVE.as_secs() * 3 / 4);
const _: () = assert!(RECORD_TIMEOUT.as_millis() < RETRY_BUDGET.as_millis());

pub struct KnownLogGroups {
    cache: Cache<()>,
    log_groups: LogGroups,
    retention_days: Option<i32>,
}

/// A log group that this process does not know.
pub struct UnknownLogGroup {
    pub key: Key<KnownLogGroup>,
    name: LogGroupName,
}

/// A log group that CloudWatch Logs has just confirmed and that the table does not know yet.
pub struct Unrecorded {
    key: Key<KnownLogGroup>,
    /// The mean lifetime of the item.
    time_to_live: SignedDuration,
}

/// How it turned out that a log group exists.
enum Existence {
    /// CloudWatch Logs created it or already had it, and it has its retention if there is one to set.
    Ensured,
    /// The same, but the retention could not be set.
    WithoutRetention,
    /// Another process has asked CloudWatch Logs, and the table knows it until this time.
    Recorded(Timestamp),
}

impl KnownLogGroups {
    /// Knows none. `retention_days` is the retention to set, if any.
    pub fn new(config: &SdkConfig, retention_days: Option<i32>) -> Self {
        Self { cache: Cache::new(KEYS), log_groups: LogGroups::new(config), retention_days }
    }

    /// The log group, unless it is known to exist.
    pub fn unknown(&self, name: &LogGroupName, now: Timestamp) -> Option<UnknownLogGroup> {
        let key = log_group_key(name);
        let is_known = self.cache.get(key.as_str(), now).is_some();
        (!is_known).then(|| UnknownLogGroup { key, name: name.clone() })
    }

    /// Knows from now on that the log group exists, but no longer than the table knows it.
    pub fn learn(&self, key: Key<KnownLogGroup>, known_until: Timestamp, now: Timestamp) {
        self.cache.insert(key.into_string(), (), known_until.min(now + TIME_TO_LIVE));
    }

    /// Creates the log group unless it exists, and sets its retention. Returns it if the table does not know it yet.
    ///
    /// # Errors
    /// The mapping of CreateLogGroup's last failure. CloudWatch Logs has then confirmed no log group.
    pub async fn ensure(
        &self,
        store: &Store,
        log_group: UnknownLogGroup,
        request: &ApiRequest,
        now: Timestamp,
    ) -> Result<Option<Unrecorded>, ApiError> {
        let time_to_live = match self.create(store, &log_group, request, now).await? {
            Existence::Ensured => ITEM_TIME_TO_LIVE,
            Existence::WithoutRetention => TIME_TO_LIVE_WITHOUT_RETENTION,
            Existence::Recorded(until) => {
                self.learn(log_group.key, until, now);
                return Ok(None);
            }
        };
        Ok(Some(Unrecorded { key: log_group.key, time_to_live }))
    }

    /// Records, here and in the table, that a log group exists. It helps later requests and never fails this one.
    pub async fn record(&self, store: &Store, unrecorded: Option<Unrecorded>, request: &ApiRequest, now: Timestamp) {
        let Some(Unrecorded { key, time_to_live }) = unrecorded else { return };
        let expires_at = now + time_to_live.mul_f64(fastrand::f64().mul_add(0.5, 0.75));
        // In a box, since most requests need not make room for it.
        let put = Box::pin(store.put_log_group(&key, EpochSeconds::new(expires_at)));
        let written = timeout(RECORD_TIMEOUT, put).await;
        let detail = match written {
            Ok(Ok(())) => return self.learn(key, expires_at, now),
            Ok(Err(error)) => error.detail(),
            Err(elapsed) => elapsed.to_string(),
        };
        warn!(request_id = request.logged_id(), detail, "the log group's item was not written");
        self.learn(key, now + TIME_TO_LIVE_UNRECORDED, now);
    }

    /// Tries for about 3 seconds, since the calls have quotas that a herd of processes exceeds. Before each further
    /// attempt, it looks in the table whether another process was faster.
    async fn create(
        &self,
        store: &Store,
        UnknownLogGroup { key, name }: &UnknownLogGroup,
        request: &ApiRequest,
        now: Timestamp,
    ) -> Result<Existence, ApiError> {
        let mut exists = false;
        let mut create_failure = None;
        let mut retention_failure = None;
        let attempts = async {
            let mut wait = FIRST_WAIT;
            loop {
                if !exists {
                    match self.log_groups.create(name).await {
                        Ok(ensured) => {
                            exists = true;
                            if ensured == Ensured::Created {
                                request.counters.log_group_created();
                            }
                        }
                        Err(failed) => {
                            if failed.is_throttled {
                                request.counters.create_log_group_throttled();
                            }
                            if !failed.is_transient {
                                return Err(failed.failure);
                            }
                            create_failure = Some(failed.failure);
                        }
                    }
                }
                if exists {
                    let Some(days) = self.retention_days else { return Ok(Existence::Ensured) };
                    match self.log_groups.set_retention(name, days).await {
                        Ok(()) => return Ok(Existence::Ensured),
                        Err(failed) => {
                            retention_failure = Some(failed.failure);
                            if !failed.is_transient {
                                return Ok(Existence::WithoutRetention);
                            }
                        }
                    }
                }
                sleep(wait.mul_f64(fastrand::f64().mul_add(0.5, 0.5))).await;
                wait = LONGEST_WAIT.min(wait * 2);
                // If the table cannot be read, the next attempt decides.
                if let Ok(Some(until)) = store.log_group_known_until(key, now).await {
                    return Ok(Existence::Recorded(until));
                }
            }
        };
        let existence = match timeout(RETRY_BUDGET, attempts).await {
            Ok(ended) => ended?,
            Err(_) if exists => Existence::WithoutRetention,
            Err(elapsed) => {
                let elapsed = || ApiError::InternalServer(CREATE_LOG_GROUP.caused_by(elapsed));
                return Err(create_failure.unwrap_or_else(elapsed));
            }
        };
        if let Existence::WithoutRetention = existence {
            let detail =
                retention_failure.map_or("there was no time left".to_owned(), |failure| describe(&*failure.cause));
            warn!(request_id = request.logged_id(), detail, "the log group's retention was not set");
        }
        Ok(existence)
    }
}
