//! Every sample event under `events/`, through the adapter that Lambda uses.

use std::collections::BTreeSet;
use std::fs;

use local::gateway::{self, LOCAL_ACCOUNT};
use serde_json::{Value, json};

use crate::support::events::{self, Sample, runs, sample, samples};
use crate::support::{Clock, TestApp};

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
    let listed = samples().into_iter().map(|sample| sample.name).chain(["expected".into()]);
    assert_eq!(files, listed.map(|name| format!("{name}.json")).collect());
}

#[tokio::test]
async fn every_sample_event_gets_the_response_that_its_name_says() {
    let app = TestApp::start().await;
    for Sample { name, status, error } in samples() {
        let name = name.as_str();
        let event = sample(name);
        let response = app.invoke(&event).await;
        let Some(status) = status else {
            assert_eq!(response, Value::Null, "{name}");
            continue;
        };
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
async fn a_resource_of_another_api_is_an_unknown_operation() {
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

#[tokio::test]
async fn an_http_api_gets_the_same_responses_as_a_rest_api() {
    let token = "5f0d3f6a-7a64-4a3e-9d0e-0123456789ab";
    let run = json!({"modelId": "m", "clientInfo": {"compatibilityVersion": 1}, "clientToken": token}).to_string();
    let of_both = async |make: fn(&str, &str, &str, &str) -> Value| {
        let clock = Clock::new();
        let app = TestApp::start_at(&clock).await;
        let region = app.spied.aws.region().unwrap().to_string();
        let started = app.invoke(&make(LOCAL_ACCOUNT, "PUT", &runs("demo"), &run)).await;
        let id = body(&started)["workflowRunId"].as_str().unwrap().to_owned();
        let (definition, path) = (events::definition("demo"), events::run("demo", &id));
        let mut responses = Vec::new();
        for (method, path, text) in [
            ("PUT", events::DEFINITIONS, r#"{"name": "flow", "description": "d"}"#),
            ("GET", &definition, ""),
            ("POST", events::DEFINITIONS, "{}"),
            ("PUT", &runs("demo"), &run),
            ("GET", &path, ""),
            ("POST", &runs("demo"), ""),
            ("PUT", &path, r#"{"status": "FAILED"}"#),
            ("PUT", &path, r#"{"status": "SUCCEEDED"}"#),
            ("PUT", &path, r#"{"status": "DELETING"}"#),
            ("DELETE", &path, ""),
            ("DELETE", &definition, ""),
            ("PATCH", &definition, ""),
        ] {
            // No two requests have both their id and their time in common.
            clock.advance_seconds(1);
            let response = app.invoke(&make(LOCAL_ACCOUNT, method, path, text)).await;
            let text = response["body"].as_str().unwrap().replace(&region, "region");
            let replayed = header(&response, "idempotent-replayed").map(str::to_owned);
            responses.push((response["statusCode"].as_u64().unwrap(), text, replayed));
        }
        responses
    };
    let responses = of_both(events::rest).await;
    assert_eq!(of_both(events::http).await, responses);
    let statuses: Vec<_> = responses.iter().map(|(status, ..)| *status).collect();
    assert_eq!(statuses, [201, 200, 200, 201, 200, 200, 200, 409, 400, 202, 202, 404]);
}

/// Each of these was an invocation error, and so a 502, when a library's types parsed the event.
#[tokio::test]
async fn a_member_that_is_not_used_may_hold_anything() {
    let app = TestApp::start().await;
    for (make, at) in [(events::rest as fn(&str, &str, &str, &str) -> Value, "rest"), (events::http, "http")] {
        for (pointer, value) in [
            ("headers", json!({"content-length": 13})),
            ("headers", json!({"x": "\u{7f}"})),
            ("headers", json!(["x"])),
            ("multiValueHeaders", json!({"x": [1, null]})),
            ("cookies", json!(7)),
            ("stageVariables", json!({"x": {}})),
            ("rawQueryString", json!("a b\u{1}")),
            ("requestContext", json!({"identity": {"amr": null, "clientCert": {}, "accountId": LOCAL_ACCOUNT}})),
            (
                "requestContext",
                json!({"authorizer": {"iam": {"accountId": LOCAL_ACCOUNT, "x": 1}, "claims": {"a": true}}}),
            ),
            ("requestContext", json!({"authentication": {"clientCert": {"subjectDN": 1}}, "timeEpoch": "x"})),
        ] {
            let mut event = create(make);
            match value.as_object().filter(|_| pointer == "requestContext") {
                Some(members) => event[pointer].as_object_mut().unwrap().extend(members.clone()),
                None => event[pointer] = value.clone(),
            }
            let response = app.invoke(&event).await;
            assert_eq!(response["statusCode"], 201, "{at} {pointer} {value}: {response}");
        }
        // What is not even valid Unicode.
        let event = create(make).to_string();
        let text = event.replacen('{', r#"{"\ud800": "\ud800", "x": 1e999, "#, 1);
        let response = gateway::invoke(&app.function, text.as_bytes(), gateway::TIMEOUT).await.unwrap();
        assert_eq!(response["statusCode"], 201, "{at}: {response}");
    }
}

#[tokio::test]
async fn used_members_of_the_wrong_type_count_as_absent() {
    let app = TestApp::start().await;
    for (make, at) in [(events::rest as fn(&str, &str, &str, &str) -> Value, "rest"), (events::http, "http")] {
        for (change, status) in [
            (json!({"requestContext": null}), 403),
            (json!({"requestContext": "x"}), 403),
            (json!({"requestContext": []}), 403),
            (json!({"pathParameters": 7}), 400),
            (json!({"pathParameters": {"workflowDefinitionName": 7}}), 400),
            (json!({"body": {"modelId": "m"}}), 400),
            (json!({"body": 7}), 400),
            (json!({"isBase64Encoded": "true"}), 201),
            (json!({"isBase64Encoded": true}), 400),
            (json!({"body": "Hello", "isBase64Encoded": true}), 400),
            (json!({"body": "e30=x", "isBase64Encoded": true}), 400),
            (json!({"queryStringParameters": [], "multiValueQueryStringParameters": 7}), 201),
        ] {
            let mut event = create(make);
            event.as_object_mut().unwrap().extend(change.as_object().unwrap().clone());
            let response = app.invoke(&event).await;
            assert_eq!(response["statusCode"], status, "{at} {change}: {response}");
        }
    }
    // A body that does not matter does not matter.
    let mut event = events::rest(LOCAL_ACCOUNT, "GET", "/workflow-definitions/demo", "");
    (event["body"], event["isBase64Encoded"]) = (json!("Hello"), json!(true));
    assert_eq!(app.invoke(&event).await["statusCode"], 200);
    // A path that does not begin with a slash is no route.
    let mut event = create(events::http);
    (event["routeKey"], event["requestContext"]["routeKey"]) = (json!("$default"), json!("$default"));
    event["rawPath"] = json!("workflow-definitions/demo/workflow-runs");
    assert_eq!(app.invoke(&event).await["statusCode"], 404);
    for anything in [json!(null), json!(7), json!("x"), json!([]), json!({}), json!({"Records": 7})] {
        assert_eq!(app.invoke(&anything).await["statusCode"], 403, "{anything}");
    }
}

#[tokio::test]
async fn a_request_id_that_no_header_can_carry_is_replaced() {
    let app = TestApp::start().await;
    for id in ["a\nb", "\u{7f}", ""] {
        let mut event = create(events::rest);
        event["requestContext"]["requestId"] = json!(id);
        let response = app.invoke(&event).await;
        let sent = header(&response, "x-amzn-requestid").unwrap();
        assert!(!sent.is_empty() && sent != id, "{response}");
    }
}
