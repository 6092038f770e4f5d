//! What AWS says no to, and how often it is asked.

use std::panic::panic_any;
use std::sync::Arc;
use std::time::Duration;

use aws_sdk_dynamodb::types::AttributeValue;
use jiff::{SignedDuration, Timestamp};
use lambda_http::request::LambdaRequest;
use lambda_http::{Context, RequestExt as _};
use serde_json::{Value, json};
use workflow_runs::handler::Sources;

use crate::app::{Answer, App, How, body};
use crate::embedded::UNIDENTIFIED;
use crate::gateway;

const TOKEN: &str = "5f0d3f6a-7a64-4a3e-9d0e-0123456789ab";

fn request() -> String {
    body(TOKEN, "/workflow-runs/demo").to_string()
}

#[track_caller]
fn assert_throttled(answer: &Answer, retry_after: &str, members: Value) {
    answer.assert_error(429, "ThrottlingException", members);
    assert_eq!(answer.header("retry-after"), Some(retry_after));
}

#[track_caller]
fn assert_internal(answer: &Answer) {
    answer.assert_error(500, "InternalServerException", json!({}));
    assert_eq!(answer.header("retry-after"), Some("1"));
    assert_eq!(answer.body["message"], "The service encountered an internal error. Try again later.");
}

/// Whatever has failed: a retry with the same token ends in one run.
async fn assert_retry_succeeds(app: &App) {
    assert_eq!(app.put(request()).await.status, 201);
    assert_eq!(app.items("run/").await.len(), 1);
    assert_eq!(app.log_groups().await, ["/workflow-runs/demo"]);
}

#[tokio::test]
async fn a_warm_create_makes_one_call_and_a_cold_one_at_most_four() {
    let app = App::start().await;
    let create = |log_group| app.create("demo").set_log_group_name(log_group).send();
    create(Some("/a".into())).await.unwrap();
    let mut cold = app.calls();
    cold.sort();
    assert_eq!(cold, ["BatchGetItem", "CreateLogGroup", "PutItem", "PutItem"]);
    create(Some("/a".into())).await.unwrap();
    assert_eq!(app.calls(), ["PutItem"]);
    create(None).await.unwrap();
    assert_eq!(app.calls(), ["PutItem"]);

    let fresh = app.fresh(UNIDENTIFIED).await;
    fresh.create("demo").log_group_name("/a").send().await.unwrap();
    assert_eq!(app.calls(), ["BatchGetItem", "PutItem"]);
    let fresh = app.fresh(UNIDENTIFIED).await;
    fresh.create("demo").send().await.unwrap();
    assert_eq!(app.calls(), ["BatchGetItem", "PutItem"]);
}

#[tokio::test]
async fn a_request_that_is_refused_makes_no_more_calls_than_it_needs() {
    let app = App::start().await;
    app.create("demo").log_group_name("a b").send().await.unwrap_err();
    app.send("GET", "/", "").await;
    assert_eq!(app.calls(), Vec::<String>::new());
    app.create("nope").log_group_name("/a").send().await.unwrap_err();
    assert_eq!(app.calls(), ["BatchGetItem"]);
}

#[tokio::test]
async fn what_was_learnt_is_forgotten_in_time() {
    let seconds = Arc::new(std::sync::atomic::AtomicI64::new(0));
    let start = Timestamp::now();
    let clock = Arc::clone(&seconds);
    let now = move || start + SignedDuration::from_secs(clock.load(std::sync::atomic::Ordering::Relaxed));
    let app = App::start_with(Sources { now: Arc::new(now), ..Sources::default() }).await;
    for (second, calls) in [
        (0, vec!["BatchGetItem", "CreateLogGroup", "PutItem", "PutItem"]),
        (59, vec!["PutItem"]),
        (60, vec!["BatchGetItem", "PutItem"]),
        // The log group is asked for again after an hour, of the table; and after a day and a half, of CloudWatch Logs.
        (3_600, vec!["BatchGetItem", "PutItem"]),
        (36 * 3_600, vec!["BatchGetItem", "CreateLogGroup", "PutItem", "PutItem"]),
    ] {
        seconds.store(second, std::sync::atomic::Ordering::Relaxed);
        app.create("demo").log_group_name("/a").send().await.unwrap();
        let mut made = app.calls();
        made.sort();
        assert_eq!(made, calls, "after {second} s");
    }
}

#[tokio::test]
async fn a_log_group_is_remembered_for_about_a_day() {
    let app = App::start().await;
    app.create("demo").log_group_name("/a").send().await.unwrap();
    let items = app.items("log-group/").await;
    assert_eq!(items[0]["pk"].as_s().unwrap(), "log-group//a");
    let expires_at: i64 = items[0]["expiresAt"].as_n().unwrap().parse().unwrap();
    let hours = (expires_at - Timestamp::now().as_second()) / 3_600;
    assert!((17..=30).contains(&hours), "{hours} h");
}

