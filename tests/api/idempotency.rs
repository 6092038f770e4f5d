//! One client token of one account: one run.

use std::collections::BTreeSet;
use std::sync::Arc;

use aws_config::retry::RetryConfig;
use aws_sdk_dynamodb::types::AttributeValue;
use local::gateway::LOCAL_ACCOUNT;
use serde_json::json;
use tokio::task::JoinSet;
use workflow_runs::Sources;

use crate::support::{Fault, OTHER_ACCOUNT, TOKEN, TestApp, body, events};

#[tokio::test]
async fn a_replay_returns_the_existing_run() {
    let app = TestApp::start().await;
    let first = app.put(body(TOKEN, "/a").to_string()).await;
    let before = app.items("run/").await;
    // Warm, the put's condition tells; in a fresh process, the read.
    for app in [&app, &app.other_process(LOCAL_ACCOUNT).await] {
        let replay = app.put(body(TOKEN, "/a").to_string()).await;
        assert_eq!((replay.status, &replay.body), (201, &first.body));
        assert_eq!(replay.header("idempotent-replayed"), Some("true"));
        assert_ne!(replay.header("x-amzn-requestid"), first.header("x-amzn-requestid"));
    }
    assert_eq!(app.items("run/").await, before);
}

#[tokio::test]
async fn a_replay_returns_the_current_status() {
    let app = TestApp::start().await;
    let first = app.put(body(TOKEN, "/a").to_string()).await;
    let id = first.body["workflowRunId"].as_str().unwrap();
    assert_eq!(app.end_run("demo", id, "SUCCEEDED").await.status, 200);
    for app in [&app, &app.other_process(LOCAL_ACCOUNT).await] {
        let replay = app.put(body(TOKEN, "/a").to_string()).await;
        assert_eq!(replay.body, json!({"status": "SUCCEEDED", "workflowRunId": first.body["workflowRunId"]}));
    }
}

#[tokio::test]
async fn a_replay_with_other_parameters_conflicts_and_leaves_nothing_behind() {
    let app = TestApp::start().await;
    for account in [LOCAL_ACCOUNT, OTHER_ACCOUNT] {
        app.define(account, "other").await;
    }
    let first = app.put(body(TOKEN, "/a").to_string()).await;
    let before = app.items("").await;
    let mut others = vec![];
    for (pointer, value) in [
        ("/modelId", json!("another")),
        ("/clientInfo/compatibilityVersion", json!(2)),
        ("/clientInfo/sdkVersion", json!("1.1")),
        ("/clientInfo/sdkVersion", json!(null)),
        ("/logGroupName", json!(null)),
    ] {
        let mut changed = body(TOKEN, "/a");
        *changed.pointer_mut(pointer).unwrap() = value;
        others.push(("demo", changed));
    }
    others.push(("other", body(TOKEN, "/a")));
    let conflict = json!({"resourceId": first.body["workflowRunId"], "resourceType": "workflow-run"});
    for app in [&app, &app.other_process(LOCAL_ACCOUNT).await] {
        for (definition, changed) in &others {
            let path = format!("/workflow-definitions/{definition}/workflow-runs");
            let response = app.send("PUT", &path, changed.to_string()).await;
            response.assert_error(409, "ConflictException", conflict.clone());
            let message = "The client token was used by a previous request with different parameters.";
            assert_eq!(response.body["message"], message);
        }
        let response = app.put(body(TOKEN, "/never-seen").to_string()).await;
        response.assert_error(409, "ConflictException", conflict.clone());
    }
    assert_eq!(app.items("").await, before);
    assert_eq!(app.log_groups().await, ["/a"]);
}

#[tokio::test]
async fn a_replay_succeeds_when_the_definition_is_no_longer_active() {
    let app = TestApp::start().await;
    let first = app.put(body(TOKEN, "/a").to_string()).await;
    // Its deletion has begun, and has not come to this run yet.
    let mut definition = app.items(&format!("definition/{LOCAL_ACCOUNT}/demo")).await.remove(0);
    definition.insert("status".into(), AttributeValue::S("DELETING".into()));
    app.put_item(definition).await;
    let other = app.other_process(LOCAL_ACCOUNT).await;
    assert_eq!(other.put(body(TOKEN, "/a").to_string()).await.body, first.body);
    assert_eq!(other.put(body(&TOKEN.replace('0', "1"), "/a").to_string()).await.status, 409);
}

#[tokio::test]
async fn the_real_client_reads_the_run_that_it_collides_with() {
    let app = TestApp::start().await;
    let first = app.create("demo").client_token(TOKEN).send().await.unwrap();
    let changed = app.create("demo").client_token(TOKEN).model_id("another");
    let error = changed.send().await.unwrap_err().into_service_error();
    let aws_sdk_novaact::operation::create_workflow_run::CreateWorkflowRunError::ConflictException(error) = error
    else {
        panic!("{error:?}")
    };
    assert_eq!((error.resource_id(), error.resource_type()), (first.workflow_run_id(), "workflow-run"));
}

