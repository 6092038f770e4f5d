//! The order of a request's checks: the caller (403), the fields (400), the definition (404), the run (404), and
//! whether its state allows the request (409).

use local::gateway::LOCAL_ACCOUNT;
use serde_json::{Value, json};

use crate::support::events::{self, DEFINITIONS, definition, run, runs};
use crate::support::{ApiResponse, TOKEN, TestApp, body};

const UNKNOWN: &str = "00000000-0000-0000-0000-000000000000";

fn create() -> Value {
    body(TOKEN, "/a")
}

/// Sends an unsigned request.
async fn send_unsigned(app: &TestApp, method: &str, uri: &str, body: &Value) -> ApiResponse {
    let mut event = events::rest(LOCAL_ACCOUNT, method, uri, &body.to_string());
    event["requestContext"]["identity"]["accountId"] = Value::Null;
    ApiResponse::of_proxy_response(&app.invoke(&event).await)
}

#[tokio::test]
async fn an_unsigned_request_is_denied_whatever_else_is_wrong() {
    let app = TestApp::start().await;
    let before = app.items("").await;
    for (method, uri, body) in [
        ("PUT", DEFINITIONS.to_owned(), json!({"name": "flow"})),
        ("PUT", DEFINITIONS.to_owned(), json!([])),
        ("GET", definition("demo"), Value::Null),
        ("GET", definition("nope"), Value::Null),
        ("POST", DEFINITIONS.to_owned(), json!({"sortOrder": "Sideways"})),
        ("DELETE", definition("demo"), Value::Null),
        ("PUT", runs("demo"), create()),
        ("GET", run("a.b", "x"), Value::Null),
        ("POST", format!("{}?maxResults=0", runs("demo")), json!({})),
        ("PUT", run("demo", UNKNOWN), json!({"status": "DELETING"})),
        ("DELETE", run("demo", UNKNOWN), Value::Null),
        ("GET", "/".to_owned(), Value::Null),
    ] {
        let response = send_unsigned(&app, method, &uri, &body).await;
        response.assert_error(403, "AccessDeniedException", json!({}));
    }
    assert_eq!(app.calls(), Vec::<String>::new());
    assert_eq!(app.items("").await, before);
}

#[tokio::test]
async fn an_invalid_request_is_rejected_before_anything_is_looked_up() {
    let app = TestApp::start().await;
    for (method, uri, body, fields) in [
        ("PUT", runs("nope"), json!({}), ["clientInfo", "modelId"].as_slice()),
        ("POST", format!("{}?maxResults=101", runs("nope")), json!({}), &["maxResults"]),
        ("PUT", run("nope", UNKNOWN), json!({"status": "DONE"}), &["status"]),
        ("GET", run("nope", "x"), Value::Null, &["workflowRunId"]),
        ("DELETE", run("nope", "x"), Value::Null, &["workflowRunId"]),
        // The name is taken.
        ("PUT", DEFINITIONS.to_owned(), json!({"name": "demo", "description": ""}), &["description"]),
    ] {
        app.call(LOCAL_ACCOUNT, method, &uri, body).await.assert_invalid(fields);
    }
    assert_eq!(app.calls(), Vec::<String>::new());
}

#[tokio::test]
async fn a_missing_definition_is_reported_before_its_run_and_before_a_conflict() {
    let app = TestApp::start().await;
    let id = app.start_run("demo").await;
    app.end_run("demo", &id, "FAILED").await;
    let used = app.put(create().to_string()).await;
    assert_eq!(used.status, 201);
    for app in [&app, &app.other_process(LOCAL_ACCOUNT).await] {
        for run_id in [UNKNOWN, &id] {
            for (method, body) in
                [("GET", Value::Null), ("PUT", json!({"status": "SUCCEEDED"})), ("DELETE", Value::Null)]
            {
                app.call(LOCAL_ACCOUNT, method, &run("nope", run_id), body).await.assert_no_definition("nope");
            }
        }
        // A token that has started a run of another definition.
        app.send("PUT", &runs("nope"), create().to_string()).await.assert_no_definition("nope");
        app.send("POST", &runs("nope"), "").await.assert_no_definition("nope");
        // And the run before a conflict.
        app.end_run("demo", UNKNOWN, "SUCCEEDED").await.assert_no_run(UNKNOWN);
        app.end_run("demo", &id, "SUCCEEDED").await.assert_conflict("workflow-run", &id);
    }
}

