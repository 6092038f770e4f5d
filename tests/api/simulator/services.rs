//! DynamoDB and CloudWatch Logs without a socket, as virtual time wants it.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::{Mutex, MutexGuard};
use std::time::Duration;

use dynoxide::Database;
use jiff::{SignedDuration, Timestamp};
use local::embedded::TABLE_NAME;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use tokio::sync::Notify;
use tokio::time::Instant;
use winterbaume_cloudwatchlogs::CloudWatchLogsService;
use winterbaume_core::{MockRequest, MockService as _};

use super::coverage::{Call, ItemKind, Sight};
use super::index::Index;
use super::journal::Journal;
use super::process::{MOST_AHEAD, Settings};
use super::quota::Quota;
use super::stream::{Stream, StreamRecord};
use super::transitions::{self, is_tombstone, number};
use super::virtual_time::wall_clock;

/// The services of one schedule, and all that was done to them.
pub struct Services {
    database: Database,
    logs: CloudWatchLogsService,
    state: Mutex<Contents>,
    stream: Mutex<Stream>,
    records: Notify,
}

struct Contents {
    rng: fastrand::Rng,
    started: Instant,
    log_groups: BTreeSet<String>,
    /// The items of this schedule. (The database is one for many schedules.)
    items: BTreeMap<String, Value>,
    index: Index,
    /// The longest time that a write takes to reach the index, or none: it shows every write at once.
    index_delay: Option<Duration>,
    writes: Vec<Write>,
    trace: Vec<String>,
    seen: BTreeSet<Sight>,
    /// Of `CreateLogGroup`, and of `PutRetentionPolicy`.
    quotas: [Quota; 2],
}

/// A write of the table that was applied.
#[derive(Clone, Debug)]
pub struct Write {
    pub at: Duration,
    pub key: String,
    pub item: Option<Value>,
    /// The settings of the process that has deleted this run because its definition is deleted.
    pub swept_by: Option<Settings>,
}

impl Services {
    /// Services whose index shows a write at once.
    ///
    /// CloudWatch Logs serves `quota` calls of `CreateLogGroup` a second, and half as many of `PutRetentionPolicy`, as AWS
    /// does.
    pub fn new(database: Database, seed: u64, quota: f64) -> Self {
        let state = Contents {
            rng: fastrand::Rng::with_seed(seed),
            started: Instant::now(),
            log_groups: BTreeSet::new(),
            items: BTreeMap::new(),
            index: Index::default(),
            index_delay: None,
            writes: Vec::new(),
            trace: Vec::new(),
            seen: BTreeSet::new(),
            quotas: [Quota::new(quota), Quota::new(quota / 2.0)],
        };
        Self {
            database,
            logs: CloudWatchLogsService::new(),
            state: Mutex::new(state),
            stream: Mutex::default(),
            records: Notify::new(),
        }
    }

    /// Lets writes take up to this time to reach the index, and lets its responses end early now and then.
    pub fn delay_index(&self, longest: Duration) {
        self.state.lock().unwrap().index_delay = Some(longest);
    }

    /// Time since the simulator's clock was zero: a minute before the schedule began, so that a process's clock may be
    /// behind.
    pub fn elapsed(&self) -> Duration {
        self.state.lock().unwrap().started.elapsed() + Duration::from_mins(1)
    }

    /// The wall clock, which runs with the virtual time.
    pub fn now(&self) -> Timestamp {
        wall_clock(self.elapsed())
    }

    pub fn log_groups(&self) -> BTreeSet<String> {
        self.state.lock().unwrap().log_groups.clone()
    }

    /// All items whose key begins with this, by their key.
    pub fn items(&self, prefix: &str) -> BTreeMap<String, Value> {
        let state = self.state.lock().unwrap();
        let items = state.items.iter().filter(|(key, _)| key.starts_with(prefix));
        items.map(|(key, item)| (key.clone(), item.clone())).collect()
    }

    /// The runs that are there and not deleted, by their key.
    pub fn runs(&self) -> BTreeMap<String, Value> {
        let mut runs = self.items("run/");
        runs.retain(|_, item| !is_tombstone(item));
        runs
    }

