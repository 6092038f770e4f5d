//! What every test starts with: a server of its own, services of its own, and a look behind the scenes.

pub mod clock;
pub mod events;
pub mod random;
mod records;
pub mod request;
mod response;
mod spy;
pub mod table;

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use aws_config::retry::RetryConfig;
use aws_config::{BehaviorVersion, Region};
use aws_sdk_novaact::config::Credentials;
use aws_sdk_novaact::operation::create_workflow_run::builders::CreateWorkflowRunFluentBuilder;
use aws_sdk_novaact::types::ClientInfo;
use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::Request;
use axum::middleware::from_fn_with_state;
use dynoxide::Database;
use futures_util::{StreamExt as _, stream};
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use workflow_runs::model::{AccountId, ClientToken};
use workflow_runs::{Config, Function, LogWriter, Sources};

pub use clock::Clock;
use events::{DEFINITIONS, definition, run, runs};
use local::embedded::{self, Embedded};
use local::gateway::{self, LOCAL_ACCOUNT};
pub use response::ApiResponse;
pub use spy::Fault;
use spy::{Spy, observe};

/// An account besides [`LOCAL_ACCOUNT`].
pub const OTHER_ACCOUNT: &str = "000000000000";

/// A client token.
pub const TOKEN: &str = "5f0d3f6a-7a64-4a3e-9d0e-0123456789ab";

/// A server, as one process of the function behind one gateway, and the services it uses.
pub struct TestApp {
    /// Where the server is.
    pub url: String,
    /// The function.
    pub function: Arc<Function>,
    /// The services, unobserved.
    pub services: Config,
    /// The services, as the function sees them.
    pub spied: Config,
    /// The table, with its stream.
    pub database: Database,
    /// The log of the function's requests and records.
    log: Arc<Mutex<Vec<u8>>>,
    sources: Sources,
    spy: Spy,
}

impl TestApp {
    /// A server with a definition `demo` in [`LOCAL_ACCOUNT`] and [`OTHER_ACCOUNT`].
    pub async fn start() -> Self {
        Self::start_with(Sources::default(), |config| config).await
    }

    /// A server whose time is this clock's.
    pub async fn start_at(clock: &Clock) -> Self {
        Self::start_with(clock.sources(), |config| config).await
    }

    /// A server with other sources, and another configuration.
    pub async fn start_with(sources: Sources, configure: impl FnOnce(Config) -> Config) -> Self {
        let embedded = Embedded::open(None).unwrap();
        let database = embedded.database.clone();
        let services = embedded::config(&serve(embedded.clone().router()).await);

        let spy = Spy::default();
        let router = embedded.router().layer(from_fn_with_state(spy.clone(), observe));
        let mut spied = configure(embedded::config(&serve(router).await));
        spied.aws = spied.aws.into_builder().region(own_region()).build();

        let log = Arc::default();
        let function = Arc::new(Function::new(spied.clone(), sources.clone(), write_to(&log)));
        let url = serve(gateway::router(Arc::clone(&function), LOCAL_ACCOUNT)).await;
        let app = Self { url, function, services, spied, database, log, sources, spy };
        for account_id in [LOCAL_ACCOUNT, OTHER_ACCOUNT] {
            app.define(account_id, "demo").await;
        }
        app.calls();
        app
    }

    /// Another process of the same function, which knows nothing yet, behind a gateway for this account's callers.
    pub async fn other_process(&self, account_id: &'static str) -> Self {
        self.reconfigured(account_id, |config| config).await
    }

    /// Another process, with another configuration.
    pub async fn reconfigured(&self, account_id: &'static str, configure: impl FnOnce(Config) -> Config) -> Self {
        let (services, spied) = (self.services.clone(), configure(self.spied.clone()));
        let (database, sources, spy) = (self.database.clone(), self.sources.clone(), self.spy.clone());
        let log = Arc::default();
        let function = Arc::new(Function::new(spied.clone(), sources.clone(), write_to(&log)));
        let url = serve(gateway::router(Arc::clone(&function), account_id)).await;
        Self { url, function, services, spied, database, log, sources, spy }
    }

    /// The real client's smallest request. The client adds a random client token.
    pub fn create(&self, definition: &str) -> CreateWorkflowRunFluentBuilder {
        create(&self.client(), definition)
    }

    /// Creates a definition through the API.
    pub async fn define(&self, account_id: &str, name: &str) {
        let response = self.call(account_id, "PUT", DEFINITIONS, json!({"name": name})).await;
        response.assert_success(201, &json!({"status": "ACTIVE"}));
    }

