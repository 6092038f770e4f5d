//! Ends that land while the same run is declared to have timed out.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use jiff::SignedDuration;
use tokio::time::sleep;

use super::environment::{Answer, Environment, Settings};
use super::network::{Fault, Network};
use super::request::Request;
use super::run_model::run_id;
use super::services::Services;
use super::virtual_time::{database, on_virtual_time, put_definition};
use crate::gateway::TIMEOUT;

const ACCOUNT: &str = "123456789012";
const NAME: &str = "demo";
const HOUR: Duration = Duration::from_hours(1);

/// Starts an environment in which this happens to the update or put with this number, counted from 0.
fn environment(services: &Arc<Services>, write: u32, fault: Fault) -> Environment {
    let writes = AtomicU32::new(0);
    let network: Network = Arc::new(move |operation, _| {
        let is_it = matches!(operation, "PutItem" | "UpdateItem") && writes.fetch_add(1, Ordering::Relaxed) == write;
        if is_it { fault } else { Fault::None }
    });
    let run_timeout = Some(SignedDuration::from_hours(1));
    Environment::start_with(services, &network, Settings { run_timeout, ..Settings::new(TIMEOUT) })
}

async fn answer(environment: &Environment, request: &Request) -> Answer {
    environment.invoke(ACCOUNT, request).await.0.unwrap()
}

#[test]
fn an_end_that_lands_before_a_time_out_is_stored_decides() {
    let token = Some("a-client-token-of-36-characters-0000".to_owned());
    let start = Request::CreateRun { name: NAME, token, model: "nova-act-latest", log_group: None };
    let id = run_id(ACCOUNT, &start).unwrap();
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
            let calm = environment(services, 0, Fault::None);
            assert_eq!(answer(&calm, &start).await.status, 201);
            let times_out = services.elapsed() + HOUR;
            let until = |at: Duration| sleep(at.saturating_sub(services.elapsed()));

            // One request is sent in time and lands late. Another one is told that the run has timed out, and is about
            // to store that.
            let held_up = environment(services, 0, Fault::Late(Duration::from_millis(300), Duration::ZERO));
            let too_late = environment(services, 0, Fault::Late(Duration::ZERO, Duration::from_millis(500)));
            let in_time = async {
                until(times_out.saturating_sub(Duration::from_millis(100))).await;
                answer(&held_up, &late).await.status
            };
            let after = async {
                until(times_out + Duration::from_millis(50)).await;
                answer(&too_late, &end("TIMED_OUT")).await.status
            };
            let (in_time, after) = tokio::join!(in_time, after);
            assert!(matches!(in_time, 200 | 202), "{late:?}: {in_time}");
            assert_eq!(after, declared, "{late:?}");
            let read = answer(&calm, &read).await;
            assert_eq!(read.body["status"].as_str().unwrap_or_default(), then, "{late:?}: {read:?}");
        });
    }
}
