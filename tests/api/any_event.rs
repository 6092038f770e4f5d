//! Events drawn at random, from all that an API Gateway can send.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use proptest::prelude::*;
use proptest::sample::select;
use proptest::test_runner::{Config, TestRunner};
use serde_json::{Map, Value, json};

use crate::support::{TOKEN, TestApp, body};

/// Text that survives HTTP: no control characters, but any others.
fn text() -> impl Strategy<Value = String> {
    prop_oneof!["[ -~]{0,30}", r"\PC{0,30}"]
}

fn path() -> impl Strategy<Value = String> {
    prop_oneof![
        4 => text().prop_map(|name| format!("/workflow-definitions/{}/workflow-runs", name.replace('/', ""))),
        2 => Just("/workflow-definitions/demo/workflow-runs".to_owned()),
        1 => Just("/prod/workflow-definitions/demo/workflow-runs".to_owned()),
        1 => "/workflow-definitions/(%[0-9a-fA-F]{2}){1,8}/workflow-runs",
        1 => text().prop_map(|rest| format!("/{rest}")),
    ]
}

/// The body of an event, and whether it is base64-encoded.
fn event_body() -> impl Strategy<Value = (Value, bool)> {
    let right = || body(TOKEN, "/workflow-runs/demo").to_string();
    prop_oneof![
        Just((Value::Null, false)),
        Just((Value::Null, true)),
        any::<String>().prop_map(|text| (json!(text), false)),
        prop::collection::vec(any::<u8>(), 0..200).prop_map(|bytes| (json!(BASE64_STANDARD.encode(bytes)), true)),
        Just((json!(right()), false)),
        Just((json!(BASE64_STANDARD.encode(right())), true)),
        (any::<prop::sample::Index>(), any::<char>()).prop_map(move |(at, other)| {
            let mut characters: Vec<char> = right().chars().collect();
            let at = at.index(characters.len());
            characters[at] = other;
            (json!(characters.into_iter().collect::<String>()), false)
        }),
    ]
}

fn map() -> impl Strategy<Value = Map<String, Value>> {
    let name = prop_oneof![
        "[a-z-]{1,12}",
        select(vec!["Host", "X-Forwarded-Proto", "Content-Type", "Cookie", "x-amzn-trace-id"]).prop_map(str::to_owned),
    ];
    prop::collection::btree_map(name, text(), 0..5)
        .prop_map(|map| map.into_iter().map(|(name, value)| (name, json!(value))).collect())
}

fn nullable<S: Strategy<Value = T>, T: Into<Value>>(value: S) -> impl Strategy<Value = Value> {
    prop_oneof![1 => Just(Value::Null), 4 => value.prop_map(Into::into)]
}

prop_compose! {
    fn event()(
        is_rest in any::<bool>(),
        method in prop_oneof![4 => Just("PUT"), 1 => select(vec!["GET", "POST", "HEAD", "OPTIONS", "PATCH", "PURGE"])],
        path in path(),
        query in text(),
        headers in map(),
        parameters in nullable(map()),
        (body, is_base64_encoded) in event_body(),
        stage in nullable(select(vec!["prod", "$default", "workflow-definitions"])),
        account_id in nullable(select(vec!["123456789012", ""])),
        request_id in nullable(text()),
        domain_name in nullable(text()),
    ) -> Value {
        let lists = |map: &Map<String, Value>| -> Map<String, Value> {
            map.iter().map(|(name, value)| (name.clone(), json!([value, value]))).collect()
        };
        let mut context = json!({
            "accountId": account_id, "apiId": "a", "domainName": domain_name, "requestId": request_id, "stage": stage,
        });
        if is_rest {
            context["httpMethod"] = method.into();
            context["identity"] = json!({"accountId": account_id, "sourceIp": "192.0.2.1"});
            json!({
                "resource": "/{proxy+}", "path": path, "httpMethod": method,
                "multiValueHeaders": lists(&headers), "headers": headers,
                "multiValueQueryStringParameters": parameters.as_object().map(lists),
                "queryStringParameters": parameters, "pathParameters": null, "stageVariables": null,
                "requestContext": context, "body": body, "isBase64Encoded": is_base64_encoded,
            })
        } else {
            context["http"] = json!({"method": method, "path": path, "protocol": "HTTP/1.1", "sourceIp": "192.0.2.1"});
            context["authorizer"] = json!({"iam": {"accountId": account_id}});
            json!({
                "version": "2.0", "routeKey": "$default", "rawPath": path, "rawQueryString": query,
                "cookies": [query], "headers": headers, "queryStringParameters": parameters,
                "requestContext": context, "body": body, "isBase64Encoded": is_base64_encoded,
            })
        }
    }
}

#[test]
fn every_event_that_a_gateway_can_send_gets_a_documented_answer() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let app = runtime.block_on(TestApp::start());
    let mut statuses = std::collections::BTreeSet::new();
    let statuses_seen = std::cell::RefCell::new(&mut statuses);
    let mut runner = TestRunner::new(Config { cases: 1_000, failure_persistence: None, ..Config::default() });
    let ended = runner.run(&event(), |event| {
        let response = runtime.block_on(app.invoke(&event));
        let header = |name: &str| {
            let value = &response["headers"][name];
            value.as_str().or(response["multiValueHeaders"][name][0].as_str()).unwrap_or_default().to_owned()
        };
        let status = response["statusCode"].as_u64().unwrap();
        statuses_seen.borrow_mut().insert(status);
        let documented = [
            (201, ""),
            (400, "ValidationException"),
            (404, "ResourceNotFoundException"),
            (404, "UnknownOperationException"),
            (409, "ConflictException"),
        ];
        prop_assert!(documented.contains(&(status, &*header("x-amzn-errortype"))), "{}", response);
        prop_assert_eq!(header("content-type"), "application/json");
        prop_assert!(!header("x-amzn-requestid").is_empty());
        let body: Value = serde_json::from_str(response["body"].as_str().unwrap()).unwrap();
        prop_assert_eq!(status == 201, body["workflowRunId"].is_string());
        prop_assert_eq!(status != 201, body["message"].is_string() && body["__type"].is_string());
        Ok(())
    });
    ended.unwrap_or_else(|error| panic!("{error}"));
    assert!(statuses.is_superset(&[201, 400, 404].into()), "only {statuses:?} were seen");
}
