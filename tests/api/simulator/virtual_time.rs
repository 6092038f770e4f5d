//! Virtual time, and what the table holds before anything happens.

use std::cell::Cell;
use std::sync::{Arc, Once};
use std::time::Duration;

use dynoxide::Database;
use jiff::{SignedDuration, Timestamp};
use local::embedded;
use serde_json::json;
use uuid::Uuid;

use super::services::Services;
use crate::support::run_id;

/// A database with the table, for all schedules of a thread: the keys of each begin with its own accounts.
pub fn database() -> Database {
    let database = Database::memory().unwrap();
    let mut table = embedded::create_table();
    // dynoxide searches all records at each write.
    table["StreamSpecification"].take();
    database.create_table(serde_json::from_value(table).unwrap()).unwrap();
    database
}

/// Puts a definition.
pub fn put_definition(services: &Services, account_id: &str, name: &str, status: &str) {
    services.put(&json!({
        "pk": {"S": format!("definition/{account_id}/{name}")},
        "accountId": {"S": account_id},
        "name": {"S": name},
        "definitionId": {"S": Uuid::new_v5(&Uuid::nil(), format!("{account_id}/{name}").as_bytes())},
        "status": {"S": status},
        "clientToken": {"S": "token-of-whoever-has-created-the-definition"},
        "createdAt": {"S": "2026-11-22T00:00:00.000Z"},
        "requestId": {"S": "setup"},
        "listKey": {"S": format!("definitions/{account_id}")},
        "sortKey": {"S": format!("2026-11-22T00:00:00.000Z/{name}")},
    }));
}

/// Puts runs of the definition `demo` that have ended.
pub fn put_runs(services: &Services, account_id: &str, runs: u64) {
    let definition = services.item(&format!("definition/{account_id}/demo")).unwrap();
    for run in 0..runs {
        let token = format!("token-of-an-early-client-{run:016}");
        let id = run_id(account_id, &token);
        let shard = u32::from_str_radix(&id[35..], 16).unwrap() % 4;
        let started_at = format!("2026-11-22T00:00:00.{run:03}Z");
        services.put(&json!({
            "pk": {"S": format!("run/{account_id}/{id}")},
            "accountId": {"S": account_id},
            "workflowRunId": {"S": id},
            "workflowDefinitionName": {"S": "demo"},
            "definitionId": definition["definitionId"],
            "status": {"S": "SUCCEEDED"},
            "modelId": {"S": "nova-act-latest"},
            "clientInfo": {"M": {"compatibilityVersion": {"N": "1"}}},
            "clientToken": {"S": token},
            "startedAt": {"S": started_at},
            "endedAt": {"S": "2026-11-22T00:00:01.000Z"},
            "requestId": {"S": "setup"},
            "listKey": {"S": format!("runs/{}/{shard}", definition["definitionId"]["S"].as_str().unwrap())},
            "sortKey": {"S": format!("{started_at}/{id}")},
        }));
    }
}

thread_local! {
    static PANICS: Cell<usize> = const { Cell::new(0) };
}

/// Does something on services whose time is virtual: it jumps to the next thing that happens.
///
/// # Panics
/// If anything panics: the function turns a panic into a 500, and nobody may be waiting for a spawned task.
pub fn on_virtual_time<T>(database: Database, seed: u64, quota: f64, work: impl AsyncFnOnce(&Arc<Services>) -> T) -> T {
    static COUNT_PANICS: Once = Once::new();
    COUNT_PANICS.call_once(|| {
        let hook = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |panic| {
            PANICS.set(PANICS.get() + 1);
            hook(panic);
        }));
    });
    PANICS.set(0);
    // The AWS SDK's backoff and our jitter draw from here.
    fastrand::seed(seed);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
    let done = runtime.block_on(async { work(&Arc::new(Services::new(database, seed, quota))).await });
    assert_eq!(PANICS.get(), 0, "something has panicked");
    done
}

/// The wall clock so long after it was zero.
pub fn wall_clock(elapsed: Duration) -> Timestamp {
    let start: Timestamp = "2026-11-22T00:00:00Z".parse().unwrap();
    start + SignedDuration::try_from(elapsed).unwrap()
}
