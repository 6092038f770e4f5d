//! DeleteWorkflowDefinition. (What becomes of its name and its runs is in `generations`.)

use std::time::Duration;

use aws_sdk_novaact::operation::delete_workflow_definition::DeleteWorkflowDefinitionError;
use aws_sdk_novaact::types::WorkflowDefinitionStatus;
use jiff::SignedDuration;
use local::gateway::{self, LOCAL_ACCOUNT};
use serde_json::{Value, json};

use crate::support::events::{DEFINITIONS, definition, rest, run, runs};
use crate::support::table::{attributes, number, text};
use crate::support::{ApiResponse, Clock, Fault, TestApp};

async fn delete(app: &TestApp) -> ApiResponse {
    app.send("DELETE", &definition("demo"), "").await
}

/// Asserts that these runs are tombstones, all of them and nothing else.
async fn assert_all_deleted(app: &TestApp, ids: &[String]) {
    let items = app.items("run/").await;
    assert_eq!(items.len(), ids.len());
    for item in &items {
        assert_eq!(attributes(item), ["definitionId", "expiresAt", "pk", "status"]);
        assert_eq!(text(item, "status"), "DELETING");
    }
}

#[tokio::test]
async fn the_answer_is_202_with_the_status_and_again_while_it_is_being_deleted() {
    let app = TestApp::start().await;
    for _ in 0..2 {
        delete(&app).await.assert_success(202, &json!({"status": "DELETING"}));
    }
    let output = app.client().delete_workflow_definition().workflow_definition_name("demo").send().await.unwrap();
    assert_eq!(output.status(), &WorkflowDefinitionStatus::Deleting);
}

#[tokio::test]
async fn a_definition_without_runs_keeps_only_what_a_late_retry_is_told_by() {
    let clock = Clock::at("2026-01-01T00:00:00.001Z");
    let app = TestApp::start_at(&clock).await;
    let export = json!({"s3BucketName": "exports"});
    let body = json!({"name": "flow", "description": "Books a flight", "exportConfig": export});
    app.send("PUT", DEFINITIONS, body.to_string()).await;
    let before = app.definition_item(LOCAL_ACCOUNT, "flow").await;
    app.calls();
    app.delete_definition(LOCAL_ACCOUNT, "flow").await;
    assert_eq!(app.calls(), ["GetItem", "UpdateItem", "Query", "Query", "Query", "Query", "UpdateItem"]);

    let item = app.definition_item(LOCAL_ACCOUNT, "flow").await;
    let left = ["accountId", "clientToken", "createdAt", "definitionId", "deletedAt", "expiresAt", "goneAt", "name"];
    assert_eq!(attributes(&item), [left.as_slice(), &["pk", "requestId", "status"]].concat());
    for unchanged in ["accountId", "clientToken", "createdAt", "definitionId", "name", "requestId"] {
        assert_eq!(item[unchanged], before[unchanged]);
    }
    assert_eq!((text(&item, "status"), text(&item, "deletedAt")), ("DELETING", "2026-01-01T00:00:00.001Z"));
    // Two minutes later, rounded up; and a day after that.
    assert_eq!(number(&item, "goneAt"), clock.epoch_seconds() + 121);
    assert_eq!(number(&item, "expiresAt"), clock.epoch_seconds() + 121 + 24 * 60 * 60);

    // Again: nothing changes.
    clock.advance_seconds(60);
    app.delete_definition(LOCAL_ACCOUNT, "flow").await;
    assert_eq!(app.calls(), ["GetItem", "UpdateItem", "Query", "Query", "Query", "Query"]);
    assert_eq!(app.definition_item(LOCAL_ACCOUNT, "flow").await, item);
}

#[tokio::test]
async fn once_it_is_gone_it_is_not_found() {
    let clock = Clock::new();
    let app = TestApp::start_at(&clock).await;
    delete(&app).await;
    clock.advance_seconds(119);
    delete(&app).await.assert_success(202, &json!({"status": "DELETING"}));
    clock.advance_seconds(1);
    delete(&app).await.assert_no_definition("demo");
    app.calls();
    clock.advance(SignedDuration::from_hours(24));
    // Its item has expired: nothing is swept any more, though DynamoDB has not deleted it yet.
    delete(&app).await.assert_no_definition("demo");
    assert_eq!(app.calls(), ["GetItem"]);
}

#[tokio::test]
async fn a_definition_that_never_existed_is_not_found_and_leaves_no_item() {
    let app = TestApp::start().await;
    let before = app.items("").await;
    app.send("DELETE", &definition("nope"), "").await.assert_no_definition("nope");
    assert_eq!(app.calls(), ["GetItem"]);
    let request = app.client().delete_workflow_definition().workflow_definition_name("nope");
    let error = request.send().await.unwrap_err().into_service_error();
    let DeleteWorkflowDefinitionError::ResourceNotFoundException(error) = error else { panic!("{error:?}") };
    assert_eq!((error.resource_id(), error.resource_type()), ("nope", "workflow-definition"));
    app.send("DELETE", &definition("a.b"), "").await.assert_invalid(&["workflowDefinitionName"]);
    assert_eq!(app.items("").await, before);
}

