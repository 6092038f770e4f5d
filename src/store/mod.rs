//! The DynamoDB table: its items, and the calls on it.

mod generations;
mod index;
mod known_log_groups;
mod workflow_definitions;
mod workflow_runs;

use std::collections::HashMap;
use std::error::Error as StdError;
use std::fmt;
use std::marker::PhantomData;
use std::time::Duration;

use aws_config::SdkConfig;
use aws_config::retry::RetryConfig;
use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::config::{Builder, StalledStreamProtectionConfig};
use aws_sdk_dynamodb::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_dynamodb::operation::put_item::{PutItemError, builders::PutItemFluentBuilder};
use aws_sdk_dynamodb::operation::update_item::{UpdateItemError, builders::UpdateItemFluentBuilder};
use aws_sdk_dynamodb::types::error::ConditionalCheckFailedException;
use aws_sdk_dynamodb::types::{AttributeValue, KeysAndAttributes};
use jiff::Timestamp;
use serde::Serialize;
use serde_dynamo::to_item;
use tokio::time::sleep;

use crate::aws::{self, Action};
use crate::error::{ApiError, Failure, Limit};
use crate::model::EpochSeconds;

pub use generations::DeletedGeneration;
pub use index::Listing;
pub use known_log_groups::{KnownLogGroup, log_group_key};
pub use workflow_definitions::{RequestedDefinition, WorkflowDefinition, definition_key};
pub use workflow_runs::{RequestedRun, StoredRun, WorkflowRun, run_key};

/// The table's one key attribute.
const KEY: &str = "pk";

const BATCH_GET_ITEM: Action = Action::read("dynamodb:BatchGetItem");
const GET_ITEM: Action = Action::read("dynamodb:GetItem");
const PUT_ITEM: Action = Action::write("dynamodb:PutItem");
const QUERY: Action = Action::read("dynamodb:Query");
const UPDATE_ITEM: Action = Action::write("dynamodb:UpdateItem");

/// The initial backoff. The AWS SDK's own, up to a second, is longer than a whole create.
const INITIAL_BACKOFF: Duration = Duration::from_millis(25);

/// The maximum number of attempts for a call, including the first.
const ATTEMPTS: u32 = 3;

type Attributes = HashMap<String, AttributeValue>;

pub struct Store {
    client: Client,
    table_name: String,
}

/// The key of an item of type `I`.
pub struct Key<I> {
    text: String,
    item: PhantomData<fn() -> I>,
}

/// An item of the table, by what its attributes say.
pub trait Item: Sized {
    /// Reads an item from its attributes.
    ///
    /// # Errors
    /// An attribute that is missing or cannot be read.
    fn from_attributes(attributes: Attributes) -> Result<Self, serde_dynamo::Error>;
}

/// The outcome of a conditional write.
pub enum Conditional<I> {
    /// The condition held, and the write was applied.
    Applied,
    /// The condition did not hold because of what exists, and nothing was changed.
    NotApplied(I),
}

/// What [`Store::find`] found.
#[derive(Default)]
pub struct Found {
    /// The run, or its tombstone, however old.
    pub run: Option<StoredRun>,
    /// The definition, if its key was given and it exists.
    pub definition: Option<WorkflowDefinition>,
    /// Until when the log group is known to exist, if its key was given and it is.
    pub log_group_until: Option<Timestamp>,
}

impl<I> Key<I> {
    fn new(text: String) -> Self {
        Self { text, item: PhantomData }
    }

    pub fn as_str(&self) -> &str {
        &self.text
    }

    pub fn into_string(self) -> String {
        self.text
    }

    fn attributes(&self) -> Attributes {
        HashMap::from([(KEY.to_owned(), string(&self.text))])
    }
}

impl<I> fmt::Display for Key<I> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl Store {
    /// A client of the table, with the AWS SDK's standard retries and a shorter backoff. The protection against stalled
    /// streams is for long bodies; the timeout of an attempt covers ours.
    pub fn new(config: &SdkConfig, table_name: String) -> Self {
        let retries = RetryConfig::standard().with_initial_backoff(INITIAL_BACKOFF).with_max_attempts(ATTEMPTS);
        let config = Builder::from(config)
            .interceptor(aws::ShortUserAgent)
            .retry_config(retries)
            .stalled_stream_protection(StalledStreamProtectionConfig::disabled());
        Self { client: Client::from_conf(config.build()), table_name }
    }

    /// Reads a run and, if their keys are given, the definition and the log group, in one consistent `BatchGetItem`.
    ///
    /// # Errors
    /// The errors of the call; [`ApiError::Throttling`] if keys stay unprocessed; an item that cannot be read.
    pub async fn find(
        &self,
        run_key: &Key<StoredRun>,
        definition_key: Option<&Key<WorkflowDefinition>>,
        log_group_key: Option<&Key<KnownLogGroup>>,
        now: Timestamp,
    ) -> Result<Found, ApiError> {
        let keys =
            [Some(run_key.attributes()), definition_key.map(Key::attributes), log_group_key.map(Key::attributes)];
        let mut items = self.batch_get(keys.into_iter().flatten().collect()).await?;
        Ok(Found {
            run: take(&mut items, Some(run_key))?,
            definition: take(&mut items, definition_key)?.filter(|definition| definition.is_current(now)),
            log_group_until: take(&mut items, log_group_key)?.and_then(|log_group| log_group.until(now)),
        })
    }

