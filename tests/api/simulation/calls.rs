//! How often AWS is asked, and what is remembered instead.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use local::gateway::TIMEOUT;
use serde_json::{Value, json};
use tokio::time::{Instant, sleep_until};

use crate::simulator::network::{Fate, Network};
use crate::simulator::process::Process;
use crate::simulator::services::Services;
use crate::simulator::virtual_time::{database, on_virtual_time, put_definition};

const ACCOUNT: &str = "123456789012";

/// A process, and the calls that it makes.
struct Watched {
    process: Process,
    calls: Arc<Mutex<Vec<String>>>,
}

impl Watched {
    /// Starts a process on a network where this happens to the puts of log groups' items.
    fn start(services: &Arc<Services>, fault: Fate) -> Self {
        let is_it = |operation: &str, key: &str| operation == "PutItem" && key.starts_with("log-group/");
        Self::start_on(services, move |operation, key| if is_it(operation, key) { fault } else { Fate::Served })
    }

    fn start_on(services: &Arc<Services>, fault: impl Fn(&str, &str) -> Fate + Send + Sync + 'static) -> Self {
        put_definition(services, ACCOUNT, "demo", "ACTIVE");
        let calls: Arc<Mutex<Vec<String>>> = Arc::default();
        let made = Arc::clone(&calls);
        let network: Network = Arc::new(move |operation, key| {
            made.lock().unwrap().push(operation.to_owned());
            fault(operation, key)
        });
        Self { process: Process::start(services, &network, TIMEOUT), calls }
    }

    /// The status of a create, and the calls that it took, in alphabetical order.
    async fn create(&self, definition: &str, log_group_name: Option<&str>) -> (u16, Vec<String>) {
        let body = json!({
            "clientInfo": {"compatibilityVersion": 1},
            "logGroupName": log_group_name,
            "modelId": "nova-act-latest",
        });
        let (response, _) = self.process.create_run(ACCOUNT, definition, &body).await;
        let mut calls = std::mem::take(&mut *self.calls.lock().unwrap());
        calls.sort();
        (response.unwrap().status, calls)
    }
}

fn created(calls: &[&str]) -> (u16, Vec<String>) {
    (201, calls.iter().map(ToString::to_string).collect())
}

fn expires_at(item: &Value) -> i64 {
    item["expiresAt"]["N"].as_str().unwrap().parse().unwrap()
}

#[test]
fn a_warm_create_makes_one_call_and_a_cold_one_at_most_four() {
    on_virtual_time(database(), 0, 10.0, async |services| {
        let first = Watched::start(services, Fate::Served);
        let cold = created(&["BatchGetItem", "CreateLogGroup", "PutItem", "PutItem"]);
        assert_eq!(first.create("demo", Some("/a")).await, cold);
        assert_eq!(first.create("demo", Some("/a")).await, created(&["PutItem"]));
        assert_eq!(first.create("demo", None).await, created(&["PutItem"]));
        for log_group_name in [Some("/a"), None] {
            let other = Watched::start(services, Fate::Served);
            assert_eq!(other.create("demo", log_group_name).await, created(&["BatchGetItem", "PutItem"]));
        }
    });
}

/// The bytes that DynamoDB counts of an attribute's value.
fn size(value: &Value) -> usize {
    let (kind, value) = value.as_object().unwrap().iter().next().unwrap();
    match (kind.as_str(), value) {
        ("S", Value::String(text)) => text.len(),
        ("N", Value::String(digits)) => digits.len().div_ceil(2) + 1,
        ("M", Value::Object(map)) => 3 + map.iter().map(|(name, value)| name.len() + size(value) + 1).sum::<usize>(),
        _ => panic!("{kind}"),
    }
}

/// A write unit is a kilobyte, and what a million creates cost follows from it.
#[test]
fn a_usual_run_takes_one_write_unit_and_the_largest_one_three() {
    on_virtual_time(database(), 0, 10.0, async |services| {
        let process = Watched::start(services, Fate::Served).process;
        let usual = json!({
            "clientInfo": {"compatibilityVersion": 1, "sdkVersion": "1.0.0"},
            "clientToken": "5f0d3f6a-7a64-4a3e-9d0e-0123456789ab",
            "logGroupName": "/workflow-runs/demo",
            "modelId": "nova-act-latest",
        });
        let largest = json!({
            "clientInfo": {"compatibilityVersion": i32::MIN, "sdkVersion": "😀".repeat(256)},
            "clientToken": "a".repeat(256),
            "logGroupName": "a".repeat(512),
            "modelId": "😀".repeat(100),
        });
        put_definition(services, ACCOUNT, &"d".repeat(40), "ACTIVE");
        for (definition, body, write_units) in [("demo", usual, 1), (&*"d".repeat(40), largest, 3)] {
            let (response, _) = process.create_run(ACCOUNT, definition, &body).await;
            let response = response.unwrap();
            assert_eq!(response.status, 201);
            let run = response.body["workflowRunId"].as_str().unwrap();
            let item = services.item(&format!("run/{ACCOUNT}/{run}")).unwrap();
            let bytes: usize = item.as_object().unwrap().iter().map(|(name, value)| name.len() + size(value)).sum();
            assert_eq!(bytes.div_ceil(1_024), write_units, "{bytes}: {item}");
        }
    });
}

