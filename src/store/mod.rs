//! The DynamoDB table: its items, and the calls on it.

mod known_log_groups;
mod workflow_definitions;
mod workflow_runs;

use std::collections::HashMap;
use std::error::Error as StdError;
use std::time::Duration;

use aws_config::SdkConfig;
use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::config::Builder;
use aws_sdk_dynamodb::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_dynamodb::types::{AttributeValue, KeysAndAttributes};
use jiff::Timestamp;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_dynamo::{from_item, to_item};
use tokio::time::sleep;

use crate::aws::{self, FailedCall, ShortUserAgent};
use crate::error::{ApiError, Limit};

use known_log_groups::KnownLogGroup;

pub use known_log_groups::log_group_key;
pub use workflow_definitions::{WorkflowDefinition, definition_key};
pub use workflow_runs::{ClientInfo, Put, WorkflowRun};

/// The table's one key attribute.
const KEY: &str = "pk";

const BATCH_GET_ITEM: &str = "dynamodb:BatchGetItem";
const PUT_ITEM: &str = "dynamodb:PutItem";

type Item = HashMap<String, AttributeValue>;

/// What [`Store::find`] found.
pub struct Found {
    /// The run, if it exists.
    pub run: Option<WorkflowRun>,
    /// The definition, if it was asked for and exists.
    pub definition: Option<WorkflowDefinition>,
    /// Whether the log group was asked for and is known to exist.
    pub log_group: bool,
}

/// The table.
pub struct Store {
    client: Client,
    table_name: String,
}

impl Store {
    /// A client of the table, with the AWS SDK's retries.
    #[must_use]
    pub fn new(config: &SdkConfig, table_name: String) -> Self {
        let config = Builder::from(config).interceptor(ShortUserAgent).build();
        Self { client: Client::from_conf(config), table_name }
    }

    /// Reads a run and, where a key is given, the definition and the log group; all in one consistent `BatchGetItem`.
    ///
    /// # Errors
    /// Those of the call; [`ApiError::Throttling`] if keys stay unprocessed; an item that cannot be read.
    pub async fn find(
        &self,
        run_key: &str,
        definition_key: Option<&str>,
        log_group_key: Option<&str>,
        now: Timestamp,
    ) -> Result<Found, ApiError> {
        let keys = [Some(run_key), definition_key, log_group_key];
        let mut items = self.batch_get(keys.into_iter().flatten()).await?;
        Ok(Found {
            run: take(&mut items, Some(run_key))?,
            definition: take(&mut items, definition_key)?,
            log_group: KnownLogGroup::is_current(take(&mut items, log_group_key)?, now),
        })
    }

    async fn batch_get(&self, keys: impl Iterator<Item = &str>) -> Result<HashMap<String, Item>, ApiError> {
        let keys = keys.map(|key| HashMap::from([(KEY.to_owned(), AttributeValue::S(key.to_owned()))]));
        let keys = KeysAndAttributes::builder().set_keys(Some(keys.collect())).consistent_read(true).build();
        let mut wanted =
            HashMap::from([(self.table_name.clone(), keys.map_err(|e| ApiError::InternalServer(e.into()))?)]);
        let mut items = HashMap::new();
        for longest_wait in [50, 100, 200, 0].map(Duration::from_millis) {
            let request = self.client.batch_get_item().set_request_items(Some(wanted));
            let output = request.send().await.map_err(|error| failure(BATCH_GET_ITEM, error))?;
            for item in output.responses.into_iter().flat_map(HashMap::into_values).flatten() {
                if let Some(AttributeValue::S(key)) = item.get(KEY) {
                    items.insert(key.clone(), item);
                }
            }
            wanted = output.unprocessed_keys.unwrap_or_default();
            if wanted.is_empty() {
                return Ok(items);
            }
            sleep(longest_wait.mul_f64(fastrand::f64())).await;
        }
        Err(ApiError::Throttling(Limit::DynamoDb, format!("{BATCH_GET_ITEM} left keys unprocessed").into()))
    }
}

fn item(key: &str, attributes: &impl Serialize) -> Result<Item, ApiError> {
    let mut item: Item = to_item(attributes).map_err(|error| ApiError::InternalServer(error.into()))?;
    item.insert(KEY.to_owned(), AttributeValue::S(key.to_owned()));
    Ok(item)
}

fn take<T: DeserializeOwned>(items: &mut HashMap<String, Item>, key: Option<&str>) -> Result<Option<T>, ApiError> {
    let found = key.and_then(|key| Some((key, items.remove(key)?)));
    found.map(|(key, item)| parse(key, item)).transpose()
}

fn parse<T: DeserializeOwned>(key: &str, item: Item) -> Result<T, ApiError> {
    from_item(item).map_err(|error| ApiError::InternalServer(format!("the item {key} cannot be read: {error}").into()))
}

/// What the failure of a call on the table means, after the SDK's retries. A missing table is the operator's mistake.
fn failure<E>(action: &'static str, error: SdkError<E>) -> ApiError
where
    E: ProvideErrorMetadata + StdError + Send + Sync + 'static,
{
    match error.code() {
        Some("ProvisionedThroughputExceededException" | "RequestLimitExceeded" | "ThrottlingException") => {
            ApiError::Throttling(Limit::DynamoDb, FailedCall::boxed(action, error))
        }
        _ => aws::failure(action, error),
    }
}