#[tokio::test]
async fn sixty_parallel_calls_with_one_token_end_in_one_run() {
    let app = TestApp::start().await;
    let processes = [
        app.other_process(LOCAL_ACCOUNT).await,
        app.other_process(LOCAL_ACCOUNT).await,
        app.other_process(LOCAL_ACCOUNT).await,
    ];
    let mut calls = JoinSet::new();
    for call in 0..60 {
        let request = processes[call % 3].create("demo").client_token(TOKEN).log_group_name("/a");
        // A busy machine may need more than an attempt's 2 seconds; clients retry.
        let retries = RetryConfig::standard().with_max_attempts(10);
        let request = request.customize().config_override(aws_sdk_novaact::Config::builder().retry_config(retries));
        calls.spawn(async move { request.send().await.unwrap().workflow_run_id().to_owned() });
    }
    let ids: BTreeSet<String> = calls.join_all().await.into_iter().collect();
    assert_eq!(ids.len(), 1, "{ids:?}");
    assert_eq!(app.items("run/").await.len(), 1);
    assert_eq!(app.log_groups().await, ["/a"]);
}

#[tokio::test]
async fn two_accounts_with_the_same_token_have_a_run_each() {
    let app = TestApp::start().await;
    let other = app.other_process(OTHER_ACCOUNT).await;
    let first = app.create("demo").client_token(TOKEN).send().await.unwrap();
    let second = other.create("demo").client_token(TOKEN).model_id("another").send().await.unwrap();
    assert_ne!(first.workflow_run_id(), second.workflow_run_id());
    assert_eq!(app.items("run/").await.len(), 2);
}

#[tokio::test]
async fn an_account_does_not_see_definitions_of_another() {
    let app = TestApp::start().await;
    app.define(OTHER_ACCOUNT, "theirs").await;
    let body = r#"{"modelId": "m", "clientInfo": {"compatibilityVersion": 1}}"#;
    // One process serves both: what it has learnt for the one account does not count for the other.
    for (account, status) in [(OTHER_ACCOUNT, 201), (LOCAL_ACCOUNT, 404), (OTHER_ACCOUNT, 201)] {
        let event = events::rest(account, "PUT", &events::runs("theirs"), body);
        assert_eq!(app.invoke(&event).await["statusCode"], status, "{account}");
    }
}

#[tokio::test]
async fn without_a_token_every_request_is_a_run_of_its_own() {
    let app = TestApp::start().await;
    let mut request = body(TOKEN, "/a");
    request["clientToken"] = json!(null);
    let (first, second) = (app.put(request.to_string()).await, app.put(request.to_string()).await);
    assert_ne!(first.body["workflowRunId"], second.body["workflowRunId"]);
    assert_eq!(app.items("run/").await.len(), 2);
}

#[tokio::test]
async fn a_token_is_case_sensitive() {
    let app = TestApp::start().await;
    let lower = app.put(body(TOKEN, "/a").to_string()).await;
    let upper = app.put(body(&TOKEN.to_uppercase(), "/a").to_string()).await;
    assert_ne!(lower.body["workflowRunId"], upper.body["workflowRunId"]);
}

#[tokio::test]
async fn a_put_whose_response_was_lost_has_still_created_the_run() {
    let app = TestApp::start().await;
    for token in [Some(TOKEN), None] {
        app.fail("PutItem", 1, Fault::Lost);
        let mut request = body(TOKEN, "/a");
        (request["clientToken"], request["logGroupName"]) = (json!(token), json!(null));
        let response = app.put(request.to_string()).await;
        assert_eq!((response.status, response.header("idempotent-replayed")), (201, None), "{response:?}");
    }
    assert_eq!(app.items("run/").await.len(), 2);
}

#[tokio::test]
async fn a_different_request_conflicts_even_if_the_caller_gives_it_the_same_request_id() {
    // API Gateway lets callers choose the request id; and at the same moment, two requests have all else in common.
    let moment = jiff::Timestamp::now();
    let sources = Sources { now: Arc::new(move || moment), ..Sources::default() };
    let app = TestApp::start_with(sources, |config| config).await;
    for (model_id, status) in [("a", 201), ("b", 409)] {
        let mut request = body(TOKEN, "/a");
        request["modelId"] = model_id.into();
        let mut event = events::rest(LOCAL_ACCOUNT, "PUT", &events::runs("demo"), &request.to_string());
        event["requestContext"]["requestId"] = "chosen-by-the-caller".into();
        assert_eq!(app.invoke(&event).await["statusCode"], status, "{model_id}");
    }
}
