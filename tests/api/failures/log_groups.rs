//! CloudWatch Logs fails: a create that needs a log group.

use std::time::Duration;

use aws_sdk_dynamodb::types::AttributeValue;
use jiff::{SignedDuration, Timestamp};
use local::gateway::{self, LOCAL_ACCOUNT};
use serde_json::json;

use super::{assert_internal, assert_throttled};
use crate::support::{ApiResponse, Fault, TOKEN, TestApp, body, events};

fn request() -> String {
    body(TOKEN, "/workflow-runs/demo").to_string()
}

/// Whatever has failed: a retry with the same token ends in one run.
async fn assert_retry_succeeds(app: &TestApp) {
    assert_eq!(app.put(request()).await.status, 201);
    assert_eq!(app.items("run/").await.len(), 1);
    assert_eq!(app.log_groups().await, ["/workflow-runs/demo"]);
}

#[tokio::test]
async fn throttling_by_cloudwatch_logs_is_passed_on_when_it_lasts() {
    let app = TestApp::start().await;
    app.fail("CreateLogGroup", 100, Fault::Error(400, "ThrottlingException"));
    // The function gives up after 3 seconds; the SDK's retries would be over long before, or would multiply.
    let response = tokio::time::timeout(Duration::from_secs(10), app.put(request())).await.unwrap();
    assert_throttled(&response, "1", json!({"serviceCode": "logs", "quotaCode": "L-D2832119"}));
    let calls = app.calls();
    let tried = calls.iter().filter(|call| *call == "CreateLogGroup").count();
    assert!((4..=10).contains(&tried), "{tried} times");
    // Between two attempts it looks in the table: the SDK makes none by itself.
    assert!(!calls.windows(2).any(|pair| pair.iter().all(|call| call == "CreateLogGroup")), "{calls:?}");
    app.assert_nothing_left_behind().await;
    app.heal();
    assert_retry_succeeds(&app).await;
}

#[tokio::test]
async fn too_many_log_groups_is_passed_on_immediately() {
    let app = TestApp::start().await;
    app.fail("CreateLogGroup", 1, Fault::Error(400, "LimitExceededException"));
    assert_throttled(&app.put(request()).await, "60", json!({"serviceCode": "logs", "quotaCode": "L-C7B9AAAB"}));
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
async fn a_waiting_create_finds_in_the_table_that_another_was_faster() {
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
async fn a_log_group_name_that_cloudwatch_logs_rejects_is_invalid() {
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
    let app = TestApp::start().await;
    app.fail("CreateLogGroup", 100, Fault::Error(400, "AccessDeniedException"));
    app.put(request()).await.assert_error(403, "AccessDeniedException", json!({}));
    let error = app.create("demo").log_group_name("/b").send().await.unwrap_err().into_service_error();
    assert!(error.is_access_denied_exception(), "{error:?}");
    app.assert_nothing_left_behind().await;
}

#[tokio::test]
async fn any_other_failure_of_cloudwatch_logs_is_a_500() {
    for fault in [Fault::Error(400, "UnrecognizedClientException"), Fault::Error(500, "InternalFailure"), Fault::Cut] {
        let app = TestApp::start().await;
        app.fail("CreateLogGroup", 100, fault);
        assert_internal(&app.put(request()).await);
        app.assert_nothing_left_behind().await;
    }
}

#[tokio::test]
async fn a_call_on_a_hung_connection_is_retried() {
    let app = TestApp::start().await;
    app.fail("CreateLogGroup", 1, Fault::Hang);
    assert_retry_succeeds(&app).await;
    assert_eq!(app.calls().iter().filter(|call| *call == "CreateLogGroup").count(), 2);
}

#[tokio::test]
async fn a_hung_connection_gets_a_response_before_lambda_ends_the_invocation() {
    let app = TestApp::start().await;
    app.fail("CreateLogGroup", 100, Fault::Hang);
    let event = events::rest(LOCAL_ACCOUNT, "PUT", &events::runs("demo"), &request()).to_string();
    let invocation = gateway::invoke(&app.function, event.as_bytes(), Duration::from_secs(1));
    assert_internal(&ApiResponse::of_proxy_response(&invocation.await.unwrap()));
    // An attempt may take longer than the invocation has.
    assert!(app.calls().iter().filter(|call| *call == "CreateLogGroup").count() <= 1);
    app.assert_nothing_left_behind().await;
}
