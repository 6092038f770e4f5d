//! Workflow runs in the table.

use aws_sdk_dynamodb::operation::put_item::PutItemError;
use aws_sdk_dynamodb::types::ReturnValuesOnConditionCheckFailure;
use aws_sdk_dynamodb::types::error::ConditionalCheckFailedException;
use serde::{Deserialize, Serialize};

use super::{PUT_ITEM, Store, failure, item, parse};
use crate::error::ApiError;

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

/// How [`Store::put_run`] ended.
pub enum Put {
    /// The run exists now.
    Created,
    /// It existed before; nothing was changed.
    Existing(Box<WorkflowRun>),
}

impl Store {
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
