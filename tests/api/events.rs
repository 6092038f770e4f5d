//! Every sample event under `events/`, through the adapter that Lambda uses.

use std::collections::BTreeSet;
use std::fs;

use serde_json::{Value, json};

use crate::gateway::{LOCAL_ACCOUNT, SAMPLE_ACCOUNT};
use crate::support::TestApp;
use crate::support::events::{self, runs};

/// The sample events in the order of a life, with the status and error that they are answered with.
const SAMPLES: [(&str, i64, &str); 17] = [
    ("rest-create-workflow-definition", 201, ""),
    ("rest-get-workflow-definition", 200, ""),
    ("rest-list-workflow-definitions", 200, ""),
    ("rest-create-workflow-run", 201, ""),
    ("rest-create-workflow-run-replay", 201, ""),
    ("rest-create-workflow-run-changed-replay", 409, "ConflictException"),
    ("rest-create-workflow-run-without-token", 201, ""),
    ("rest-create-workflow-run-invalid-body", 400, "ValidationException"),
    ("rest-create-workflow-run-unknown-definition", 404, "ResourceNotFoundException"),
    ("http-create-workflow-run", 201, ""),
    ("http-create-workflow-run-without-token", 201, ""),
    ("rest-get-workflow-run", 200, ""),
    ("rest-list-workflow-runs", 200, ""),
    ("http-list-workflow-runs", 200, ""),
    ("rest-update-workflow-run", 200, ""),
    ("rest-delete-workflow-run", 202, ""),
    ("rest-delete-workflow-definition", 202, ""),
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
    for (name, status, error) in SAMPLES {
        let event = sample(name);
        let response = app.invoke(&event).await;
        assert_eq!(response["statusCode"], status, "{name}: {response}");
        assert_eq!(header(&response, "x-amzn-errortype").unwrap_or_default(), error, "{name}");
        assert_eq!(header(&response, "content-type"), Some("application/json"), "{name}");
        assert_eq!(header(&response, "x-amzn-requestid"), event["requestContext"]["requestId"].as_str(), "{name}");
        assert_eq!(
            header(&response, "idempotent-replayed"),
            name.ends_with("-replay").then_some("true").filter(|_| status == 201),
            "{name}"
        );
        assert_eq!(response["isBase64Encoded"], false);
        match name {
            "rest-get-workflow-definition" => assert_eq!(body(&response)["exportConfig"]["s3KeyPrefix"], "runs"),
            "rest-get-workflow-run" => assert_eq!(body(&response)["status"], "RUNNING"),
            // The first and its replay, and three others.
            "rest-list-workflow-runs" | "http-list-workflow-runs" => {
                assert_eq!(body(&response)["workflowRunSummaries"].as_array().unwrap().len(), 4, "{name}");
            }
            _ => {}
        }
    }
    assert_eq!(app.items("run/123456789012/").await.len(), 4);
    assert_eq!(app.items("run/").await.len(), 4);
    assert_eq!(app.log_groups().await, ["/workflow-runs/demo"]);
}

#[tokio::test]
async fn the_same_event_delivered_twice_is_a_replay() {
    let app = TestApp::start().await;
    let event = sample("rest-create-workflow-run");
    let first = app.invoke(&event).await;
    tokio::time::sleep(std::time::Duration::from_millis(2)).await;
    let second = app.invoke(&event).await;
    assert_eq!(body(&first), body(&second));
    assert_eq!((header(&first, "idempotent-replayed"), header(&second, "idempotent-replayed")), (None, Some("true")));
}

/// The event of a create without a token.
fn create(make: fn(&str, &str, &str, &str) -> Value) -> Value {
    let body = sample("rest-create-workflow-run-without-token")["body"].as_str().unwrap().to_owned();
    make(LOCAL_ACCOUNT, "PUT", &runs("demo"), &body)
}