#[tokio::test]
async fn an_item_that_has_expired_counts_as_absent() {
    let app = App::start().await;
    let put = aws_sdk_dynamodb::Client::new(&app.services.aws).put_item().table_name(&app.services.table_name);
    let put = put.item("pk", AttributeValue::S("log-group//a".into()));
    put.item("expiresAt", AttributeValue::N(Timestamp::now().as_second().to_string())).send().await.unwrap();
    app.create("demo").log_group_name("/a").send().await.unwrap();
    assert_eq!(app.log_groups().await, ["/a"]);
}

#[tokio::test]
async fn throttling_by_dynamodb_is_passed_on_after_the_retries() {
    for code in ["ProvisionedThroughputExceededException", "ThrottlingException", "RequestLimitExceeded"] {
        for operation in ["BatchGetItem", "PutItem"] {
            let app = App::start().await;
            app.fail(operation, 100, How::Error(400, code));
            let answer = app.put(body(TOKEN, "/workflow-runs/demo").to_string()).await;
            assert_throttled(&answer, "1", json!({"serviceCode": "dynamodb"}));
            assert_eq!(app.items("run/").await, []);
            let tried = app.calls().iter().filter(|call| *call == operation).count();
            assert!(tried >= 3, "{operation} was tried {tried} times");
        }
    }
}

#[tokio::test]
async fn a_moment_of_throttling_by_dynamodb_is_sat_out() {
    let app = App::start().await;
    app.fail("BatchGetItem", 2, How::Error(400, "ThrottlingException"));
    app.fail("PutItem", 2, How::Error(400, "ProvisionedThroughputExceededException"));
    assert_retry_succeeds(&app).await;
}

#[tokio::test]
async fn keys_that_were_left_unprocessed_are_asked_for_again() {
    let app = App::start().await;
    app.fail("BatchGetItem", 2, How::Unprocessed);
    assert_retry_succeeds(&app).await;

    let app = App::start().await;
    app.fail("BatchGetItem", 100, How::Unprocessed);
    assert_throttled(&app.put(request()).await, "1", json!({"serviceCode": "dynamodb"}));
    app.assert_nothing_left_behind().await;
}

#[tokio::test]
async fn throttling_by_cloudwatch_logs_is_passed_on_after_about_3_seconds() {
    let app = App::start().await;
    app.fail("CreateLogGroup", 100, How::Error(400, "ThrottlingException"));
    let answer = app.put(request()).await;
    assert_throttled(&answer, "1", json!({"serviceCode": "logs", "quotaCode": "L-D2832119"}));
    app.assert_nothing_left_behind().await;
    app.heal();
    assert_retry_succeeds(&app).await;
}

#[tokio::test]
async fn too_many_log_groups_is_passed_on_at_once() {
    let app = App::start().await;
    app.fail("CreateLogGroup", 1, How::Error(400, "LimitExceededException"));
    assert_throttled(&app.put(request()).await, "60", json!({"serviceCode": "logs"}));
    app.assert_nothing_left_behind().await;
    assert_retry_succeeds(&app).await;
}

#[tokio::test]
async fn what_passes_in_cloudwatch_logs_is_sat_out() {
    for how in [
        How::Error(400, "ThrottlingException"),
        How::Error(400, "OperationAbortedException"),
        How::Error(503, "ServiceUnavailableException"),
        How::Error(500, "InternalFailure"),
        How::Cut,
        How::Lost,
    ] {
        let app = App::start().await;
        app.fail("CreateLogGroup", 2, how);
        assert_retry_succeeds(&app).await;
    }
}

#[tokio::test]
async fn while_it_waits_it_learns_from_the_table_that_another_was_faster() {
    let app = App::start().await;
    app.fail("CreateLogGroup", 1, How::Error(400, "ThrottlingException"));
    let (first, second) = (app.create("demo").log_group_name("/a"), app.fresh(UNIDENTIFIED).await);
    let second = second.create("demo").log_group_name("/a");
    let (first, second) = tokio::join!(first.send(), second.send());
    first.unwrap();
    second.unwrap();
    let calls = app.calls();
    assert_eq!(calls.iter().filter(|call| *call == "CreateLogGroup").count(), 2, "{calls:?}");
}

#[tokio::test]
async fn an_operation_in_progress_on_the_log_group_conflicts() {
    let app = App::start().await;
    app.fail("CreateLogGroup", 100, How::Error(400, "OperationAbortedException"));
    let members = json!({"resourceId": "/workflow-runs/demo", "resourceType": "log-group"});
    app.put(request()).await.assert_error(409, "ConflictException", members);
    app.assert_nothing_left_behind().await;
}

#[tokio::test]
async fn a_log_group_name_that_cloudwatch_logs_refuses_is_invalid() {
    let app = App::start().await;
    app.fail("CreateLogGroup", 1, How::Error(400, "InvalidParameterException"));
    let answer = app.put(request()).await;
    assert_eq!(answer.failed_fields(), ["logGroupName"]);
    let members = json!({"reason": "FieldValidationFailed", "fieldList": answer.body["fieldList"]});
    answer.assert_error(400, "ValidationException", members);
    app.assert_nothing_left_behind().await;
}

