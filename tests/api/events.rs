//! Every sample event under `events/`, through the adapter that Lambda uses.

use std::collections::BTreeSet;
use std::fs;

use serde_json::{Value, json};

use crate::support::TestApp;

const SAMPLES: [(&str, i64, &str); 8] = [
    ("http-create", 201, ""),
    ("http-create-without-token", 201, ""),
    ("rest-changed-replay", 409, "ConflictException"),
    ("rest-create", 201, ""),
    ("rest-create-without-token", 201, ""),
    ("rest-invalid-body", 400, "ValidationException"),
    ("rest-replay", 201, ""),
    ("rest-unknown-definition", 404, "ResourceNotFoundException"),
];

fn sample(name: &str) -> Value {
    let file = format!("{}/events/{name}.json", env!("CARGO_MANIFEST_DIR"));
    serde_json::from_slice(&fs::read(&file).unwrap_or_else(|error| panic!("{file}: {error}"))).unwrap()
}

fn body(response: &Value) -> Value {
    serde_json::from_str(response["body"].as_str().unwrap()).unwrap()
}

/// A header of a proxy response: REST APIs get the multi-value form, HTTP APIs the other.
fn header<'a>(response: &'a Value, name: &str) -> Option<&'a str> {
    response["headers"][name].as_str().or(response["multiValueHeaders"][name][0].as_str())
}

#[test]
fn every_sample_event_has_a_test() {
    let files = fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/events")).unwrap();
    let files: BTreeSet<String> = files.map(|file| file.unwrap().file_name().into_string().unwrap()).collect();
    assert_eq!(files, SAMPLES.map(|(name, ..)| format!("{name}.json")).into());
}

#[tokio::test]
async fn every_sample_event_is_answered_as_its_name_says() {
    let app = TestApp::start().await;
    let mut in_order = SAMPLES;
    in_order.sort_by_key(|(name, ..)| *name != "rest-create");
    for (name, status, error) in in_order {
        let event = sample(name);
        let response = app.invoke(&event).await;
        assert_eq!(response["statusCode"], status, "{name}: {response}");
        assert_eq!(header(&response, "x-amzn-errortype").unwrap_or_default(), error, "{name}");
        assert_eq!(header(&response, "content-type"), Some("application/json"), "{name}");
        assert_eq!(header(&response, "x-amzn-requestid"), event["requestContext"]["requestId"].as_str(), "{name}");
        assert_eq!(header(&response, "idempotent-replayed"), (name == "rest-replay").then_some("true"), "{name}");
        assert_eq!(response["isBase64Encoded"], false);
        if status == 201 {
            assert_eq!(body(&response)["status"], "RUNNING", "{name}");
        }
    }
    // rest-create and rest-replay share theirs.
    assert_eq!(app.items("run/123456789012/").await.len(), 4);
    assert_eq!(app.items("run/").await.len(), 4);
    assert_eq!(app.log_groups().await, ["/workflow-runs/demo"]);
}

#[tokio::test]
async fn the_same_event_delivered_twice_is_a_replay() {
    let app = TestApp::start().await;
    let event = sample("rest-create");
    let first = app.invoke(&event).await;
    tokio::time::sleep(std::time::Duration::from_millis(2)).await;
    let second = app.invoke(&event).await;
    assert_eq!(body(&first), body(&second));
    assert_eq!((header(&first, "idempotent-replayed"), header(&second, "idempotent-replayed")), (None, Some("true")));
}

#[tokio::test]
async fn a_stage_in_the_path_is_no_part_of_the_route() {
    let app = TestApp::start().await;
    // API Gateway takes the stage out of the path of a REST API: there, a second one is part of another path.
    for (name, pointer, with_stage) in
        [("rest-create-without-token", "/path", 404), ("http-create-without-token", "/rawPath", 201)]
    {
        for (stage, path, status) in [
            (json!("prod"), "/workflow-definitions/demo/workflow-runs", 201),
            (json!("prod"), "/prod/workflow-definitions/demo/workflow-runs", with_stage),
            (json!("$default"), "/workflow-definitions/demo/workflow-runs", 201),
            (Value::Null, "/workflow-definitions/demo/workflow-runs", 201),
            (json!("workflow-definitions"), "/workflow-definitions/demo/workflow-runs", 201),
            (json!("prod"), "/test/workflow-definitions/demo/workflow-runs", 404),
            (json!("prod"), "/prodworkflow-definitions/demo/workflow-runs", 404),
            (json!("prod"), "/prod", 404),
        ] {
            let mut event = sample(name);
            event["requestContext"]["stage"] = stage.clone();
            *event.pointer_mut(pointer).unwrap() = path.into();
            let response = app.invoke(&event).await;
            assert_eq!(response["statusCode"], status, "{name}, stage {stage}, {path}: {response}");
        }
    }
}

