//! DynamoDB and CloudWatch Logs without a socket, as paused time wants it; and a network that loses calls to them.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpClient, SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::body::SdkBody;
use dynoxide::Database;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use tokio::sync::Notify;
use tokio::time::{Instant, sleep};
use winterbaume_cloudwatchlogs::CloudWatchLogsService;
use winterbaume_core::{MockRequest, MockService as _};

pub const TABLE_NAME: &str = "workflow-runs";

/// What happens to a call.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Fault {
    /// Nothing: it is applied and answered.
    None,
    /// The connection breaks before the service has seen the call.
    Cut,
    /// The service has applied the call, and the answer is lost.
    Lost,
    /// The service answers with an error.
    Error(u16, &'static str),
    /// The service applies the call so late, and answers so much later; whether or not somebody is still waiting.
    Late(Duration, Duration),
    /// `BatchGetItem` leaves all keys unprocessed.
    Unprocessed,
    /// The environment is gone before the call is sent.
    DieBefore,
    /// The environment is gone when the call has been applied.
    DieAfter,
}

/// The services of one schedule, and all that was done to them.
pub struct Services {
    database: Database,
    logs: CloudWatchLogsService,
    state: Mutex<State>,
}

struct State {
    rng: fastrand::Rng,
    started: Instant,
    log_groups: BTreeSet<String>,
    run_keys: BTreeSet<String>,
    trace: Vec<String>,
    /// `CreateLogGroup` calls that the quota still allows, and when that was so.
    quota: (f64, Instant),
}

/// What an invocation has done to the services.
#[derive(Default)]
pub struct Journal {
    /// It has sent a put of a run.
    pub put_sent: bool,
    /// It has got no answer to one, and so cannot know.
    pub put_in_doubt: i32,
    /// Its put has created the run.
    pub run_created: bool,
    /// It has created a log group.
    pub log_group_created: bool,
}

tokio::task_local! {
    /// The journal of the invocation that is being polled.
    pub static JOURNAL: Arc<Mutex<Journal>>;
}

/// Decides what happens to the next call of an operation.
pub type Network = Arc<dyn Fn(&str) -> Fault + Send + Sync>;

/// The HTTP client of one environment.
#[derive(Clone)]
pub struct Connector {
    pub services: Arc<Services>,
    pub network: Network,
    pub death: Arc<Death>,
}

/// The end of an environment. (`tokio::sync::watch` would do, but wakes in random order.)
#[derive(Default)]
pub struct Death {
    happened: AtomicBool,
    notify: Notify,
}

impl Death {
    fn happen(&self) {
        self.happened.store(true, Ordering::Relaxed);
        self.notify.notify_waiters();
    }

    pub fn has_happened(&self) -> bool {
        self.happened.load(Ordering::Relaxed)
    }

    /// Waits for it.
    pub async fn happens(&self) {
        let notified = self.notify.notified();
        if !self.has_happened() {
            notified.await;
        }
    }
}

impl Services {
    pub fn new(database: Database, seed: u64) -> Self {
        let now = Instant::now();
        let state = State {
            rng: fastrand::Rng::with_seed(seed),
            started: now,
            log_groups: BTreeSet::new(),
            run_keys: BTreeSet::new(),
            trace: Vec::new(),
            quota: (10.0, now),
        };
        Self { database, logs: CloudWatchLogsService::new(), state: Mutex::new(state) }
    }

    /// Time since the schedule began.
    pub fn elapsed(&self) -> Duration {
        self.state.lock().unwrap().started.elapsed()
    }

    pub fn has_log_group(&self, name: &str) -> bool {
        self.state.lock().unwrap().log_groups.contains(name)
    }

    /// The keys of the runs that were ever written.
    pub fn run_keys(&self) -> BTreeSet<String> {
        self.state.lock().unwrap().run_keys.clone()
    }

    /// Notes what happened and when: two runs of one seed must agree on every line.
    pub fn trace(&self, line: impl fmt::Display) {
        let at = self.elapsed();
        self.state.lock().unwrap().trace.push(format!("{at:?} {line}"));
    }

    pub fn take_trace(&self) -> Vec<String> {
        std::mem::take(&mut self.state.lock().unwrap().trace)
    }

    pub fn item(&self, key: &str) -> Option<Value> {
        let get = json!({"TableName": TABLE_NAME, "Key": {"pk": {"S": key}}, "ConsistentRead": true});
        let got = self.database.get_item(serde_json::from_value(get).unwrap()).unwrap();
        got.item.map(|item| serde_json::to_value(item).unwrap())
    }

    pub fn put(&self, item: &Value) {
        let put = json!({"TableName": TABLE_NAME, "Item": item});
        self.database.put_item(serde_json::from_value(put).unwrap()).unwrap();
    }

    fn latency(&self) -> Duration {
        Duration::from_millis(self.state.lock().unwrap().rng.u64(1..=15))
    }

