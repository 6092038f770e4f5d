//! ListWorkflowRuns. (How a listing is read page by page is in `pages`.)

use aws_sdk_novaact::types::{SortOrder, WorkflowRunStatus};
use local::gateway::LOCAL_ACCOUNT;
use serde_json::json;

use crate::support::events::{run, runs};
use crate::support::{Clock, TestApp};

#[tokio::test]
async fn the_response_is_200_with_a_summary_of_each_run_the_newest_first() {
    let clock = Clock::new();
    let app = TestApp::start_at(&clock).await;
    let (first, second) = (app.start_run("demo").await, {
        clock.advance_seconds(1);
        app.start_run("demo").await
    });
    clock.advance_seconds(1);
    app.end_run("demo", &first, "FAILED").await;
    let running = json!({
        "workflowRunArn": app.run_arn(LOCAL_ACCOUNT, "demo", &second),
        "workflowRunId": second,
        "status": "RUNNING",
        "startedAt": "2026-01-01T00:00:01.000Z",
    });
    let failed = json!({
        "workflowRunArn": app.run_arn(LOCAL_ACCOUNT, "demo", &first),
        "workflowRunId": first,
        "status": "FAILED",
        "startedAt": "2026-01-01T00:00:00.000Z",
        "endedAt": "2026-01-01T00:00:02.000Z",
    });
    for body in ["", "{}", r#"{"sortOrder": null}"#, r#"{"sortOrder": "Descending", "unknown": [1]}"#] {
        let response = app.send("POST", &runs("demo"), body).await;
        response.assert_success(200, &json!({"workflowRunSummaries": [running, failed]}));
    }
    let response = app.send("POST", &runs("demo"), r#"{"sortOrder": "Ascending"}"#).await;
    response.assert_success(200, &json!({"workflowRunSummaries": [failed, running]}));
}

#[tokio::test]
async fn the_real_client_reads_every_member_and_every_page() {
    let clock = Clock::at("2026-01-01T00:00:00.250Z");
    let app = TestApp::start_at(&clock).await;
    let first = app.start_run("demo").await;
    app.end_run("demo", &first, "SUCCEEDED").await;
    clock.advance_seconds(1);
    let second = app.start_run("demo").await;
    let request = app.client().list_workflow_runs().workflow_definition_name("demo");
    let request = request.max_results(1).sort_order(SortOrder::Asc);
    let page = request.clone().send().await.unwrap();
    let [summary] = page.workflow_run_summaries() else { panic!("{page:?}") };
    assert_eq!(summary.workflow_run_arn(), app.run_arn(LOCAL_ACCOUNT, "demo", &first));
    assert_eq!(summary.workflow_run_id(), first);
    assert_eq!(summary.status(), &WorkflowRunStatus::Succeeded);
    assert_eq!((summary.started_at().secs(), summary.started_at().subsec_nanos()), (1_767_225_600, 250_000_000));
    assert_eq!(summary.ended_at(), Some(summary.started_at()));
    assert_eq!(summary.trace_location(), None);

    let all: Vec<_> = request.into_paginator().items().send().collect::<Result<_, _>>().await.unwrap();
    let all: Vec<_> = all.iter().map(|summary| summary.workflow_run_id().to_owned()).collect();
    assert_eq!(all, [first, second]);
}

#[tokio::test]
async fn the_runs_of_one_definition_are_listed_and_no_deleted_ones() {
    let app = TestApp::start().await;
    app.define(LOCAL_ACCOUNT, "other").await;
    app.start_run("other").await;
    app.send("POST", &runs("demo"), "").await.assert_success(200, &json!({"workflowRunSummaries": []}));
    let (deleted, left) = (app.start_run("demo").await, app.start_run("demo").await);
    assert_eq!(app.send("DELETE", &run("demo", &deleted), "").await.status, 202);
    let listed = app.send("POST", &runs("demo"), "").await.body;
    assert_eq!(listed["workflowRunSummaries"].as_array().unwrap().len(), 1);
    assert_eq!(listed["workflowRunSummaries"][0]["workflowRunId"], left);
}

#[tokio::test]
async fn a_definition_that_does_not_exist_is_not_found() {
    let app = TestApp::start().await;
    app.send("POST", &runs("nope"), "").await.assert_no_definition("nope");
    let error = app.client().list_workflow_runs().workflow_definition_name("nope").send().await.unwrap_err();
    assert!(error.into_service_error().is_resource_not_found_exception());
}

#[tokio::test]
async fn every_field_that_fails_is_named_and_no_call_is_made() {
    let app = TestApp::start().await;
    let path = format!("{}?maxResults=0&nextToken=x", runs("a.b"));
    let response = app.send("POST", &path, r#"{"sortOrder": "Sideways"}"#).await;
    response.assert_invalid(&["workflowDefinitionName", "maxResults", "nextToken", "sortOrder"]);
    assert_eq!(app.calls(), Vec::<String>::new());
}