/// With a custom domain, the `path` of a REST event depends on the mapping; `resource` never does. Seen on AWS by the
/// authors of `LocalStack` (pull request 12296).
#[tokio::test]
async fn the_path_of_a_rest_event_does_not_matter_where_the_gateway_has_matched_a_resource() {
    let app = TestApp::start().await;
    for prefix in ["", "/prod", "/base", "/base/prod"] {
        let mut event = create(events::rest);
        event["path"] = format!("{prefix}/workflow-definitions/demo/workflow-runs").into();
        event["requestContext"]["path"] = event["path"].clone();
        assert_eq!(app.invoke(&event).await["statusCode"], 201, "{prefix}");
    }
    // Some senders of events give the resource in one place only.
    for (pointer, status) in [("/resource", 201), ("/requestContext/resourcePath", 201)] {
        let mut event = create(events::rest);
        *event.pointer_mut(pointer).unwrap() = Value::Null;
        assert_eq!(app.invoke(&event).await["statusCode"], status, "{pointer}");
    }
}

#[tokio::test]
async fn a_path_behind_a_greedy_resource_counts_as_it_is() {
    let app = TestApp::start().await;
    for (proxy, status) in [
        ("workflow-definitions/demo/workflow-runs", 201),
        // IAM has authorized the caller for another path than that of the operation.
        ("prod/workflow-definitions/demo/workflow-runs", 404),
        ("local/workflow-definitions/demo/workflow-runs", 404),
        ("workflow-definitions/demo/workflow-runs/", 400),
        ("/workflow-definitions/demo/workflow-runs", 404),
        ("workflow-definitions/de%6Do/workflow-runs", 400),
        ("", 404),
    ] {
        let mut rest = create(events::rest);
        (rest["resource"], rest["requestContext"]["resourcePath"]) = (json!("/{proxy+}"), json!("/{proxy+}"));
        rest["pathParameters"] = json!({"proxy": proxy});
        let mut http = create(events::http);
        http["routeKey"] = "ANY /{proxy+}".into();
        http["requestContext"]["routeKey"] = "ANY /{proxy+}".into();
        http["pathParameters"] = json!({"proxy": proxy});
        for event in [rest, http] {
            let response = app.invoke(&event).await;
            assert_eq!(response["statusCode"], status, "{proxy}: {response}");
        }
    }
}

#[tokio::test]
async fn a_resource_of_somebody_elses_api_is_no_operation() {
    let app = TestApp::start().await;
    for resource in
        ["/", "/workflow-definitions/{name}/workflow-runs", "/api/{proxy+}", "/prod/workflow-definitions", ""]
    {
        let mut event = create(events::rest);
        (event["resource"], event["requestContext"]["resourcePath"]) = (resource.into(), resource.into());
        event["pathParameters"] = json!({"proxy": "workflow-definitions/demo/workflow-runs", "name": "demo"});
        assert_eq!(app.invoke(&event).await["statusCode"], 404, "{resource}");
    }
}

/// An HTTP API has its stage in the path, unless that is `$default`.
#[tokio::test]
async fn the_default_route_of_an_http_api_looks_at_the_path_below_the_stage() {
    let app = TestApp::start().await;
    for (stage, path, status) in [
        (json!("$default"), "/workflow-definitions/demo/workflow-runs", 201),
        (json!("prod"), "/prod/workflow-definitions/demo/workflow-runs", 201),
        (Value::Null, "/workflow-definitions/demo/workflow-runs", 201),
        (json!("workflow-definitions"), "/workflow-definitions/demo/workflow-runs", 404),
        (json!("prod"), "/prod/prod/workflow-definitions/demo/workflow-runs", 404),
        (json!("prod"), "/test/workflow-definitions/demo/workflow-runs", 404),
        (json!("prod"), "/prodworkflow-definitions/demo/workflow-runs", 404),
        (json!("prod"), "/prod", 404),
    ] {
        for route_key in [json!("$default"), Value::Null] {
            let mut event = create(events::http);
            event["routeKey"] = route_key.clone();
            event["requestContext"]["routeKey"] = route_key.clone();
            event["requestContext"]["stage"] = stage.clone();
            event["rawPath"] = path.into();
            let response = app.invoke(&event).await;
            assert_eq!(response["statusCode"], status, "stage {stage}, {path}: {response}");
        }
    }
}

