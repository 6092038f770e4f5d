//! The DynamoDB table: what stands in it, and the calls on it.

use std::collections::HashMap;
use std::error::Error as StdError;
use std::time::Duration;

use aws_config::SdkConfig;
use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::config::Builder;
use aws_sdk_dynamodb::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_dynamodb::operation::put_item::PutItemError;
use aws_sdk_dynamodb::types::error::ConditionalCheckFailedException;
use aws_sdk_dynamodb::types::{AttributeValue, KeysAndAttributes, ReturnValuesOnConditionCheckFailure};
use jiff::Timestamp;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_dynamo::{from_item, to_item};
use tokio::time::sleep;

use crate::error::{ApiError, FailedCall, Throttled};
use crate::model::{LogGroupName, WorkflowDefinitionName};
use crate::sdk_headers::ShortUserAgent;

/// The table's one key attribute.
const KEY: &str = "pk";

const BATCH_GET_ITEM: &str = "dynamodb:BatchGetItem";
const PUT_ITEM: &str = "dynamodb:PutItem";

type Item = HashMap<String, AttributeValue>;

/// A workflow definition, as far as a run needs it.
#[derive(Deserialize)]
pub struct WorkflowDefinition {
    /// `ACTIVE`, or something that lets no run start.
    pub status: String,
}

impl WorkflowDefinition {
    /// Whether runs of it may start.
    #[must_use]
    pub fn is_active(&self) -> bool {
        self.status == "ACTIVE"
    }
}

/// A workflow run. Its fields are the item's attributes. It has no `Debug`, so that no log can repeat its token.
#[derive(Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct WorkflowRun {
    /// The AWS account whose run it is.
    pub account_id: String,
    /// A UUID, function of account and client token.
    pub workflow_run_id: String,
    /// The definition that it runs.
    pub workflow_definition_name: String,
    /// `RUNNING` at first.
    pub status: String,
    /// The AI model.
    pub model_id: String,
    /// The log group, if the request named one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub log_group_name: Option<String>,
    /// The client that asked for it.
    pub client_info: ClientInfo,
    /// The client token; a random one, if the request had none.
    pub client_token: String,
    /// When it was asked for: ISO 8601, UTC, three decimals.
    pub started_at: String,
    /// The request that asked for it.
    pub request_id: String,
}

/// The client of a request.
#[derive(Deserialize, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ClientInfo {
    /// The client's compatibility version.
    pub compatibility_version: i32,
    /// The version of its SDK.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sdk_version: Option<String>,
}

/// A log group that was there when the item was written.
#[derive(Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
struct KnownLogGroup {
    /// Epoch seconds. From then on the item counts as absent: DynamoDB may delete it days later.
    expires_at: i64,
}

impl KnownLogGroup {
    fn is_current(item: Option<Self>, now: Timestamp) -> bool {
        item.is_some_and(|known| known.expires_at > now.as_second())
    }
}

/// The key of a workflow definition's item.
#[must_use]
pub fn definition_key(account_id: &str, name: &WorkflowDefinitionName) -> String {
    format!("definition/{account_id}/{}", name.as_str())
}

/// The key of a log group's item. Log groups belong to the function's account, whoever calls.
#[must_use]
pub fn log_group_key(name: &LogGroupName) -> String {
    format!("log-group/{}", name.as_str())
}

impl WorkflowRun {
    /// The key of the run's item.
    #[must_use]
    pub fn key(&self) -> String {
        format!("run/{}/{}", self.account_id, self.workflow_run_id)
    }

    /// Whether both were asked for by equal requests; that is, all is equal that does not change later.
    #[must_use]
    pub fn is_same_request_as(&self, other: &Self) -> bool {
        self.client_token == other.client_token
            && self.workflow_definition_name == other.workflow_definition_name
            && self.model_id == other.model_id
            && self.log_group_name == other.log_group_name
            && self.client_info == other.client_info
    }
}

/// What [`Store::find`] found.
pub struct Found {
    /// The run, if it exists.
    pub run: Option<WorkflowRun>,
    /// The definition, if it was asked for and exists.
    pub definition: Option<WorkflowDefinition>,
    /// Whether the log group was asked for and is known to exist.
    pub log_group: bool,
}

/// How [`Store::put_run`] ended.
pub enum Put {
    /// The run exists now.
    Created,
    /// It existed before; nothing was changed.
    Existing(Box<WorkflowRun>),
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
        Err(ApiError::Throttling(Throttled::DynamoDb, format!("{BATCH_GET_ITEM} left keys unprocessed").into()))
    }

    /// Whether the log group is known to exist.
    ///
    /// # Errors
    /// Those of [`Store::find`].
    pub async fn knows_log_group(&self, key: &str, now: Timestamp) -> Result<bool, ApiError> {
        let mut items = self.batch_get([key].into_iter()).await?;
        Ok(KnownLogGroup::is_current(take(&mut items, Some(key))?, now))
    }

    /// Remembers, for every environment, that a log group exists.
    ///
    /// # Errors
    /// Those of the call.
    pub async fn put_log_group(&self, key: &str, expires_at: Timestamp) -> Result<(), ApiError> {
        let known = KnownLogGroup { expires_at: expires_at.as_second() };
        let put = self.client.put_item().table_name(&self.table_name).set_item(Some(item(key, &known)?));
        put.send().await.map(drop).map_err(|error| failure(PUT_ITEM, error))
    }

    /// Writes the run unless it exists. This is the commit point of a create, and all of the idempotency protocol.
    ///
    /// # Errors
    /// Those of the call; an existing item that cannot be read. In doubt the run may exist: a retry will tell.
    pub async fn put_run(&self, run: &WorkflowRun) -> Result<Put, ApiError> {
        let put = self.client.put_item().table_name(&self.table_name).set_item(Some(item(&run.key(), run)?));
        let result = put
            .condition_expression("attribute_not_exists(pk)")
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
            .send()
            .await;
        let Err(error) = result else { return Ok(Put::Created) };
        match error.as_service_error() {
            Some(PutItemError::ConditionalCheckFailedException(ConditionalCheckFailedException {
                item: Some(existing),
                ..
            })) => Ok(Put::Existing(Box::new(parse(&run.key(), existing.clone())?))),
            _ => Err(failure(PUT_ITEM, error)),
        }
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
            ApiError::Throttling(Throttled::DynamoDb, FailedCall::boxed(action, error))
        }
        _ => ApiError::from_aws(action, error),
    }
}