#[tokio::test]
async fn a_token_that_is_taken_conflicts_before_a_definition_that_is_being_deleted() {
    let app = TestApp::start().await;
    let first = app.put(create().to_string()).await;
    let id = first.body["workflowRunId"].as_str().unwrap();
    app.delete_definition(LOCAL_ACCOUNT, "demo").await;
    let replay = app.put(create().to_string()).await;
    assert_eq!((replay.status, replay.header("idempotent-replayed")), (201, Some("true")));
    app.clean_up().await;
    // Its run is a tombstone now: a used token conflicts with the run, an unused one with the definition.
    app.put(create().to_string()).await.assert_conflict("workflow-run", id);
    let unused = body(&TOKEN.replace('0', "1"), "/a").to_string();
    app.put(unused).await.assert_conflict("workflow-definition", "demo");
}

#[tokio::test]
async fn bodies_of_get_and_delete_do_not_matter() {
    for garbage in ["[", "null", r#"{"status": 1}"#, "\u{0}"] {
        let app = TestApp::start().await;
        let id = app.start_run("demo").await;
        for (method, path, status) in [
            ("GET", definition("demo"), 200),
            ("GET", run("demo", &id), 200),
            ("DELETE", run("demo", &id), 202),
            ("DELETE", definition("demo"), 202),
        ] {
            let response = app.send(method, &path, garbage).await;
            assert_eq!(response.status, status, "{method} {path}: {response:?}");
        }
    }
}

#[tokio::test]
async fn an_empty_body_is_an_empty_object() {
    let app = TestApp::start().await;
    let id = app.start_run("demo").await;
    for body in ["", "{}", " {} "] {
        app.send("PUT", DEFINITIONS, body).await.assert_invalid(&["name"]);
        app.send("PUT", &runs("demo"), body).await.assert_invalid(&["clientInfo", "modelId"]);
        app.send("PUT", &run("demo", &id), body).await.assert_invalid(&["status"]);
        assert_eq!(app.send("POST", DEFINITIONS, body).await.status, 200);
        assert_eq!(app.send("POST", &runs("demo"), body).await.status, 200);
    }
}

#[tokio::test]
async fn a_body_that_is_not_a_json_object_is_rejected() {
    let app = TestApp::start().await;
    let id = app.start_run("demo").await;
    for body in ["[]", "null", "1", "\"x\"", "{", "{'name': 1}", " "] {
        for (method, path) in [
            ("PUT", DEFINITIONS.to_owned()),
            ("POST", DEFINITIONS.to_owned()),
            ("PUT", runs("demo")),
            ("POST", runs("demo")),
            ("PUT", run("demo", &id)),
        ] {
            app.send(method, &path, body).await.assert_invalid(&[]);
        }
    }
}

#[tokio::test]
async fn unknown_members_are_ignored() {
    let app = TestApp::start().await;
    let id = app.start_run("demo").await;
    for (method, path, known, status) in [
        ("PUT", DEFINITIONS.to_owned(), r#""name": "flow", "exportConfig": {"s3BucketName": "exports", "x": {}}"#, 201),
        ("POST", DEFINITIONS.to_owned(), r#""sortOrder": "Ascending""#, 200),
        ("POST", runs("demo"), r#""maxResults": 0, "nextToken": "x""#, 200),
        ("PUT", run("demo", &id), r#""status": "FAILED", "endedAt": "x""#, 200),
    ] {
        for unknown in [r#""\ud800""#, "1e999", r#"{"a": 1, "a": 2}"#, "[[]]"] {
            let response = app.send(method, &path, format!(r#"{{"unknown": {unknown}, {known}}}"#)).await;
            // Again, the name is taken.
            assert!(response.status == status || response.status == 409, "{method} {path}: {response:?}");
        }
    }
}
