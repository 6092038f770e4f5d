//! Runs that have been `RUNNING` for longer than `RUN_TIMEOUT_HOURS`: they are `TIMED_OUT` wherever a status is read or
//! decided on, and nothing is stored.

use jiff::SignedDuration;
use local::gateway::LOCAL_ACCOUNT;
use serde_json::json;
use workflow_runs::Config;
use workflow_runs::model::RunTimeout;

use crate::support::events::{run, runs};
use crate::support::table::text;
use crate::support::{Clock, TOKEN, TestApp, body};

const START: &str = "2026-01-01T00:00:00.500Z";
const END: &str = "2026-01-01T01:00:00.500Z";

fn one_hour(config: Config) -> Config {
    Config { run_timeout: RunTimeout(Some(SignedDuration::from_hours(1))), ..config }
}

/// An API whose runs time out after an hour, and one that was started then with [`TOKEN`].
async fn started(clock: &Clock) -> (TestApp, String) {
    let app = TestApp::start_with(clock.sources(), one_hour).await;
    let response = app.put(body(TOKEN, "/a").to_string()).await;
    let id = response.body["workflowRunId"].as_str().unwrap().to_owned();
    (app, id)
}

/// What the operations that read it say of the run: its status, and when it ended.
async fn assert_reads(app: &TestApp, id: &str, status: &str, ended_at: Option<&str>) {
    let get = app.send("GET", &run("demo", id), "").await.body;
    assert_eq!((&get["status"], get.get("endedAt")), (&json!(status), ended_at.map(|at| json!(at)).as_ref()));
    let list = app.send("POST", &runs("demo"), "").await.body["workflowRunSummaries"][0].take();
    assert_eq!((&list["status"], list.get("endedAt")), (&json!(status), ended_at.map(|at| json!(at)).as_ref()));
    let replay = app.put(body(TOKEN, "/a").to_string()).await;
    assert_eq!((replay.status, &replay.body), (201, &json!({"status": status, "workflowRunId": id})));
    assert_eq!(replay.header("idempotent-replayed"), Some("true"));
}

#[tokio::test]
async fn a_run_is_timed_out_exactly_when_its_time_is_over_and_nothing_is_stored() {
    let clock = Clock::at(START);
    let (app, id) = started(&clock).await;
    let before = app.run_item(&id).await;
    clock.advance(SignedDuration::from_hours(1) - SignedDuration::from_millis(1));
    assert_reads(&app, &id, "RUNNING", None).await;
    clock.advance(SignedDuration::from_millis(1));
    for app in [&app, &app.other_process(LOCAL_ACCOUNT).await] {
        assert_reads(app, &id, "TIMED_OUT", Some(END)).await;
    }
    clock.advance(SignedDuration::from_hours(24 * 365));
    assert_reads(&app, &id, "TIMED_OUT", Some(END)).await;
    assert_eq!(app.run_item(&id).await, before);
}

#[tokio::test]
async fn until_its_time_is_over_a_run_can_be_ended_and_no_longer() {
    for status in ["SUCCEEDED", "FAILED", "RUNNING"] {
        let clock = Clock::at(START);
        let (app, id) = started(&clock).await;
        clock.advance(SignedDuration::from_hours(1));
        let before = app.run_item(&id).await;
        for app in [&app, &app.other_process(LOCAL_ACCOUNT).await] {
            app.end_run("demo", &id, status).await.assert_conflict("workflow-run", &id);
        }
        assert_eq!(app.run_item(&id).await, before);

        let clock = Clock::at(START);
        let (app, id) = started(&clock).await;
        clock.advance(SignedDuration::from_hours(1) - SignedDuration::from_millis(1));
        app.end_run("demo", &id, status).await.assert_success(200, &json!({}));
        // And stays so.
        clock.advance(SignedDuration::from_hours(1));
        if status != "RUNNING" {
            assert_reads(&app, &id, status, Some("2026-01-01T01:00:00.499Z")).await;
        }
    }
}

#[tokio::test]
async fn an_update_to_timed_out_stores_what_was_derived() {
    let clock = Clock::at(START);
    let (app, id) = started(&clock).await;
    clock.advance(SignedDuration::from_hours(3));
    for _ in 0..2 {
        app.end_run("demo", &id, "TIMED_OUT").await.assert_success(200, &json!({}));
        let item = app.run_item(&id).await;
        assert_eq!((text(&item, "status"), text(&item, "endedAt")), ("TIMED_OUT", END));
    }
    app.calls();
    app.end_run("demo", &id, "TIMED_OUT").await;
    assert_eq!(app.calls(), ["UpdateItem"]);
    app.end_run("demo", &id, "SUCCEEDED").await.assert_conflict("workflow-run", &id);
    // Stored, it does not depend on the setting any more.
    let unlimited = app.reconfigured(LOCAL_ACCOUNT, |config| Config { run_timeout: RunTimeout(None), ..config }).await;
    assert_reads(&unlimited, &id, "TIMED_OUT", Some(END)).await;
}

#[tokio::test]
async fn a_client_may_say_that_a_run_has_timed_out_before_its_time_is_over() {
    let clock = Clock::at(START);
    let (app, id) = started(&clock).await;
    clock.advance_seconds(1);
    app.end_run("demo", &id, "TIMED_OUT").await.assert_success(200, &json!({}));
    assert_reads(&app, &id, "TIMED_OUT", Some("2026-01-01T00:00:01.500Z")).await;
}

#[tokio::test]
async fn another_setting_derives_anew_what_is_still_stored_as_running() {
    let clock = Clock::at(START);
    let (app, id) = started(&clock).await;
    clock.advance(SignedDuration::from_hours(2));
    let with = async |timeout: Option<i64>| {
        let run_timeout = RunTimeout(timeout.map(SignedDuration::from_hours));
        app.reconfigured(LOCAL_ACCOUNT, |config| Config { run_timeout, ..config }).await
    };
    assert_reads(&app, &id, "TIMED_OUT", Some(END)).await;
    assert_reads(&with(Some(2)).await, &id, "TIMED_OUT", Some("2026-01-01T02:00:00.500Z")).await;
    assert_reads(&with(Some(3)).await, &id, "RUNNING", None).await;
    assert_reads(&with(None).await, &id, "RUNNING", None).await;
    let unlimited = with(None).await;
    unlimited.end_run("demo", &id, "SUCCEEDED").await.assert_success(200, &json!({}));
    assert_reads(&app, &id, "SUCCEEDED", Some("2026-01-01T02:00:00.500Z")).await;
}

#[tokio::test]
async fn a_run_that_has_timed_out_can_be_deleted() {
    let clock = Clock::at(START);
    let (app, id) = started(&clock).await;
    clock.advance(SignedDuration::from_hours(2));
    app.send("DELETE", &run("demo", &id), "").await.assert_success(202, &json!({"status": "DELETING"}));
    app.send("GET", &run("demo", &id), "").await.assert_no_run(&id);
    app.end_run("demo", &id, "TIMED_OUT").await.assert_no_run(&id);
}
