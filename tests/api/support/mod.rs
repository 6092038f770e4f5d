//! What every test starts with: a server of its own, services of its own, and a look behind the scenes.

pub mod events;

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use aws_config::retry::RetryConfig;
use aws_config::{BehaviorVersion, Region};
use aws_sdk_dynamodb::types::AttributeValue;
use aws_sdk_novaact::config::Credentials;
use aws_sdk_novaact::operation::create_workflow_run::builders::CreateWorkflowRunFluentBuilder;
use aws_sdk_novaact::types::ClientInfo;
use axum::Router;
use axum::body::{Body, Bytes, to_bytes};
use axum::extract::{Request, State};
use axum::http::{HeaderMap, StatusCode};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use workflow_runs::{App, Config, Sources};

use crate::embedded::{self, Embedded};
use crate::gateway::{self, LOCAL_ACCOUNT, SAMPLE_ACCOUNT};

/// A client token.
pub const TOKEN: &str = "5f0d3f6a-7a64-4a3e-9d0e-0123456789ab";

pub type Item = HashMap<String, AttributeValue>;

/// A server, as one environment of the function behind one gateway, and the services it uses.
pub struct TestApp {
    /// Where the server is.
    pub url: String,
    /// The function.
    pub app: Arc<App>,
    /// The services, unobserved.
    pub services: Config,
    /// The services, as the function sees them.
    pub spied: Config,
    spy: Spy,
}

/// Stands between the function and the services: notes every call, and breaks some.
#[derive(Clone, Default)]
struct Spy(Arc<Mutex<(Vec<String>, Vec<Plan>)>>, Arc<AtomicUsize>);

/// What happens to the next `times` calls of an operation.
struct Plan {
    operation: &'static str,
    key: &'static str,
    times: usize,
    fault: Fault,
}

#[derive(Clone, Copy)]
pub enum Fault {
    /// The service answers with this status and error code.
    Error(u16, &'static str),
    /// The connection breaks before the service has seen the call.
    Cut,
    /// The service has done what it was asked for, and the answer is lost.
    Lost,
    /// No answer comes.
    Hang,
    /// The service begins when so many calls wait for it, and until then none is answered.
    Gather(usize),
    /// `BatchGetItem` leaves all keys unprocessed.
    Unprocessed,
}

impl TestApp {
    /// A server with a definition `demo` in [`LOCAL_ACCOUNT`] and [`SAMPLE_ACCOUNT`].
    pub async fn start() -> Self {
        Self::start_with(Sources::default(), |config| config).await
    }

    /// A server with other sources, and another configuration.
    pub async fn start_with(sources: Sources, configure: impl FnOnce(Config) -> Config) -> Self {
        let embedded = Embedded::start(None).await.unwrap();
        let services = embedded::config(&serve(embedded.clone().router()).await);

        let spy = Spy::default();
        let router = embedded.router().layer(from_fn_with_state(spy.clone(), observe));
        let mut spied = configure(embedded::config(&serve(router).await));
        spied.aws = spied.aws.into_builder().region(own_region()).build();

        let app = Arc::new(App::new(spied.clone(), sources, |_| ()));
        let url = serve(gateway::router(Arc::clone(&app), LOCAL_ACCOUNT)).await;
        let app = Self { url, app, services, spied, spy };
        for account_id in [LOCAL_ACCOUNT, SAMPLE_ACCOUNT] {
            app.define(account_id, "demo").await;
        }
        app.calls();
        app
    }

    /// Another environment of the same function, which knows nothing yet, behind a gateway for this account's callers.
    pub async fn other_environment(&self, account_id: &'static str) -> Self {
        let app = Arc::new(App::new(self.spied.clone(), Sources::default(), |_| ()));
        let url = serve(gateway::router(Arc::clone(&app), account_id)).await;
        Self { url, app, services: self.services.clone(), spy: self.spy.clone(), spied: self.spied.clone() }
    }

    /// The real client's smallest request. The client adds a random client token.
    pub fn create(&self, definition: &str) -> CreateWorkflowRunFluentBuilder {
        create(&self.client(), definition)
    }

    /// Creates a definition through the API.
    pub async fn define(&self, account_id: &str, name: &str) {
        let event = events::rest(account_id, "PUT", "/workflow-definitions", &json!({"name": name}).to_string());
        let response = self.invoke(&event).await;
        assert_eq!(response["statusCode"], 201, "{response}");
    }

