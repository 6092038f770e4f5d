//! DynamoDB and CloudWatch Logs in this process, behind one endpoint that speaks their protocols.

use std::path::Path;
use std::sync::Arc;

use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_credential_types::Credentials;
use aws_credential_types::provider::SharedCredentialsProvider;
use axum::Router;
use axum::body::to_bytes;
use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use dynoxide::Database;
use uuid::Uuid;
use workflow_runs::{Config, config};

pub use crate::dynamodb::{TABLE_NAME, create_table};
use crate::log_groups::LogGroups;
use crate::{Result, dynamodb};

/// The largest body that DynamoDB accepts.
const LARGEST_BODY: usize = 16 << 20;

/// The two services.
#[derive(Clone)]
pub struct Embedded {
    /// DynamoDB, without the protocol.
    pub database: Database,
    log_groups: Arc<LogGroups>,
}

impl Embedded {
    /// Opens them, with the table in a SQLite file or in memory, and the log groups in memory.
    ///
    /// # Errors
    /// The file cannot be used.
    pub fn open(data: Option<&Path>) -> Result<Self> {
        let database = dynamodb::open(data)?;
        let log_groups = Arc::<LogGroups>::default();
        // The function knows that they exist, and they were lost with the last process.
        for name in dynamodb::known_log_groups(&database)? {
            log_groups.create(&name);
        }
        Ok(Self { database, log_groups })
    }

    /// The endpoint of both; the target header says which service a request is for.
    pub fn router(self) -> Router {
        Router::new().fallback(call).with_state(self)
    }
}

async fn call(State(embedded): State<Embedded>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let Ok(body) = to_bytes(body, LARGEST_BODY).await else {
        return StatusCode::PAYLOAD_TOO_LARGE.into_response();
    };
    let target = parts.headers.get("x-amz-target").and_then(|target| target.to_str().ok()).unwrap_or_default();
    let (service, operation) = target.split_once('.').unwrap_or_default();
    let (status, body) = if service == "Logs_20140328" {
        embedded.log_groups.call(operation, &body)
    } else {
        dynamodb::call(&embedded.database, operation, &parts.uri, &parts.headers, &body)
    };
    let headers =
        [(CONTENT_TYPE.as_str(), "application/x-amz-json-1.0"), ("x-amzn-requestid", &Uuid::new_v4().to_string())];
    (StatusCode::from_u16(status).unwrap_or_default(), headers, body).into_response()
}

/// A configuration for the embedded services, whatever the environment says.
pub fn config(endpoint_url: &str) -> Config {
    let credentials = Credentials::new("local", "local", None, None, "local");
    let aws = SdkConfig::builder()
        .behavior_version(BehaviorVersion::latest())
        .credentials_provider(SharedCredentialsProvider::new(credentials))
        .endpoint_url(endpoint_url)
        // Neither TLS nor a proxy lies between this process and itself.
        .http_client(aws_smithy_http_client::Builder::new().build_http())
        .region(Region::from_static("us-east-1"))
        .timeout_config(config::timeouts())
        .build();
    Config::new(TABLE_NAME, "workflow-runs", aws)
}
