//! A definition that was deleted, the name that it leaves, and the runs that may still be left of it.

use aws_sdk_dynamodb::types::AttributeValue;
use jiff::SignedDuration;
use local::gateway::LOCAL_ACCOUNT;
use serde_json::{Value, json};

use crate::support::events::{DEFINITIONS, definition, run, runs};
use crate::support::table::{number, text};
use crate::support::{ApiResponse, Clock, Fault, TOKEN, TestApp, body};

const OTHER_TOKEN: &str = "another-client-token-of-36-characters";
const DAY: i64 = 24 * 60 * 60;

async fn create(app: &TestApp, token: &str) -> ApiResponse {
    let body = json!({"name": "flow", "clientToken": token});
    app.call(LOCAL_ACCOUNT, "PUT", DEFINITIONS, body).await
}

/// A definition `flow`, deleted now.
async fn deleted(clock: &Clock) -> TestApp {
    let app = TestApp::start_at(clock).await;
    assert_eq!(create(&app, TOKEN).await.status, 201);
    app.delete_definition(LOCAL_ACCOUNT, "flow").await;
    app.clean_up().await;
    app
}

#[tokio::test]
async fn a_name_is_free_for_a_new_token_two_minutes_after_the_deletion_and_not_before() {
    // Exactly on a second; and within one, where the deletion lasts until the next.
    for (start, seconds) in [("2026-01-01T00:00:00.000Z", 120), ("2026-01-01T00:00:00.001Z", 121)] {
        let clock = Clock::at(start);
        let app = deleted(&clock).await;
        let old = app.definition_id(LOCAL_ACCOUNT, "flow").await;
        clock.advance(SignedDuration::from_millis(seconds * 1_000 - 2));
        assert!(clock.text() < format!("2026-01-01T00:02:{:02}.000Z", seconds - 120), "{}", clock.text());
        create(&app, OTHER_TOKEN).await.assert_conflict("workflow-definition", "flow");
        clock.advance(SignedDuration::from_millis(2));
        create(&app, OTHER_TOKEN).await.assert_success(201, &json!({"status": "ACTIVE"}));

        let item = app.definition_item(LOCAL_ACCOUNT, "flow").await;
        assert_ne!(text(&item, "definitionId"), old);
        assert_eq!((text(&item, "status"), text(&item, "createdAt")), ("ACTIVE", &*clock.text()));
        for absent in ["deletedAt", "deletionRequestedAt", "sweep", "goneAt", "expiresAt"] {
            assert!(!item.contains_key(absent), "{item:?}");
        }
        let listed = app.send("POST", DEFINITIONS, "").await.body;
        assert_eq!(listed["workflowDefinitionSummaries"][0]["workflowDefinitionName"], "flow");
    }
}

#[tokio::test]
async fn the_token_of_a_deleted_definition_cannot_bring_it_back_within_a_day() {
    let clock = Clock::new();
    let app = deleted(&clock).await;
    let before = app.items("definition/").await;
    for seconds in [0, 119, 1, DAY - 1] {
        clock.advance_seconds(seconds);
        create(&app, TOKEN).await.assert_conflict("workflow-definition", "flow");
    }
    assert_eq!(app.items("definition/").await, before);
    // Then its item has expired, though DynamoDB has not deleted it yet.
    clock.advance_seconds(1);
    create(&app, TOKEN).await.assert_success(201, &json!({"status": "ACTIVE"}));
}

#[tokio::test]
async fn a_late_retry_of_the_old_create_finds_the_name_taken_by_the_new_definition() {
    let clock = Clock::new();
    let app = deleted(&clock).await;
    clock.advance_seconds(120);
    assert_eq!(create(&app, OTHER_TOKEN).await.status, 201);
    create(&app, TOKEN).await.assert_conflict("workflow-definition", "flow");
    assert_eq!(create(&app, OTHER_TOKEN).await.header("idempotent-replayed"), Some("true"));
}

#[tokio::test]
async fn a_definition_that_is_gone_is_not_found_by_any_operation() {
    let clock = Clock::new();
    let app = deleted(&clock).await;
    let id = "00000000-0000-0000-0000-000000000000";
    // Gone, and then also expired, though DynamoDB has not deleted the item yet.
    for seconds in [120, DAY] {
        clock.advance_seconds(seconds);
        for app in [&app, &app.other_process(LOCAL_ACCOUNT).await] {
            for (method, path, body) in [
                ("GET", definition("flow"), Value::Null),
                ("DELETE", definition("flow"), Value::Null),
                ("PUT", runs("flow"), body(TOKEN, "/a")),
                ("POST", runs("flow"), json!({})),
                ("GET", run("flow", id), Value::Null),
                ("PUT", run("flow", id), json!({"status": "FAILED"})),
                ("DELETE", run("flow", id), Value::Null),
            ] {
                app.call(LOCAL_ACCOUNT, method, &path, body).await.assert_no_definition("flow");
            }
        }
        let listed = app.send("POST", DEFINITIONS, "").await.body;
        assert_eq!(listed["workflowDefinitionSummaries"].as_array().unwrap().len(), 1);
    }
    assert_eq!(app.log_groups().await, Vec::<String>::new());
}