    /// Every write of the table, in the order in which they were applied.
    pub fn writes(&self) -> Vec<Write> {
        self.state.lock().unwrap().writes.clone()
    }

    /// What the index shows of the runs of this generation of a definition.
    pub fn index_of_runs(&self, definition_id: &str) -> BTreeSet<String> {
        let now = self.elapsed();
        let index = &mut self.state.lock().unwrap().index;
        (0..4).flat_map(|shard| index.sort_keys(&format!("runs/{definition_id}/{shard}"), now)).collect()
    }

    /// Notes what happened and when: two runs of one seed must agree on every line.
    pub fn trace(&self, line: impl fmt::Display) {
        let at = self.elapsed();
        self.state.lock().unwrap().trace.push(format!("{at:?} {line}"));
    }

    pub fn take_trace(&self) -> Vec<String> {
        std::mem::take(&mut self.state.lock().unwrap().trace)
    }

    /// Notes something that has happened.
    pub fn see(&self, sight: Sight) {
        self.state.lock().unwrap().seen.insert(sight);
    }

    pub fn take_seen(&self) -> BTreeSet<Sight> {
        std::mem::take(&mut self.state.lock().unwrap().seen)
    }

    pub fn stream(&self) -> MutexGuard<'_, Stream> {
        self.stream.lock().unwrap()
    }

    /// Waits until there is another record in the stream.
    pub async fn has_record(&self) {
        self.records.notified().await;
    }

    pub fn item(&self, key: &str) -> Option<Value> {
        let get = json!({"TableName": TABLE_NAME, "Key": {"pk": {"S": key}}, "ConsistentRead": true});
        let got = self.database.get_item(serde_json::from_value(get).unwrap()).unwrap();
        got.item.map(|item| serde_json::to_value(item).unwrap())
    }

    /// An item, unless it has expired.
    pub fn current_item(&self, key: &str) -> Option<Value> {
        let now = self.now().as_second();
        self.item(key).filter(|item| number(item, "expiresAt").is_none_or(|expires_at| expires_at > now))
    }

    /// The generation of a definition that is gone by every clock.
    pub fn definition_that_is_gone(&self, account_id: &str, name: &str) -> Option<String> {
        let definition = self.item(&format!("definition/{account_id}/{name}"))?;
        let is_gone = number(&definition, "goneAt")? <= (self.now() - MOST_AHEAD).as_second();
        is_gone.then(|| definition["definitionId"]["S"].to_string())
    }

    /// Puts an item behind the function's back; the index has it at once.
    pub fn put(&self, item: &Value) {
        let put = json!({"TableName": TABLE_NAME, "Item": item});
        self.database.put_item(serde_json::from_value(put).unwrap()).unwrap();
        self.written(item["pk"]["S"].as_str().unwrap(), Some(item.clone()), Duration::ZERO, None);
    }

    /// DynamoDB's time to live: deletes about this percentage of the items that expired an hour ago or earlier.
    pub fn delete_expired(&self, percent: u32) {
        let an_hour_ago = (self.now() - SignedDuration::from_hours(1)).as_second();
        let expired = |item: &Value| number(item, "expiresAt").is_some_and(|expires_at| expires_at <= an_hour_ago);
        let expired: Vec<_> = self.items("").into_iter().filter(|(_, item)| expired(item)).collect();
        for (key, _) in expired {
            if self.state.lock().unwrap().rng.u32(..100) < percent {
                let delete = json!({"TableName": TABLE_NAME, "Key": {"pk": {"S": key}}});
                self.database.delete_item(serde_json::from_value(delete).unwrap()).unwrap();
                self.written(&key, None, Duration::ZERO, None);
                self.trace(format_args!("{key} expired"));
                self.see(Sight::Expired(ItemKind::of(&key)));
            }
        }
    }

    fn written(&self, key: &str, item: Option<Value>, index_delay: Duration, swept_by: Option<Settings>) {
        let at = self.elapsed();
        let mut state = self.state.lock().unwrap();
        state.index.write(key, item.as_ref(), at + index_delay);
        let record = StreamRecord::of(key, state.items.get(key), item.as_ref(), at);
        if let Some(record) = record {
            self.stream().push(record);
            self.records.notify_one();
        }
        match item.clone() {
            Some(item) => state.items.insert(key.to_owned(), item),
            None => state.items.remove(key),
        };
        state.writes.push(Write { at, key: key.to_owned(), item, swept_by });
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
        let mut response = json!({"Responses": {}});
        if !keys.is_empty() {
            let (_, body) =
                self.apply(Call("BatchGetItem", None), &serde_json::to_vec(&request).unwrap(), journal).await;
            response = serde_json::from_str(&body).unwrap();
        }
        if unprocessed[TABLE_NAME]["Keys"] != json!([]) {
            response["UnprocessedKeys"] = unprocessed;
        }
        (200, response.to_string())
    }

    /// Does what a call asks for. Status and body of the response.
    pub async fn apply(&self, call: Call, body: &[u8], journal: &Mutex<Journal>) -> (u16, String) {
        let request: Value = serde_json::from_slice(body).unwrap();
        match call.0 {
            "BatchGetItem" => {
                assert_eq!(request["RequestItems"][TABLE_NAME]["ConsistentRead"], true);
                execute(&request, |request| self.database.batch_get_item(request))
            }
            "GetItem" => {
                assert_eq!(request["ConsistentRead"], true);
                execute(&request, |request| self.database.get_item(request))
            }
            "PutItem" => {
                let key = request["Item"]["pk"]["S"].as_str().unwrap();
                let response = execute(&request, |request| self.database.put_item(request));
                self.check_write(key, response, journal)
            }
            "UpdateItem" => {
                let key = request["Key"]["pk"]["S"].as_str().unwrap();
                let response = execute(&request, |request| self.database.update_item(request));
                self.check_write(key, response, journal)
            }
            "Query" => {
                let now = self.elapsed();
                let mut state = self.state.lock().unwrap();
                let ends_early = state.index_delay.is_some() && state.rng.u8(..8) == 0;
                let at_most = if ends_early { state.rng.usize(1..4) } else { usize::MAX };
                (200, state.index.query(&request, now, at_most).to_string())
            }
            "CreateLogGroup" => {
                if !self.is_within_quota(0, call, journal) {
                    return error(400, "ThrottlingException");
                }
                let response = self.logs(call.0, body).await;
                if response.0 == 200 {
                    let name = request["logGroupName"].as_str().unwrap().to_owned();
                    journal.lock().unwrap().log_group_left = true;
                    self.state.lock().unwrap().log_groups.insert(name);
                }
                response
            }
            "PutRetentionPolicy" => {
                if !self.is_within_quota(1, call, journal) {
                    return error(400, "ThrottlingException");
                }
                self.logs(call.0, body).await
            }
            other => panic!("the function called {other}"),
        }
    }

    fn is_within_quota(&self, quota: usize, call: Call, journal: &Mutex<Journal>) -> bool {
        let is_within = self.state.lock().unwrap().quotas[quota].allows();
        if !is_within {
            self.see(Sight::BeyondQuota(call));
            journal.lock().unwrap().faults += 1;
        }
        is_within
    }

    async fn logs(&self, operation: &str, body: &[u8]) -> (u16, String) {
        let target = format!("Logs_20140328.{operation}").parse().unwrap();
        let headers = [("x-amz-target".parse().unwrap(), target)].into_iter().collect();
        let (method, uri) = ("POST".to_owned(), "https://logs.us-east-1.amazonaws.com/".to_owned());
        let response = self.logs.handle(MockRequest { method, uri, headers, body: body.to_vec().into() }).await;
        (response.status, String::from_utf8(response.body.to_vec()).unwrap())
    }

    /// Notes a write that was applied, and checks that the item may become what it is now.
    fn check_write(&self, key: &str, response: (u16, String), journal: &Mutex<Journal>) -> (u16, String) {
        if response.0 != 200 {
            return response;
        }
        let before = self.state.lock().unwrap().items.get(key).cloned();
        let after = self.item(key).unwrap();
        let mut journal = journal.lock().unwrap();
        transitions::check(key, before.as_ref(), &after, self.now(), &journal.by);
        let is_run = key.starts_with("run/") && !is_tombstone(&after);
        match ItemKind::of(key) {
            ItemKind::Run => journal.writes.runs += 1,
            ItemKind::Definition => journal.writes.definitions += 1,
            ItemKind::LogGroup | ItemKind::Generation => {}
        }
        journal.landed = self.elapsed();
        journal.run_created |= is_run && before.as_ref().is_none_or(|before| before["requestId"] != after["requestId"]);
        journal.log_group_left |= key.starts_with("log-group/");
        let is_gone = |item: &Value| item.get("goneAt").is_some();
        if is_gone(&after) && before.as_ref().is_some_and(|before| !is_gone(before)) {
            self.check_may_go(key, &after, journal.began);
        }
        let is_swept = journal.is_sweep && key.starts_with("run/") && is_tombstone(&after);
        if let Some(run) = before.as_ref().filter(|_| is_swept) {
            self.check_may_be_swept(run);
        }
        if before.as_ref() != Some(&after) {
            let delay = self.state.lock().unwrap().index_delay();
            self.written(key, Some(after), delay, is_swept.then_some(journal.by));
        }
        response
    }

    /// A definition will be gone: not before two minutes after a process has seen that it is being deleted, and not before
    /// its generation is remembered; and no run of it may be left that the index has shown all the time since the
    /// invocation began.
    fn check_may_go(&self, key: &str, definition: &Value, began: Duration) {
        let now = self.elapsed();
        let (definition_id, gone_at) = (&definition["definitionId"], number(definition, "goneAt").unwrap());
        let is_marked = |write: &&Write| {
            let item = write.item.as_ref().filter(|item| item["definitionId"] == *definition_id);
            write.key == key && item.is_some_and(|item| item["status"]["S"] == "DELETING")
        };
        let marked = self.writes().iter().find(is_marked).map(|write| wall_clock(write.at)).unwrap();
        let earliest = marked + SignedDuration::from_mins(2) - MOST_AHEAD;
        assert!(gone_at >= earliest.as_second(), "{definition} goes too early: it was marked at {marked}");
        let generation = self.item(&format!("generation/{}", definition_id["S"].as_str().unwrap()));
        assert!(generation.is_some(), "{definition} goes, and nobody remembers it");
        for (key, run) in self.runs() {
            let has_since = self.state.lock().unwrap().index.has_since(&key, now);
            let was_shown = has_since.is_some_and(|since| since < began);
            let is_of_it = run["definitionId"] == definition["definitionId"];
            assert!(!(is_of_it && was_shown), "the definition is to be gone, and {key} is left: {definition}");
        }
    }

    /// A run is deleted because its definition is deleted.
    fn check_may_be_swept(&self, run: &Value) {
        let name = run["workflowDefinitionName"]["S"].as_str().unwrap();
        let definition = self.item(&format!("definition/{}/{name}", run["accountId"]["S"].as_str().unwrap()));
        let is_alive = |definition: &Value| {
            definition["definitionId"] == run["definitionId"] && definition["status"]["S"] == "ACTIVE"
        };
        assert!(!definition.is_some_and(|definition| is_alive(&definition)), "{run} is not to be deleted");
    }
}

impl Contents {
    /// How long the next write takes to reach the index: mostly a moment, seldom the longest time.
    fn index_delay(&mut self) -> Duration {
        let share = if self.rng.u8(..4) == 0 { 1.0 } else { 0.05 };
        self.index_delay.unwrap_or_default().mul_f64(share * self.rng.f64())
    }
}

fn execute<Q: DeserializeOwned, A: Serialize>(
    request: &Value,
    operation: impl FnOnce(Q) -> dynoxide::Result<A>,
) -> (u16, String) {
    match operation(Q::deserialize(request).unwrap()) {
        Ok(response) => (200, serde_json::to_string(&response).unwrap()),
        Err(error) => (error.status_code(), error.to_json()),
    }
}

/// An error's status and body.
pub fn error(status: u16, code: &str) -> (u16, String) {
    (status, json!({"__type": code, "message": "injected"}).to_string())
}
