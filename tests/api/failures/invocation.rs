//! The function fails: its time is over, or it panics.

use std::panic::panic_any;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use local::gateway::LOCAL_ACCOUNT;
use uuid::Uuid;
use workflow_runs::Sources;

use super::assert_internal;
use crate::support::{TOKEN, TestApp, body, events, invoke};

#[tokio::test]
async fn a_deadline_in_the_past_is_ignored() {
    let app = TestApp::start().await;
    let event = events::rest(LOCAL_ACCOUNT, "PUT", &events::runs("demo"), &body(TOKEN, "/a").to_string()).to_string();
    assert_eq!(invoke(&app.function, &event, 600_000).await.status, 201);
}

#[tokio::test]
async fn a_panic_is_a_500_and_the_next_request_works() {
    let panics = Arc::new(AtomicBool::new(false));
    let panic_once = Arc::clone(&panics);
    let uuid = move || {
        if panic_once.swap(false, Ordering::Relaxed) {
            panic_any("injected");
        }
        Uuid::new_v4()
    };
    let app = TestApp::start_with(Sources { uuid: Arc::new(uuid), ..Sources::default() }, |config| config).await;
    panics.store(true, Ordering::Relaxed);
    let without_a_token = r#"{"modelId": "m", "clientInfo": {"compatibilityVersion": 1}}"#;
    assert_internal(&app.put(without_a_token).await);
    app.assert_nothing_left_behind().await;
    assert_eq!(app.put(without_a_token).await.status, 201);
}
