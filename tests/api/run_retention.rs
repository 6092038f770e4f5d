//! The retention of runs: a run that started longer ago does not exist, and a day later its token is free.

use jiff::SignedDuration;
use local::gateway::LOCAL_ACCOUNT;
use serde_json::{Value, json};
use workflow_runs::Config;
use workflow_runs::model::{RunRetention, RunTimeout};

use crate::support::events::{run, runs};
use crate::support::table::{number, text};
use crate::support::{ApiResponse, Clock, TOKEN, TestApp, body};

const DAY: i64 = 24 * 60 * 60;

fn keep(days: i64) -> impl FnOnce(Config) -> Config {
    move |config| Config { run_retention: RunRetention(Some(SignedDuration::from_hours(24 * days))), ..config }
}

async fn app_that_keeps(days: i64, clock: &Clock) -> TestApp {
    TestApp::start_with(clock.sources(), keep(days)).await
}

async fn create(app: &TestApp) -> ApiResponse {
    app.call(LOCAL_ACCOUNT, "PUT", &runs("demo"), body(TOKEN, "/a")).await
}

async fn start(app: &TestApp) -> String {
    let response = create(app).await;
    assert_eq!(response.status, 201, "{response:?}");
    response.body["workflowRunId"].as_str().unwrap().to_owned()
}

async fn listed(app: &TestApp, order: &str, query: &str) -> Vec<String> {
    let uri = format!("{}{query}", runs("demo"));
    let body = app.send("POST", &uri, json!({"sortOrder": order}).to_string()).await.body;
    let summaries = body["workflowRunSummaries"].as_array().unwrap_or_else(|| panic!("{body}"));
    summaries.iter().map(|summary| summary["workflowRunId"].as_str().unwrap().to_owned()).collect()
}

/// Asserts that no operation shows the run.
async fn assert_gone(app: &TestApp, id: &str) {
    app.send("GET", &run("demo", id), "").await.assert_no_run(id);
    app.end_run("demo", id, "SUCCEEDED").await.assert_no_run(id);
    app.end_run("demo", id, "RUNNING").await.assert_no_run(id);
    app.send("DELETE", &run("demo", id), "").await.assert_no_run(id);
    for order in ["Ascending", "Descending"] {
        assert_eq!(listed(app, order, "").await, Vec::<String>::new(), "{order}");
    }
}

#[tokio::test]
async fn a_run_is_shown_until_its_retention_is_over_and_not_a_moment_longer() {
    let clock = Clock::new();
    let app = app_that_keeps(2, &clock).await;
    let id = start(&app).await;
    let before = app.run_item(&id).await;
    clock.advance(SignedDuration::from_millis(2 * DAY * 1_000 - 1));
    for app in [&app, &app.other_process(LOCAL_ACCOUNT).await] {
        assert_eq!(app.send("GET", &run("demo", &id), "").await.status, 200);
        assert_eq!(create(app).await.header("idempotent-replayed"), Some("true"));
        for order in ["Ascending", "Descending"] {
            assert_eq!(listed(app, order, "").await, std::slice::from_ref(&id));
        }
    }
    clock.advance(SignedDuration::from_millis(1));
    for app in [&app, &app.other_process(LOCAL_ACCOUNT).await] {
        assert_gone(app, &id).await;
        create(app).await.assert_conflict("workflow-run", &id);
    }
    assert_eq!(app.run_item(&id).await, before);
}

#[tokio::test]
async fn an_end_or_a_deletion_in_time_is_stored() {
    for (method, body, status) in [("PUT", json!({"status": "FAILED"}), 200), ("DELETE", Value::Null, 202)] {
        let clock = Clock::new();
        let app = app_that_keeps(1, &clock).await;
        let id = start(&app).await;
        clock.advance(SignedDuration::from_millis(DAY * 1_000 - 1));
        assert_eq!(app.call(LOCAL_ACCOUNT, method, &run("demo", &id), body).await.status, status);
        assert_ne!(text(&app.run_item(&id).await, "status"), "RUNNING");
    }
}

#[tokio::test]
async fn the_token_is_free_a_day_after_the_run_is_gone_and_not_before() {
    let clock = Clock::new();
    let app = app_that_keeps(2, &clock).await;
    let id = start(&app).await;
    let old = app.run_item(&id).await;
    clock.advance(SignedDuration::from_millis(3 * DAY * 1_000 - 1));
    let cold = app.other_process(LOCAL_ACCOUNT).await;
    for app in [&app, &cold] {
        let response = create(app).await;
        response.assert_conflict("workflow-run", &id);
        let message =
            "The client token was used by a previous request, whose workflow run or definition has been deleted.";
        assert_eq!(response.body["message"], message);
    }
    clock.advance(SignedDuration::from_millis(1));
    let response = create(&cold).await;
    assert_eq!((response.status, response.header("idempotent-replayed")), (201, None), "{response:?}");
    let new = app.run_item(&id).await;
    assert_ne!(text(&new, "startedAt"), text(&old, "startedAt"));
    assert_eq!(listed(&app, "Descending", "").await, [id]);
}

