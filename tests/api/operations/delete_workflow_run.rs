//! DeleteWorkflowRun.

use aws_sdk_novaact::operation::delete_workflow_run::DeleteWorkflowRunError;
use aws_sdk_novaact::types::WorkflowRunStatus;
use local::gateway::LOCAL_ACCOUNT;
use serde_json::json;

use crate::support::events::{run, runs};
use crate::support::table::{attributes, number, text};
use crate::support::{Clock, Fault, TOKEN, TestApp, body};

const UNKNOWN: &str = "00000000-0000-0000-0000-000000000000";
const DAY: i64 = 24 * 60 * 60;

#[tokio::test]
async fn the_response_is_202_and_a_tombstone_is_all_that_is_left() {
    let clock = Clock::new();
    let app = TestApp::start_at(&clock).await;
    for status in ["RUNNING", "SUCCEEDED", "FAILED", "TIMED_OUT"] {
        let id = app.start_run("demo").await;
        app.end_run("demo", &id, status).await;
        app.send("DELETE", &run("demo", &id), "").await.assert_success(202, &json!({"status": "DELETING"}));
        let tombstone = app.run_item(&id).await;
        assert_eq!(attributes(&tombstone), ["definitionId", "expiresAt", "pk", "status"]);
        assert_eq!(text(&tombstone, "pk"), format!("run/{LOCAL_ACCOUNT}/{id}"));
        assert_eq!(text(&tombstone, "definitionId"), app.definition_id(LOCAL_ACCOUNT, "demo").await);
        assert_eq!(text(&tombstone, "status"), "DELETING");
        assert_eq!(number(&tombstone, "expiresAt"), clock.epoch_seconds() + DAY);
    }
    app.send("POST", &runs("demo"), "").await.assert_success(200, &json!({"workflowRunSummaries": []}));
}

#[tokio::test]
async fn the_same_request_again_succeeds_for_a_day_and_changes_nothing() {
    let clock = Clock::new();
    let app = TestApp::start_at(&clock).await;
    let id = app.start_run("demo").await;
    app.send("DELETE", &run("demo", &id), "").await;
    let tombstone = app.run_item(&id).await;
    clock.advance_seconds(DAY - 1);
    for app in [&app, &app.other_process(LOCAL_ACCOUNT).await] {
        app.send("DELETE", &run("demo", &id), "").await.assert_success(202, &json!({"status": "DELETING"}));
    }
    let request = app.client().delete_workflow_run().workflow_definition_name("demo").workflow_run_id(&id);
    assert_eq!(request.send().await.unwrap().status(), &WorkflowRunStatus::Deleting);
    assert_eq!(app.run_item(&id).await, tombstone);
    // Then the tombstone has expired, though DynamoDB has not deleted it yet.
    clock.advance_seconds(1);
    app.send("DELETE", &run("demo", &id), "").await.assert_no_run(&id);
}

#[tokio::test]
async fn a_put_whose_response_was_lost_has_still_deleted_the_run() {
    let app = TestApp::start().await;
    let id = app.start_run("demo").await;
    app.calls();
    app.fail("PutItem", 1, Fault::Lost);
    app.send("DELETE", &run("demo", &id), "").await.assert_success(202, &json!({"status": "DELETING"}));
    assert_eq!(app.calls(), ["PutItem", "PutItem"]);
    app.send("GET", &run("demo", &id), "").await.assert_no_run(&id);
}

#[tokio::test]
async fn a_missing_definition_or_run_is_not_found_and_leaves_no_tombstone() {
    let app = TestApp::start().await;
    app.define(LOCAL_ACCOUNT, "other").await;
    let (id, deleted) = (app.start_run("demo").await, app.start_run("demo").await);
    app.send("DELETE", &run("demo", &deleted), "").await;
    let before = app.items("").await;
    for app in [&app, &app.other_process(LOCAL_ACCOUNT).await] {
        app.send("DELETE", &run("nope", &id), "").await.assert_no_definition("nope");
        app.send("DELETE", &run("demo", UNKNOWN), "").await.assert_no_run(UNKNOWN);
        // Runs of another definition, deleted or not.
        app.send("DELETE", &run("other", &id), "").await.assert_no_run(&id);
        app.send("DELETE", &run("other", &deleted), "").await.assert_no_run(&deleted);
        app.send("DELETE", &run("a.b", "x"), "").await.assert_invalid(&["workflowDefinitionName", "workflowRunId"]);
    }
    assert_eq!(app.items("").await, before);
    let request = app.client().delete_workflow_run().workflow_definition_name("demo").workflow_run_id(UNKNOWN);
    let error = request.send().await.unwrap_err().into_service_error();
    let DeleteWorkflowRunError::ResourceNotFoundException(error) = error else { panic!("{error:?}") };
    assert_eq!((error.resource_id(), error.resource_type()), (UNKNOWN, "workflow-run"));
}

#[tokio::test]
async fn a_client_token_starts_no_second_run_for_a_day_after_its_run_was_deleted() {
    let clock = Clock::new();
    let app = TestApp::start_at(&clock).await;
    let request = body(TOKEN, "/a").to_string();
    let id = app.put(request.clone()).await.body["workflowRunId"].as_str().unwrap().to_owned();
    app.send("DELETE", &run("demo", &id), "").await;
    clock.advance_seconds(DAY - 1);
    let mut changed = body(TOKEN, "/a");
    changed["modelId"] = "another".into();
    for app in [&app, &app.other_process(LOCAL_ACCOUNT).await] {
        for _ in 0..2 {
            // Cold, the read tells; warm, the put's condition.
            app.put(request.clone()).await.assert_conflict("workflow-run", &id);
            app.put(changed.to_string()).await.assert_conflict("workflow-run", &id);
        }
    }
    assert_eq!(attributes(&app.run_item(&id).await), ["definitionId", "expiresAt", "pk", "status"]);
}

#[tokio::test]
async fn once_the_tombstone_has_expired_its_client_token_is_free() {
    for is_warm in [false, true] {
        let clock = Clock::new();
        let app = TestApp::start_at(&clock).await;
        let request = body(TOKEN, "/a");
        let first = app.put(request.to_string()).await;
        let id = first.body["workflowRunId"].as_str().unwrap();
        app.send("DELETE", &run("demo", id), "").await;
        clock.advance_seconds(DAY);
        if is_warm {
            app.put(body(&TOKEN.replace('0', "1"), "/a").to_string()).await;
        }
        app.calls();
        app.put(request.to_string()).await.assert_success(201, &first.body);
        assert_eq!(app.calls().contains(&"BatchGetItem".to_owned()), !is_warm);
        assert_eq!(text(&app.run_item(id).await, "startedAt"), clock.text());
        assert_eq!(app.send("GET", &run("demo", id), "").await.body["status"], "RUNNING");
    }
}
