//! UpdateWorkflowRun.

use aws_sdk_novaact::operation::update_workflow_run::UpdateWorkflowRunError;
use aws_sdk_novaact::types::{ValidationExceptionReason, WorkflowRunStatus};
use local::gateway::LOCAL_ACCOUNT;
use serde_json::{Value, json};

use crate::support::events::run;
use crate::support::table::text;
use crate::support::{Clock, Fault, TestApp};

const UNKNOWN: &str = "00000000-0000-0000-0000-000000000000";
const ENDS: [&str; 3] = ["SUCCEEDED", "FAILED", "TIMED_OUT"];

#[tokio::test]
async fn the_response_is_200_with_an_empty_object_and_the_item_has_the_end() {
    let clock = Clock::new();
    let app = TestApp::start_at(&clock).await;
    for status in ENDS {
        let id = app.start_run("demo").await;
        let mut expected = app.run_item(&id).await;
        clock.advance_seconds(1);
        let response = app.send("PUT", &run("demo", &id), json!({"status": status}).to_string()).await;
        response.assert_success(200, &json!({}));
        for (attribute, value) in [("status", status), ("endedAt", &clock.text())] {
            expected.insert(attribute.into(), aws_sdk_dynamodb::types::AttributeValue::S(value.into()));
        }
        assert_eq!(app.run_item(&id).await, expected);
    }
}

#[tokio::test]
async fn the_real_client_ends_a_run() {
    let app = TestApp::start().await;
    let id = app.start_run("demo").await;
    let request = app.client().update_workflow_run().workflow_definition_name("demo").workflow_run_id(&id);
    request.status(WorkflowRunStatus::Succeeded).send().await.unwrap();
    assert_eq!(text(&app.run_item(&id).await, "status"), "SUCCEEDED");
}

#[tokio::test]
async fn a_running_run_may_be_set_to_running() {
    let clock = Clock::new();
    let app = TestApp::start_at(&clock).await;
    let id = app.start_run("demo").await;
    let before = app.run_item(&id).await;
    clock.advance_seconds(1);
    app.end_run("demo", &id, "RUNNING").await.assert_success(200, &json!({}));
    assert_eq!(app.run_item(&id).await, before);
}

#[tokio::test]
async fn a_run_ends_once_and_the_same_request_again_changes_nothing() {
    let clock = Clock::new();
    let app = TestApp::start_at(&clock).await;
    let other = app.other_process(LOCAL_ACCOUNT).await;
    for end in ENDS {
        let id = app.start_run("demo").await;
        app.end_run("demo", &id, end).await;
        let before = app.run_item(&id).await;
        clock.advance_seconds(1);
        for (app, status) in [&app, &other].into_iter().flat_map(|app| ENDS.map(|status| (app, status))) {
            let response = app.end_run("demo", &id, status).await;
            if status == end {
                response.assert_success(200, &json!({}));
            } else {
                response.assert_conflict("workflow-run", &id);
            }
        }
        app.end_run("demo", &id, "RUNNING").await.assert_conflict("workflow-run", &id);
        assert_eq!(app.run_item(&id).await, before);
    }
}

#[tokio::test]
async fn the_real_client_reads_a_conflict() {
    let app = TestApp::start().await;
    let id = app.start_run("demo").await;
    app.end_run("demo", &id, "FAILED").await;
    let request = app.client().update_workflow_run().workflow_definition_name("demo").workflow_run_id(&id);
    let error = request.status(WorkflowRunStatus::Succeeded).send().await.unwrap_err().into_service_error();
    let UpdateWorkflowRunError::ConflictException(error) = error else { panic!("{error:?}") };
    assert_eq!((error.resource_id(), error.resource_type()), (&*id, "workflow-run"));
}

#[tokio::test]
async fn an_update_whose_response_was_lost_has_still_ended_the_run() {
    let app = TestApp::start().await;
    let id = app.start_run("demo").await;
    app.calls();
    app.fail("UpdateItem", 1, Fault::Lost);
    app.end_run("demo", &id, "SUCCEEDED").await.assert_success(200, &json!({}));
    assert_eq!(app.calls(), ["UpdateItem", "UpdateItem"]);
    assert_eq!(text(&app.run_item(&id).await, "status"), "SUCCEEDED");
}

