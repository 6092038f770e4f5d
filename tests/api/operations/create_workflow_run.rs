//! CreateWorkflowRun.

use aws_sdk_novaact::error::ProvideErrorMetadata as _;
use aws_sdk_novaact::operation::RequestId as _;
use aws_sdk_novaact::types::{ValidationExceptionReason, WorkflowRunStatus};
use local::gateway::LOCAL_ACCOUNT;
use serde_json::json;

use crate::support::events::{self, DEFINITIONS, runs};
use crate::support::table::text;
use crate::support::{TOKEN, TestApp, body};

#[tokio::test]
async fn a_run_starts_and_is_recorded_as_requested() {
    let app = TestApp::start().await;
    let request = app.create("demo").client_token(TOKEN).log_group_name("/workflow-runs/demo");
    let output = request.send().await.unwrap();
    assert_eq!(output.status(), &WorkflowRunStatus::Running);

    let runs = app.items("run/").await;
    let [run] = runs.as_slice() else { panic!("{runs:?}") };
    let id = output.workflow_run_id();
    assert_eq!(text(run, "pk"), format!("run/{LOCAL_ACCOUNT}/{id}"));
    assert_eq!(text(run, "accountId"), LOCAL_ACCOUNT);
    assert_eq!(text(run, "workflowRunId"), id);
    assert_eq!(text(run, "workflowDefinitionName"), "demo");
    assert_eq!(text(run, "status"), "RUNNING");
    assert_eq!(text(run, "modelId"), "nova-act-latest");
    assert_eq!(text(run, "logGroupName"), "/workflow-runs/demo");
    assert_eq!(text(run, "clientToken"), TOKEN);
    assert_eq!(text(run, "requestId"), output.request_id().unwrap());
    assert_eq!(run["clientInfo"].as_m().unwrap()["compatibilityVersion"].as_n().unwrap(), "1");
    assert!(!run["clientInfo"].as_m().unwrap().contains_key("sdkVersion"));
    let iso_8601 = regex::Regex::new(r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$").unwrap();
    assert!(iso_8601.is_match(text(run, "startedAt")), "{run:?}");
    assert_eq!(text(run, "definitionId"), app.definition_id(LOCAL_ACCOUNT, "demo").await);
    let shard = u32::from_str_radix(&id[35..], 16).unwrap() % 4;
    assert_eq!(text(run, "listKey"), format!("runs/{}/{shard}", text(run, "definitionId")));
    assert_eq!(text(run, "sortKey"), format!("{}/{id}", text(run, "startedAt")));
    assert_eq!(run.len(), 14);
    assert_eq!(app.log_groups().await, ["/workflow-runs/demo"]);
}

#[tokio::test]
async fn a_run_without_a_log_group_has_none() {
    let app = TestApp::start().await;
    app.create("demo").send().await.unwrap();
    assert!(!app.items("run/").await[0].contains_key("logGroupName"));
    assert_eq!(app.log_groups().await, Vec::<String>::new());
}

#[tokio::test]
async fn a_log_group_that_exists_already_is_used() {
    let app = TestApp::start().await;
    let logs = aws_sdk_cloudwatchlogs::Client::new(&app.services.aws);
    logs.create_log_group().log_group_name("/workflow-runs/old").send().await.unwrap();
    app.create("demo").log_group_name("/workflow-runs/old").send().await.unwrap();
    assert_eq!(app.items("run/").await.len(), 1);
}

#[tokio::test]
async fn the_response_is_201_with_status_and_id() {
    let app = TestApp::start().await;
    let response = app.put(body(TOKEN, "/workflow-runs/demo").to_string()).await;
    assert_eq!(response.status, 201);
    assert_eq!(response.header("content-type"), Some("application/json"));
    assert!(response.header("x-amzn-requestid").is_some());
    assert_eq!(response.header("x-amzn-errortype"), None);
    assert_eq!(response.header("idempotent-replayed"), None);
    let id = response.body["workflowRunId"].as_str().unwrap();
    assert_eq!(response.body, json!({"status": "RUNNING", "workflowRunId": id}));
    let documented = regex::Regex::new("^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$").unwrap();
    assert!(documented.is_match(id), "{id}");
}

#[tokio::test]
async fn nothing_in_the_path_is_decoded() {
    let app = TestApp::start().await;
    app.define(LOCAL_ACCOUNT, "my-flow").await;
    for name in ["my%2Dflow", "de%20mo", "de%2Fmo", "demo%0A", "%FF", "..", "."] {
        let response = app.send("PUT", &runs(name), body(TOKEN, "a").to_string()).await;
        assert_eq!((response.status, response.failed_fields()), (400, vec!["workflowDefinitionName"]), "{name}");
    }
    app.assert_nothing_left_behind().await;
}

#[tokio::test]
async fn a_route_or_method_that_the_api_does_not_have_is_an_unknown_operation() {
    let app = TestApp::start().await;
    for (method, path) in [
        ("GET", "/workflow-definitions"),
        ("GET", "/workflow-definitions/demo/workflow-runs"),
        ("PATCH", "/workflow-definitions/demo/workflow-runs"),
        ("DELETE", "/workflow-definitions/demo/workflow-runs"),
        ("POST", "/workflow-definitions/demo/workflow-runs/5f0d3f6a-7a64-4a3e-9d0e-0123456789ab"),
        ("PUT", "/"),
        ("PUT", "/workflow-definitions/demo"),
        ("PUT", "/workflow-definitions/demo/sessions"),
        ("PUT", "/x/workflow-definitions/demo/workflow-runs"),
    ] {
        let response = app.send(method, path, body(TOKEN, "/a").to_string()).await;
        response.assert_error(404, "UnknownOperationException", json!({}));
    }
    app.assert_nothing_left_behind().await;
}

#[tokio::test]
async fn a_definition_that_does_not_exist_is_not_found() {
    let app = TestApp::start().await;
    let error = app.create("nope").log_group_name("/a").send().await.unwrap_err().into_service_error();
    assert!(error.meta().request_id().is_some());
    assert!(error.is_resource_not_found_exception(), "{error:?}");
    let response = app.send("PUT", &runs("nope"), body(TOKEN, "/a").to_string()).await;
    let members = json!({"resourceId": "nope", "resourceType": "workflow-definition"});
    response.assert_error(404, "ResourceNotFoundException", members);
    app.assert_nothing_left_behind().await;
}

#[tokio::test]
async fn a_definition_that_is_not_active_conflicts() {
    let app = TestApp::start().await;
    app.delete_definition(LOCAL_ACCOUNT, "demo").await;
    let error = app.create("demo").log_group_name("/a").send().await.unwrap_err().into_service_error();
    assert!(error.is_conflict_exception(), "{error:?}");
    let response = app.put(body(TOKEN, "/a").to_string()).await;
    let members = json!({"resourceId": "demo", "resourceType": "workflow-definition"});
    response.assert_error(409, "ConflictException", members);
    app.assert_nothing_left_behind().await;
}

#[tokio::test]
async fn the_real_client_reads_every_member_of_a_validation_error() {
    let app = TestApp::start().await;
    let request = app.create("demo").client_token("short").model_id("").log_group_name("a b");
    let error = request.send().await.unwrap_err().into_service_error();
    let aws_sdk_novaact::operation::create_workflow_run::CreateWorkflowRunError::ValidationException(error) = error
    else {
        panic!("{error:?}")
    };
    assert_eq!(error.reason(), &ValidationExceptionReason::FieldValidationFailed);
    let fields: Vec<_> = error.field_list().iter().map(|field| (field.name(), field.message())).collect();
    assert_eq!(
        fields,
        [
            ("clientToken", "Member must have length between 33 and 256, inclusive"),
            ("logGroupName", "Member must satisfy regular expression pattern: [a-zA-Z0-9_/.-]+"),
            ("modelId", "Member must have length between 1 and 100, inclusive"),
        ]
    );
    assert!(error.meta().request_id().is_some());
    app.assert_nothing_left_behind().await;
}

#[tokio::test]
async fn every_field_that_fails_is_named_with_its_path() {
    let app = TestApp::start().await;
    let bad = json!({
        "clientInfo": {"compatibilityVersion": 2_147_483_648_u32, "sdkVersion": ""},
        "clientToken": "-".repeat(40),
        "logGroupName": "aws/x",
        "modelId": "m".repeat(101),
    });
    let response = app.send("PUT", &runs("a.b"), bad.to_string()).await;
    assert_eq!(
        response.failed_fields(),
        [
            "workflowDefinitionName",
            "clientInfo.compatibilityVersion",
            "clientInfo.sdkVersion",
            "clientToken",
            "logGroupName",
            "modelId"
        ]
    );
    response.assert_error(
        400,
        "ValidationException",
        json!({"reason": "FieldValidationFailed", "fieldList": response.body["fieldList"]}),
    );
}

#[tokio::test]
async fn the_requests_id_is_stored_unless_a_caller_has_chosen_one_that_is_too_long() {
    let app = TestApp::start().await;
    let create_run = || json!({"modelId": "m", "clientInfo": {"compatibilityVersion": 1}});
    let ids = [("i".repeat(128), true), ("\u{e9}".repeat(128), true), ("i".repeat(129), false)];
    for (number, (chosen, is_kept)) in ids.into_iter().enumerate() {
        let create_definition = json!({"name": format!("flow-{number}")});
        for (path, body) in [(runs("demo"), create_run()), (DEFINITIONS.to_owned(), create_definition)] {
            let before = app.items("").await;
            let mut event = events::rest(LOCAL_ACCOUNT, "PUT", &path, &body.to_string());
            event["requestContext"]["requestId"] = json!(chosen);
            let response = app.invoke(&event).await;
            assert_eq!(response["statusCode"], 201, "{response}");
            // It is the response's id in any case: the gateway's log has it.
            assert_eq!(response["multiValueHeaders"]["x-amzn-requestid"], json!([chosen]));
            let created = app.items("").await.into_iter().find(|item| !before.contains(item)).unwrap();
            let stored = text(&created, "requestId");
            // Lambda's is a UUID.
            let is_lambdas = uuid::Uuid::parse_str(stored).is_ok();
            assert_eq!((stored == chosen, is_lambdas), (is_kept, !is_kept), "{path}: {stored}");
        }
    }
}
