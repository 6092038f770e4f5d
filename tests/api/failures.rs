//! What AWS says no to, and what the caller is told.

use std::panic::panic_any;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use aws_sdk_dynamodb::types::AttributeValue;
use jiff::{SignedDuration, Timestamp};
use lambda_http::request::LambdaRequest;
use lambda_http::{Context, RequestExt as _};
use local::gateway;
use local::gateway::LOCAL_ACCOUNT;
use serde_json::{Value, json};
use uuid::Uuid;
use workflow_runs::Sources;
use workflow_runs::handler::handle;

use crate::support::{ApiResponse, Fault, TOKEN, TestApp, body, events};

fn request() -> String {
    body(TOKEN, "/workflow-runs/demo").to_string()
}

#[track_caller]
fn assert_throttled(response: &ApiResponse, retry_after: &str, members: Value) {
    response.assert_error(429, "ThrottlingException", members);
    assert_eq!(response.header("retry-after"), Some(retry_after));
}

#[track_caller]
fn assert_internal(response: &ApiResponse) {
    response.assert_error(500, "InternalServerException", json!({}));
    assert_eq!(response.header("retry-after"), Some("1"));
    assert_eq!(response.body["message"], "The service encountered an internal error. Try again later.");
}

/// Whatever has failed: a retry with the same token ends in one run.
async fn assert_retry_succeeds(app: &TestApp) {
    assert_eq!(app.put(request()).await.status, 201);
    assert_eq!(app.items("run/").await.len(), 1);
    assert_eq!(app.log_groups().await, ["/workflow-runs/demo"]);
}

