//! The retention of the log groups that runs name: `RUN_LOG_RETENTION_DAYS`.

use std::time::Duration;

use local::gateway::LOCAL_ACCOUNT;
use serde_json::json;
use workflow_runs::Config;

use crate::support::events::runs;
use crate::support::{Clock, Fault, TestApp};

const LOG_GROUP: &str = "/workflow-runs/demo";

fn thirty_days(config: Config) -> Config {
    Config { run_log_retention_days: Some(30), ..config }
}

async fn start(clock: &Clock) -> TestApp {
    TestApp::start_with(clock.sources(), thirty_days).await
}

/// Starts a run that logs into this log group; the calls of CloudWatch Logs that it took.
async fn start_run(app: &TestApp, log_group_name: &str) -> Vec<String> {
    app.calls();
    let info = json!({"compatibilityVersion": 1});
    let body = json!({"modelId": "m", "clientInfo": info, "logGroupName": log_group_name});
    let response = app.call(LOCAL_ACCOUNT, "PUT", &runs("demo"), body).await;
    assert_eq!(response.status, 201, "{response:?}");
    let mut calls = app.calls();
    calls.retain(|call| matches!(call.as_str(), "CreateLogGroup" | "PutRetentionPolicy"));
    calls
}

async fn retention(app: &TestApp, log_group_name: &str) -> Option<i32> {
    let logs = aws_sdk_cloudwatchlogs::Client::new(&app.services.aws);
    let groups = logs.describe_log_groups().send().await.unwrap().log_groups.unwrap_or_default();
    groups.iter().find(|group| group.log_group_name() == Some(log_group_name)).unwrap().retention_in_days()
}

#[tokio::test]
async fn a_new_log_group_gets_the_retention_once() {
    let app = start(&Clock::new()).await;
    assert_eq!(start_run(&app, LOG_GROUP).await, ["CreateLogGroup", "PutRetentionPolicy"]);
    assert_eq!(retention(&app, LOG_GROUP).await, Some(30));
    assert_eq!(app.items("log-group/").await.len(), 1);
    // Whoever knows the log group, or finds its item, makes no call.
    assert_eq!(start_run(&app, LOG_GROUP).await, Vec::<String>::new());
    assert_eq!(start_run(&app.other_process(LOCAL_ACCOUNT).await, LOG_GROUP).await, Vec::<String>::new());
    assert_eq!(start_run(&app, "/workflow-runs/other").await, ["CreateLogGroup", "PutRetentionPolicy"]);
}

#[tokio::test]
async fn a_log_group_that_exists_already_gets_it_too() {
    let app = start(&Clock::new()).await;
    let logs = aws_sdk_cloudwatchlogs::Client::new(&app.services.aws);
    logs.create_log_group().log_group_name(LOG_GROUP).send().await.unwrap();
    logs.put_retention_policy().log_group_name(LOG_GROUP).retention_in_days(1).send().await.unwrap();
    assert_eq!(start_run(&app, LOG_GROUP).await, ["CreateLogGroup", "PutRetentionPolicy"]);
    assert_eq!(retention(&app, LOG_GROUP).await, Some(30));
}

#[tokio::test]
async fn without_the_setting_the_retention_is_left_alone() {
    let app = TestApp::start().await;
    let logs = aws_sdk_cloudwatchlogs::Client::new(&app.services.aws);
    logs.create_log_group().log_group_name("/workflow-runs/old").send().await.unwrap();
    logs.put_retention_policy().log_group_name("/workflow-runs/old").retention_in_days(1).send().await.unwrap();
    for (name, days) in [(LOG_GROUP, None), ("/workflow-runs/old", Some(1))] {
        assert_eq!(start_run(&app, name).await, ["CreateLogGroup"]);
        assert_eq!(retention(&app, name).await, days);
    }
}

#[tokio::test]
async fn a_retention_that_cannot_be_set_fails_no_run_and_is_tried_again_after_a_minute_by_one_process() {
    for how in [
        Fault::Error(400, "AccessDeniedException"),
        Fault::Error(400, "InvalidParameterException"),
        Fault::Error(400, "ThrottlingException"),
        Fault::Error(500, "InternalFailure"),
        Fault::Hang,
    ] {
        let clock = Clock::new();
        let app = start(&clock).await;
        app.fail("PutRetentionPolicy", 100, how);
        // It is tried for 3 seconds at most: the test does not depend on how fast the machine is.
        let calls = tokio::time::timeout(Duration::from_secs(20), start_run(&app, LOG_GROUP)).await.unwrap();
        assert_eq!(calls[..2], ["CreateLogGroup", "PutRetentionPolicy"]);
        // What can pass is tried again; the log group is not created again.
        assert!(calls[1..].iter().all(|call| call == "PutRetentionPolicy"), "{calls:?}");
        if let Fault::Error(_, code) = how {
            let is_final = matches!(code, "AccessDeniedException" | "InvalidParameterException");
            assert_eq!(calls.len() == 2, is_final, "{calls:?}");
        }
        assert_eq!(app.items("log-group/").await.len(), 1);
        app.heal();

        // A minute is 45 to 75 seconds here. The other process has got to know the log group from the table.
        let other = app.other_process(LOCAL_ACCOUNT).await;
        for process in [&other, &app] {
            assert_eq!(start_run(process, LOG_GROUP).await, Vec::<String>::new());
        }
        clock.advance_seconds(44);
        for process in [&other, &app] {
            assert_eq!(start_run(process, LOG_GROUP).await, Vec::<String>::new());
        }
        assert_eq!(retention(&app, LOG_GROUP).await, None);
        clock.advance_seconds(31);
        assert_eq!(start_run(&other, LOG_GROUP).await, ["CreateLogGroup", "PutRetentionPolicy"]);
        assert_eq!(retention(&app, LOG_GROUP).await, Some(30));
        for process in [&app, &other] {
            assert_eq!(start_run(process, LOG_GROUP).await, Vec::<String>::new());
        }
        assert_eq!(app.items("log-group/").await.len(), 1);
    }
}

#[tokio::test]
async fn a_moment_of_throttling_is_retried() {
    let app = start(&Clock::new()).await;
    app.fail("CreateLogGroup", 1, Fault::Error(400, "ThrottlingException"));
    app.fail("PutRetentionPolicy", 1, Fault::Error(400, "ThrottlingException"));
    let calls = ["CreateLogGroup", "CreateLogGroup", "PutRetentionPolicy", "PutRetentionPolicy"];
    assert_eq!(start_run(&app, LOG_GROUP).await, calls);
    assert_eq!(retention(&app, LOG_GROUP).await, Some(30));
    assert_eq!(app.items("log-group/").await.len(), 1);
}

#[tokio::test]
async fn another_setting_takes_effect_when_the_log_groups_item_has_expired() {
    let clock = Clock::new();
    let app = start(&clock).await;
    start_run(&app, LOG_GROUP).await;
    let changed = app.reconfigured(LOCAL_ACCOUNT, |c| Config { run_log_retention_days: Some(7), ..c }).await;
    assert_eq!(start_run(&changed, LOG_GROUP).await, Vec::<String>::new());
    // About a day: at most a quarter more. DynamoDB has not deleted the item yet.
    clock.advance_seconds(30 * 60 * 60);
    assert_eq!(start_run(&changed, LOG_GROUP).await, ["CreateLogGroup", "PutRetentionPolicy"]);
    assert_eq!(retention(&app, LOG_GROUP).await, Some(7));
}
