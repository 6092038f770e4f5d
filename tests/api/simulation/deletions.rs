//! Deletions of definitions that take long, arrive late or break off, and what they leave.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::Duration;

use local::gateway::TIMEOUT;
use serde_json::Value;
use tokio::time::sleep;

use super::run_model::run_id;
use crate::simulator::network::{Fate, LATEST, Network};
use crate::simulator::process::Process;
use crate::simulator::services::Services;
use crate::simulator::stream::StreamRecord;
use crate::simulator::virtual_time::{database, on_virtual_time, put_runs};
use crate::support::ApiResponse;
use crate::support::request::Request;

const ACCOUNT: &str = "123456789012";
const NAME: &str = "demo";
const HOUR: Duration = Duration::from_hours(1);
const DAY: Duration = Duration::from_hours(24);
const SECOND: Duration = Duration::from_secs(1);
const DELETION: Request = Request::DeleteDefinition { name: NAME };
/// The cleanup function's.
const CLEANUP_TIMEOUT: Duration = Duration::from_mins(5);

fn create(token: char) -> Request {
    Request::CreateDefinition { name: NAME, token: Some(token.to_string().repeat(36)), description: None }
}

fn start(token: Option<&str>) -> Request {
    let token = token.map(ToOwned::to_owned);
    Request::CreateRun { name: NAME, token, model: "nova-act-latest", log_group: None }
}

async fn status(process: &Process, request: &Request) -> u16 {
    response(process, request).await.status
}

async fn response(process: &Process, request: &Request) -> ApiResponse {
    process.invoke(ACCOUNT, request).await.0.unwrap()
}

fn definition(services: &Services) -> Value {
    services.item(&format!("definition/{ACCOUNT}/{NAME}")).unwrap()
}

fn calm() -> Network {
    Arc::new(|_, _| Fate::Served)
}

/// A process that knows nothing, on a network where nothing happens.
fn new_process(services: &Arc<Services>) -> Process {
    Process::start(services, &calm(), TIMEOUT)
}

/// Lets new processes of the cleanup function handle all records, and those that they bring about. How many there were.
async fn handle_records(services: &Arc<Services>) -> usize {
    let mut handled = 0;
    loop {
        let records = services.stream().take();
        if records.is_empty() {
            return handled;
        }
        for record in records {
            assert!(handle(services, &record).await, "{record:?}");
            handled += 1;
        }
    }
}

async fn handle(services: &Arc<Services>, record: &StreamRecord) -> bool {
    Process::start(services, &calm(), CLEANUP_TIMEOUT).handle_records(&record.event).await
}

/// Waits until DynamoDB has deleted the memory of a deleted generation, and lets the function handle that.
async fn forget_generations(services: &Arc<Services>) {
    sleep(3 * HOUR).await;
    services.delete_expired(100);
    assert!(services.items("generation/").is_empty());
    assert!(handle_records(services).await > 0);
}

/// A deletion that was given up can land a minute and a half later. Until then others have read the definition as `ACTIVE`,
/// and start runs of it for a minute more.
#[test]
fn a_name_is_kept_for_two_minutes_after_the_deletion_was_seen_however_late_it_landed() {
    on_virtual_time(database(), 0, 10.0, async |services| {
        assert_eq!(status(&new_process(services), &create('a')).await, 201);
        let sent = AtomicU32::new(0);
        let late: Network = Arc::new(move |operation, _| match operation {
            "UpdateItem" if sent.fetch_add(1, Ordering::Relaxed) == 0 => Fate::Late(96 * SECOND, Duration::ZERO),
            "UpdateItem" => Fate::Cut,
            _ => Fate::Served,
        });
        assert_eq!(status(&Process::start(services, &late, TIMEOUT), &DELETION).await, 500);
        let given_up = services.elapsed();

        let knowing = new_process(services);
        sleep((given_up + 90 * SECOND).saturating_sub(services.elapsed())).await;
        assert_eq!(status(&knowing, &start(None)).await, 201);
        sleep(10 * SECOND).await;
        assert_eq!(definition(services)["status"]["S"], "DELETING");
        handle_records(services).await;
        // As long as it starts runs, each of them can be read, and the name is not free.
        for _ in 0..5 {
            sleep(9 * SECOND).await;
            let started = response(&knowing, &start(None)).await;
            assert_eq!(started.status, 201);
            let id = started.body["workflowRunId"].as_str().unwrap().to_owned();
            let read = Request::GetRun { name: NAME, id };
            assert_eq!(status(&new_process(services), &read).await, 200);
            assert_eq!(status(&new_process(services), &create('b')).await, 409);
        }
        forget_generations(services).await;
        assert!(services.runs().is_empty());
    });
}

#[test]
fn a_deletion_that_lands_late_does_not_touch_the_next_definition_of_the_name() {
    on_virtual_time(database(), 0, 10.0, async |services| {
        assert_eq!(status(&new_process(services), &create('a')).await, 201);
        assert_eq!(status(&new_process(services), &DELETION).await, 202);
        handle_records(services).await;
        sleep(Duration::from_secs(115)).await;

        // Of this deletion, the first attempt is held up on its way. The second one gets a response.
        let held_up = AtomicBool::new(false);
        let network: Network = Arc::new(move |operation, _| {
            let is_first = operation == "UpdateItem" && !held_up.swap(true, Ordering::Relaxed);
            if is_first { Fate::Late(LATEST, Duration::ZERO) } else { Fate::Served }
        });
        assert_eq!(status(&Process::start(services, &network, TIMEOUT), &DELETION).await, 202);
        sleep(Duration::from_secs(6)).await;
        assert_eq!(status(&new_process(services), &DELETION).await, 404);
        assert_eq!(status(&new_process(services), &create('b')).await, 201);
        sleep(LATEST).await;
        handle_records(services).await;
        assert_eq!(definition(services)["status"]["S"], "ACTIVE");
    });
}

