//! A create that fails, or whose process is gone, at each of its AWS calls in turn; and the retry.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::{Value, json};
use workflow_runs::model::ClientToken;

use super::aws::Services;
use super::environment::Environment;
use super::network::{Fault, Network};
use super::paused::{database, on_paused_time, put_definition};
use super::schedule::check_answer;
use crate::gateway::TIMEOUT;

const ACCOUNT: &str = "123456789012";
const LOG_GROUP: &str = "/workflow-runs/demo";

/// The calls of a cold create, in their order; the last two are made side by side.
const CALLS: [&str; 4] = ["BatchGetItem", "CreateLogGroup", "PutItem", "PutItem"];

fn body() -> Value {
    json!({
        "clientInfo": {"compatibilityVersion": 1},
        "clientToken": "a-client-token-of-36-characters-0000",
        "logGroupName": LOG_GROUP,
        "modelId": "nova-act-latest",
    })
}

fn key() -> String {
    let token = ClientToken::new(body()["clientToken"].as_str().unwrap()).unwrap();
    format!("run/{ACCOUNT}/{}", token.workflow_run_id(ACCOUNT).as_str())
}

/// A network on which this happens to the calls from this one on, as many as are told, and nothing to the others.
fn network(first: usize, calls: usize, fault: Fault) -> (Network, Arc<AtomicUsize>) {
    let made = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&made);
    let network = move |operation: &str, _: &str| {
        let call = count.fetch_add(1, Ordering::Relaxed);
        if let Some(expected) = CALLS.get(call).filter(|_| call <= first) {
            assert_eq!(operation, *expected);
        }
        if (first..first + calls).contains(&call) { fault } else { Fault::None }
    };
    (Arc::new(network), made)
}

#[test]
fn wherever_a_create_breaks_off_the_retry_ends_in_one_run_and_one_log_group() {
    let forever = usize::MAX / 2;
    for first in 0..CALLS.len() {
        for (fault, calls) in [
            (Fault::Cut, 1),
            (Fault::Cut, forever),
            (Fault::Lost, 1),
            (Fault::Lost, forever),
            (Fault::Error(400, "AccessDeniedException"), forever),
            (Fault::Error(500, "InternalServerError"), forever),
            (Fault::DieBefore, 1),
            (Fault::DieAfter, 1),
        ] {
            on_paused_time(database(), 0, 10.0, async |services: &Arc<Services>| {
                put_definition(services, ACCOUNT, "demo", "ACTIVE");
                let (network, made) = network(first, calls, fault);
                let environment = Environment::start(services, &network, TIMEOUT);
                let (broken, _) = environment.invoke(ACCOUNT, "demo", &body()).await;
                assert!(made.load(Ordering::Relaxed) > first, "call {first} was not made");
                let dies = matches!(fault, Fault::DieBefore | Fault::DieAfter);
                assert_eq!(broken.is_none(), dies, "{fault:?} at call {first}: {broken:?}");

                if let Some(broken) = &broken {
                    check_answer(services, &key(), Some(LOG_GROUP), broken);
                }
                // A failure that lasts leaves no run, unless it is the commit's answer that was lost.
                if calls == forever && first <= 2 && !(fault == Fault::Lost && first == 2) {
                    assert_ne!(broken.unwrap().status, 201, "{fault:?} at call {first}");
                    assert!(services.runs().is_empty(), "{fault:?} at call {first}");
                }

                let calm: Network = Arc::new(|_, _| Fault::None);
                let (answer, _) = Environment::start(services, &calm, TIMEOUT).invoke(ACCOUNT, "demo", &body()).await;
                let answer = answer.unwrap();
                assert_eq!(answer.status, 201, "{fault:?} at call {first}: {answer:?}");
                check_answer(services, &key(), Some(LOG_GROUP), &answer);
                assert_eq!(services.runs().into_keys().collect::<Vec<_>>(), [key()], "{fault:?} at call {first}");
                assert_eq!(services.log_groups(), [LOG_GROUP.to_owned()].into());
            });
        }
    }
}