#[test]
fn a_rejected_request_makes_no_more_calls_than_it_needs() {
    on_virtual_time(database(), 0, 10.0, async |services| {
        let process = Watched::start(services, Fate::Served);
        assert_eq!(process.create("demo", Some("a b")).await, (400, vec![]));
        assert_eq!(process.create("nope", Some("/a")).await, (404, vec!["BatchGetItem".to_owned()]));
    });
}

#[test]
fn cached_facts_expire_in_time() {
    on_virtual_time(database(), 0, 10.0, async |services| {
        let process = Watched::start(services, Fate::Served);
        let start = Instant::now();
        for (seconds, calls) in [
            (0, vec!["BatchGetItem", "CreateLogGroup", "PutItem", "PutItem"]),
            (59, vec!["PutItem"]),
            (61, vec!["BatchGetItem", "PutItem"]),
            (3_599, vec!["BatchGetItem", "PutItem"]),
            // The definition is still known; the log group no longer.
            (3_601, vec!["BatchGetItem", "PutItem"]),
            // Now the table has forgotten it, too.
            (36 * 3_600, vec!["BatchGetItem", "CreateLogGroup", "PutItem", "PutItem"]),
        ] {
            sleep_until(start + Duration::from_secs(seconds)).await;
            assert_eq!(process.create("demo", Some("/a")).await, created(&calls), "after {seconds} s");
        }
    });
}

#[test]
fn the_minute_for_which_a_definition_is_known_begins_when_its_read_is_sent() {
    on_virtual_time(database(), 0, 10.0, async |services| {
        let slow = Fate::Late(Duration::ZERO, Duration::from_millis(1_500));
        let is_read = |operation: &str| operation == "BatchGetItem";
        let process = Watched::start_on(services, move |call, _| if is_read(call) { slow } else { Fate::Served });
        let start = Instant::now();
        for (after, calls) in
            [(0, &["BatchGetItem", "PutItem"][..]), (59_500, &["PutItem"]), (60_500, &["BatchGetItem", "PutItem"])]
        {
            sleep_until(start + Duration::from_millis(after)).await;
            assert_eq!(process.create("demo", None).await, created(calls), "after {after} ms");
        }
    });
}

#[test]
fn a_log_group_is_remembered_for_about_a_day() {
    let mut hours = Vec::new();
    for seed in 0..100 {
        on_virtual_time(database(), seed, 10.0, async |services| {
            Watched::start(services, Fate::Served).create("demo", Some("/a")).await;
            let seconds = expires_at(&services.item("log-group//a").unwrap()) - services.now().as_second();
            hours.push(seconds / 3_600);
        });
    }
    assert!(hours.iter().all(|hours| (17..30).contains(hours)), "{hours:?}");
    hours.sort_unstable();
    hours.dedup();
    assert!(hours.len() > 5, "they expire together: {hours:?}");
}

#[test]
fn an_item_that_has_expired_counts_as_absent() {
    on_virtual_time(database(), 0, 10.0, async |services| {
        let process = Watched::start(services, Fate::Served);
        let now = services.now();
        let expired = json!({"pk": {"S": "log-group//a"}, "expiresAt": {"N": now.as_second().to_string()}});
        services.put(&expired);
        process.create("demo", Some("/a")).await;
        assert!(services.log_groups().contains("/a"));
        assert!(expires_at(&services.item("log-group//a").unwrap()) > now.as_second());
    });
}

#[test]
fn a_log_groups_item_never_fails_a_run_and_is_tried_again_after_a_minute() {
    let hangs = Fate::Late(Duration::from_hours(1), Duration::ZERO);
    for fault in [Fate::Error(400, "AccessDeniedException"), Fate::Cut, hangs] {
        on_virtual_time(database(), 0, 10.0, async |services| {
            let process = Watched::start(services, fault);
            let start = Instant::now();
            let create = || process.create("demo", Some("/a"));
            assert_eq!(create().await.0, 201, "{fault:?}");
            assert!(start.elapsed() < Duration::from_millis(500), "{fault:?}: {:?}", start.elapsed());
            assert_eq!(services.item("log-group//a"), None, "{fault:?}");

            sleep_until(start + Duration::from_secs(59)).await;
            assert_eq!(create().await, created(&["PutItem"]), "{fault:?}");
            sleep_until(start + Duration::from_secs(61)).await;
            let (status, calls) = create().await;
            assert_eq!((status, &*calls[1]), (201, "CreateLogGroup"), "{fault:?}: {calls:?}");
        });
    }
}
