//! Idle connections, which the other side forgets while Lambda freezes the process.
//!
//! A process gets its own proxy in front of the services. When the proxy forgets its connections, it responds to the next
//! segment on each of them with RST, as a NAT gateway or DynamoDB's front end does.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use futures_util::future::join_all;
use local::gateway::{self, LOCAL_ACCOUNT};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use workflow_runs::{Config, Function, Sources, config};

use crate::support::events::{definition, rest, run, runs};
use crate::support::{ApiResponse, TestApp, own_region};

/// Forwards TCP connections until it forgets them.
struct Proxy {
    url: String,
    opened: Arc<AtomicUsize>,
    forgotten: watch::Sender<usize>,
}

impl Proxy {
    async fn start(services: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let services = services.trim_start_matches("http://").to_owned();
        let opened = Arc::new(AtomicUsize::new(0));
        let (forgotten, forgets) = watch::channel(0);
        let count = Arc::clone(&opened);
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                count.fetch_add(1, Ordering::Relaxed);
                tokio::spawn(forward(client, services.clone(), forgets.clone()));
            }
        });
        Self { url, opened, forgotten }
    }

    /// Forgets all connections that are open now.
    fn forget(&self) {
        self.forgotten.send_modify(|times| *times += 1);
    }

    /// How many connections were opened since it was last asked.
    fn opened(&self) -> usize {
        self.opened.swap(0, Ordering::Relaxed)
    }
}

async fn forward(mut client: TcpStream, services: String, mut forgets: watch::Receiver<usize>) {
    forgets.mark_unchanged();
    let Ok(mut server) = TcpStream::connect(services).await else { return };
    tokio::select! {
        _ = copy_bidirectional(&mut client, &mut server) => {}
        Ok(()) = forgets.changed() => {
            // The next segment gets RST: the kernel sends it when a socket with unread data and no linger is closed.
            let _ = client.read(&mut [0; 1]).await;
            let _ = client.set_zero_linger();
        }
    }
}

/// A process whose connections go through a proxy.
struct Process {
    function: Function,
    proxy: Proxy,
}

impl Process {
    async fn start(app: &TestApp) -> Self {
        let proxy = Proxy::start(app.services.aws.endpoint_url().unwrap()).await;
        let http_client = config::http_client(&config::timeouts());
        let aws = app.services.aws.clone().into_builder().endpoint_url(&proxy.url).http_client(http_client);
        let config = Config { aws: aws.region(own_region()).build(), ..app.services.clone() };
        Self { function: Function::new(config, Sources::default(), Arc::new(|_: &[u8]| ())), proxy }
    }

    async fn call(&self, method: &str, uri: &str, body: Value) -> ApiResponse {
        let body = if body.is_null() { String::new() } else { body.to_string() };
        let event = rest(LOCAL_ACCOUNT, method, uri, &body).to_string();
        let response = gateway::invoke(&self.function, event.as_bytes(), gateway::TIMEOUT).await;
        ApiResponse::of_proxy_response(&response.unwrap())
    }

    async fn create(&self) -> ApiResponse {
        let body = json!({"modelId": "m", "clientInfo": {"compatibilityVersion": 1}});
        self.call("PUT", &runs("demo"), body).await
    }

    async fn list(&self) -> ApiResponse {
        self.call("POST", &runs("demo"), json!({})).await
    }
}

#[tokio::test]
async fn no_request_fails_for_connections_that_were_forgotten_however_many() {
    let app = TestApp::start().await;
    let process = Process::start(&app).await;
    let id = process.create().await.body["workflowRunId"].as_str().unwrap().to_owned();
    for concurrent in [1, 4, 16, 32] {
        // A burst leaves as many connections as it had calls at the same time.
        for response in join_all((0..concurrent).map(|_| process.list())).await {
            assert_eq!(response.status, 200, "{response:?}");
        }
        process.proxy.forget();
        // Each request here meets dead connections.
        for _ in 0..5 {
            assert_eq!(process.create().await.status, 201, "{concurrent}");
            assert_eq!(process.call("GET", &run("demo", &id), Value::Null).await.status, 200, "{concurrent}");
            assert_eq!(process.list().await.status, 200, "{concurrent}");
        }
    }
}

#[tokio::test]
async fn each_operation_survives_forgotten_connections() {
    let app = TestApp::start().await;
    let process = Process::start(&app).await;
    app.define(LOCAL_ACCOUNT, "flow").await;
    for log_group in 0..3 {
        join_all((0..8).map(|_| process.list())).await;
        process.proxy.forget();
        let body = json!({
            "modelId": "m", "clientInfo": {"compatibilityVersion": 1}, "logGroupName": format!("/{log_group}"),
        });
        let created = process.call("PUT", &runs("flow"), body).await;
        assert_eq!(created.status, 201, "{created:?}");
        let of_flow = run("flow", created.body["workflowRunId"].as_str().unwrap());
        for (method, uri, body, status) in [
            ("PUT", of_flow.clone(), json!({"status": "FAILED"}), 200),
            ("DELETE", of_flow, Value::Null, 202),
            ("GET", definition("flow"), Value::Null, 200),
            ("POST", "/workflow-definitions".to_owned(), json!({}), 200),
            ("PUT", "/workflow-definitions".to_owned(), json!({"name": format!("other-{log_group}")}), 201),
            ("DELETE", definition(&format!("other-{log_group}")), Value::Null, 202),
        ] {
            join_all((0..4).map(|_| process.list())).await;
            process.proxy.forget();
            let response = process.call(method, &uri, body).await;
            assert_eq!(response.status, status, "{method} {uri}: {response:?}");
        }
    }
}

#[tokio::test]
async fn a_warm_request_opens_no_connection() {
    let app = TestApp::start().await;
    let process = Process::start(&app).await;
    process.create().await;
    process.list().await;
    process.proxy.opened();
    for _ in 0..3 {
        assert_eq!(process.create().await.status, 201);
        assert_eq!(process.list().await.status, 200);
    }
    assert_eq!(process.proxy.opened(), 0);
}