#[test]
fn a_run_that_a_knowing_process_starts_after_the_sweep_is_deleted_when_the_generation_is_forgotten() {
    on_virtual_time(database(), 0, 10.0, async |services| {
        let token = Some("a-client-token-of-36-characters-0000");
        assert_eq!(status(&new_process(services), &create('a')).await, 201);
        // One process knows the definition for a minute; the put of another one is under way for almost five.
        let knowing = new_process(services);
        assert_eq!(status(&knowing, &start(None)).await, 201);
        let is_put = |operation: &str, key: &str| operation == "PutItem" && key.starts_with("run/");
        let sent = AtomicU32::new(0);
        let late: Network = Arc::new(move |operation, key| match sent.load(Ordering::Relaxed) {
            0 if is_put(operation, key) => {
                sent.store(1, Ordering::Relaxed);
                Fate::Late(290 * SECOND, Duration::ZERO)
            }
            _ if is_put(operation, key) => Fate::Cut,
            _ => Fate::Served,
        });
        assert_eq!(status(&Process::start(services, &late, TIMEOUT), &start(None)).await, 500);
        assert_eq!(status(&new_process(services), &DELETION).await, 202);
        handle_records(services).await;
        sleep(30 * SECOND).await;
        assert_eq!(status(&knowing, &start(token)).await, 201);
        sleep(LATEST).await;
        assert_eq!(services.runs().len(), 2);

        forget_generations(services).await;
        assert!(services.runs().is_empty());
        // No token is blocked for good.
        assert_eq!(status(&knowing, &create('b')).await, 201);
        assert_eq!(status(&knowing, &start(token)).await, 409);
        sleep(DAY + SECOND).await;
        assert_eq!(status(&knowing, &start(token)).await, 201);
    });
}

#[test]
fn a_deletion_goes_on_in_one_chain_of_records_however_often_it_is_sent() {
    on_virtual_time(database(), 0, 10.0, async |services| {
        let mut handled = Vec::new();
        for requests in [1, 3] {
            assert_eq!(status(&new_process(services), &create('a')).await, 201);
            put_runs(services, ACCOUNT, 600);
            services.stream().take();
            for _ in 0..requests {
                assert_eq!(status(&new_process(services), &DELETION).await, 202);
                sleep(Duration::from_secs(61)).await;
            }
            // The function has time for one round.
            let slow: Network = Arc::new(|_, _| Fate::Late(SECOND / 10, SECOND / 10));
            let mut records = services.stream().take();
            let mut sweeps = 0;
            while !records.is_empty() {
                // All of them at the same moment, as from two shards.
                let mut racing = tokio::task::JoinSet::new();
                for record in records {
                    let process = Process::start(services, &slow, Duration::from_secs(11));
                    racing.spawn(async move { process.handle_records(&record.event).await });
                }
                assert!(racing.join_all().await.into_iter().all(|is_handled| is_handled));
                records = services.stream().take();
                // That the definition goes is a record too, of which nothing comes.
                records.retain(|record| record.event["Records"][0]["dynamodb"]["NewImage"].get("goneAt").is_none());
                sweeps += 1;
                assert!(records.len() <= 1, "two chains: {records:?}");
            }
            assert!(services.runs().is_empty());
            handled.push(sweeps);
            forget_generations(services).await;
            sleep(2 * DAY).await;
            services.delete_expired(100);
            services.stream().take();
        }
        assert!(handled[0] > 2, "{handled:?}");
        assert!(handled[1] <= handled[0], "{handled:?}");
    });
}

#[test]
fn a_deletion_whose_record_was_lost_is_started_anew_by_the_same_request() {
    on_virtual_time(database(), 0, 10.0, async |services| {
        assert_eq!(status(&new_process(services), &create('a')).await, 201);
        put_runs(services, ACCOUNT, 10);
        assert_eq!(status(&new_process(services), &DELETION).await, 202);
        services.stream().take();
        // Sent again within a minute, it writes nothing.
        assert_eq!(status(&new_process(services), &DELETION).await, 202);
        assert!(services.stream().take().is_empty());
        sleep(Duration::from_secs(61)).await;
        assert_eq!(status(&new_process(services), &DELETION).await, 202);
        handle_records(services).await;
        assert!(services.runs().is_empty());
    });
}

#[test]
fn the_process_that_deletes_a_definition_starts_no_more_runs_of_it() {
    on_virtual_time(database(), 0, 10.0, async |services| {
        let process = new_process(services);
        assert_eq!(status(&process, &create('a')).await, 201);
        assert_eq!(status(&process, &start(None)).await, 201);
        assert_eq!(status(&process, &DELETION).await, 202);
        assert_eq!(status(&process, &start(None)).await, 409);
    });
}

#[test]
fn a_token_is_free_again_a_day_after_its_run_was_deleted_though_the_tombstone_is_still_there() {
    on_virtual_time(database(), 0, 10.0, async |services| {
        assert_eq!(status(&new_process(services), &create('a')).await, 201);
        let start = start(Some("a-client-token-of-36-characters-0000"));
        let id = run_id(ACCOUNT, &start).unwrap();
        assert_eq!(status(&new_process(services), &start).await, 201);
        assert_eq!(status(&new_process(services), &Request::DeleteRun { name: NAME, id }).await, 202);
        for (after, expected) in [(Duration::ZERO, 409), (DAY.saturating_sub(SECOND), 409), (2 * SECOND, 201)] {
            sleep(after).await;
            assert_eq!(services.items("run/").len(), 1);
            assert_eq!(status(&new_process(services), &start).await, expected, "after {after:?}");
        }
    });
}
