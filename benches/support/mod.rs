//! The function in front of an AWS that responds immediately, and the requests that the benchmarks send.

use std::sync::Arc;

use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::config::{Credentials, SharedCredentialsProvider};
use aws_sdk_dynamodb::types::AttributeValue::S;
use aws_smithy_runtime_api::client::http::{HttpConnector, HttpConnectorFuture, SharedHttpConnector, http_client_fn};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_types::body::SdkBody;
use lambda_runtime::{Context, LambdaEvent};
use serde_json::{Value, json};
use workflow_runs::{Config, Function, Sources, config};

const ACCOUNT: &str = "123456789012";

/// Says that the definition and the log group exist and no run does; every put succeeds.
#[derive(Debug)]
struct InstantAws;

impl HttpConnector for InstantAws {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let read = request.headers().get("x-amz-target").is_some_and(|target| target.ends_with("BatchGetItem"));
        let response = if read {
            let far_away = json!({"pk": {"S": "log-group//workflow-runs/demo"}, "expiresAt": {"N": "9999999999"}});
            let definition = json!({
                "pk": {"S": format!("definition/{ACCOUNT}/demo")}, "accountId": {"S": ACCOUNT}, "name": {"S": "demo"},
                "definitionId": {"S": "1b4e28ba-2fa1-41d2-883f-0016d3cca427"}, "status": {"S": "ACTIVE"},
                "clientToken": {"S": "token"}, "createdAt": {"S": "2026-01-01T00:00:00.000Z"}, "requestId": {"S": "id"},
            });
            json!({"Responses": {"runs": [definition, far_away]}, "UnprocessedKeys": {}}).to_string()
        } else {
            "{}".to_owned()
        };
        HttpConnectorFuture::ready(Ok(HttpResponse::new(200.try_into().unwrap(), SdkBody::from(response))))
    }
}

/// What both clients are built from.
fn aws() -> SdkConfig {
    SdkConfig::builder()
        .behavior_version(BehaviorVersion::latest())
        .credentials_provider(SharedCredentialsProvider::new(Credentials::new("a", "s", None, None, "bench")))
        .http_client(http_client_fn(|_, _| SharedHttpConnector::new(InstantAws)))
        .region(Region::from_static("us-east-1"))
        .timeout_config(config::timeouts())
        .build()
}

/// The least that a create can cost: the conditional put of a usual run, by the AWS SDK without the function.
pub struct BarePut(Client);

impl BarePut {
    /// A client that puts.
    pub fn new() -> Self {
        Self(Client::new(&aws()))
    }

    /// Puts a run.
    pub async fn send(&self) {
        let id = "33ff2499-b0d1-5433-9946-78176cf89b1e";
        let generation = "1b4e28ba-2fa1-41d2-883f-0016d3cca427";
        let put = self.0.put_item().table_name("runs").condition_expression("attribute_not_exists(pk)");
        let attributes = [
            ("pk", format!("run/{ACCOUNT}/{id}")),
            ("accountId", ACCOUNT.to_owned()),
            ("workflowRunId", id.to_owned()),
            ("workflowDefinitionName", "demo".to_owned()),
            ("definitionId", generation.to_owned()),
            ("status", "RUNNING".to_owned()),
            ("modelId", "nova-act-latest".to_owned()),
            ("logGroupName", "/workflow-runs/demo".to_owned()),
            ("clientToken", "5f0d3f6a-7a64-4a3e-9d0e-0123456789ab".to_owned()),
            ("startedAt", "2026-01-01T00:00:00.000Z".to_owned()),
            ("requestId", "1b7f2a60-0001-4c2e-9f51-5f0d3f6a0001".to_owned()),
            ("listKey", format!("runs/{generation}/2")),
            ("sortKey", format!("2026-01-01T00:00:00.000Z/{id}")),
        ];
        let put = attributes.into_iter().fold(put, |put, (name, value)| put.item(name, S(value)));
        put.send().await.unwrap();
    }
}

/// The function as Lambda runs it, without the runtime around it.
pub struct WarmFunction(Function);

impl WarmFunction {
    /// A function that has learnt what there is to learn.
    pub async fn start() -> Self {
        let config = Config::new("runs", "workflow-runs", aws());
        let function = Self(Function::new(config, Sources::default(), Arc::new(|_: &[u8]| ())));
        for (_, event, status) in events() {
            assert_eq!(function.respond(&event).await["statusCode"], status);
        }
        function
    }

    /// From the bytes of an event to the proxy response.
    pub async fn respond(&self, event: &[u8]) -> Value {
        let event = LambdaEvent::new(serde_json::from_slice(event).unwrap(), Context::default());
        serde_json::to_value(self.0.invoke(event).await.unwrap()).unwrap()
    }
}

/// The requests' bodies: their name, the body, the status of the response.
fn bodies() -> [(&'static str, Value, u16); 4] {
    let typical = json!({
        "clientInfo": {"compatibilityVersion": 1, "sdkVersion": "1.0.0"},
        "clientToken": "5f0d3f6a-7a64-4a3e-9d0e-0123456789ab",
        "logGroupName": "/workflow-runs/demo",
        "modelId": "nova-act-latest",
    });
    let largest = json!({
        "clientInfo": {"compatibilityVersion": i32::MIN, "sdkVersion": "😀".repeat(256)},
        "clientToken": "a".repeat(256),
        "logGroupName": format!("/{}", "a".repeat(511)),
        "modelId": "😀".repeat(100),
    });
    let invalid = json!({"clientInfo": {}, "clientToken": "short", "logGroupName": "a b", "modelId": ""});
    [
        ("smallest", json!({"clientInfo": {"compatibilityVersion": 1}, "modelId": "m"}), 201),
        ("typical", typical, 201),
        ("largest", largest, 201),
        ("invalid", invalid, 400),
    ]
}

/// The events of a REST API with these bodies.
pub fn events() -> [(&'static str, Vec<u8>, u16); 4] {
    bodies().map(|(name, body, status)| {
        let sample = include_str!("../../events/rest-create-workflow-run.json");
        let mut event: Value = serde_json::from_str(sample).unwrap();
        event["body"] = body.to_string().into();
        (name, event.to_string().into_bytes(), status)
    })
}
