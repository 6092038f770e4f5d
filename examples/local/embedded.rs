//! DynamoDB and CloudWatch Logs in this process, behind one endpoint that speaks their protocols.

use std::error::Error;
use std::path::Path;
use std::sync::Arc;

use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_sdk_dynamodb::config::{Credentials, SharedCredentialsProvider};
use aws_sdk_dynamodb::operation::create_table::CreateTableError;
use aws_sdk_dynamodb::types::{
    AttributeDefinition, AttributeValue, BillingMode, KeySchemaElement, KeyType, ScalarAttributeType,
};
use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::http::uri::{Authority, Scheme, Uri};
use axum::response::{IntoResponse, Response};
use dynoxide::Database;
use hyper_util::client::legacy::{Client, connect::HttpConnector};
use hyper_util::rt::TokioExecutor;
use tokio::net::TcpListener;
use winterbaume_cloudwatchlogs::CloudWatchLogsService;
use winterbaume_core::{MockRequest, MockService as _};
use workflow_runs::{Config, config};

/// The account of callers whom nobody has identified.
pub const UNIDENTIFIED: &str = "000000000000";

/// The account of the sample events.
pub const SAMPLE: &str = "123456789012";

/// What the functions here return when the services are not as they expect.
pub type Result<T> = std::result::Result<T, Box<dyn Error + Send + Sync>>;

/// The two services.
#[derive(Clone)]
pub struct Embedded {
    dynamodb: Authority,
    http: Client<HttpConnector, Body>,
    logs: Arc<CloudWatchLogsService>,
}

impl Embedded {
    /// Starts them, with the tables in a SQLite file or in memory.
    pub async fn start(data: Option<&Path>) -> Result<Self> {
        let database = match data {
            Some(file) => Database::new(file.to_str().ok_or("the file's name is not UTF-8")?)?,
            None => Database::memory()?,
        };
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let dynamodb = listener.local_addr()?.to_string().parse()?;
        tokio::spawn(dynoxide::server::serve_on(listener, database));
        let http = Client::builder(TokioExecutor::new()).build_http();
        Ok(Self { dynamodb, http, logs: Arc::default() })
    }

    /// The endpoint for both; the target header tells which service a request is for.
    pub fn router(self) -> Router {
        Router::new().fallback(call).with_state(self)
    }
}

async fn call(State(embedded): State<Embedded>, request: Request) -> Response {
    let target = request.headers().get("x-amz-target").map(axum::http::HeaderValue::as_bytes);
    let answer = if target.is_some_and(|target| target.starts_with(b"Logs_")) {
        embedded.logs(request).await
    } else {
        embedded.dynamodb(request).await
    };
    answer.unwrap_or_else(|error| (StatusCode::BAD_GATEWAY, error.to_string()).into_response())
}

impl Embedded {
    async fn dynamodb(self, mut request: Request) -> Result<Response> {
        let mut uri = request.uri().clone().into_parts();
        (uri.scheme, uri.authority) = (Some(Scheme::HTTP), Some(self.dynamodb));
        *request.uri_mut() = Uri::from_parts(uri)?;
        Ok(self.http.request(request).await?.map(Body::new))
    }

    async fn logs(self, request: Request) -> Result<Response> {
        let (parts, body) = request.into_parts();
        let body = to_bytes(body, 1 << 20).await?;
        let (method, uri) = (parts.method.to_string(), parts.uri.to_string());
        let answer = self.logs.handle(MockRequest { method, uri, headers: parts.headers, body }).await;
        let mut response = (StatusCode::from_u16(answer.status)?, answer.body).into_response();
        response.headers_mut().extend(answer.headers);
        Ok(response)
    }
}

/// A configuration for the embedded services, whatever the environment says.
pub fn config(endpoint_url: &str, table_name: &str) -> Config {
    let credentials = Credentials::new("local", "local", None, None, "local");
    let aws = SdkConfig::builder()
        .behavior_version(BehaviorVersion::latest())
        .credentials_provider(SharedCredentialsProvider::new(credentials))
        .endpoint_url(endpoint_url)
        .region(Region::from_static("us-east-1"))
        .timeout_config(config::timeouts())
        .build();
    Config { table_name: table_name.to_owned(), function_name: "workflow-runs".to_owned(), aws }
}

/// Makes the services ready for requests: creates the table, with an active definition in both accounts, unless a file
/// has kept it; and the log groups that the table knows of, which are in memory and have not been kept.
pub async fn prepare(config: &Config, definition: &str) -> Result<()> {
    let dynamodb = aws_sdk_dynamodb::Client::new(&config.aws);
    let table = dynamodb.create_table().table_name(&config.table_name).billing_mode(BillingMode::PayPerRequest);
    let created = table
        .key_schema(KeySchemaElement::builder().attribute_name("pk").key_type(KeyType::Hash).build()?)
        .attribute_definitions(
            AttributeDefinition::builder().attribute_name("pk").attribute_type(ScalarAttributeType::S).build()?,
        )
        .send()
        .await;
    match created {
        Ok(_) => {
            for account_id in [UNIDENTIFIED, SAMPLE] {
                put_definition(config, account_id, definition, "ACTIVE").await?;
            }
        }
        Err(error) if error.as_service_error().is_some_and(CreateTableError::is_resource_in_use_exception) => {}
        Err(error) => return Err(error.into()),
    }
    let logs = aws_sdk_cloudwatchlogs::Client::new(&config.aws);
    let mut items = dynamodb.scan().table_name(&config.table_name).into_paginator().items().send();
    while let Some(item) = items.next().await {
        if let Some(log_group) = item?["pk"].as_s().ok().and_then(|key| key.strip_prefix("log-group/")) {
            logs.create_log_group().log_group_name(log_group).send().await?;
        }
    }
    Ok(())
}

/// Writes a workflow definition.
pub async fn put_definition(config: &Config, account_id: &str, name: &str, status: &str) -> Result<()> {
    let s = |value: &str| AttributeValue::S(value.to_owned());
    let put = aws_sdk_dynamodb::Client::new(&config.aws).put_item().table_name(&config.table_name);
    put.item("pk", s(&format!("definition/{account_id}/{name}")))
        .item("accountId", s(account_id))
        .item("name", s(name))
        .item("status", s(status))
        .item("createdAt", s("2026-01-01T00:00:00.000Z"))
        .send()
        .await?;
    Ok(())
}
