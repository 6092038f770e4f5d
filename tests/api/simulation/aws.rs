//! DynamoDB and CloudWatch Logs without a socket, as paused time wants it.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use crate::embedded::TABLE_NAME;
use dynoxide::Database;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use tokio::time::Instant;
use winterbaume_cloudwatchlogs::CloudWatchLogsService;
use winterbaume_core::{MockRequest, MockService as _};

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
    /// Every run that was ever written, as it must be now.
    runs: BTreeMap<String, Value>,
    trace: Vec<String>,
    /// `CreateLogGroup` calls per second.
    quota: f64,
    /// How many of them are left, and when that was so.
    quota_left: (f64, Instant),
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
    /// It has created a log group, or written an item that says so.
    pub log_group_left: bool,
}

tokio::task_local! {
    /// The journal of the invocation that is being polled.
    pub static JOURNAL: Arc<Mutex<Journal>>;
}

impl Services {
    pub fn new(database: Database, seed: u64, quota: f64) -> Self {
        let now = Instant::now();
        let state = State {
            rng: fastrand::Rng::with_seed(seed),
            started: now,
            log_groups: BTreeSet::new(),
            runs: BTreeMap::new(),
            trace: Vec::new(),
            quota,
            quota_left: (quota, now),
        };
        Self { database, logs: CloudWatchLogsService::new(), state: Mutex::new(state) }
    }

    /// Time since the schedule began.
    pub fn elapsed(&self) -> Duration {
        self.state.lock().unwrap().started.elapsed()
    }

    pub fn log_groups(&self) -> BTreeSet<String> {
        self.state.lock().unwrap().log_groups.clone()
    }

    /// Every run that was ever written, by its key, as it must be now: as it was written, but for its status.
    pub fn runs(&self) -> BTreeMap<String, Value> {
        self.state.lock().unwrap().runs.clone()
    }

    /// Lets all runs succeed, as their owner's code would.
    pub fn finish_runs(&self) {
        for (key, mut run) in self.runs() {
            run["status"]["S"] = "SUCCEEDED".into();
            self.put(&run);
            self.state.lock().unwrap().runs.insert(key, run);
        }
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

    pub fn latency(&self) -> Duration {
        Duration::from_millis(self.state.lock().unwrap().rng.u64(1..=15))
    }

    /// Does the first part of a `BatchGetItem`, and leaves the other keys unprocessed.
    pub async fn apply_in_part(&self, body: &[u8], processed: usize, journal: &Mutex<Journal>) -> (u16, String) {
        let mut request: Value = serde_json::from_slice(body).unwrap();
        let mut unprocessed = request["RequestItems"].clone();
        let keys = request["RequestItems"][TABLE_NAME]["Keys"].as_array_mut().unwrap();
        unprocessed[TABLE_NAME]["Keys"] = keys.split_off(processed.min(keys.len())).into();
        let mut answer = json!({"Responses": {}});
        if !keys.is_empty() {
            let (_, body) = self.apply("BatchGetItem", &serde_json::to_vec(&request).unwrap(), journal).await;
            answer = serde_json::from_str(&body).unwrap();
        }
        if unprocessed[TABLE_NAME]["Keys"] != json!([]) {
            answer["UnprocessedKeys"] = unprocessed;
        }
        (200, answer.to_string())
    }

    /// Does what a call asks for. Status and body of the answer.
    pub async fn apply(&self, operation: &str, body: &[u8], journal: &Mutex<Journal>) -> (u16, String) {
        match operation {
            "BatchGetItem" => {
                let request: Value = serde_json::from_slice(body).unwrap();
                assert_eq!(request["RequestItems"][TABLE_NAME]["ConsistentRead"], true);
                call(body, |request| self.database.batch_get_item(request))
            }
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
                        self.state.lock().unwrap().runs.insert(key.to_owned(), self.item(key).unwrap());
                    }
                } else {
                    journal.lock().unwrap().log_group_left = true;
                }
                answer
            }
            "CreateLogGroup" => {
                if !self.state.lock().unwrap().quota_allows() {
                    self.trace("CreateLogGroup beyond the quota");
                    return error(400, "ThrottlingException");
                }
                let headers = [("x-amz-target".parse().unwrap(), "Logs_20140328.CreateLogGroup".parse().unwrap())];
                let (method, uri) = ("POST".to_owned(), "https://logs.us-east-1.amazonaws.com/".to_owned());
                let headers = headers.into_iter().collect();
                let answer = self.logs.handle(MockRequest { method, uri, headers, body: body.to_vec().into() }).await;
                if answer.status == 200 {
                    let request: Value = serde_json::from_slice(body).unwrap();
                    let name = request["logGroupName"].as_str().unwrap().to_owned();
                    journal.lock().unwrap().log_group_left = true;
                    self.state.lock().unwrap().log_groups.insert(name);
                }
                (answer.status, String::from_utf8(answer.body.to_vec()).unwrap())
            }
            other => panic!("the function called {other}"),
        }
    }
}

impl State {
    fn quota_allows(&mut self) -> bool {
        let (left, at) = self.quota_left;
        let left = (left + self.quota * at.elapsed().as_secs_f64()).min(self.quota);
        let allowed = left >= 1.0;
        self.quota_left = (if allowed { left - 1.0 } else { left }, Instant::now());
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

/// An error's status and body.
pub fn error(status: u16, code: &str) -> (u16, String) {
    (status, json!({"__type": code, "message": "injected"}).to_string())
}
