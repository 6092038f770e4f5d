//! Which AWS calls an operation makes, and when: what it costs, and how long it takes.

use local::gateway::LOCAL_ACCOUNT;
use serde_json::{Value, json};

use crate::support::events::{DEFINITIONS, definition, run, runs};
use crate::support::{Fault, TOKEN, TestApp, body};

/// The requests on runs: method, path, body, status, and the calls that a process makes which knows the definition.
fn requests(id: &str) -> [(&'static str, String, Value, u16, Vec<&'static str>); 5] {
    let create = json!({"modelId": "m", "clientInfo": {"compatibilityVersion": 1}});
    [
        ("PUT", runs("demo"), create, 201, vec!["PutItem"]),
        ("GET", run("demo", id), Value::Null, 200, vec!["GetItem"]),
        ("POST", runs("demo"), json!({}), 200, vec!["Query"; 4]),
        ("PUT", run("demo", id), json!({"status": "FAILED"}), 200, vec!["UpdateItem"]),
        ("DELETE", run("demo", id), Value::Null, 202, vec!["PutItem"]),
    ]
}

#[tokio::test]
async fn a_process_that_knows_the_definition_makes_one_call_and_a_listing_one_for_each_shard() {
    let app = TestApp::start().await;
    let id = app.start_run("demo").await;
    app.calls();
    for (method, path, body, status, calls) in requests(&id) {
        let response = app.call(LOCAL_ACCOUNT, method, &path, body).await;
        assert_eq!((response.status, app.calls()), (status, calls.iter().map(ToString::to_string).collect()), "{path}");
    }
    app.put(body(TOKEN, "/a").to_string()).await;
    app.calls();
    app.put(body(&TOKEN.replace('0', "1"), "/a").to_string()).await;
    assert_eq!(app.calls(), ["PutItem"]);
}

#[tokio::test]
async fn a_process_that_does_not_know_the_definition_makes_one_call_more_and_none_to_read_a_run() {
    let app = TestApp::start().await;
    let id = app.start_run("demo").await;
    for (method, path, body, status, mut calls) in requests(&id) {
        match (method, status) {
            ("PUT", 201) => calls.insert(0, "BatchGetItem"),
            ("GET", _) => calls = vec!["BatchGetItem"],
            _ => calls.insert(0, "GetItem"),
        }
        let cold = app.other_process(LOCAL_ACCOUNT).await;
        app.calls();
        let response = cold.call(LOCAL_ACCOUNT, method, &path, body).await;
        assert_eq!((response.status, app.calls()), (status, calls.iter().map(ToString::to_string).collect()), "{path}");
        if method != "DELETE" {
            // Now it knows the definition.
            assert_eq!(cold.call(LOCAL_ACCOUNT, "GET", &run("demo", &id), Value::Null).await.status, 200);
            assert_eq!(app.calls(), ["GetItem"]);
        }
    }
}

#[tokio::test]
async fn an_operation_on_definitions_makes_one_call() {
    let app = TestApp::start().await;
    for (method, path, body, status, call) in [
        ("PUT", DEFINITIONS.to_owned(), json!({"name": "flow", "clientToken": TOKEN}), 201, "PutItem"),
        ("PUT", DEFINITIONS.to_owned(), json!({"name": "flow", "clientToken": TOKEN}), 201, "PutItem"),
        ("GET", definition("flow"), Value::Null, 200, "GetItem"),
        ("GET", definition("flow"), Value::Null, 200, "GetItem"),
        ("POST", DEFINITIONS.to_owned(), json!({}), 200, "Query"),
        ("DELETE", definition("nope"), Value::Null, 404, "GetItem"),
    ] {
        let response = app.call(LOCAL_ACCOUNT, method, &path, body).await;
        assert_eq!((response.status, app.calls()), (status, vec![call.to_owned()]), "{method} {path}");
    }
    assert_eq!(app.call(LOCAL_ACCOUNT, "DELETE", &definition("flow"), Value::Null).await.status, 202);
    assert_eq!(app.calls(), ["UpdateItem"]);
    let cold = app.other_process(LOCAL_ACCOUNT).await;
    assert_eq!(cold.call(LOCAL_ACCOUNT, "DELETE", &definition("demo"), Value::Null).await.status, 202);
    assert_eq!(app.calls(), ["GetItem", "UpdateItem"]);
}

#[tokio::test]
async fn a_definition_that_was_read_is_known_to_the_operations_on_its_runs() {
    let app = TestApp::start().await;
    app.send("GET", &definition("demo"), "").await;
    app.calls();
    app.send("POST", &runs("demo"), "").await;
    assert_eq!(app.calls(), ["Query"; 4]);
}

#[tokio::test]
async fn a_definition_that_is_not_active_is_read_each_time() {
    let app = TestApp::start().await;
    let cold = app.other_process(LOCAL_ACCOUNT).await;
    app.delete_definition(LOCAL_ACCOUNT, "demo").await;
    for app in [&app, &cold] {
        for _ in 0..2 {
            app.calls();
            assert_eq!(app.send("POST", &runs("demo"), "").await.status, 200);
            assert_eq!(app.calls(), ["GetItem", "Query", "Query", "Query", "Query"]);
        }
    }
}

#[tokio::test]
async fn a_listing_reads_its_four_shards_at_once() {
    let app = TestApp::start().await;
    let id = app.start_run("demo").await;
    app.calls();
    // If a query waited for another one, none would be answered.
    app.fail("Query", 4, Fault::Gather(4));
    let response = app.send("POST", &runs("demo"), "").await;
    assert_eq!(response.body["workflowRunSummaries"][0]["workflowRunId"], id);
    // And none was tried again.
    assert_eq!(app.calls(), ["Query"; 4]);
}

#[tokio::test]
async fn a_page_of_a_listing_is_one_query_for_each_shard_wherever_it_begins() {
    let app = TestApp::start().await;
    for _ in 0..10 {
        app.start_run("demo").await;
    }
    let first = app.send("POST", &format!("{}?maxResults=9", runs("demo")), "").await;
    app.calls();
    let next = format!("{}?maxResults=9&nextToken={}", runs("demo"), first.body["nextToken"].as_str().unwrap());
    assert_eq!(app.send("POST", &next, "").await.body["workflowRunSummaries"].as_array().unwrap().len(), 1);
    assert_eq!(app.calls(), ["Query"; 4]);
}