#[tokio::test]
async fn no_run_of_it_starts_in_this_process_from_then_on() {
    let app = TestApp::start().await;
    let deleted = app.start_run("demo").await;
    delete(&app).await;
    let body = json!({"modelId": "m", "clientInfo": {"compatibilityVersion": 1}}).to_string();
    app.send("PUT", &runs("demo"), body).await.assert_conflict("workflow-definition", "demo");
    // Not even if the deletion has failed: it may have been stored.
    let app = TestApp::start().await;
    app.start_run("demo").await;
    app.fail("UpdateItem", 3, Fault::Lost);
    assert_eq!(delete(&app).await.status, 500);
    let body = json!({"modelId": "m", "clientInfo": {"compatibilityVersion": 1}}).to_string();
    app.send("PUT", &runs("demo"), body).await.assert_conflict("workflow-definition", "demo");
    assert_eq!(app.items("run/").await.len(), 1, "{deleted}");
}

#[tokio::test]
async fn its_runs_are_deleted_with_it_whatever_their_number_and_status() {
    let clock = Clock::new();
    let app = TestApp::start_at(&clock).await;
    app.define(LOCAL_ACCOUNT, "other").await;
    let ids = app.start_runs("demo", 250).await;
    for (id, status) in ids.iter().zip(["SUCCEEDED", "FAILED", "TIMED_OUT"]) {
        assert_eq!(app.end_run("demo", id, status).await.status, 200);
    }
    app.calls();
    delete(&app).await.assert_success(202, &json!({"status": "DELETING"}));
    assert_eq!(app.calls().iter().filter(|call| *call == "PutItem").count(), 250);
    assert_all_deleted(&app, &ids).await;
    let response = app.send("GET", &definition("demo"), "").await;
    assert_eq!((response.status, &response.body["status"]), (200, &json!("DELETING")));
    assert_eq!(app.send("POST", &runs("demo"), "").await.body, json!({"workflowRunSummaries": []}));
    clock.advance_seconds(120);
    app.send("GET", &definition("demo"), "").await.assert_no_definition("demo");
    // Another definition is not touched.
    app.start_run("other").await;
}

#[tokio::test]
async fn a_deletion_that_broke_off_is_continued_by_the_same_request() {
    // The last call says that the definition is gone.
    for (operation, passes) in [("Query", 0), ("PutItem", 0), ("PutItem", 20), ("UpdateItem", 1)] {
        let clock = Clock::new();
        let app = TestApp::start_at(&clock).await;
        let ids = app.start_runs("demo", 40).await;
        app.fail(operation, passes, Fault::Pass);
        app.fail(operation, 100, Fault::Error(400, "AccessDeniedException"));
        delete(&app).await.assert_error(403, "AccessDeniedException", json!({}));
        app.heal();
        let item = app.definition_item(LOCAL_ACCOUNT, "demo").await;
        assert_eq!((text(&item, "status"), item.contains_key("goneAt")), ("DELETING", false), "{operation}");
        // However long nobody continues the deletion, the definition remains, and its name stays taken.
        clock.advance_seconds(300);
        assert_eq!(app.send("GET", &definition("demo"), "").await.body["status"], "DELETING");
        let create = app.send("PUT", DEFINITIONS, json!({"name": "demo"}).to_string()).await;
        create.assert_conflict("workflow-definition", "demo");

        delete(&app).await.assert_success(202, &json!({"status": "DELETING"}));
        assert_all_deleted(&app, &ids).await;
        let item = app.definition_item(LOCAL_ACCOUNT, "demo").await;
        assert_eq!(text(&item, "deletedAt"), "2026-01-01T00:00:00.000Z");
        assert_eq!(number(&item, "goneAt"), clock.epoch_seconds());
        delete(&app).await.assert_no_definition("demo");
    }
}

#[tokio::test]
async fn a_sweep_ends_before_the_invocation_does_and_the_same_request_continues() {
    let app = TestApp::start().await;
    let ids = app.start_runs("demo", 8).await;
    let event = rest(LOCAL_ACCOUNT, "DELETE", &definition("demo"), "").to_string();
    // All of this invocation's time is what a sweep leaves for the response.
    let invocation = gateway::invoke(&app.function, event.as_bytes(), Duration::from_secs(1));
    assert_eq!(invocation.await.unwrap()["statusCode"], 202);
    assert!(!app.definition_item(LOCAL_ACCOUNT, "demo").await.contains_key("goneAt"));
    delete(&app).await.assert_success(202, &json!({"status": "DELETING"}));
    assert!(app.definition_item(LOCAL_ACCOUNT, "demo").await.contains_key("goneAt"));
    assert_all_deleted(&app, &ids).await;
}

#[tokio::test]
async fn runs_that_appear_late_are_deleted_by_the_request_that_says_404() {
    let clock = Clock::new();
    let app = TestApp::start_at(&clock).await;
    let late = app.start_run("demo").await;
    let item = app.run_item(&late).await;
    delete(&app).await;
    clock.advance_seconds(120);
    // As if the index had not shown it to the sweep.
    app.put_item(item).await;
    app.call(LOCAL_ACCOUNT, "GET", &run("demo", &late), Value::Null).await.assert_no_definition("demo");
    delete(&app).await.assert_no_definition("demo");
    assert_all_deleted(&app, &[late]).await;
}