#[tokio::test]
async fn a_permission_that_the_function_lacks_is_access_denied() {
    for operation in ["BatchGetItem", "CreateLogGroup", "PutItem"] {
        let app = App::start().await;
        app.fail(operation, 100, How::Error(400, "AccessDeniedException"));
        app.put(request()).await.assert_error(403, "AccessDeniedException", json!({}));
        assert_eq!(app.items("run/").await, []);
        let error = app.create("demo").log_group_name("/b").send().await.unwrap_err().into_service_error();
        assert!(error.is_access_denied_exception(), "{operation}: {error:?}");
    }
}

#[tokio::test]
async fn everything_else_is_internal() {
    for (operation, how) in [
        ("BatchGetItem", How::Error(400, "ResourceNotFoundException")),
        ("PutItem", How::Error(400, "ResourceNotFoundException")),
        ("BatchGetItem", How::Error(400, "ValidationException")),
        ("BatchGetItem", How::Error(500, "InternalServerError")),
        ("PutItem", How::Error(500, "InternalServerError")),
        ("BatchGetItem", How::Cut),
        ("PutItem", How::Cut),
        ("CreateLogGroup", How::Error(400, "UnrecognizedClientException")),
        ("CreateLogGroup", How::Error(500, "InternalFailure")),
        ("CreateLogGroup", How::Cut),
    ] {
        let app = App::start().await;
        app.fail(operation, 100, how);
        assert_internal(&app.put(request()).await);
        assert_eq!(app.items("run/").await, [], "{operation}");
    }
}

#[tokio::test]
async fn a_missing_table_is_internal_and_not_the_callers_404() {
    let app = App::start().await;
    let dynamodb = aws_sdk_dynamodb::Client::new(&app.services.aws);
    dynamodb.delete_table().table_name(&app.services.table_name).send().await.unwrap();
    assert_internal(&app.put(request()).await);
    assert_eq!(app.log_groups().await, Vec::<String>::new());
}

#[tokio::test]
async fn an_item_that_cannot_be_read_is_internal() {
    let app = App::start().await;
    app.put(request()).await;
    let mut run = app.items("run/").await.remove(0);
    run.remove("status");
    let put = aws_sdk_dynamodb::Client::new(&app.services.aws).put_item().table_name(&app.services.table_name);
    put.set_item(Some(run)).send().await.unwrap();
    assert_internal(&app.put(request()).await);
    assert_internal(&app.fresh(UNIDENTIFIED).await.put(request()).await);
}

#[tokio::test]
async fn the_log_groups_item_never_fails_a_run() {
    for how in [How::Error(400, "AccessDeniedException"), How::Hang] {
        let app = App::start().await;
        app.fail_item("PutItem", "log-group/", 100, how);
        assert_eq!(app.put(request()).await.status, 201);
        assert_eq!(app.items("run/").await.len(), 1);
        assert_eq!(app.items("log-group/").await, []);
    }
}

#[tokio::test]
async fn a_hung_connection_is_answered_before_lambda_ends_the_invocation() {
    for operation in ["BatchGetItem", "CreateLogGroup", "PutItem"] {
        let app = App::start().await;
        app.fail(operation, 100, How::Hang);
        let event = json!({
            "httpMethod": "PUT",
            "path": "/workflow-definitions/demo/workflow-runs",
            "requestContext": {"httpMethod": "PUT", "requestId": "the-gateways-id"},
            "body": request(),
        })
        .to_string();
        let timeout = Duration::from_secs(1);
        let invocation = gateway::invoke(Arc::clone(&app.api), event.as_bytes(), timeout);
        let response = tokio::time::timeout(timeout, invocation).await.expect("an answer in time").unwrap();
        assert_eq!(response["statusCode"], 500, "{operation}: {response}");
        assert_eq!(response["multiValueHeaders"]["x-amzn-requestid"], json!(["the-gateways-id"]));
        assert_eq!(app.items("run/").await, []);
    }
}

#[tokio::test]
async fn a_deadline_of_an_emulator_that_has_passed_long_ago_is_none() {
    let app = App::start().await;
    let event = json!({
        "httpMethod": "PUT",
        "path": "/workflow-definitions/demo/workflow-runs",
        "requestContext": {"httpMethod": "PUT"},
        "body": request(),
    })
    .to_string();
    let request: LambdaRequest = serde_json::from_str(&event).unwrap();
    let mut context = Context::default();
    context.deadline = 600_000;
    let request = lambda_http::Request::from(request).with_lambda_context(context);
    assert_eq!(app.api.handle(request).await.status(), 201);
}

#[tokio::test]
async fn a_panic_is_answered_and_the_next_request_works() {
    let panics = Arc::new(std::sync::atomic::AtomicBool::new(true));
    let now = move || {
        if panics.swap(false, std::sync::atomic::Ordering::Relaxed) {
            panic_any("injected");
        }
        Timestamp::now()
    };
    let app = App::start_with(Sources { now: Arc::new(now), ..Sources::default() }).await;
    assert_internal(&app.put(request()).await);
    assert_retry_succeeds(&app).await;
}
