//! Two accounts with definitions of the same name and runs of the same client token: neither sees or touches the other's.

use local::gateway::LOCAL_ACCOUNT;
use serde_json::{Value, json};

use crate::support::events::{DEFINITIONS, definition, run, runs};
use crate::support::table::Item;
use crate::support::{OTHER_ACCOUNT, TOKEN, TestApp, body};

const NOBODY: &str = "111111111111";

/// A run in each account, with equal requests; its id.
async fn start_runs(app: &TestApp) -> [String; 2] {
    let mut ids = Vec::new();
    for account in [LOCAL_ACCOUNT, OTHER_ACCOUNT] {
        let response = app.call(account, "PUT", &runs("demo"), body(TOKEN, "/a")).await;
        assert_eq!((response.status, response.header("idempotent-replayed")), (201, None), "{response:?}");
        ids.push(response.body["workflowRunId"].as_str().unwrap().to_owned());
    }
    ids.try_into().unwrap()
}

/// The items that belong to an account.
async fn items_of(app: &TestApp, account: &str) -> Vec<Item> {
    let mut items = app.items(&format!("definition/{account}/")).await;
    items.extend(app.items(&format!("run/{account}/")).await);
    items
}

#[tokio::test]
async fn an_equal_name_and_token_give_each_account_a_definition_of_its_own() {
    let app = TestApp::start().await;
    for (account, description) in [(LOCAL_ACCOUNT, "ours"), (OTHER_ACCOUNT, "theirs")] {
        let body = json!({"name": "flow", "clientToken": TOKEN, "description": description});
        app.call(account, "PUT", DEFINITIONS, body).await.assert_success(201, &json!({"status": "ACTIVE"}));
    }
    for (account, description) in [(LOCAL_ACCOUNT, "ours"), (OTHER_ACCOUNT, "theirs")] {
        let response = app.call(account, "GET", &definition("flow"), Value::Null).await;
        assert_eq!(response.body["description"], description);
        assert_eq!(response.body["arn"], app.definition_arn(account, "flow"));
    }
    app.call(NOBODY, "GET", &definition("flow"), Value::Null).await.assert_no_definition("flow");
}

#[tokio::test]
async fn an_account_sees_only_its_own_definitions_and_runs() {
    let app = TestApp::start().await;
    let [ours, theirs] = start_runs(&app).await;
    assert_ne!(ours, theirs);
    for (account, own, other) in [(LOCAL_ACCOUNT, &ours, &theirs), (OTHER_ACCOUNT, &theirs, &ours)] {
        let listed = app.call(account, "POST", DEFINITIONS, json!({})).await.body;
        let arns = listed["workflowDefinitionSummaries"].as_array().unwrap();
        assert_eq!((arns.len(), &arns[0]["workflowDefinitionArn"]), (1, &json!(app.definition_arn(account, "demo"))));
        let listed = app.call(account, "POST", &runs("demo"), json!({})).await.body;
        let arns = listed["workflowRunSummaries"].as_array().unwrap();
        assert_eq!((arns.len(), &arns[0]["workflowRunArn"]), (1, &json!(app.run_arn(account, "demo", own))));
        let response = app.call(account, "GET", &run("demo", own), Value::Null).await;
        assert_eq!(response.body["workflowRunArn"], app.run_arn(account, "demo", own));
        app.call(account, "GET", &run("demo", other), Value::Null).await.assert_no_run(other);
    }
    // One that has none, in a process that knows those of the others.
    app.call(NOBODY, "GET", &run("demo", &ours), Value::Null).await.assert_no_definition("demo");
    app.call(NOBODY, "POST", &runs("demo"), json!({})).await.assert_no_definition("demo");
    app.call(NOBODY, "PUT", &runs("demo"), body(TOKEN, "/a")).await.assert_no_definition("demo");
}

#[tokio::test]
async fn an_account_changes_only_its_own_definitions_and_runs() {
    let app = TestApp::start().await;
    let [ours, theirs] = start_runs(&app).await;
    let before = items_of(&app, OTHER_ACCOUNT).await;
    assert_eq!(before.len(), 2);
    // The other account's run, under a name that we have too.
    let response = app.call(LOCAL_ACCOUNT, "PUT", &run("demo", &theirs), json!({"status": "FAILED"})).await;
    response.assert_no_run(&theirs);
    app.call(LOCAL_ACCOUNT, "DELETE", &run("demo", &theirs), Value::Null).await.assert_no_run(&theirs);
    for (method, body) in [("PUT", json!({"status": "FAILED"})), ("DELETE", Value::Null)] {
        app.call(NOBODY, method, &run("demo", &theirs), body).await.assert_no_definition("demo");
    }
    app.call(NOBODY, "DELETE", &definition("demo"), Value::Null).await.assert_no_definition("demo");
    // Our own; and our definition with all of its runs.
    assert_eq!(app.end_run("demo", &ours, "SUCCEEDED").await.status, 200);
    assert_eq!(app.call(LOCAL_ACCOUNT, "DELETE", &run("demo", &ours), Value::Null).await.status, 202);
    app.start_run("demo").await;
    app.delete_definition(LOCAL_ACCOUNT, "demo").await;

    assert_eq!(items_of(&app, OTHER_ACCOUNT).await, before);
    let response = app.call(OTHER_ACCOUNT, "GET", &run("demo", &theirs), Value::Null).await;
    assert_eq!((response.status, &response.body["status"]), (200, &json!("RUNNING")));
}

#[tokio::test]
async fn a_page_token_of_another_account_leads_to_nothing_of_that_account() {
    let app = TestApp::start().await;
    let [_, theirs] = start_runs(&app).await;
    app.call(OTHER_ACCOUNT, "PUT", &runs("demo"), body(&TOKEN.replace('0', "1"), "/a")).await;
    for (path, list) in
        [(DEFINITIONS.to_owned(), "workflowDefinitionSummaries"), (runs("demo"), "workflowRunSummaries")]
    {
        app.define(OTHER_ACCOUNT, &format!("only-{}", list.len())).await;
        let first = app.call(OTHER_ACCOUNT, "POST", &format!("{path}?maxResults=1"), json!({})).await;
        let token = first.body["nextToken"].as_str().unwrap();
        let response = app.call(LOCAL_ACCOUNT, "POST", &format!("{path}?nextToken={token}"), json!({})).await;
        assert_eq!(response.status, 200);
        assert!(!response.body.to_string().contains(OTHER_ACCOUNT) && !response.body.to_string().contains(&theirs));
    }
}