#[tokio::test]
async fn a_base64_body_is_decoded() {
    let app = TestApp::start().await;
    for name in ["rest-create-workflow-run-without-token", "http-create-workflow-run-without-token"] {
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
    for name in ["rest-create-workflow-run", "http-create-workflow-run"] {
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
async fn the_caller_is_the_account_that_signed_the_request() {
    let app = TestApp::start().await;
    app.define("111111111111", "demo").await;
    for make in [events::rest, events::http] {
        let mut event = create(make);
        event["requestContext"]["accountId"] = "222222222222".into();
        for pointer in ["/requestContext/identity/accountId", "/requestContext/authorizer/iam/accountId"] {
            if let Some(signer) = event.pointer_mut(pointer) {
                *signer = "111111111111".into();
            }
        }
        let before = app.items("run/111111111111/").await.len();
        assert_eq!(app.invoke(&event).await["statusCode"], 201);
        assert_eq!(app.items("run/111111111111/").await.len(), before + 1);
    }
}

/// Events of requests that no AWS account has signed: without authorization, and by other kinds of it.
fn unsigned() -> Vec<Value> {
    let mut unsigned = Vec::new();
    for signer in [Value::Null, json!("")] {
        let mut event = create(events::rest);
        event["requestContext"]["identity"]["accountId"] = signer.clone();
        unsigned.push(event);
        let mut event = create(events::http);
        event["requestContext"]["authorizer"]["iam"]["accountId"] = signer;
        unsigned.push(event);
    }
    for authorizer in
        [Value::Null, json!({"jwt": {"claims": {"sub": "1"}, "scopes": null}}), json!({"lambda": {"a": "b"}})]
    {
        let mut event = create(events::http);
        event["requestContext"]["authorizer"] = authorizer;
        unsigned.push(event);
    }
    let mut event = create(events::rest);
    event["requestContext"]["identity"] = json!({"sourceIp": "192.0.2.1"});
    event["requestContext"]["authorizer"] = json!({"claims": {"sub": "1"}, "principalId": "1"});
    unsigned.push(event);
    unsigned
}

#[tokio::test]
async fn a_request_that_nobody_has_signed_is_refused_and_leaves_nothing_behind() {
    let app = TestApp::start().await;
    for event in unsigned() {
        let response = app.invoke(&event).await;
        assert_eq!(response["statusCode"], 403, "{event}: {response}");
        assert_eq!(header(&response, "x-amzn-errortype"), Some("AccessDeniedException"));
        assert_eq!(body(&response)["__type"], "AccessDeniedException");
    }
    assert_eq!(app.calls(), Vec::<String>::new());
    app.assert_nothing_left_behind().await;
}

#[tokio::test]
async fn a_request_that_nobody_has_signed_belongs_to_the_configured_account_if_there_is_one() {
    let configure = |config| workflow_runs::Config { unsigned_account_id: Some(SAMPLE_ACCOUNT.to_owned()), ..config };
    let app = TestApp::start_with(workflow_runs::Sources::default(), configure).await;
    let events = unsigned();
    for event in &events {
        assert_eq!(app.invoke(event).await["statusCode"], 201, "{event}");
    }
    assert_eq!(app.items(&format!("run/{SAMPLE_ACCOUNT}/")).await.len(), events.len());
    assert_eq!(app.items("run/").await.len(), events.len());
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
        for sample_name in ["rest-create-workflow-run-without-token", "http-create-workflow-run-without-token"] {
            let mut event = sample(sample_name);
            event["headers"][name] = value.into();
            let response = app.invoke(&event).await;
            assert_eq!(response["statusCode"], 201, "{sample_name}, {name}: {value}: {response}");
        }
    }
    for query in ["a=b c", "a=<b>", "%", "a=%ff", "\u{e9}", "?", "&&=&"] {
        let mut event = sample("http-create-workflow-run-without-token");
        event["rawQueryString"] = query.into();
        event["queryStringParameters"] = json!({"a": query});
        assert_eq!(app.invoke(&event).await["statusCode"], 201, "{query}");

        let mut event = sample("rest-create-workflow-run-without-token");
        event["queryStringParameters"] = json!({"a": query, query: ""});
        event["multiValueQueryStringParameters"] = json!({"a": [query, query], query: [""]});
        assert_eq!(app.invoke(&event).await["statusCode"], 201, "{query}");
    }
}