    async fn batch_get(&self, keys: Vec<Attributes>) -> Result<HashMap<String, Attributes>, ApiError> {
        let keys = KeysAndAttributes::builder().set_keys(Some(keys)).consistent_read(true).build();
        let mut wanted = HashMap::from([(self.table_name.clone(), keys.map_err(ApiError::internal)?)]);
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
        let cause = format!("{BATCH_GET_ITEM} left keys unprocessed");
        Err(ApiError::Throttling(Limit::DynamoDb, Failure::without_change(cause)))
    }

    fn put(&self, item: Attributes) -> PutItemFluentBuilder {
        self.client.put_item().table_name(&self.table_name).set_item(Some(item))
    }

    /// Writes an item over whatever its key has.
    async fn overwrite<I: Serialize>(&self, key: &Key<I>, item: &I) -> Result<(), ApiError> {
        let put = self.put(attributes(key, item)?);
        put.send().await.map(drop).map_err(|error| failure(PUT_ITEM, error))
    }

    fn update<I>(&self, key: &Key<I>) -> UpdateItemFluentBuilder {
        self.client.update_item().table_name(&self.table_name).set_key(Some(key.attributes()))
    }

    async fn get<I: Item>(&self, key: &Key<I>) -> Result<Option<I>, ApiError> {
        self.get_attributes(key).await?.map(|item| read(key, item)).transpose()
    }

    async fn get_attributes<I>(&self, key: &Key<I>) -> Result<Option<Attributes>, ApiError> {
        let get = self.client.get_item().table_name(&self.table_name).set_key(Some(key.attributes()));
        let output = get.consistent_read(true).send().await.map_err(|error| failure(GET_ITEM, error))?;
        Ok(output.item)
    }
}

trait WriteError {
    /// Why the condition did not hold, if that is the error.
    fn failed_condition(&self) -> Option<&ConditionalCheckFailedException>;
}

impl WriteError for PutItemError {
    fn failed_condition(&self) -> Option<&ConditionalCheckFailedException> {
        if let Self::ConditionalCheckFailedException(failed) = self { Some(failed) } else { None }
    }
}

impl WriteError for UpdateItemError {
    fn failed_condition(&self) -> Option<&ConditionalCheckFailedException> {
        if let Self::ConditionalCheckFailedException(failed) = self { Some(failed) } else { None }
    }
}

/// The outcome of a conditional write. If it was not applied, the item that exists under its key, if any.
fn conditional<I, O, E>(
    action: Action,
    key: &Key<I>,
    result: Result<O, SdkError<E>>,
) -> Result<Conditional<Option<I>>, ApiError>
where
    I: Item,
    E: WriteError + ProvideErrorMetadata + StdError + Send + Sync + 'static,
{
    let Err(error) = result else { return Ok(Conditional::Applied) };
    match error.as_service_error().and_then(WriteError::failed_condition) {
        Some(failed) => Ok(Conditional::NotApplied(failed.item.clone().map(|item| read(key, item)).transpose()?)),
        None => Err(failure(action, error)),
    }
}

impl<I: Item> Conditional<Option<I>> {
    /// The same for a write whose condition holds if there is no item.
    fn or_existing(self, key: &Key<I>) -> Result<Conditional<I>, ApiError> {
        match self {
            Self::Applied => Ok(Conditional::Applied),
            Self::NotApplied(Some(existing)) => Ok(Conditional::NotApplied(existing)),
            Self::NotApplied(None) => Err(ApiError::internal(format!("DynamoDB did not return the item {key}"))),
        }
    }
}

#[expect(clippy::needless_pass_by_value, reason = "most callers have a value of their own")]
fn string(text: impl ToString) -> AttributeValue {
    AttributeValue::S(text.to_string())
}

#[expect(clippy::needless_pass_by_value, reason = "as for string")]
fn number(number: impl ToString) -> AttributeValue {
    AttributeValue::N(number.to_string())
}

/// The attributes of an item under this key.
fn attributes<I>(key: &Key<I>, item: &impl Serialize) -> Result<Attributes, ApiError> {
    let mut attributes: Attributes = to_item(item).map_err(ApiError::internal)?;
    attributes.insert(KEY.to_owned(), string(key));
    Ok(attributes)
}

fn take<I: Item>(items: &mut HashMap<String, Attributes>, key: Option<&Key<I>>) -> Result<Option<I>, ApiError> {
    let found = key.and_then(|key| Some((key, items.remove(key.as_str())?)));
    found.map(|(key, item)| read(key, item)).transpose()
}

fn read<I: Item>(key: &Key<I>, attributes: Attributes) -> Result<I, ApiError> {
    I::from_attributes(attributes)
        .map_err(|error| ApiError::internal(format!("the item {key} cannot be read: {error}")))
}

/// Whether an item with this `expiresAt` still exists for the API. DynamoDB deletes expired items days late.
fn is_current(expires_at: Option<EpochSeconds>, now: Timestamp) -> bool {
    expires_at.is_none_or(|expires_at| expires_at > EpochSeconds::new(now))
}

/// Maps the failure of a call on the table, after the SDK's retries. A missing table is the operator's mistake.
fn failure<E>(action: Action, error: SdkError<E>) -> ApiError
where
    E: ProvideErrorMetadata + StdError + Send + Sync + 'static,
{
    if error.code().is_some_and(aws::is_throttling) {
        return ApiError::Throttling(Limit::DynamoDb, action.failed(error));
    }
    aws::failure(action, error)
}
