//! Runs that end at the very time at which they time out.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use local::gateway::TIMEOUT;
use tokio::time::sleep;

use super::run_model::run_id;
use crate::simulator::network::{Fate, Network};
use crate::simulator::process::{Process, Settings};
use crate::simulator::services::Services;
use crate::simulator::virtual_time::{database, on_virtual_time, put_definition};
use crate::support::ApiResponse;
use crate::support::request::{Page, Request};

const ACCOUNT: &str = "123456789012";
const NAME: &str = "demo";
const HOUR: Duration = Duration::from_hours(1);
const READS: &[&str] = &["BatchGetItem", "Query"];
const WRITES: &[&str] = &["PutItem", "UpdateItem"];

/// Starts a process in which this happens to the first of these calls.
fn process(services: &Arc<Services>, calls: &'static [&str], fault: Fate) -> Process {
    let has_happened = AtomicBool::new(false);
    let network: Network = Arc::new(move |operation, _| {
        let is_first = calls.contains(&operation) && !has_happened.swap(true, Ordering::Relaxed);
        if is_first { fault } else { Fate::Served }
    });
    let run_timeout = Some(Duration::from_hours(1));
    Process::start_with(services, &network, Settings { run_timeout, ..Settings::new(TIMEOUT) })
}

async fn response(process: &Process, request: &Request) -> ApiResponse {
    process.invoke(ACCOUNT, request).await.0.unwrap()
}

/// A request that starts a run, and the run's id.
fn start() -> (Request, String) {
    let token = Some("a-client-token-of-36-characters-0000".to_owned());
    let start = Request::CreateRun { name: NAME, token, model: "nova-act-latest", log_group: None };
    let id = run_id(ACCOUNT, &start).unwrap();
    (start, id)
}

async fn until(services: &Services, at: Duration) {
    sleep(at.saturating_sub(services.elapsed())).await;
}

#[test]
fn an_end_that_lands_before_a_timeout_is_stored_decides() {
    let (start, id) = start();
    let end = |status| Request::UpdateRun { name: NAME, id: id.clone(), status };
    let read = Request::GetRun { name: NAME, id: id.clone() };
    let delete = Request::DeleteRun { name: NAME, id: id.clone() };
    for (late, declared, then) in [
        (end("SUCCEEDED"), 409, "SUCCEEDED"),
        (end("FAILED"), 409, "FAILED"),
        (end("TIMED_OUT"), 200, "TIMED_OUT"),
        (delete, 404, ""),
    ] {
        on_virtual_time(database(), 0, 10.0, async |services| {
            put_definition(services, ACCOUNT, NAME, "ACTIVE");
            let calm = process(services, &[], Fate::Served);
            assert_eq!(response(&calm, &start).await.status, 201);
            let times_out = services.elapsed() + HOUR;

            // One request is sent in time and lands late. Another one is told that the run has timed out, and is about
            // to store that.
            let held_up = process(services, WRITES, Fate::Late(Duration::from_millis(300), Duration::ZERO));
            let too_late = process(services, WRITES, Fate::Late(Duration::ZERO, Duration::from_millis(500)));
            let in_time = async {
                until(services, times_out.saturating_sub(Duration::from_millis(100))).await;
                response(&held_up, &late).await.status
            };
            let after = async {
                until(services, times_out + Duration::from_millis(50)).await;
                response(&too_late, &end("TIMED_OUT")).await.status
            };
            let (in_time, after) = tokio::join!(in_time, after);
            assert!(matches!(in_time, 200 | 202), "{late:?}: {in_time}");
            assert_eq!(after, declared, "{late:?}");
            let read = response(&calm, &read).await;
            assert_eq!(read.body["status"].as_str().unwrap_or_default(), then, "{late:?}: {read:?}");
        });
    }
}

#[test]
fn a_run_that_ended_in_time_is_never_shown_as_timed_out_however_late_the_response() {
    let (start, id) = start();
    let end = Request::UpdateRun { name: NAME, id: id.clone(), status: "SUCCEEDED" };
    for read in [
        Request::GetRun { name: NAME, id: id.clone() },
        Request::ListRuns { name: NAME, page: Page::default() },
        start.clone(),
    ] {
        on_virtual_time(database(), 0, 10.0, async |services| {
            put_definition(services, ACCOUNT, NAME, "ACTIVE");
            let calm = process(services, &[], Fate::Served);
            assert_eq!(response(&calm, &start).await.status, 201);
            let times_out = services.elapsed() + HOUR;

            // The run is read, then it ends, then it would have timed out, and then comes the response of the read.
            until(services, times_out.saturating_sub(Duration::from_millis(200))).await;
            let slow = process(services, READS, Fate::Late(Duration::ZERO, Duration::from_millis(400)));
            let ended = async {
                until(services, times_out.saturating_sub(Duration::from_millis(100))).await;
                response(&calm, &end).await.status
            };
            let (seen, ended) = tokio::join!(response(&slow, &read), ended);
            assert_eq!(ended, 200);
            assert!(services.elapsed() > times_out, "{read:?}");
            let run = seen.body["workflowRunSummaries"].get(0).unwrap_or(&seen.body);
            assert_eq!(run["status"], "RUNNING", "{read:?}: {seen:?}");
        });
    }
}
