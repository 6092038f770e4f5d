//! Many processes that start at once, and the quota of 10 `CreateLogGroup` calls per second.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use local::gateway::TIMEOUT;
use serde_json::json;
use tokio::task::JoinSet;
use tokio::time::Instant;

use crate::simulator::network::{Fate, Network};
use crate::simulator::process::Process;
use crate::simulator::services::Services;
use crate::simulator::virtual_time::{database, on_virtual_time, put_definition};
use crate::support::ApiResponse;

const ACCOUNT: &str = "123456789012";

/// A calm network that counts `CreateLogGroup` calls.
fn network() -> (Network, Arc<AtomicUsize>) {
    let made = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&made);
    let network = move |operation: &str, _: &str| {
        count.fetch_add(usize::from(operation == "CreateLogGroup"), Ordering::Relaxed);
        Fate::Served
    };
    (Arc::new(network), made)
}

async fn create(process: &Process, log_group_name: &str) -> (ApiResponse, Duration) {
    let body = json!({
        "clientInfo": {"compatibilityVersion": 1},
        "logGroupName": log_group_name,
        "modelId": "nova-act-latest",
    });
    let asked = Instant::now();
    let (response, _) = process.create_run(ACCOUNT, "demo", &body).await;
    (response.unwrap(), asked.elapsed())
}

/// As many new processes, each of which gets one request at the same moment.
async fn herd(
    services: &Arc<Services>,
    network: &Network,
    processes: usize,
    log_group_name: impl Fn(usize) -> String,
) -> Vec<(ApiResponse, Duration)> {
    let mut herd = JoinSet::new();
    for at in 0..processes {
        let (process, log_group_name) = (Process::start(services, network, TIMEOUT), log_group_name(at));
        herd.spawn(async move { create(&process, &log_group_name).await });
    }
    herd.join_all().await
}

#[test]
fn a_cold_herd_on_one_new_log_group_succeeds_and_the_next_does_not_create_it() {
    for seed in 0..10 {
        on_virtual_time(database(), seed, 10.0, async |services| {
            put_definition(services, ACCOUNT, "demo", "ACTIVE");
            let (network, made) = network();
            let first = herd(services, &network, 60, |_| "/workflow-runs/demo".to_owned()).await;
            assert!(first.iter().all(|(response, _)| response.status == 201), "{first:?}");
            assert!(made.swap(0, Ordering::Relaxed) > 0);
            let second = herd(services, &network, 60, |_| "/workflow-runs/demo".to_owned()).await;
            assert!(second.iter().all(|(response, _)| response.status == 201), "{second:?}");
            assert_eq!(made.load(Ordering::Relaxed), 0);
            assert_eq!(services.runs().len(), 120);
        });
    }
}

#[test]
fn a_flood_of_new_log_groups_is_throttled_within_about_3_seconds_and_known_ones_are_unaffected() {
    for seed in 0..10 {
        on_virtual_time(database(), seed, 10.0, async |services| {
            put_definition(services, ACCOUNT, "demo", "ACTIVE");
            let (network, _) = network();
            let known = Process::start(services, &network, TIMEOUT);
            assert_eq!(create(&known, "/workflow-runs/known").await.0.status, 201);

            let flood = herd(services, &network, 100, |at| format!("/workflow-runs/{at}"));
            let steady = async {
                for _ in 0..100 {
                    let (response, took) = create(&known, "/workflow-runs/known").await;
                    assert_eq!(response.status, 201);
                    assert!(took < Duration::from_millis(100), "{took:?}");
                }
            };
            let (flood, ()) = tokio::join!(flood, steady);
            let (started, throttled): (Vec<_>, Vec<_>) = flood.iter().partition(|(response, _)| response.status == 201);
            assert!((10..=50).contains(&started.len()), "{} have started", started.len());
            for (response, took) in throttled {
                assert_eq!((response.status, &response.body["quotaCode"]), (429, &json!("L-D2832119")));
                assert!((2_500..3_500).contains(&took.as_millis()), "{took:?}");
            }
            assert_eq!(services.runs().len(), 101 + started.len());
        });
    }
}
