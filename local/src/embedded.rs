//! DynamoDB and CloudWatch Logs in this process, behind one endpoint that speaks their protocols.

use std::error::Error;
use std::path::Path;
use std::sync::Arc;

use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_sdk_dynamodb::config::{Credentials, SharedCredentialsProvider};
use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::http::uri::{Authority, Scheme, Uri};
use axum::response::{IntoResponse, Response};
use dynoxide::Database;
use hyper_util::client::legacy::{Client, connect::HttpConnector};
use hyper_util::rt::TokioExecutor;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use winterbaume_cloudwatchlogs::CloudWatchLogsService;
use winterbaume_core::{MockRequest, MockService as _};
use workflow_runs::{Config, config};

/// The table's name.
pub const TABLE_NAME: &str = "workflow-runs";

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
    /// Starts them, with the table in a SQLite file or in memory.
    pub async fn start(data: Option<&Path>) -> Result<Self> {
        let database = match data {
            Some(file) => Database::new(file.to_str().ok_or("the file's name is not UTF-8")?)?,
            None => Database::memory()?,
        };
        if database.list_tables(serde_json::from_value(json!({}))?)?.table_names.is_empty() {
            database.create_table(serde_json::from_value(create_table())?)?;
        }
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
pub fn config(endpoint_url: &str) -> Config {
    let credentials = Credentials::new("local", "local", None, None, "local");
    let aws = SdkConfig::builder()
        .behavior_version(BehaviorVersion::latest())
        .credentials_provider(SharedCredentialsProvider::new(credentials))
        .endpoint_url(endpoint_url)
        .region(Region::from_static("us-east-1"))
        .timeout_config(config::timeouts())
        .build();
    Config::new(TABLE_NAME, "workflow-runs", aws)
}

/// The request that creates the table, as the template does.
pub fn create_table() -> Value {
    let string = |name: &str| json!({"AttributeName": name, "AttributeType": "S"});
    json!({
        "TableName": TABLE_NAME,
        "BillingMode": "PAY_PER_REQUEST",
        "AttributeDefinitions": [string("pk"), string("listKey"), string("sortKey")],
        "KeySchema": [{"AttributeName": "pk", "KeyType": "HASH"}],
        "GlobalSecondaryIndexes": [{
            "IndexName": "list",
            "KeySchema": [
                {"AttributeName": "listKey", "KeyType": "HASH"},
                {"AttributeName": "sortKey", "KeyType": "RANGE"},
            ],
            "Projection": {"ProjectionType": "INCLUDE", "NonKeyAttributes": ["status", "endedAt"]},
        }],
    })
}
