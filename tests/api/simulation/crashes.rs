//! Every operation, failing or losing its process at each of its AWS calls in turn; and the same request again.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use local::gateway::TIMEOUT;
use serde_json::Value;
use tokio::time::sleep;

use crate::simulator::network::{Fate, Network};
use crate::simulator::process::{Process, Settings};
use crate::simulator::services::Services;
use crate::simulator::stream::StreamRecord;
use crate::simulator::virtual_time::{database, on_virtual_time};
use crate::support::ApiResponse;
use crate::support::request::{Page, Request};

const ACCOUNT: &str = "123456789012";
const LOG_GROUP: &str = "/workflow-runs/demo";
const TOKEN: &str = "a-client-token-of-36-characters-0000";
const FOREVER: usize = usize::MAX / 2;

/// What breaks a call, and how many calls in a row.
const BREAKS: [(Fate, usize); 8] = [
    (Fate::Cut, 1),
    (Fate::Cut, FOREVER),
    (Fate::Lost, 1),
    (Fate::Lost, FOREVER),
    (Fate::Error(400, "AccessDeniedException"), FOREVER),
    (Fate::Error(500, "InternalServerError"), FOREVER),
    (Fate::DieBefore, 1),
    (Fate::DieAfter, 1),
];

/// An operation in a state of the table in which it makes as many calls as it can.
struct Scenario {
    request: Request,
    /// What is done before.
    before: Vec<Request>,
    /// The time that passes then.
    pause: Duration,
    /// The calls of a process that knows nothing, in their order.
    calls: &'static [&'static str],
    /// The status of the request when it is repeated.
    status: u16,
    /// What the table must hold in the end.
    is_done: fn(&Services) -> bool,
}

fn run_id() -> String {
    crate::support::run_id(ACCOUNT, TOKEN)
}

fn run_key() -> String {
    format!("run/{ACCOUNT}/{}", run_id())
}

fn scenarios() -> Vec<Scenario> {
    let name = "demo";
    let create_definition =
        || Request::CreateDefinition { name, token: Some(TOKEN.to_owned()), description: Some("described") };
    let create_run = || Request::CreateRun {
        name,
        token: Some(TOKEN.to_owned()),
        model: "nova-act-latest",
        log_group: Some(LOG_GROUP.to_owned()),
    };
    let update = |status| Request::UpdateRun { name, id: run_id(), status };
    let delete_definition = || Request::DeleteDefinition { name };
    let a_run = || vec![create_definition(), create_run()];
    let scenario = |request, before, calls, status, is_done| Scenario {
        request,
        before,
        pause: Duration::ZERO,
        calls,
        status,
        is_done,
    };
    let read = |request, calls| scenario(request, a_run(), calls, 200, |services| services.runs().len() == 1);
    vec![
        scenario(create_definition(), vec![], &["PutItem"], 201, |services| {
            definition(services).is_some_and(|definition| definition["status"]["S"] == "ACTIVE")
        }),
        scenario(
            create_run(),
            vec![create_definition()],
            &["BatchGetItem", "CreateLogGroup", "PutRetentionPolicy", "PutItem", "PutItem"],
            201,
            |services| {
                services.runs().into_keys().eq([run_key()]) && services.log_groups() == [LOG_GROUP.to_owned()].into()
            },
        ),
        read(Request::GetDefinition { name }, &["GetItem"]),
        read(Request::GetRun { name, id: run_id() }, &["BatchGetItem"]),
        read(Request::ListDefinitions { page: Page::default() }, &["Query"]),
        read(Request::ListRuns { name, page: Page::default() }, &["GetItem", "Query", "Query", "Query", "Query"]),
        scenario(update("SUCCEEDED"), a_run(), &["GetItem", "UpdateItem"], 200, |services| {
            services.runs()[&run_key()]["status"]["S"] == "SUCCEEDED"
        }),
        // A derived timeout is stored.
        Scenario {
            pause: Duration::from_hours(2),
            ..scenario(update("TIMED_OUT"), a_run(), &["GetItem", "UpdateItem", "UpdateItem"], 200, |services| {
                services.runs()[&run_key()]["status"]["S"] == "TIMED_OUT"
            })
        },
        scenario(Request::DeleteRun { name, id: run_id() }, a_run(), &["GetItem", "PutItem"], 202, |services| {
            services.runs().is_empty() && services.item(&run_key()).is_some()
        }),
        scenario(delete_definition(), a_run(), &["GetItem", "UpdateItem"], 202, |services| {
            definition(services).is_some_and(|definition| definition["status"]["S"] == "DELETING")
        }),
    ]
}

/// The calls for a record of a deleted definition with one run: its run is found and deleted, none is found any more, its
/// generation is remembered, and it goes.
const CLEANUP: &[&str] = &[
    "GetItem",
    "Query",
    "Query",
    "Query",
    "Query",
    "PutItem",
    "Query",
    "Query",
    "Query",
    "Query",
    "PutItem",
    "UpdateItem",
];

fn definition(services: &Services) -> Option<Value> {
    services.item(&format!("definition/{ACCOUNT}/demo"))
}

fn goes(services: &Services) -> bool {
    definition(services).is_some_and(|definition| definition.get("goneAt").is_some())
}

/// A network on which `broken` calls from `first` on have this fault; and the number of calls made.
fn network(calls: &'static [&'static str], first: usize, broken: usize, fault: Fate) -> (Network, Arc<AtomicUsize>) {
    let made = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&made);
    let network = move |operation: &str, _: &str| {
        let call = count.fetch_add(1, Ordering::Relaxed);
        if let Some(expected) = calls.get(call).filter(|_| call <= first) {
            assert_eq!(operation, *expected, "call {call}");
        }
        if (first..first.saturating_add(broken)).contains(&call) { fault } else { Fate::Served }
    };
    (Arc::new(network), made)
}