    /// Does what a call asks for. Status and body of the answer.
    async fn apply(&self, operation: &str, body: &[u8], journal: &Mutex<Journal>) -> (u16, String) {
        match operation {
            "BatchGetItem" => call(body, |request| self.database.batch_get_item(request)),
            "PutItem" => {
                let request: Value = serde_json::from_slice(body).unwrap();
                let key = request["Item"]["pk"]["S"].as_str().unwrap();
                let before = self.item(key);
                let answer = call(body, |request| self.database.put_item(request));
                if key.starts_with("run/") {
                    // A create never changes a run.
                    assert!(before.is_none() || before == self.item(key), "{key} was changed");
                    if before.is_none() && answer.0 == 200 {
                        journal.lock().unwrap().run_created = true;
                        self.state.lock().unwrap().run_keys.insert(key.to_owned());
                    }
                }
                answer
            }
            "CreateLogGroup" => {
                if !self.state.lock().unwrap().quota_allows() {
                    return error(400, "ThrottlingException");
                }
                let headers = [("x-amz-target".parse().unwrap(), "Logs_20140328.CreateLogGroup".parse().unwrap())];
                let (method, uri) = ("POST".to_owned(), "https://logs.us-east-1.amazonaws.com/".to_owned());
                let headers = headers.into_iter().collect();
                let answer = self.logs.handle(MockRequest { method, uri, headers, body: body.to_vec().into() }).await;
                if answer.status == 200 {
                    let request: Value = serde_json::from_slice(body).unwrap();
                    let name = request["logGroupName"].as_str().unwrap().to_owned();
                    journal.lock().unwrap().log_group_created = true;
                    self.state.lock().unwrap().log_groups.insert(name);
                }
                (answer.status, String::from_utf8(answer.body.to_vec()).unwrap())
            }
            other => panic!("the function called {other}"),
        }
    }
}

impl State {
    /// 10 calls per second.
    fn quota_allows(&mut self) -> bool {
        let (left, at) = self.quota;
        let left = (left + 10.0 * at.elapsed().as_secs_f64()).min(10.0);
        let allowed = left >= 1.0;
        self.quota = (if allowed { left - 1.0 } else { left }, Instant::now());
        allowed
    }
}

fn call<Q: DeserializeOwned, A: Serialize>(
    body: &[u8],
    operation: impl FnOnce(Q) -> dynoxide::Result<A>,
) -> (u16, String) {
    match operation(serde_json::from_slice(body).unwrap()) {
        Ok(answer) => (200, serde_json::to_string(&answer).unwrap()),
        Err(error) => (error.status_code(), error.to_json()),
    }
}

fn error(status: u16, code: &str) -> (u16, String) {
    (status, json!({"__type": code, "message": "injected"}).to_string())
}

impl Connector {
    pub fn shared(self) -> SharedHttpClient {
        SharedHttpClient::new(self)
    }

    async fn deliver(
        self,
        operation: String,
        body: Vec<u8>,
        fault: Fault,
        journal: Arc<Mutex<Journal>>,
    ) -> Result<(u16, String), ConnectorError> {
        let latency = self.services.latency();
        let (before, after) = if let Fault::Late(before, after) = fault { (before, after) } else { (latency, latency) };
        let lost = |why: &str| Err(ConnectorError::io(why.to_owned().into()));
        match fault {
            Fault::Cut => {
                sleep(before).await;
                return lost("cut");
            }
            Fault::Error(status, code) => {
                sleep(before + after).await;
                return Ok(error(status, code));
            }
            Fault::Unprocessed => {
                sleep(before + after).await;
                let request: Value = serde_json::from_slice(&body).unwrap();
                return Ok((200, json!({"UnprocessedKeys": request["RequestItems"]}).to_string()));
            }
            Fault::DieBefore => return self.die().await,
            Fault::None | Fault::Lost | Fault::Late(..) | Fault::DieAfter => {}
        }
        // What was sent is applied, even if the sender gives up or dies meanwhile.
        let services = Arc::clone(&self.services);
        let applied = tokio::spawn(async move {
            sleep(before).await;
            let answer = services.apply(&operation, &body, &journal).await;
            services.trace(format_args!("{operation} applied: {}", answer.0));
            answer
        });
        let answer = applied.await.unwrap();
        match fault {
            Fault::DieAfter => return self.die().await,
            Fault::Lost => {
                sleep(after).await;
                return lost("lost");
            }
            _ => sleep(after).await,
        }
        Ok(answer)
    }

    /// Ends the environment, and this call with it.
    async fn die<T>(&self) -> T {
        self.death.happen();
        std::future::pending().await
    }
}

impl HttpConnector for Connector {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let target = request.headers().get("x-amz-target").unwrap();
        let operation = target.rsplit('.').next().unwrap().to_owned();
        let body = request.body().bytes().unwrap().to_vec();
        let journal = JOURNAL.with(Arc::clone);
        let is_put_of_run = operation == "PutItem" && String::from_utf8_lossy(&body).contains(r#""run/"#);
        if is_put_of_run {
            let mut journal = journal.lock().unwrap();
            journal.put_sent = true;
            journal.put_in_doubt += 1;
        }
        let fault = (self.network)(&operation);
        self.services.trace(format_args!("{operation} {fault:?}"));
        let call = self.clone();
        HttpConnectorFuture::new(async move {
            let (status, body) = call.deliver(operation, body, fault, Arc::clone(&journal)).await?;
            if is_put_of_run {
                journal.lock().unwrap().put_in_doubt -= 1;
            }
            let mut response = HttpResponse::new(status.try_into().unwrap(), SdkBody::from(body));
            response.headers_mut().insert("content-type", "application/x-amz-json-1.0");
            Ok(response)
        })
    }
}

impl HttpClient for Connector {
    fn http_connector(&self, _: &HttpConnectorSettings, _: &RuntimeComponents) -> SharedHttpConnector {
        SharedHttpConnector::new(self.clone())
    }
}

impl fmt::Debug for Connector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Connector")
    }
}