    /// Deletes a definition through the API.
    pub async fn delete_definition(&self, account_id: &str, name: &str) {
        let response = self.call(account_id, "DELETE", &definition(name), Value::Null).await;
        response.assert_success(202, &json!({"status": "DELETING"}));
    }

    /// Starts a run of one of [`LOCAL_ACCOUNT`]'s definitions through the API; its id.
    pub async fn start_run(&self, definition: &str) -> String {
        let body = json!({"modelId": "m", "clientInfo": {"compatibilityVersion": 1}});
        let response = self.call(LOCAL_ACCOUNT, "PUT", &runs(definition), body).await;
        assert_eq!(response.status, 201, "{response:?}");
        response.body["workflowRunId"].as_str().unwrap().to_owned()
    }

    /// Starts this many runs, several at once; returns their ids.
    pub async fn start_runs(&self, definition: &str, count: usize) -> Vec<String> {
        stream::iter(0..count).map(|_| self.start_run(definition)).buffered(8).collect().await
    }

    /// Ends a run of one of [`LOCAL_ACCOUNT`]'s definitions through the API.
    pub async fn end_run(&self, definition: &str, id: &str, status: &str) -> ApiResponse {
        self.call(LOCAL_ACCOUNT, "PUT", &run(definition, id), json!({"status": status})).await
    }

    /// A request of this account, as a REST API hands it over; `null` for no body.
    pub async fn call(&self, account_id: &str, method: &str, uri: &str, body: Value) -> ApiResponse {
        let body = if body.is_null() { String::new() } else { body.to_string() };
        ApiResponse::of_proxy_response(&self.invoke(&events::rest(account_id, method, uri, &body)).await)
    }

    /// The real client, which sends each request once.
    pub fn client(&self) -> aws_sdk_novaact::Client {
        client(&self.url)
    }

    /// A request that no client would send.
    pub async fn send(&self, method: &str, path: &str, body: impl Into<Body>) -> ApiResponse {
        let request = Request::builder().method(method).uri(format!("{}{path}", self.url)).body(body.into()).unwrap();
        let response = Client::builder(TokioExecutor::new()).build_http().request(request).await.unwrap();
        let (parts, body) = response.into_parts();
        let body = to_bytes(Body::new(body), usize::MAX).await.unwrap();
        ApiResponse {
            status: parts.status.as_u16(),
            headers: parts.headers,
            body: serde_json::from_slice(&body).unwrap(),
        }
    }

    /// A request with this body, for the definition `demo`.
    pub async fn put(&self, body: impl Into<Body>) -> ApiResponse {
        self.send("PUT", &events::runs("demo"), body).await
    }

    /// Invokes the function with an event, and returns the proxy response.
    pub async fn invoke(&self, event: &Value) -> Value {
        gateway::invoke(&self.function, event.to_string().as_bytes(), gateway::TIMEOUT).await.unwrap()
    }

    /// Breaks calls to come.
    pub fn fail(&self, operation: &'static str, times: usize, fault: Fault) {
        self.spy.fail(operation, times, fault);
    }

    /// Breaks no more calls.
    pub fn heal(&self) {
        self.spy.heal();
    }

    /// The lines that the function has logged since it was last asked.
    pub fn lines(&self) -> Vec<Value> {
        let log = std::mem::take(&mut *self.log.lock().unwrap());
        str::from_utf8(&log).unwrap().lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    /// The AWS calls since it was last asked.
    pub fn calls(&self) -> Vec<String> {
        self.spy.calls()
    }
}

/// Invokes the function with an event and a deadline in epoch milliseconds.
pub async fn invoke(function: &Function, event: &str, deadline: u64) -> ApiResponse {
    ApiResponse::of_proxy_response(&gateway::invoke_until(function, event.as_bytes(), deadline).await.unwrap())
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

fn write_to(log: &Arc<Mutex<Vec<u8>>>) -> LogWriter {
    let log = Arc::clone(log);
    Arc::new(move |line: &[u8]| log.lock().unwrap().extend_from_slice(line))
}

/// The id of the run that this token starts in this account.
pub fn run_id(account_id: &str, token: impl Into<String>) -> String {
    let account_id = AccountId::new(account_id.to_owned());
    ClientToken::new(token).unwrap().workflow_run_id(&account_id).as_str().to_owned()
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
