//! Log groups known to exist, so that other processes need not ask CloudWatch Logs.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_dynamo::from_item;

use super::{Attributes, Item, Key, Store};
use crate::error::ApiError;
use crate::model::{EpochSeconds, LogGroupName};

/// A log group that existed when the item was written.
#[derive(Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct KnownLogGroup {
    expires_at: EpochSeconds,
}

impl Item for KnownLogGroup {
    fn from_attributes(attributes: Attributes) -> Result<Self, serde_dynamo::Error> {
        from_item(attributes)
    }
}

impl KnownLogGroup {
    /// Until when the log group is known to exist, unless the item has expired.
    pub fn until(&self, now: Timestamp) -> Option<Timestamp> {
        self.expires_at.timestamp().filter(|until| now < *until)
    }
}

/// The key of a log group's item. Log groups belong to the function's account, whoever calls.
pub fn log_group_key(name: &LogGroupName) -> Key<KnownLogGroup> {
    Key::new(format!("log-group/{name}"))
}

impl Store {
    /// Until when the log group is known to exist, if it is.
    pub async fn log_group_known_until(
        &self,
        key: &Key<KnownLogGroup>,
        now: Timestamp,
    ) -> Result<Option<Timestamp>, ApiError> {
        Ok(self.get(key).await?.and_then(|log_group| log_group.until(now)))
    }

    /// Records, for every process, that a log group exists.
    pub async fn put_log_group(&self, key: &Key<KnownLogGroup>, expires_at: EpochSeconds) -> Result<(), ApiError> {
        self.overwrite(key, &KnownLogGroup { expires_at }).await
    }
}
