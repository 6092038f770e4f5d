//! GetWorkflowDefinition.

use aws_sdk_novaact::operation::get_workflow_definition::GetWorkflowDefinitionError;
use aws_sdk_novaact::types::{WorkflowDefinitionStatus, WorkflowExportConfig};
use local::gateway::LOCAL_ACCOUNT;
use serde_json::json;

use crate::support::events::{DEFINITIONS, definition};
use crate::support::{Clock, TestApp};

#[tokio::test]
async fn the_real_client_reads_every_member() {
    let app = TestApp::start_at(&Clock::at("2026-01-01T00:00:00.250Z")).await;
    let export = WorkflowExportConfig::builder().s3_bucket_name("exports").s3_key_prefix("runs").build().unwrap();
    let request = app.client().create_workflow_definition().name("flow").description("Books a flight");
    request.export_config(export.clone()).send().await.unwrap();

    let output = app.client().get_workflow_definition().workflow_definition_name("flow").send().await.unwrap();
    assert_eq!(output.name(), "flow");
    assert_eq!(output.arn(), app.definition_arn(LOCAL_ACCOUNT, "flow"));
    assert_eq!(output.status(), &WorkflowDefinitionStatus::Active);
    assert_eq!(output.description(), Some("Books a flight"));
    assert_eq!(output.export_config(), Some(&export));
    assert_eq!((output.created_at().secs(), output.created_at().subsec_nanos()), (1_767_225_600, 250_000_000));
}

#[tokio::test]
async fn the_response_is_200_and_leaves_out_what_the_definition_does_not_have() {
    let app = TestApp::start_at(&Clock::new()).await;
    let mut expected = json!({
        "name": "demo",
        "arn": app.definition_arn(LOCAL_ACCOUNT, "demo"),
        "createdAt": "2026-01-01T00:00:00.000Z",
        "status": "ACTIVE",
    });
    app.send("GET", &definition("demo"), "").await.assert_success(200, &expected);

    let body = json!({"name": "flow", "description": "\u{1f600} \"", "exportConfig": {"s3BucketName": "exports"}});
    app.send("PUT", DEFINITIONS, body.to_string()).await;
    expected["name"] = "flow".into();
    expected["arn"] = app.definition_arn(LOCAL_ACCOUNT, "flow").into();
    expected["description"] = body["description"].clone();
    expected["exportConfig"] = body["exportConfig"].clone();
    app.send("GET", &definition("flow"), "").await.assert_success(200, &expected);
}

#[tokio::test]
async fn a_definition_that_is_being_deleted_is_shown_until_it_is_gone() {
    let clock = Clock::new();
    let app = TestApp::start_at(&clock).await;
    app.delete_definition(LOCAL_ACCOUNT, "demo").await;
    app.clean_up().await;
    clock.advance_seconds(119);
    let response = app.send("GET", &definition("demo"), "").await;
    let expected = json!({
        "name": "demo",
        "arn": app.definition_arn(LOCAL_ACCOUNT, "demo"),
        "createdAt": "2026-01-01T00:00:00.000Z",
        "status": "DELETING",
    });
    response.assert_success(200, &expected);
    clock.advance_seconds(1);
    app.send("GET", &definition("demo"), "").await.assert_no_definition("demo");
}

#[tokio::test]
async fn a_definition_that_does_not_exist_is_not_found() {
    let app = TestApp::start().await;
    app.send("GET", &definition("nope"), "").await.assert_no_definition("nope");
    let request = app.client().get_workflow_definition().workflow_definition_name("nope");
    let error = request.send().await.unwrap_err().into_service_error();
    let GetWorkflowDefinitionError::ResourceNotFoundException(error) = error else { panic!("{error:?}") };
    assert_eq!((error.resource_id(), error.resource_type()), ("nope", "workflow-definition"));
}

#[tokio::test]
async fn an_invalid_name_is_rejected_without_a_call() {
    let app = TestApp::start().await;
    for name in ["a.b", "%20", "%64emo", &"a".repeat(41)] {
        app.send("GET", &definition(name), "").await.assert_invalid(&["workflowDefinitionName"]);
    }
    assert_eq!(app.calls(), Vec::<String>::new());
}
