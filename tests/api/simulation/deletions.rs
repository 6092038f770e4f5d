//! Deletions that take long or arrive late, and what they leave.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::Duration;

use jiff::Timestamp;
use local::gateway::TIMEOUT;
use serde_json::Value;
use tokio::time::sleep;

use super::run_model::run_id;
use super::schedule::put_runs;
use crate::simulator::network::{Fate, LATEST, Network};
use crate::simulator::process::Process;
use crate::simulator::services::Services;
use crate::simulator::virtual_time::{database, on_virtual_time};
use crate::support::ApiResponse;
use crate::support::request::Request;

const ACCOUNT: &str = "123456789012";
const NAME: &str = "demo";
const DAY: Duration = Duration::from_hours(24);
const SECOND: Duration = Duration::from_secs(1);
const DELETION: Request = Request::DeleteDefinition { name: NAME };

fn create(token: char) -> Request {
    Request::CreateDefinition { name: NAME, token: Some(token.to_string().repeat(36)), description: None }
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

fn calm(services: &Arc<Services>) -> Process {
    let calm: Network = Arc::new(|_, _| Fate::Served);
    Process::start(services, &calm, TIMEOUT)
}

#[test]
fn a_deletion_that_lands_late_does_not_touch_the_next_definition_of_the_name() {
    on_virtual_time(database(), 0, 10.0, async |services| {
        let (first, other) = ('a', 'b');
        assert_eq!(status(&calm(services), &create(first)).await, 201);
        assert_eq!(status(&calm(services), &DELETION).await, 202);
        sleep(Duration::from_secs(115)).await;

        // Of this deletion, the first attempt is held up on its way. The second one is answered.
        let held_up = AtomicBool::new(false);
        let network: Network = Arc::new(move |operation, _| {
            let is_first = operation == "UpdateItem" && !held_up.swap(true, Ordering::Relaxed);
            if is_first { Fate::Late(LATEST, Duration::ZERO) } else { Fate::Served }
        });
        assert_eq!(status(&Process::start(services, &network, TIMEOUT), &DELETION).await, 202);
        sleep(Duration::from_secs(5)).await;
        assert_eq!(status(&calm(services), &DELETION).await, 404);
        assert_eq!(status(&calm(services), &create(other)).await, 201);
        sleep(LATEST).await;
        assert_eq!(definition(services)["status"]["S"], "ACTIVE");
    });
}

#[test]
fn a_deletion_that_read_the_old_definition_does_not_touch_the_runs_of_the_new_one() {
    on_virtual_time(database(), 0, 10.0, async |services| {
        assert_eq!(status(&calm(services), &create('a')).await, 201);
        assert_eq!(status(&calm(services), &DELETION).await, 202);
        let gone_at: i64 = definition(services)["goneAt"]["N"].as_str().unwrap().parse().unwrap();
        let left = Timestamp::from_second(gone_at).unwrap().duration_since(services.now());
        sleep(Duration::try_from(left).unwrap().saturating_sub(Duration::from_millis(200))).await;

        // The definition is read a moment before it is gone. When it is marked, there is another one.
        let network: Network = Arc::new(|operation, _| {
            let is_read = operation == "GetItem";
            if is_read { Fate::Late(Duration::ZERO, Duration::from_millis(900)) } else { Fate::Served }
        });
        let late = Process::start(services, &network, TIMEOUT);
        let other = async {
            sleep(Duration::from_millis(300)).await;
            assert_eq!(status(&calm(services), &create('b')).await, 201);
            let start = Request::CreateRun { name: NAME, token: None, model: "nova-act-latest", log_group: None };
            assert_eq!(status(&calm(services), &start).await, 201);
        };
        let (late, ()) = tokio::join!(status(&late, &DELETION), other);
        assert_eq!(late, 404);
        assert_eq!(definition(services)["status"]["S"], "ACTIVE");
        assert_eq!(services.runs().len(), 1);
    });
}

#[test]
fn a_deletion_waits_while_the_index_shows_nothing_but_what_is_deleted() {
    on_virtual_time(database(), 0, 10.0, async |services| {
        assert_eq!(status(&calm(services), &create('a')).await, 201);
        put_runs(services, ACCOUNT, 20);
        services.delay_index(Duration::from_secs(10));
        let passes = Arc::new(AtomicU32::new(0));
        let count = Arc::clone(&passes);
        let network: Network = Arc::new(move |operation, key| {
            if operation == "Query" && key.ends_with("/0") {
                count.fetch_add(1, Ordering::Relaxed);
            }
            Fate::Served
        });
        let started = services.elapsed();
        assert_eq!(status(&Process::start(services, &network, TIMEOUT), &DELETION).await, 202);
        assert!(definition(services).get("goneAt").is_some());
        // It asks again and again: every 50 milliseconds, and the time that the calls take.
        let (passes, took) = (passes.load(Ordering::Relaxed), services.elapsed().saturating_sub(started));
        assert!(passes > 10, "{passes} passes in {took:?}");
        assert!(passes * Duration::from_millis(50) < took, "{passes} passes in {took:?}");
    });
}

#[test]
fn a_deletion_does_not_wait_while_it_finds_runs_to_delete() {
    on_virtual_time(database(), 0, 10.0, async |services| {
        assert_eq!(status(&calm(services), &create('a')).await, 201);
        put_runs(services, ACCOUNT, 250);
        let fast: Network = Arc::new(|_, _| Fate::Late(Duration::ZERO, Duration::ZERO));
        let started = services.elapsed();
        assert_eq!(status(&Process::start(services, &fast, TIMEOUT), &DELETION).await, 202);
        assert!(definition(services).get("goneAt").is_some());
        // Calls take no time here.
        let took = services.elapsed().saturating_sub(started);
        assert!(took < Duration::from_millis(50), "{took:?}");
    });
}

#[test]
fn the_process_that_deletes_a_definition_starts_no_more_runs_of_it() {
    on_virtual_time(database(), 0, 10.0, async |services| {
        let process = calm(services);
        assert_eq!(status(&process, &create('a')).await, 201);
        let start = Request::CreateRun { name: NAME, token: None, model: "nova-act-latest", log_group: None };
        assert_eq!(status(&process, &start).await, 201);
        assert_eq!(status(&process, &DELETION).await, 202);
        assert_eq!(status(&process, &start).await, 409);
    });
}

#[test]
fn a_token_is_free_again_a_day_after_its_run_was_deleted_though_the_tombstone_is_still_there() {
    on_virtual_time(database(), 0, 10.0, async |services| {
        assert_eq!(status(&calm(services), &create('a')).await, 201);
        let token = Some("a-client-token-of-36-characters-0000".to_owned());
        let start = Request::CreateRun { name: NAME, token, model: "nova-act-latest", log_group: None };
        let id = run_id(ACCOUNT, &start).unwrap();
        assert_eq!(status(&calm(services), &start).await, 201);
        assert_eq!(status(&calm(services), &Request::DeleteRun { name: NAME, id }).await, 202);
        for (after, expected) in [(Duration::ZERO, 409), (DAY.saturating_sub(SECOND), 409), (2 * SECOND, 201)] {
            sleep(after).await;
            assert_eq!(services.items("run/").len(), 1);
            assert_eq!(status(&calm(services), &start).await, expected, "after {after:?}");
        }
    });
}

#[test]
fn a_deletion_that_runs_out_of_time_is_continued_by_the_same_request() {
    on_virtual_time(database(), 0, 10.0, async |services| {
        assert_eq!(status(&calm(services), &create('a')).await, 201);
        put_runs(services, ACCOUNT, 250);
        // The function has 3 seconds, in which it can read one page of the index and delete what is on it.
        let call = Duration::from_millis(300);
        let slow: Network = Arc::new(move |_, _| Fate::Late(call / 2, call / 2));
        let process = Process::start(services, &slow, Duration::from_secs(3));
        for left in [150, 50, 0] {
            let started = services.elapsed();
            assert_eq!(status(&process, &DELETION).await, 202);
            assert!(services.elapsed().saturating_sub(started) < Duration::from_secs(3));
            assert_eq!(services.runs().len(), left);
            assert_eq!(definition(services).get("goneAt").is_some(), left == 0);
        }
        let asked: Timestamp = definition(services)["deletedAt"]["S"].as_str().unwrap().parse().unwrap();
        assert_eq!(status(&calm(services), &Request::GetDefinition { name: NAME }).await, 200);
        sleep(
            Duration::from_secs(121).saturating_sub(Duration::try_from(services.now().duration_since(asked)).unwrap()),
        )
        .await;
        assert_eq!(status(&calm(services), &Request::GetDefinition { name: NAME }).await, 404);
        assert_eq!(services.items("run/").len(), 250);
    });
}
