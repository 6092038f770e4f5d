//! Log groups known to exist, so that other processes need not ask CloudWatch Logs.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{PUT_ITEM, Store, failure, item};
use crate::error::ApiError;
use crate::model::LogGroupName;

/// A log group that existed when the item was written.
#[derive(Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct KnownLogGroup {
    /// When the item expires, in epoch seconds.
    expires_at: i64,
}

impl KnownLogGroup {
    /// When the item expires, if it exists and has not expired yet.
    pub fn until(item: Option<Self>, now: Timestamp) -> Option<Timestamp> {
        Timestamp::from_second(item?.expires_at).ok().filter(|until| now < *until)
    }
}

/// The key of a log group's item. Log groups belong to the function's account, whoever calls.
#[must_use]
pub fn log_group_key(name: &LogGroupName) -> String {
    format!("log-group/{}", name.as_str())
}

impl Store {
    /// Until when the log group is known to exist, if it is.
    ///
    /// # Errors
    /// The errors of the call.
    pub async fn log_group_known_until(&self, key: &str, now: Timestamp) -> Result<Option<Timestamp>, ApiError> {
        Ok(KnownLogGroup::until(self.get(key).await?, now))
    }

    /// Records, for every process, that a log group exists.
    ///
    /// # Errors
    /// The errors of the call.
    pub async fn put_log_group(&self, key: &str, expires_at: Timestamp) -> Result<(), ApiError> {
        let known = KnownLogGroup { expires_at: expires_at.as_second() };
        let put = self.client.put_item().table_name(&self.table_name).set_item(Some(item(key, &known)?));
        put.send().await.map(drop).map_err(|error| failure(PUT_ITEM, error))
    }
}