#[tokio::test]
async fn throttling_by_dynamodb_is_passed_on_after_the_retries() {
    for code in ["ProvisionedThroughputExceededException", "ThrottlingException", "RequestLimitExceeded"] {
        for operation in ["BatchGetItem", "PutItem"] {
            let app = TestApp::start().await;
            app.fail(operation, 100, Fault::Error(400, code));
            // Without a log group, whose item would be put too.
            let response = app.put(r#"{"modelId": "m", "clientInfo": {"compatibilityVersion": 1}}"#).await;
            assert_throttled(&response, "1", json!({"serviceCode": "dynamodb"}));
            assert_eq!(app.items("run/").await, []);
            let tried = app.calls().iter().filter(|call| *call == operation).count();
            assert_eq!(tried, 3, "{operation}");
        }
    }
}

#[tokio::test]
async fn a_moment_of_throttling_by_dynamodb_is_retried() {
    let app = TestApp::start().await;
    app.fail("BatchGetItem", 2, Fault::Error(400, "ThrottlingException"));
    app.fail("PutItem", 2, Fault::Error(400, "ProvisionedThroughputExceededException"));
    assert_retry_succeeds(&app).await;
}

#[tokio::test]
async fn keys_that_were_left_unprocessed_are_asked_for_again() {
    let app = TestApp::start().await;
    app.fail("BatchGetItem", 2, Fault::Unprocessed);
    assert_retry_succeeds(&app).await;

    let app = TestApp::start().await;
    app.fail("BatchGetItem", 100, Fault::Unprocessed);
    assert_throttled(&app.put(request()).await, "1", json!({"serviceCode": "dynamodb"}));
    app.assert_nothing_left_behind().await;
}

#[tokio::test]
async fn throttling_by_cloudwatch_logs_is_passed_on_when_it_lasts() {
    let app = TestApp::start().await;
    app.fail("CreateLogGroup", 100, Fault::Error(400, "ThrottlingException"));
    // The function gives up after 3 seconds; the SDK's retries would be over long before, or would multiply.
    let response = tokio::time::timeout(Duration::from_secs(10), app.put(request())).await.unwrap();
    assert_throttled(&response, "1", json!({"serviceCode": "logs", "quotaCode": "L-D2832119"}));
    let tried = app.calls().iter().filter(|call| *call == "CreateLogGroup").count();
    assert!((4..=10).contains(&tried), "{tried} times");
    app.assert_nothing_left_behind().await;
    app.heal();
    assert_retry_succeeds(&app).await;
}

#[tokio::test]
async fn too_many_log_groups_is_passed_on_at_once() {
    let app = TestApp::start().await;
    app.fail("CreateLogGroup", 1, Fault::Error(400, "LimitExceededException"));
    assert_throttled(&app.put(request()).await, "60", json!({"serviceCode": "logs"}));
    app.assert_nothing_left_behind().await;
    assert_retry_succeeds(&app).await;
}

#[tokio::test]
async fn a_transient_error_of_cloudwatch_logs_is_retried() {
    for how in [
        Fault::Error(400, "ThrottlingException"),
        Fault::Error(400, "OperationAbortedException"),
        Fault::Error(503, "ServiceUnavailableException"),
        Fault::Error(500, "InternalFailure"),
        Fault::Cut,
        Fault::Lost,
    ] {
        let app = TestApp::start().await;
        app.fail("CreateLogGroup", 2, how);
        assert_retry_succeeds(&app).await;
    }
}

#[tokio::test]
async fn while_it_waits_it_learns_from_the_table_that_another_was_faster() {
    let app = TestApp::start().await;
    app.fail("CreateLogGroup", 100, Fault::Error(400, "ThrottlingException"));
    let request = app.create("demo").log_group_name("/a").send();
    let tells = async {
        // When the first attempt has failed, another process has success.
        while !app.calls().contains(&"CreateLogGroup".to_owned()) {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        let put = aws_sdk_dynamodb::Client::new(&app.services.aws).put_item().table_name(&app.services.table_name);
        let in_an_hour = (Timestamp::now() + SignedDuration::from_hours(1)).as_second().to_string();
        put.item("pk", AttributeValue::S("log-group//a".into()))
            .item("expiresAt", AttributeValue::N(in_an_hour))
            .send()
            .await
            .unwrap();
    };
    let (output, ()) = tokio::join!(request, tells);
    output.unwrap();
    // From now on it knows the log group.
    app.calls();
    app.create("demo").log_group_name("/a").send().await.unwrap();
    assert_eq!(app.calls(), ["PutItem"]);
    assert_eq!(app.items("run/").await.len(), 2);
    assert_eq!(app.log_groups().await, Vec::<String>::new());
}

#[tokio::test]
async fn an_operation_in_progress_on_the_log_group_conflicts() {
    let app = TestApp::start().await;
    app.fail("CreateLogGroup", 100, Fault::Error(400, "OperationAbortedException"));
    let members = json!({"resourceId": "/workflow-runs/demo", "resourceType": "log-group"});
    app.put(request()).await.assert_error(409, "ConflictException", members);
    app.assert_nothing_left_behind().await;
}

#[tokio::test]
async fn a_log_group_name_that_cloudwatch_logs_refuses_is_invalid() {
    let app = TestApp::start().await;
    app.fail("CreateLogGroup", 1, Fault::Error(400, "InvalidParameterException"));
    let response = app.put(request()).await;
    assert_eq!(response.failed_fields(), ["logGroupName"]);
    let members = json!({"reason": "FieldValidationFailed", "fieldList": response.body["fieldList"]});
    response.assert_error(400, "ValidationException", members);
    app.assert_nothing_left_behind().await;
}

#[tokio::test]
async fn a_permission_that_the_function_lacks_is_access_denied() {
    for operation in ["BatchGetItem", "CreateLogGroup", "PutItem"] {
        let app = TestApp::start().await;
        app.fail(operation, 100, Fault::Error(400, "AccessDeniedException"));
        app.put(request()).await.assert_error(403, "AccessDeniedException", json!({}));
        assert_eq!(app.items("run/").await, []);
        let error = app.create("demo").log_group_name("/b").send().await.unwrap_err().into_service_error();
        assert!(error.is_access_denied_exception(), "{operation}: {error:?}");
    }
}

#[tokio::test]
async fn any_other_aws_error_is_internal() {
    for (operation, how) in [
        ("BatchGetItem", Fault::Error(400, "ResourceNotFoundException")),
        ("PutItem", Fault::Error(400, "ResourceNotFoundException")),
        ("BatchGetItem", Fault::Error(400, "ValidationException")),
        ("BatchGetItem", Fault::Error(500, "InternalServerError")),
        ("PutItem", Fault::Error(500, "InternalServerError")),
        ("BatchGetItem", Fault::Cut),
        ("PutItem", Fault::Cut),
        ("CreateLogGroup", Fault::Error(400, "UnrecognizedClientException")),
        ("CreateLogGroup", Fault::Error(500, "InternalFailure")),
        ("CreateLogGroup", Fault::Cut),
    ] {
        let app = TestApp::start().await;
        app.fail(operation, 100, how);
        assert_internal(&app.put(request()).await);
        assert_eq!(app.items("run/").await, [], "{operation}");
    }
}

#[tokio::test]
async fn a_missing_table_is_internal_and_not_the_callers_404() {
    let app = TestApp::start().await;
    let dynamodb = aws_sdk_dynamodb::Client::new(&app.services.aws);
    dynamodb.delete_table().table_name(&app.services.table_name).send().await.unwrap();
    assert_internal(&app.put(request()).await);
    assert_eq!(app.log_groups().await, Vec::<String>::new());
}

#[tokio::test]
async fn an_item_that_cannot_be_read_is_internal() {
    let app = TestApp::start().await;
    app.put(request()).await;
    let mut run = app.items("run/").await.remove(0);
    run.remove("status");
    let put = aws_sdk_dynamodb::Client::new(&app.services.aws).put_item().table_name(&app.services.table_name);
    put.set_item(Some(run)).send().await.unwrap();
    assert_internal(&app.put(request()).await);
    assert_internal(&app.other_process(LOCAL_ACCOUNT).await.put(request()).await);
}

#[tokio::test]
async fn a_hung_connection_is_not_waited_for_but_tried_again() {
    // The calls of a cold create, and one more.
    for (operation, key, calls) in [("BatchGetItem", "", 2), ("CreateLogGroup", "", 2), ("PutItem", "run/", 3)] {
        let app = TestApp::start().await;
        app.fail_item(operation, key, 1, Fault::Hang);
        assert_retry_succeeds(&app).await;
        assert_eq!(app.calls().iter().filter(|call| *call == operation).count(), calls, "{operation}");
    }
}

#[tokio::test]
async fn a_hung_connection_is_answered_before_lambda_ends_the_invocation() {
    for operation in ["BatchGetItem", "CreateLogGroup", "PutItem"] {
        let app = TestApp::start().await;
        app.fail(operation, 100, Fault::Hang);
        let mut event = events::rest(LOCAL_ACCOUNT, "PUT", &events::runs("demo"), &request());
        event["requestContext"]["requestId"] = "the-gateways-id".into();
        let event = event.to_string();
        let timeout = Duration::from_secs(1);
        let invocation = gateway::invoke(Arc::clone(&app.app), event.as_bytes(), timeout);
        // Without a deadline it would be over after 3 seconds at the earliest.
        let in_time = Duration::from_millis(2_500);
        let response = tokio::time::timeout(in_time, invocation).await.expect("a response in time").unwrap();
        assert_eq!(response["statusCode"], 500, "{operation}: {response}");
        assert_eq!(response["multiValueHeaders"]["x-amzn-requestid"], json!(["the-gateways-id"]));
        assert_eq!(app.items("run/").await, []);
    }
}

#[tokio::test]
async fn a_deadline_in_the_past_is_ignored() {
    let app = TestApp::start().await;
    let event = events::rest(LOCAL_ACCOUNT, "PUT", &events::runs("demo"), &request()).to_string();
    let request: LambdaRequest = serde_json::from_str(&event).unwrap();
    let mut context = Context::default();
    context.deadline = 600_000;
    let request = lambda_http::Request::from(request).with_lambda_context(context);
    assert_eq!(handle(&app.app, request).await.status(), 201);
}

#[tokio::test]
async fn a_panic_is_answered_and_the_next_request_works() {
    let panics = Arc::new(AtomicBool::new(false));
    let panic_once = Arc::clone(&panics);
    let uuid = move || {
        if panic_once.swap(false, Ordering::Relaxed) {
            panic_any("injected");
        }
        Uuid::new_v4()
    };
    let app = TestApp::start_with(Sources { uuid: Arc::new(uuid), ..Sources::default() }, |config| config).await;
    panics.store(true, Ordering::Relaxed);
    let without_a_token = r#"{"modelId": "m", "clientInfo": {"compatibilityVersion": 1}}"#;
    assert_internal(&app.put(without_a_token).await);
    app.assert_nothing_left_behind().await;
    assert_eq!(app.put(without_a_token).await.status, 201);
}
