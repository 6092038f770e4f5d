//! The DynamoDB table: its items, and the calls on it.

mod index;
mod known_log_groups;
mod workflow_definitions;
mod workflow_runs;

use std::collections::HashMap;
use std::error::Error as StdError;
use std::time::Duration;

use aws_config::SdkConfig;
use aws_config::retry::RetryConfig;
use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::config::Builder;
use aws_sdk_dynamodb::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_dynamodb::operation::put_item::PutItemError;
use aws_sdk_dynamodb::operation::update_item::UpdateItemError;
use aws_sdk_dynamodb::types::{AttributeValue, KeysAndAttributes};
use jiff::Timestamp;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_dynamo::{from_item, to_item};
use tokio::time::sleep;

use crate::aws::{self, FailedCall, ShortUserAgent};
use crate::error::{ApiError, Limit};
use known_log_groups::KnownLogGroup;

pub use index::Listing;
pub use known_log_groups::log_group_key;
pub use workflow_definitions::{MarkedDeleting, PutDefinition, WorkflowDefinition, definition_key};
pub use workflow_runs::{ClientInfo, DeletedRun, PutRun, StoredRun, UpdatedRun, WorkflowRun, run_key};

/// The table's one key attribute.
const KEY: &str = "pk";

const BATCH_GET_ITEM: &str = "dynamodb:BatchGetItem";
const GET_ITEM: &str = "dynamodb:GetItem";
const PUT_ITEM: &str = "dynamodb:PutItem";
const QUERY: &str = "dynamodb:Query";
const UPDATE_ITEM: &str = "dynamodb:UpdateItem";

/// The initial backoff. The AWS SDK's own, up to a second, is longer than a whole create.
const INITIAL_BACKOFF: Duration = Duration::from_millis(25);

/// The number of attempts for a call, including the first.
const ATTEMPTS: u32 = 3;

type Item = HashMap<String, AttributeValue>;

/// The table.
pub struct Store {
    client: Client,
    table_name: String,
}

/// What [`Store::find`] found.
pub struct Found {
    /// The run, or its tombstone.
    pub run: Option<StoredRun>,
    /// The definition, if its key was given and it exists.
    pub definition: Option<WorkflowDefinition>,
    /// Until when the log group is known to exist, if its key was given and it is.
    pub log_group_until: Option<Timestamp>,
}

impl Store {
    /// A client of the table, with the AWS SDK's standard retries and a shorter backoff.
    #[must_use]
    pub fn new(config: &SdkConfig, table_name: String) -> Self {
        let retries = RetryConfig::standard().with_initial_backoff(INITIAL_BACKOFF).with_max_attempts(ATTEMPTS);
        let config = Builder::from(config).interceptor(ShortUserAgent).retry_config(retries).build();
        Self { client: Client::from_conf(config), table_name }
    }

    /// Reads a run and, if their keys are given, the definition and the log group, in one consistent `BatchGetItem`.
    ///
    /// # Errors
    /// The errors of the call; [`ApiError::Throttling`] if keys stay unprocessed; an item that does not parse.
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
            run: take(&mut items, Some(run_key))?.filter(|run: &StoredRun| run.is_current(now)),
            definition: take(&mut items, definition_key)?.filter(|found: &WorkflowDefinition| found.is_current(now)),
            log_group_until: KnownLogGroup::until(take(&mut items, log_group_key)?, now),
        })
    }

    async fn batch_get(&self, keys: impl Iterator<Item = &str>) -> Result<HashMap<String, Item>, ApiError> {
        let keys =
            KeysAndAttributes::builder().set_keys(Some(keys.map(key_of).collect())).consistent_read(true).build();
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

    /// Reads one item, consistently.
    async fn get<T: DeserializeOwned>(&self, key: &str) -> Result<Option<T>, ApiError> {
        let get = self.client.get_item().table_name(&self.table_name).set_key(Some(key_of(key))).consistent_read(true);
        let output = get.send().await.map_err(|error| failure(GET_ITEM, error))?;
        output.item.map(|item| parse(key, item)).transpose()
    }
}

/// The item, if any, that made the condition of a put fail.
fn refusing_item_of_put(error: SdkError<PutItemError>) -> Result<Option<Item>, ApiError> {
    match error.as_service_error() {
        Some(PutItemError::ConditionalCheckFailedException(failed)) => Ok(failed.item.clone()),
        _ => Err(failure(PUT_ITEM, error)),
    }
}

/// The item, if any, that made the condition of an update fail.
fn refusing_item_of_update(error: SdkError<UpdateItemError>) -> Result<Option<Item>, ApiError> {
    match error.as_service_error() {
        Some(UpdateItemError::ConditionalCheckFailedException(failed)) => Ok(failed.item.clone()),
        _ => Err(failure(UPDATE_ITEM, error)),
    }
}

fn key_of(key: &str) -> Item {
    HashMap::from([(KEY.to_owned(), string(key))])
}

fn string(text: impl Into<String>) -> AttributeValue {
    AttributeValue::S(text.into())
}

fn number(number: i64) -> AttributeValue {
    AttributeValue::N(number.to_string())
}

fn item(key: &str, attributes: &impl Serialize) -> Result<Item, ApiError> {
    let mut item: Item = to_item(attributes).map_err(|error| ApiError::InternalServer(error.into()))?;
    item.insert(KEY.to_owned(), string(key));
    Ok(item)
}

fn take<T: DeserializeOwned>(items: &mut HashMap<String, Item>, key: Option<&str>) -> Result<Option<T>, ApiError> {
    let found = key.and_then(|key| Some((key, items.remove(key)?)));
    found.map(|(key, item)| parse(key, item)).transpose()
}

fn parse<T: DeserializeOwned>(key: &str, item: Item) -> Result<T, ApiError> {
    from_item(item).map_err(|error| ApiError::InternalServer(format!("the item {key} cannot be read: {error}").into()))
}

/// Whether an item with this `expiresAt` still exists for the API. DynamoDB deletes expired items days late.
fn is_current(expires_at: Option<i64>, now: Timestamp) -> bool {
    expires_at.is_none_or(|expires_at| expires_at > now.as_second())
}

/// Maps the failure of a call on the table, after the SDK's retries. A missing table is the operator's mistake.
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
