//! DeleteWorkflowDefinition. (What becomes of its runs is in `cleanup`, and of its name in `generations`.)

use aws_sdk_novaact::operation::delete_workflow_definition::DeleteWorkflowDefinitionError;
use aws_sdk_novaact::types::WorkflowDefinitionStatus;
use jiff::SignedDuration;
use local::gateway::LOCAL_ACCOUNT;
use serde_json::json;

use crate::support::events::{DEFINITIONS, definition, runs};
use crate::support::table::text;
use crate::support::{ApiResponse, Clock, Fault, TestApp};

async fn delete(app: &TestApp) -> ApiResponse {
    app.send("DELETE", &definition("demo"), "").await
}

#[tokio::test]
async fn the_response_is_202_with_the_status_whatever_the_number_of_runs_and_again_while_it_is_deleted() {
    let app = TestApp::start().await;
    app.start_runs("demo", 5).await;
    app.calls();
    for _ in 0..2 {
        delete(&app).await.assert_success(202, &json!({"status": "DELETING"}));
    }
    assert_eq!(app.calls(), ["UpdateItem", "GetItem", "UpdateItem"]);
    let output = app.client().delete_workflow_definition().workflow_definition_name("demo").send().await.unwrap();
    assert_eq!(output.status(), &WorkflowDefinitionStatus::Deleting);
}

#[tokio::test]
async fn a_repeat_within_a_minute_changes_nothing_and_a_later_one_triggers_the_cleanup_again() {
    let clock = Clock::new();
    let app = TestApp::start_at(&clock).await;
    let description = json!({"name": "flow", "description": "Books a flight"}).to_string();
    app.send("PUT", DEFINITIONS, description).await;
    app.delete_definition(LOCAL_ACCOUNT, "flow").await;
    let item = app.definition_item(LOCAL_ACCOUNT, "flow").await;
    assert_eq!((text(&item, "status"), text(&item, "description")), ("DELETING", "Books a flight"));
    for at in ["deletedAt", "deletionRequestedAt"] {
        assert_eq!(text(&item, at), "2026-01-01T00:00:00.000Z");
    }
    for seconds in [0, 59, 1] {
        clock.advance_seconds(seconds);
        app.delete_definition(LOCAL_ACCOUNT, "flow").await;
        assert_eq!(app.definition_item(LOCAL_ACCOUNT, "flow").await, item, "{}", clock.text());
    }
    clock.advance(SignedDuration::from_millis(1));
    app.delete_definition(LOCAL_ACCOUNT, "flow").await;
    let again = app.definition_item(LOCAL_ACCOUNT, "flow").await;
    assert_eq!(text(&again, "deletedAt"), "2026-01-01T00:00:00.000Z");
    assert_eq!(text(&again, "deletionRequestedAt"), "2026-01-01T00:01:00.001Z");
    assert_eq!(app.deletions().len(), 2);
}

#[tokio::test]
async fn without_a_cleanup_it_stays_deleting_and_its_runs_stay_usable() {
    let clock = Clock::new();
    let app = TestApp::start_at(&clock).await;
    let id = app.start_run("demo").await;
    delete(&app).await;
    clock.advance(SignedDuration::from_hours(48));
    assert_eq!(app.send("GET", &definition("demo"), "").await.body["status"], "DELETING");
    let create = app.send("PUT", DEFINITIONS, json!({"name": "demo"}).to_string()).await;
    create.assert_conflict("workflow-definition", "demo");
    let listed = app.send("POST", &runs("demo"), "").await.body;
    assert_eq!(listed["workflowRunSummaries"][0]["workflowRunId"], id);
    assert_eq!(app.end_run("demo", &id, "SUCCEEDED").await.status, 200);
}

#[tokio::test]
async fn once_it_is_gone_it_is_not_found() {
    let clock = Clock::new();
    let app = TestApp::start_at(&clock).await;
    delete(&app).await;
    app.clean_up().await;
    clock.advance_seconds(119);
    delete(&app).await.assert_success(202, &json!({"status": "DELETING"}));
    clock.advance_seconds(1);
    app.calls();
    for _ in 0..2 {
        delete(&app).await.assert_no_definition("demo");
        assert_eq!(app.calls(), ["GetItem"]);
        // Then its item has expired, though DynamoDB has not deleted it yet.
        clock.advance(SignedDuration::from_hours(24));
    }
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
    app.start_run("demo").await;
    delete(&app).await;
    let body = json!({"modelId": "m", "clientInfo": {"compatibilityVersion": 1}}).to_string();
    app.send("PUT", &runs("demo"), body.clone()).await.assert_conflict("workflow-definition", "demo");
    // Not even if the deletion has failed: it may have been stored.
    let app = TestApp::start().await;
    app.start_run("demo").await;
    app.fail("UpdateItem", 3, Fault::Lost);
    assert_eq!(delete(&app).await.status, 500);
    app.send("PUT", &runs("demo"), body).await.assert_conflict("workflow-definition", "demo");
    assert_eq!(app.items("run/").await.len(), 1);
}
