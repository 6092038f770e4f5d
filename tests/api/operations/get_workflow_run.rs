//! GetWorkflowRun.

use aws_sdk_novaact::operation::get_workflow_run::GetWorkflowRunError;
use aws_sdk_novaact::types::WorkflowRunStatus;
use local::gateway::LOCAL_ACCOUNT;
use serde_json::json;

use crate::support::events::run;
use crate::support::{Clock, TestApp};

const UNKNOWN: &str = "00000000-0000-0000-0000-000000000000";

#[tokio::test]
async fn the_real_client_reads_every_member() {
    let clock = Clock::at("2026-01-01T00:00:00.250Z");
    let app = TestApp::start_at(&clock).await;
    let id = app.create("demo").log_group_name("/a").send().await.unwrap().workflow_run_id().to_owned();
    let get = || app.client().get_workflow_run().workflow_definition_name("demo").workflow_run_id(&id).send();
    let output = get().await.unwrap();
    assert_eq!(output.workflow_run_arn(), app.run_arn(LOCAL_ACCOUNT, "demo", &id));
    assert_eq!(output.workflow_run_id(), id);
    assert_eq!(output.status(), &WorkflowRunStatus::Running);
    assert_eq!((output.started_at().secs(), output.started_at().subsec_nanos()), (1_767_225_600, 250_000_000));
    assert_eq!(output.ended_at(), None);
    assert_eq!((output.model_id(), output.log_group_name()), ("nova-act-latest", Some("/a")));

    clock.advance_seconds(1);
    app.end_run("demo", &id, "FAILED").await;
    let output = get().await.unwrap();
    assert_eq!(output.status(), &WorkflowRunStatus::Failed);
    assert_eq!(output.ended_at().map(aws_smithy_types::DateTime::secs), Some(1_767_225_601));
}

#[tokio::test]
async fn the_response_is_200_and_leaves_out_what_the_run_does_not_have() {
    let clock = Clock::new();
    let app = TestApp::start_at(&clock).await;
    let id = app.start_run("demo").await;
    let mut expected = json!({
        "workflowRunArn": app.run_arn(LOCAL_ACCOUNT, "demo", &id),
        "workflowRunId": id,
        "status": "RUNNING",
        "startedAt": "2026-01-01T00:00:00.000Z",
        "modelId": "m",
    });
    app.send("GET", &run("demo", &id), "").await.assert_success(200, &expected);
    clock.advance_seconds(90);
    app.end_run("demo", &id, "SUCCEEDED").await;
    (expected["status"], expected["endedAt"]) = (json!("SUCCEEDED"), json!("2026-01-01T00:01:30.000Z"));
    // As well in a process that knows the definition as in one that does not.
    for app in [&app, &app.other_process(LOCAL_ACCOUNT).await] {
        app.send("GET", &run("demo", &id), "").await.assert_success(200, &expected);
    }
}

#[tokio::test]
async fn a_missing_definition_or_run_is_not_found() {
    let app = TestApp::start().await;
    app.define(LOCAL_ACCOUNT, "other").await;
    let id = app.start_run("demo").await;
    for app in [&app, &app.other_process(LOCAL_ACCOUNT).await] {
        app.send("GET", &run("nope", &id), "").await.assert_no_definition("nope");
        app.send("GET", &run("demo", UNKNOWN), "").await.assert_no_run(UNKNOWN);
        // A run of another definition.
        app.send("GET", &run("other", &id), "").await.assert_no_run(&id);
    }
    let request = app.client().get_workflow_run().workflow_definition_name("demo").workflow_run_id(UNKNOWN);
    let error = request.send().await.unwrap_err().into_service_error();
    let GetWorkflowRunError::ResourceNotFoundException(error) = error else { panic!("{error:?}") };
    assert_eq!((error.resource_id(), error.resource_type()), (UNKNOWN, "workflow-run"));
}

#[tokio::test]
async fn a_deleted_run_is_not_found() {
    let app = TestApp::start().await;
    let id = app.start_run("demo").await;
    assert_eq!(app.send("DELETE", &run("demo", &id), "").await.status, 202);
    for app in [&app, &app.other_process(LOCAL_ACCOUNT).await] {
        app.send("GET", &run("demo", &id), "").await.assert_no_run(&id);
    }
}

#[tokio::test]
async fn every_invalid_part_of_the_path_is_named() {
    let app = TestApp::start().await;
    for (definition, id, fields) in [
        ("a.b", "x", ["workflowDefinitionName", "workflowRunId"].as_slice()),
        ("demo", "x", &["workflowRunId"]),
        ("demo", "A9FF6150-839b-595c-ada9-279222f7f3a4", &["workflowRunId"]),
        ("demo", "a9ff6150-839b-595c-ada9-279222f7f3a4%0A", &["workflowRunId"]),
        ("a.b", UNKNOWN, &["workflowDefinitionName"]),
    ] {
        app.send("GET", &run(definition, id), "").await.assert_invalid(fields);
    }
    assert_eq!(app.calls(), Vec::<String>::new());
}