    /// Deletes a definition through the API.
    pub async fn delete_definition(&self, account_id: &str, name: &str) {
        let event = events::rest(account_id, "DELETE", &format!("/workflow-definitions/{name}"), "");
        let response = self.invoke(&event).await;
        assert_eq!(response["statusCode"], 202, "{response}");
    }

    /// The real client, which sends each request once.
    pub fn client(&self) -> aws_sdk_novaact::Client {
        client(&self.url)
    }

    /// A request that no client would send.
    pub async fn send(&self, method: &str, path: &str, body: impl Into<Body>) -> Answer {
        let request = Request::builder().method(method).uri(format!("{}{path}", self.url)).body(body.into()).unwrap();
        let response = Client::builder(TokioExecutor::new()).build_http().request(request).await.unwrap();
        let (parts, body) = response.into_parts();
        let body = to_bytes(Body::new(body), usize::MAX).await.unwrap();
        Answer { status: parts.status.as_u16(), headers: parts.headers, body: serde_json::from_slice(&body).unwrap() }
    }

    /// A request with this body, for the definition `demo`.
    pub async fn put(&self, body: impl Into<Body>) -> Answer {
        self.send("PUT", &events::runs("demo"), body).await
    }

    /// Invokes the function with an event, and returns the proxy response.
    pub async fn invoke(&self, event: &Value) -> Value {
        gateway::invoke(Arc::clone(&self.app), event.to_string().as_bytes(), gateway::TIMEOUT).await.unwrap()
    }

    /// Breaks calls to come.
    pub fn fail(&self, operation: &'static str, times: usize, fault: Fault) {
        self.fail_item(operation, "", times, fault);
    }

    /// Breaks calls to come that write an item whose key begins with this.
    pub fn fail_item(&self, operation: &'static str, key: &'static str, times: usize, fault: Fault) {
        self.spy.0.lock().unwrap().1.push(Plan { operation, key, times, fault });
    }

    /// Breaks no more calls.
    pub fn heal(&self) {
        self.spy.0.lock().unwrap().1.clear();
    }

    /// The AWS calls since it was last asked.
    pub fn calls(&self) -> Vec<String> {
        std::mem::take(&mut self.spy.0.lock().unwrap().0)
    }

    /// The table's items whose key begins with this.
    pub async fn items(&self, prefix: &str) -> Vec<Item> {
        let scan = aws_sdk_dynamodb::Client::new(&self.services.aws).scan().table_name(&self.services.table_name);
        let items = scan.into_paginator().items().send().collect::<Result<Vec<_>, _>>().await.unwrap();
        items.into_iter().filter(|item| item["pk"].as_s().unwrap().starts_with(prefix)).collect()
    }

    /// The `definitionId` of a definition.
    pub async fn definition_id(&self, account_id: &str, name: &str) -> String {
        let items = self.items(&format!("definition/{account_id}/{name}")).await;
        items[0]["definitionId"].as_s().unwrap().clone()
    }

    /// Writes an item, behind the function's back.
    pub async fn put_item(&self, item: Item) {
        let put = aws_sdk_dynamodb::Client::new(&self.services.aws).put_item().table_name(&self.services.table_name);
        put.set_item(Some(item)).send().await.unwrap();
    }

    /// The names of the log groups that exist.
    pub async fn log_groups(&self) -> Vec<String> {
        let logs = aws_sdk_cloudwatchlogs::Client::new(&self.services.aws);
        let groups = logs.describe_log_groups().send().await.unwrap().log_groups.unwrap_or_default();
        groups.into_iter().filter_map(|group| group.log_group_name).collect()
    }

    /// Asserts that no run, no memory of a log group and no log group exist.
    pub async fn assert_nothing_left_behind(&self) {
        assert_eq!(self.items("run/").await, []);
        assert_eq!(self.items("log-group/").await, []);
        assert_eq!(self.log_groups().await, Vec::<String>::new());
    }
}

/// The real client of a server at this URL, which sends each request once.
pub fn client(url: &str) -> aws_sdk_novaact::Client {
    let config = aws_sdk_novaact::Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .credentials_provider(Credentials::new("test", "test", None, None, "test"))
        .endpoint_url(url)
        .region(Region::from_static("us-east-1"))
        .retry_config(RetryConfig::disabled())
        .build();
    aws_sdk_novaact::Client::from_conf(config)
}

/// The real client's smallest request. The client adds a random client token.
pub fn create(client: &aws_sdk_novaact::Client, definition: &str) -> CreateWorkflowRunFluentBuilder {
    client
        .create_workflow_run()
        .workflow_definition_name(definition)
        .model_id("nova-act-latest")
        .client_info(ClientInfo::builder().compatibility_version(1).build().unwrap())
}

/// An HTTP answer.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub headers: HeaderMap,
    pub body: Value,
}

