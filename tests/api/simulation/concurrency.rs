//! Many requests in one process, in front of slow services: none waits for another.

use std::sync::Arc;
use std::time::Duration;

use local::gateway::TIMEOUT;
use serde_json::json;
use tokio::task::JoinSet;
use tokio::time::Instant;

use crate::simulator::network::{Fate, Network};
use crate::simulator::process::Process;
use crate::simulator::virtual_time::{database, on_virtual_time, put_definition};

const ACCOUNT: &str = "123456789012";

/// What every call takes, to the services and back.
const CALL: Duration = Duration::from_secs(1);

/// The latencies of this many creates that begin at once.
async fn latencies(process: &Arc<Process>, creates: usize) -> Vec<Duration> {
    let mut requests = JoinSet::new();
    for _ in 0..creates {
        let process = Arc::clone(process);
        requests.spawn(async move {
            let asked = Instant::now();
            let body = json!({
                "clientInfo": {"compatibilityVersion": 1}, "logGroupName": "/a", "modelId": "nova-act-latest",
            });
            let (response, _) = process.create_run(ACCOUNT, "demo", &body).await;
            assert_eq!(response.unwrap().status, 201);
            asked.elapsed()
        });
    }
    requests.join_all().await
}

#[test]
fn requests_of_one_process_do_not_wait_for_each_other() {
    for creates in [1, 8, 64] {
        on_virtual_time(database(), 0, 10.0, async |services| {
            put_definition(services, ACCOUNT, "demo", "ACTIVE");
            let slow: Network = Arc::new(|_, _| Fate::Late(CALL / 2, CALL / 2));
            let first = Process::start(services, &slow, TIMEOUT);
            latencies(&Arc::new(first), 1).await;
            // To the next process, the table tells of the log group. Time is paused: a millisecond is a timer's tick.
            let process = Arc::new(Process::start(services, &slow, TIMEOUT));
            for (calls, state) in [(2, "cold"), (1, "warm")] {
                for latency in latencies(&process, creates).await {
                    let extra = latency.saturating_sub(CALL * calls);
                    assert!(latency >= CALL * calls && extra < CALL / 10, "{creates} at once, {state}: {latency:?}");
                }
            }
        });
    }
}