#[tokio::test]
async fn a_status_that_only_the_service_sets_is_an_invalid_status() {
    let app = TestApp::start().await;
    let id = app.start_run("demo").await;
    let before = app.run_item(&id).await;
    let response = app.end_run("demo", &id, "DELETING").await;
    assert_eq!(response.failed_fields(), ["status"]);
    let members = json!({"reason": "InvalidStatus", "fieldList": response.body["fieldList"]});
    response.assert_error(400, "ValidationException", members);

    let request = app.client().update_workflow_run().workflow_definition_name("demo").workflow_run_id(&id);
    let error = request.status(WorkflowRunStatus::Deleting).send().await.unwrap_err().into_service_error();
    let UpdateWorkflowRunError::ValidationException(error) = error else { panic!("{error:?}") };
    assert_eq!(error.reason(), &ValidationExceptionReason::InvalidStatus);

    // With another field that fails, the fields are the reason.
    let response = app.send("PUT", &run("a.b", &id), r#"{"status": "DELETING"}"#).await;
    response.assert_invalid(&["workflowDefinitionName", "status"]);
    assert_eq!(app.run_item(&id).await, before);
}

#[tokio::test]
async fn every_field_that_fails_is_named_and_nothing_changes() {
    let app = TestApp::start().await;
    let id = app.start_run("demo").await;
    let before = app.run_item(&id).await;
    app.calls();
    for wrong in ["\"DONE\"", "\"succeeded\"", "\"\"", "1", "true", "[]", r#"["FAILED"]"#, "{}", "null"] {
        let response = app.send("PUT", &run("demo", &id), format!(r#"{{"status": {wrong}}}"#)).await;
        response.assert_invalid(&["status"]);
    }
    for body in ["", "{}", r#"{"Status": "FAILED"}"#] {
        app.send("PUT", &run("demo", &id), body).await.assert_invalid(&["status"]);
        let response = app.send("PUT", &run("a.b", "x"), body).await;
        response.assert_invalid(&["workflowDefinitionName", "workflowRunId", "status"]);
    }
    for body in ["[]", "null", "\"FAILED\"", "{", r#"{"status": "FAILED", "status": "FAILED"}"#] {
        app.send("PUT", &run("demo", &id), body).await.assert_invalid(&[]);
        app.send("PUT", &run("demo", "x"), body).await.assert_invalid(&["workflowRunId"]);
    }
    assert_eq!(app.calls(), Vec::<String>::new());
    assert_eq!(app.run_item(&id).await, before);
    let unknown_member = r#"{"status": "FAILED", "endedAt": "2026-01-01T00:00:00.000Z", "unknown": [1]}"#;
    app.send("PUT", &run("demo", &id), unknown_member).await.assert_success(200, &json!({}));
    assert_ne!(text(&app.run_item(&id).await, "endedAt"), "2026-01-01T00:00:00.000Z");
}

#[tokio::test]
async fn a_missing_definition_or_run_is_not_found_and_not_created() {
    let app = TestApp::start().await;
    app.define(LOCAL_ACCOUNT, "other").await;
    let (id, deleted) = (app.start_run("demo").await, app.start_run("demo").await);
    app.send("DELETE", &run("demo", &deleted), "").await;
    let before = app.items("").await;
    for app in [&app, &app.other_process(LOCAL_ACCOUNT).await] {
        // A tombstone is found by no status, not even by its own.
        for status in ["RUNNING", "SUCCEEDED", "TIMED_OUT"] {
            app.end_run("nope", &id, status).await.assert_no_definition("nope");
            app.end_run("demo", UNKNOWN, status).await.assert_no_run(UNKNOWN);
            app.end_run("demo", &deleted, status).await.assert_no_run(&deleted);
            app.end_run("other", &id, status).await.assert_no_run(&id);
        }
    }
    assert_eq!(app.items("").await, before);
}

#[tokio::test]
async fn an_end_whose_response_was_lost_is_counted_once() {
    let app = TestApp::start().await;
    let id = app.start_run("demo").await;
    app.lines();
    app.fail("UpdateItem", 1, Fault::Lost);
    assert_eq!(app.end_run("demo", &id, "FAILED").await.status, 200);
    assert_eq!(app.end_run("demo", &id, "FAILED").await.status, 200);
    let lines = app.lines();
    assert_eq!((&lines[0]["outcome"], &lines[0]["runs_ended"]), (&json!("updated"), &json!(1)));
    assert_eq!((&lines[1]["outcome"], &lines[1]["runs_ended"]), (&json!("unchanged"), &Value::Null));
}