#[tokio::test]
async fn runs_left_of_an_old_definition_never_reappear() {
    let clock = Clock::new();
    let app = deleted(&clock).await;
    // Two runs of the old generation that no sweep has seen: one that runs, and a tombstone.
    let old = app.definition_id(LOCAL_ACCOUNT, "flow").await;
    let started = app.call(LOCAL_ACCOUNT, "PUT", &runs("demo"), body(TOKEN, "/a")).await;
    let id = started.body["workflowRunId"].as_str().unwrap();
    let tombstone = app.start_run("demo").await;
    app.send("DELETE", &run("demo", &tombstone), "").await;
    for id in [id, &tombstone] {
        let mut item = app.run_item(id).await;
        item.insert("definitionId".into(), AttributeValue::S(old.clone()));
        if item.contains_key("listKey") {
            item.insert("workflowDefinitionName".into(), AttributeValue::S("flow".into()));
            item.insert("listKey".into(), AttributeValue::S(format!("runs/{old}/{}", &text(&item, "listKey")[42..])));
        }
        app.put_item(item).await;
    }
    clock.advance_seconds(120);
    assert_eq!(create(&app, OTHER_TOKEN).await.status, 201);

    let before = app.items("run/").await;
    for app in [&app, &app.other_process(LOCAL_ACCOUNT).await] {
        for id in [id, &tombstone] {
            app.send("GET", &run("flow", id), "").await.assert_no_run(id);
            app.end_run("flow", id, "SUCCEEDED").await.assert_no_run(id);
            app.end_run("flow", id, "RUNNING").await.assert_no_run(id);
            app.send("DELETE", &run("flow", id), "").await.assert_no_run(id);
        }
        let listed = app.send("POST", &runs("flow"), "").await;
        listed.assert_success(200, &json!({"workflowRunSummaries": []}));
        // Its client token has been used, by the same request but for the generation.
        for _ in 0..2 {
            let response = app.call(LOCAL_ACCOUNT, "PUT", &runs("flow"), body(TOKEN, "/a")).await;
            response.assert_conflict("workflow-run", id);
            let message =
                "The client token was used by a previous request, whose workflow run or definition has been deleted.";
            assert_eq!(response.body["message"], message);
        }
    }
    assert_eq!(app.items("run/").await, before);
    // To delete the new definition does not delete them either.
    app.delete_definition(LOCAL_ACCOUNT, "flow").await;
    app.clean_up().await;
    assert_eq!(app.items("run/").await, before);
}

#[tokio::test]
async fn a_process_that_knows_the_old_definition_starts_runs_for_a_minute_and_no_longer() {
    let clock = Clock::new();
    let app = TestApp::start_at(&clock).await;
    let stale = app.other_process(LOCAL_ACCOUNT).await;
    // It is known from here, for 60 seconds.
    assert_eq!(stale.send("GET", &definition("demo"), "").await.status, 200);
    clock.advance_seconds(10);
    app.delete_definition(LOCAL_ACCOUNT, "demo").await;
    app.clean_up().await;
    let gone_at = number(&app.definition_item(LOCAL_ACCOUNT, "demo").await, "goneAt");

    clock.advance_seconds(49);
    let late = stale.start_run("demo").await;
    clock.advance_seconds(1);
    let response = stale.call(LOCAL_ACCOUNT, "PUT", &runs("demo"), body(TOKEN, "/a")).await;
    response.assert_conflict("workflow-definition", "demo");

    // Every process shows such a run as long as the definition exists.
    clock.advance_seconds(gone_at - 1 - clock.epoch_seconds());
    for app in [&app, &stale] {
        assert_eq!(app.send("GET", &definition("demo"), "").await.body["status"], "DELETING");
        assert_eq!(app.send("GET", &run("demo", &late), "").await.status, 200);
        let listed = app.send("POST", &runs("demo"), "").await.body;
        assert_eq!(listed["workflowRunSummaries"][0]["workflowRunId"], late);
        app.end_run("demo", &late, "SUCCEEDED").await.assert_success(200, &json!({}));
    }
    // After that it belongs to no definition.
    clock.advance_seconds(1);
    for app in [&app, &stale] {
        app.send("GET", &run("demo", &late), "").await.assert_no_definition("demo");
        app.send("POST", &runs("demo"), "").await.assert_no_definition("demo");
        app.send("DELETE", &run("demo", &late), "").await.assert_no_definition("demo");
    }
    app.define(LOCAL_ACCOUNT, "demo").await;
    for app in [&app, &stale] {
        app.send("GET", &run("demo", &late), "").await.assert_no_run(&late);
        app.send("POST", &runs("demo"), "").await.assert_success(200, &json!({"workflowRunSummaries": []}));
    }
}

#[tokio::test]
async fn a_create_whose_outcome_was_unknown_cannot_bring_back_what_was_deleted_since() {
    let clock = Clock::new();
    let app = TestApp::start_at(&clock).await;
    app.fail("PutItem", 3, Fault::Lost);
    create(&app, TOKEN).await.assert_error(500, "InternalServerException", json!({}));
    app.delete_definition(LOCAL_ACCOUNT, "flow").await;
    app.clean_up().await;
    for seconds in [0, 120] {
        clock.advance_seconds(seconds);
        create(&app, TOKEN).await.assert_conflict("workflow-definition", "flow");
    }
    app.send("GET", &definition("flow"), "").await.assert_no_definition("flow");
}
