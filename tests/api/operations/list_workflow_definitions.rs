//! ListWorkflowDefinitions. (How a listing is read page by page is in `pages`.)

use aws_sdk_novaact::types::{SortOrder, WorkflowDefinitionStatus};
use local::gateway::LOCAL_ACCOUNT;
use serde_json::{Value, json};

use crate::support::events::DEFINITIONS;
use crate::support::{Clock, TestApp};

/// The names on a page.
fn names(page: &Value) -> Vec<&str> {
    let summaries = page["workflowDefinitionSummaries"].as_array().unwrap();
    summaries.iter().map(|summary| summary["workflowDefinitionName"].as_str().unwrap()).collect()
}

#[tokio::test]
async fn the_response_is_200_with_a_summary_of_each_definition_the_newest_first() {
    let clock = Clock::new();
    let app = TestApp::start_at(&clock).await;
    clock.advance_seconds(1);
    let body = json!({"name": "flow", "description": "d", "exportConfig": {"s3BucketName": "exports"}});
    app.send("PUT", DEFINITIONS, body.to_string()).await;
    let summary = |name: &str, created_at: &str| {
        json!({
            "workflowDefinitionArn": app.definition_arn(LOCAL_ACCOUNT, name),
            "workflowDefinitionName": name,
            "createdAt": created_at,
            "status": "ACTIVE",
        })
    };
    let mut summaries = vec![summary("flow", "2026-01-01T00:00:01.000Z"), summary("demo", "2026-01-01T00:00:00.000Z")];
    for body in ["", "{}", r#"{"sortOrder": null}"#, r#"{"sortOrder": "Descending", "unknown": [1]}"#] {
        let response = app.send("POST", DEFINITIONS, body).await;
        response.assert_success(200, &json!({"workflowDefinitionSummaries": summaries}));
    }
    summaries.reverse();
    let response = app.send("POST", DEFINITIONS, r#"{"sortOrder": "Ascending"}"#).await;
    response.assert_success(200, &json!({"workflowDefinitionSummaries": summaries}));
}

#[tokio::test]
async fn the_real_client_reads_every_member_and_every_page() {
    let clock = Clock::at("2026-01-01T00:00:00.250Z");
    let app = TestApp::start_at(&clock).await;
    clock.advance_seconds(1);
    app.define(LOCAL_ACCOUNT, "flow").await;
    let request = app.client().list_workflow_definitions().max_results(1).sort_order(SortOrder::Asc);
    let first = request.clone().send().await.unwrap();
    let [summary] = first.workflow_definition_summaries() else { panic!("{first:?}") };
    assert_eq!(summary.workflow_definition_name(), "demo");
    assert_eq!(summary.workflow_definition_arn(), app.definition_arn(LOCAL_ACCOUNT, "demo"));
    assert_eq!(summary.status(), &WorkflowDefinitionStatus::Active);
    assert_eq!((summary.created_at().secs(), summary.created_at().subsec_nanos()), (1_767_225_600, 250_000_000));

    let all: Vec<_> = request.into_paginator().items().send().collect::<Result<_, _>>().await.unwrap();
    let all: Vec<_> = all.iter().map(|summary| summary.workflow_definition_name().to_owned()).collect();
    assert_eq!(all, ["demo", "flow"]);
}

#[tokio::test]
async fn an_account_without_definitions_has_an_empty_list() {
    let app = TestApp::start().await;
    let response = app.call("111111111111", "POST", DEFINITIONS, json!({})).await;
    response.assert_success(200, &json!({"workflowDefinitionSummaries": []}));
}

#[tokio::test]
async fn a_definition_leaves_the_list_when_its_runs_are_deleted() {
    let app = TestApp::start().await;
    app.define(LOCAL_ACCOUNT, "flow").await;
    app.delete_definition(LOCAL_ACCOUNT, "demo").await;
    let listed = app.send("POST", DEFINITIONS, "").await.body;
    let demo = listed["workflowDefinitionSummaries"].as_array().unwrap();
    let demo = demo.iter().find(|summary| summary["workflowDefinitionName"] == "demo").unwrap();
    assert_eq!(demo["status"], "DELETING");

    app.clean_up().await;
    assert_eq!(names(&app.send("POST", DEFINITIONS, "").await.body), ["flow"]);
}