impl Answer {
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().unwrap())
    }

    /// Asserts all that a documented error consists of, but for its message.
    #[track_caller]
    pub fn assert_error(&self, status: u16, name: &str, members: Value) {
        assert_eq!(self.status, status, "{self:?}");
        assert_eq!(self.header("x-amzn-errortype"), Some(name));
        assert_eq!(self.header("content-type"), Some("application/json"));
        assert!(self.header("x-amzn-requestid").is_some_and(|id| !id.is_empty()));
        let mut body = self.body.clone();
        let message = body.as_object_mut().unwrap().remove("message").unwrap();
        assert!(message.as_str().is_some_and(|message| !message.is_empty()));
        let mut expected = members;
        expected["__type"] = name.into();
        assert_eq!(body, expected);
    }

    /// The names of the fields that failed.
    pub fn failed_fields(&self) -> Vec<&str> {
        self.body["fieldList"].as_array().unwrap().iter().map(|field| field["name"].as_str().unwrap()).collect()
    }
}

/// A body that is right, with a client token and a log group.
pub fn body(client_token: &str, log_group_name: &str) -> Value {
    json!({
        "clientInfo": {"compatibilityVersion": 1, "sdkVersion": "1.0"},
        "clientToken": client_token,
        "logGroupName": log_group_name,
        "modelId": "nova-act-latest",
    })
}

/// A Region that nobody else is in. Clients of one Region in one process share the AWS SDK's retry quota, and what fails
/// in one test would keep another from its retries.
pub fn own_region() -> Region {
    static NEXT: AtomicUsize = AtomicUsize::new(0);
    Region::new(format!("region-{}", NEXT.fetch_add(1, Ordering::Relaxed)))
}

/// Serves on a free port, and says where.
pub async fn serve(router: Router) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, router).await });
    url
}

async fn observe(State(spy): State<Spy>, request: Request, next: Next) -> Response {
    let target = request.headers()["x-amz-target"].to_str().unwrap();
    let operation = target.rsplit('.').next().unwrap().to_owned();
    let (parts, body) = request.into_parts();
    let body = to_bytes(body, usize::MAX).await.unwrap();
    let json: Value = serde_json::from_slice(&body).unwrap();
    let request = Request::from_parts(parts, body.into());
    let key = json["Item"]["pk"]["S"].as_str().unwrap_or_default();
    let fault = {
        let (calls, plans) = &mut *spy.0.lock().unwrap();
        let planned = |plan: &&mut Plan| plan.operation == operation && plan.times > 0 && key.starts_with(plan.key);
        let fault = plans.iter_mut().find(planned).map(|plan| {
            plan.times -= 1;
            plan.fault
        });
        calls.push(operation);
        fault
    };
    match fault {
        None => next.run(request).await,
        Some(Fault::Error(status, code)) => {
            let body = json!({"__type": code, "message": "injected"}).to_string();
            (StatusCode::from_u16(status).unwrap(), body).into_response()
        }
        Some(Fault::Cut) => broken(),
        Some(Fault::Lost) => {
            next.run(request).await;
            broken()
        }
        Some(Fault::Hang) => std::future::pending().await,
        Some(Fault::Gather(calls)) => {
            spy.1.fetch_add(1, Ordering::Relaxed);
            while spy.1.load(Ordering::Relaxed) < calls {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
            next.run(request).await
        }
        Some(Fault::Unprocessed) => {
            json!({"Responses": {}, "UnprocessedKeys": json["RequestItems"]}).to_string().into_response()
        }
    }
}

/// An answer that ends before its promised length.
fn broken() -> Response {
    let end = futures_util::stream::once(async { Err::<Bytes, _>(std::io::Error::other("broken")) });
    Response::builder().header("content-length", "2").body(Body::from_stream(end)).unwrap()
}