#[tokio::test]
async fn a_base64_body_is_decoded() {
    let app = TestApp::start().await;
    for name in ["rest-create-without-token", "http-create-without-token"] {
        let mut event = sample(name);
        let body = base64::Engine::encode(&base64::prelude::BASE64_STANDARD, event["body"].as_str().unwrap());
        event["body"] = body.into();
        event["isBase64Encoded"] = true.into();
        let response = app.invoke(&event).await;
        assert_eq!(response["statusCode"], 201, "{name}: {response}");
    }
}

#[tokio::test]
async fn a_missing_body_lacks_every_required_member() {
    let app = TestApp::start().await;
    for name in ["rest-create", "http-create"] {
        for missing in [Value::Null, json!("")] {
            let mut event = sample(name);
            event["body"] = missing;
            let response = app.invoke(&event).await;
            assert_eq!(response["statusCode"], 400, "{name}: {response}");
            let fields = body(&response)["fieldList"].clone();
            assert_eq!((&fields[0]["name"], &fields[1]["name"]), (&json!("clientInfo"), &json!("modelId")), "{name}");
        }
    }
}

#[tokio::test]
async fn the_caller_is_who_signed_the_request_else_who_owns_the_api() {
    let app = TestApp::start().await;
    let signed_rest = "/requestContext/identity/accountId";
    let signed_http = "/requestContext/authorizer/iam/accountId";
    for (name, signed) in [("rest-create", signed_rest), ("http-create", signed_http)] {
        for (signer, owner, account) in [
            (json!("111111111111"), json!("222222222222"), "111111111111"),
            (Value::Null, json!("222222222222"), "222222222222"),
            (json!(""), json!("222222222222"), "222222222222"),
            (Value::Null, Value::Null, "000000000000"),
        ] {
            crate::embedded::app.define(account, "demo").await;
            let mut event = sample(name);
            *event.pointer_mut(signed).unwrap() = signer;
            event["requestContext"]["accountId"] = owner;
            event["body"] = sample("rest-create-without-token")["body"].clone();
            let before = app.items(&format!("run/{account}/")).await.len();
            assert_eq!(app.invoke(&event).await["statusCode"], 201, "{name}");
            assert_eq!(app.items(&format!("run/{account}/")).await.len(), before + 1, "{name}, {account}");
        }
    }
}

#[tokio::test]
async fn headers_and_query_strings_do_not_matter_whatever_they_hold() {
    let app = TestApp::start().await;
    for (name, value) in [
        ("x-forwarded-proto", "https, http"),
        ("x-forwarded-proto", ""),
        ("host", "a b"),
        ("host", "a:99999"),
        ("host", "[::1"),
        ("accept", "caf\u{e9} \u{1f600}"),
    ] {
        for sample_name in ["rest-create-without-token", "http-create-without-token"] {
            let mut event = sample(sample_name);
            event["headers"][name] = value.into();
            let response = app.invoke(&event).await;
            assert_eq!(response["statusCode"], 201, "{sample_name}, {name}: {value}: {response}");
        }
    }
    for query in ["a=b c", "a=<b>", "%", "a=%ff", "\u{e9}", "?", "&&=&"] {
        let mut event = sample("http-create-without-token");
        event["rawQueryString"] = query.into();
        event["queryStringParameters"] = json!({"a": query});
        assert_eq!(app.invoke(&event).await["statusCode"], 201, "{query}");

        let mut event = sample("rest-create-without-token");
        event["queryStringParameters"] = json!({"a": query, query: ""});
        event["multiValueQueryStringParameters"] = json!({"a": [query, query], query: [""]});
        assert_eq!(app.invoke(&event).await["statusCode"], 201, "{query}");
    }
}