fn settings() -> Settings {
    let run_timeout = Some(Duration::from_hours(1));
    Settings { run_timeout, run_log_retention_days: Some(30), ..Settings::new(TIMEOUT) }
}

/// The response of a new process on a calm network.
async fn response(services: &Arc<Services>, request: &Request) -> ApiResponse {
    let calm: Network = Arc::new(|_, _| Fate::Served);
    let (response, _) = Process::start_with(services, &calm, settings()).invoke(ACCOUNT, request).await;
    let response = response.unwrap();
    request.check_documented(&response);
    response
}

/// Brings about the state of the table that a scenario begins with.
async fn prepare(services: &Arc<Services>, scenario: &Scenario) {
    for request in &scenario.before {
        response(services, request).await;
    }
    sleep(scenario.pause).await;
}

#[test]
fn the_calls_of_each_operation_are_the_ones_that_are_broken_here() {
    for scenario in scenarios() {
        on_virtual_time(database(), 0, 10.0, async |services| {
            prepare(services, &scenario).await;
            let last = scenario.calls.len();
            let (network, made) = network(scenario.calls, last, 0, Fate::Served);
            let process = Process::start_with(services, &network, settings());
            let (response, _) = process.invoke(ACCOUNT, &scenario.request).await;
            assert_eq!(response.unwrap().status, scenario.status, "{:?}", scenario.request);
            assert_eq!(made.load(Ordering::Relaxed), last, "{:?}", scenario.request);
            assert!((scenario.is_done)(services), "{:?}", scenario.request);
        });
    }
}

#[test]
fn wherever_an_operation_breaks_off_a_retry_completes_it() {
    for scenario in scenarios() {
        for first in 0..scenario.calls.len() {
            for (fault, broken) in BREAKS {
                on_virtual_time(database(), 0, 10.0, async |services| {
                    break_off_and_repeat(services, &scenario, first, broken, fault).await;
                });
            }
        }
    }
}

async fn break_off_and_repeat(services: &Arc<Services>, scenario: &Scenario, first: usize, broken: usize, fault: Fate) {
    let what = format!("{:?}, {fault:?} at call {first}", scenario.request);
    prepare(services, scenario).await;
    let runs_before = services.runs();
    let (network, made) = network(scenario.calls, first, broken, fault);
    let process = Process::start_with(services, &network, settings());
    let (failed, _) = process.invoke(ACCOUNT, &scenario.request).await;
    assert!(made.load(Ordering::Relaxed) > first, "{what}: the call was not made");
    let dies = matches!(fault, Fate::DieBefore | Fate::DieAfter);
    assert_eq!(failed.is_none(), dies, "{what}: {failed:?}");
    if let Some(failed) = &failed {
        scenario.request.check_documented(failed);
        assert!(failed.status != scenario.status || (scenario.is_done)(services), "{what}: {failed:?}");
    }
    // A failure that lasts leaves no run, unless it is the commit's response that was lost.
    let is_create = matches!(scenario.request, Request::CreateRun { .. });
    let commit = scenario.calls.iter().position(|call| *call == "PutItem").unwrap_or_default();
    if is_create && broken == FOREVER && first <= commit {
        // Without its retention a log group will do.
        let commit_is_lost =
            fault == Fate::Lost && scenario.calls[first..commit].iter().all(|call| *call == "PutRetentionPolicy");
        if !commit_is_lost {
            assert_ne!(failed.unwrap().status, scenario.status, "{what}");
            assert_eq!(services.runs(), runs_before, "{what}");
        }
    }
    let repeated = response(services, &scenario.request).await;
    assert_eq!(repeated.status, scenario.status, "{what}: {repeated:?}");
    assert!((scenario.is_done)(services), "{what}: {repeated:?}");
}

/// The record of a deletion that was just requested.
async fn record(services: &Arc<Services>) -> StreamRecord {
    let name = "demo";
    let create_definition = Request::CreateDefinition { name, token: Some(TOKEN.to_owned()), description: None };
    let create_run =
        Request::CreateRun { name, token: Some(TOKEN.to_owned()), model: "nova-act-latest", log_group: None };
    for request in [create_definition, create_run, Request::DeleteDefinition { name }] {
        response(services, &request).await;
    }
    services.stream().take().pop().unwrap()
}

#[test]
fn wherever_a_deletion_behind_the_api_breaks_off_the_same_record_ends_it() {
    for first in 0..=CLEANUP.len() {
        for (fault, broken) in BREAKS {
            on_virtual_time(database(), 0, 10.0, async |services| {
                let what = format!("{fault:?} at call {first}");
                let record = record(services).await;
                let (network, made) = network(CLEANUP, first, broken, fault);
                let is_handled =
                    Process::start_with(services, &network, settings()).handle_records(&record.event).await;
                // The calls are the ones that are broken here.
                assert!(made.load(Ordering::Relaxed) >= CLEANUP.len().min(first + 1), "{what}");
                let is_done = |services: &Services| services.runs().is_empty() && goes(services);
                assert!(!is_handled || is_done(services), "{what}");
                let calm: Network = Arc::new(|_, _| Fate::Served);
                assert!(Process::start_with(services, &calm, settings()).handle_records(&record.event).await, "{what}");
                assert!(is_done(services), "{what}");
                assert_eq!(services.items("generation/").len(), 1, "{what}");
            });
        }
    }
}