#[tokio::test]
async fn an_item_expires_a_day_after_its_retention_and_that_decides_nothing() {
    let clock = Clock::at("2026-01-01T00:00:00.001Z");
    let app = app_that_keeps(2, &clock).await;
    let id = start(&app).await;
    let expires_at = number(&app.run_item(&id).await, "expiresAt");
    assert_eq!(expires_at, clock.epoch_seconds() + 3 * DAY + 1);
    // With a longer retention it is shown until DynamoDB deletes it, and can be ended.
    let longer = app.reconfigured(LOCAL_ACCOUNT, keep(100)).await;
    let forever =
        app.reconfigured(LOCAL_ACCOUNT, |config| Config { run_retention: RunRetention(None), ..config }).await;
    clock.advance_seconds(50 * DAY);
    for app in [&longer, &forever] {
        assert_eq!(app.send("GET", &run("demo", &id), "").await.status, 200);
        assert_eq!(create(app).await.header("idempotent-replayed"), Some("true"));
        assert_eq!(listed(app, "Ascending", "").await, std::slice::from_ref(&id));
        assert_eq!(app.end_run("demo", &id, "SUCCEEDED").await.status, 200);
    }
    assert_eq!(number(&app.run_item(&id).await, "expiresAt"), expires_at);
    // Without a retention, an item does not expire.
    let kept = forever.start_run("demo").await;
    assert!(!app.run_item(&kept).await.contains_key("expiresAt"));
    // A shorter setting hides a run immediately.
    let shorter = app.reconfigured(LOCAL_ACCOUNT, keep(1)).await;
    shorter.send("GET", &run("demo", &id), "").await.assert_no_run(&id);
}

#[tokio::test]
async fn pages_end_at_the_oldest_run_and_promise_none_behind_it() {
    let clock = Clock::new();
    let app = app_that_keeps(1, &clock).await;
    let mut ids = Vec::new();
    for _ in 0..8 {
        ids.push(app.start_run("demo").await);
        clock.advance_seconds(60 * 60);
    }
    // The first four are gone.
    clock.advance_seconds(DAY - 5 * 60 * 60);
    for (order, expected) in
        [("Ascending", ids[4..].to_vec()), ("Descending", ids[4..].iter().rev().cloned().collect())]
    {
        for size in [1, 3, 4, 5] {
            let mut seen = Vec::new();
            let mut query = format!("?maxResults={size}");
            loop {
                let uri = format!("{}{query}", runs("demo"));
                let body = app.send("POST", &uri, json!({"sortOrder": order}).to_string()).await.body;
                let page = body["workflowRunSummaries"].as_array().unwrap();
                assert!(!page.is_empty(), "{order} {size}: an empty page");
                seen.extend(page.iter().map(|run| run["workflowRunId"].as_str().unwrap().to_owned()));
                let Some(token) = body["nextToken"].as_str() else { break };
                query = format!("?maxResults={size}&nextToken={token}");
            }
            assert_eq!(seen, expected, "{order} {size}");
        }
    }
    // A token that points to what is gone goes on at the oldest run, or ends.
    let old = app.reconfigured(LOCAL_ACCOUNT, keep(100)).await;
    let first = old.send("POST", &format!("{}?maxResults=1", runs("demo")), r#"{"sortOrder": "Ascending"}"#).await.body;
    let ascending = first["nextToken"].as_str().unwrap();
    assert_eq!(listed(&app, "Ascending", &format!("?nextToken={ascending}")).await, ids[4..]);
    assert_eq!(listed(&app, "Descending", &format!("?nextToken={ascending}")).await, Vec::<String>::new());
}

#[tokio::test]
async fn a_retention_shorter_than_the_timeout_hides_runs_that_still_run() {
    let clock = Clock::new();
    let configure =
        |config| Config { run_timeout: RunTimeout(Some(SignedDuration::from_hours(48))), ..keep(1)(config) };
    let app = TestApp::start_with(clock.sources(), configure).await;
    let id = start(&app).await;
    clock.advance_seconds(DAY);
    assert_gone(&app, &id).await;
}

#[tokio::test]
async fn a_run_that_timed_out_can_be_stored_as_such_until_it_is_gone() {
    let clock = Clock::new();
    let configure = |config| Config { run_timeout: RunTimeout(Some(SignedDuration::from_hours(1))), ..keep(1)(config) };
    let app = TestApp::start_with(clock.sources(), configure).await;
    let id = start(&app).await;
    clock.advance(SignedDuration::from_millis(DAY * 1_000 - 1));
    app.end_run("demo", &id, "TIMED_OUT").await.assert_success(200, &json!({}));
    assert_eq!(text(&app.run_item(&id).await, "endedAt"), "2026-01-01T01:00:00.000Z");
    clock.advance(SignedDuration::from_millis(1));
    app.end_run("demo", &id, "TIMED_OUT").await.assert_no_run(&id);
}

#[tokio::test]
async fn a_deletion_takes_runs_of_any_age() {
    let clock = Clock::new();
    let app = app_that_keeps(1, &clock).await;
    let id = start(&app).await;
    clock.advance_seconds(10 * DAY);
    app.delete_definition(LOCAL_ACCOUNT, "demo").await;
    app.clean_up().await;
    assert_eq!(text(&app.run_item(&id).await, "status"), "DELETING");
    assert!(!app.run_item(&id).await.contains_key("startedAt"));
}
