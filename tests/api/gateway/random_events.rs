//! Events drawn at random: what an API Gateway can send, and what it never would.

use std::cell::RefCell;
use std::collections::BTreeSet;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use local::gateway::LOCAL_ACCOUNT;
use proptest::prelude::*;
use proptest::sample::select;
use regex::Regex;
use serde_json::{Map, Value, json};
use workflow_runs::operations::OPERATIONS;

use crate::support::events::runs;
use crate::support::{Clock, OTHER_ACCOUNT, TOKEN, TestApp, body, random, request};

/// Text that survives HTTP: no control characters, but any others.
fn text() -> impl Strategy<Value = String> {
    prop_oneof!["[ -~]{0,30}", r"\PC{0,30}"]
}

/// The name of the operation that has this method and this resource, or nothing.
fn operation(method: &str, resource: &str) -> &'static str {
    let mut operations = OPERATIONS.iter().filter(|operation| operation.method == method && operation.path == resource);
    operations.next().map_or("", |operation| operation.name)
}

/// A method and a resource: mostly those of an operation.
fn route() -> impl Strategy<Value = (String, String)> {
    let operations: Vec<_> =
        OPERATIONS.iter().map(|operation| (operation.method.to_string(), operation.path.to_owned())).collect();
    let resources: Vec<_> = OPERATIONS.iter().map(|operation| operation.path.to_owned()).chain(["/".into()]).collect();
    let methods = ["GET", "POST", "PUT", "DELETE", "HEAD", "OPTIONS", "PATCH", "PURGE"].map(str::to_owned).to_vec();
    prop_oneof![8 => select(operations), 1 => (select(methods), select(resources))]
}

/// The value of a path parameter: mostly this one.
fn parameter(right: &'static str) -> impl Strategy<Value = String> {
    prop_oneof![
        12 => Just(right.to_owned()),
        1 => Just("00000000-0000-0000-0000-000000000000".to_owned()),
        1 => text().prop_map(|text| text.replace('/', "")),
        1 => "(%[0-9a-fA-F]{2}){1,8}",
    ]
}

/// A body of this operation, with every member.
fn right_body(operation: &str) -> BoxedStrategy<String> {
    match operation {
        "CreateWorkflowDefinition" => {
            let every_member = ("[a-z]{6}", ".{1,20}").prop_map(|(name, description)| {
                let export = json!({"s3BucketName": "exports", "s3KeyPrefix": "runs"});
                json!({"name": name, "description": description, "exportConfig": export, "clientToken": TOKEN})
            });
            prop_oneof![every_member, Just(json!({"name": "demo"}))].prop_map(|body| body.to_string()).boxed()
        }
        "CreateWorkflowRun" => Just(body(TOKEN, "/workflow-runs/demo").to_string()).boxed(),
        "UpdateWorkflowRun" => {
            let statuses = vec!["RUNNING", "SUCCEEDED", "FAILED", "TIMED_OUT", "DELETING"];
            select(statuses).prop_map(|status| json!({"status": status}).to_string()).boxed()
        }
        "ListWorkflowDefinitions" | "ListWorkflowRuns" => {
            select(vec!["Ascending", "Descending"]).prop_map(|order| json!({"sortOrder": order}).to_string()).boxed()
        }
        _ => Just("{}".to_owned()).boxed(),
    }
}

/// The body of an event, and whether it is base64-encoded.
fn event_body(operation: &str) -> impl Strategy<Value = (Value, bool)> + use<> {
    let changed =
        (right_body(operation), any::<prop::sample::Index>(), any::<char>()).prop_map(|(right, at, other)| {
            let mut characters: Vec<char> = right.chars().collect();
            let at = at.index(characters.len());
            characters[at] = other;
            (json!(characters.into_iter().collect::<String>()), false)
        });
    let names: Vec<_> = OPERATIONS.iter().map(|operation| operation.name).collect();
    let of_another = select(names).prop_flat_map(right_body);
    prop_oneof![
        1 => Just((Value::Null, false)),
        1 => Just((Value::Null, true)),
        1 => any::<String>().prop_map(|text| (json!(text), false)),
        1 => prop::collection::vec(any::<u8>(), 0..200).prop_map(|bytes| (json!(BASE64_STANDARD.encode(bytes)), true)),
        8 => right_body(operation).prop_map(|right| (json!(right), false)),
        1 => right_body(operation).prop_map(|right| (json!(BASE64_STANDARD.encode(right)), true)),
        1 => of_another.prop_map(|other| (json!(other), false)),
        2 => changed,
    ]
}

fn headers() -> impl Strategy<Value = Map<String, Value>> {
    let name = prop_oneof![
        "[a-z-]{1,12}",
        select(vec!["Host", "X-Forwarded-Proto", "Content-Type", "Cookie", "x-amzn-trace-id"]).prop_map(str::to_owned),
    ];
    prop::collection::btree_map(name, text(), 0..5)
        .prop_map(|map| map.into_iter().map(|(name, value)| (name, json!(value))).collect())
}

/// The parameters of a query string with their values: none, repeated ones, the largest that a gateway lets through.
fn query() -> impl Strategy<Value = Vec<(String, Vec<String>)>> {
    let name = prop_oneof![3 => Just("maxResults".to_owned()), 2 => Just("nextToken".to_owned()), 1 => text()];
    let value = prop_oneof![
        4 => (0..102_u8).prop_map(|number| number.to_string()),
        2 => text(),
        1 => select(vec!["a", "%", " ", "\u{e9}"]).prop_map(|character| character.repeat(8_000 / character.len())),
    ];
    let parameter = (name, prop::collection::vec(value, 1..3));
    prop_oneof![2 => Just(Vec::new()), 1 => prop::collection::vec(parameter, 0..3)]
}

/// Who has signed the request: mostly an account.
fn authorizer() -> impl Strategy<Value = (Value, Value)> {
    let account = |id: &str| (json!({"accountId": id, "sourceIp": "192.0.2.1"}), json!({"iam": {"accountId": id}}));
    let nobody = json!({"accountId": null, "sourceIp": "192.0.2.1"});
    prop_oneof![
        24 => Just(account(LOCAL_ACCOUNT)),
        1 => Just(account(OTHER_ACCOUNT)),
        1 => Just(account("")),
        1 => Just((nobody.clone(), Value::Null)),
        1 => Just((nobody.clone(), json!({}))),
        1 => Just((nobody.clone(), json!({"iam": null}))),
        1 => Just((nobody.clone(), json!({"jwt": {"claims": {"sub": "1"}, "scopes": null}}))),
        1 => Just((json!({}), json!({"lambda": {"number": 1, "text": "a", "nothing": null}}))),
        1 => Just((json!({}), json!({"lambda": null}))),
    ]
}

/// How the gateway has come to invoke the function.
#[derive(Clone, Copy, Debug)]
enum Matched {
    Resource,
    Greedy,
    Default,
}

fn nullable<S: Strategy<Value = T>, T: Into<Value>>(value: S) -> impl Strategy<Value = Value> {
    prop_oneof![1 => Just(Value::Null), 4 => value.prop_map(Into::into)]
}

/// Members that some events have as `null` and others lack.
#[rustfmt::skip]
const OPTIONAL: &[&str] = &[
    "/body", "/cookies", "/headers", "/multiValueHeaders", "/multiValueQueryStringParameters", "/path",
    "/pathParameters", "/queryStringParameters", "/rawPath", "/rawQueryString", "/requestContext/accountId",
    "/requestContext/authorizer", "/requestContext/authorizer/iam", "/requestContext/authorizer/iam/accountId",
    "/requestContext/domainName", "/requestContext/identity/accountId", "/requestContext/requestId",
    "/requestContext/resourcePath", "/requestContext/routeKey", "/requestContext/stage", "/resource", "/routeKey",
    "/stageVariables", "/version",
];

/// Members that the function has no use for, but that a library's types may fail for.
#[rustfmt::skip]
const UNUSED: &[&str] = &[
    "/headers/content-length", "/isBase64Encoded", "/multiValueHeaders/x", "/requestContext/authentication",
    "/requestContext/authorizer/claims", "/requestContext/http", "/requestContext/identity",
    "/requestContext/identity/amr", "/requestContext/identity/clientCert", "/requestContext/requestTimeEpoch",
    "/requestContext/authorizer/iam/cognitoIdentity",
];

/// What becomes of a member.
#[derive(Clone, Debug)]
enum Change {
    Remove,
    Set(Value),
}

fn change() -> impl Strategy<Value = (&'static str, Change)> {
    let odd = select(vec![
        json!(null),
        json!(true),
        json!(0),
        json!(-1.5),
        json!(""),
        json!("\u{7f}"),
        json!("Hello"),
        json!([]),
        json!([[1]]),
        json!([null]),
        json!({}),
        json!({"a": {"b": null}}),
        json!("2.0"),
        json!("/{proxy+}"),
    ]);
    let to = prop_oneof![Just(Change::Remove), Just(Change::Set(Value::Null)), odd.prop_map(Change::Set)];
    (prop_oneof![2 => select(OPTIONAL), 1 => select(UNUSED)], to)
}

/// Changes a member, if what it is a member of is an object.
fn apply(event: &mut Value, pointer: &str, change: Change) {
    let (parent, name) = pointer.rsplit_once('/').unwrap();
    let Some(parent) = event.pointer_mut(parent).and_then(Value::as_object_mut) else { return };
    match change {
        Change::Remove => drop(parent.remove(name)),
        Change::Set(value) => drop(parent.insert(name.to_owned(), value)),
    }
}

/// What an event says, read as DESIGN.md has it and not as the function does.
struct Said {
    is_http: bool,
    is_signed: bool,
    operation: &'static str,
}

fn said(event: &Value) -> Said {
    let text = |pointer: &str| event.pointer(pointer).and_then(Value::as_str).filter(|text| !text.is_empty());
    let is_http = text("/version") == Some("2.0");
    let (method, route, signer) = if is_http {
        let key = text("/requestContext/routeKey").or(text("/routeKey")).unwrap_or_default();
        let route = key.split_once(' ').map(|(_, resource)| resource);
        (text("/requestContext/http/method"), route, text("/requestContext/authorizer/iam/accountId"))
    } else {
        let resource = text("/requestContext/resourcePath").or(text("/resource"));
        (text("/httpMethod"), Some(resource.unwrap_or_default()), text("/requestContext/identity/accountId"))
    };
    let path = match route {
        Some("/{proxy+}") => Some(format!("/{}", text("/pathParameters/proxy").unwrap_or_default())),
        Some(_) => None,
        None => {
            let path = text("/rawPath").unwrap_or_default();
            let stage = format!("/{}/", text("/requestContext/stage").unwrap_or("/"));
            Some(path.strip_prefix(&stage).map_or(path.to_owned(), |rest| format!("/{rest}")))
        }
    };
    let is_at = |resource: &str| match &path {
        None => route == Some(resource),
        Some(path) => {
            let pattern = Regex::new(r"\{\w+\}").unwrap().replace_all(resource, "[^/]*").into_owned();
            Regex::new(&format!(r"\A{pattern}\z")).unwrap().is_match(path)
        }
    };
    let mut operations = OPERATIONS.iter().filter(|operation| Some(operation.method.as_str()) == method);
    let operation = operations.find(|operation| is_at(operation.path)).map_or("", |operation| operation.name);
    Said { is_http, is_signed: signer.is_some(), operation }
}

prop_compose! {
    /// An event.
    fn event()(route in route())(
        is_rest in any::<bool>(),
        (body, is_base64_encoded) in event_body(operation(&route.0, &route.1)),
        (method, resource) in Just(route),
        matched in prop_oneof![4 => Just(Matched::Resource), 1 => Just(Matched::Greedy), 1 => Just(Matched::Default)],
        (name, id) in (parameter("demo"), parameter("RUN")),
        (query, query_string) in (query(), text()),
        headers in headers(),
        (identity, authorizer) in authorizer(),
        stage in select(vec!["prod", "$default", "workflow-definitions"]),
        (request_id, domain_name) in (nullable(text()), nullable(text())),
        changes in prop::collection::vec(change(), 0..4),
    ) -> Value {
        // What is deleted is something else than what the other operations look for.
        let (name, id) = match (method.as_str(), name.as_str(), id.as_str()) {
            ("DELETE", "demo", _) if !resource.ends_with("{workflowRunId}") => ("doomed".to_owned(), id),
            ("DELETE", _, "RUN") => (name, "DOOMED".to_owned()),
            _ => (name, id),
        };
        let path = resource.replace("{workflowDefinitionName}", &name).replace("{workflowRunId}", &id);
        let (route, parameters) = match matched {
            Matched::Resource => (resource, json!({"workflowDefinitionName": name, "workflowRunId": id})),
            Matched::Greedy => ("/{proxy+}".to_owned(), json!({"proxy": path.trim_start_matches('/')})),
            Matched::Default => ("$default".to_owned(), Value::Null),
        };
        let query_of = |value: &dyn Fn(&[String]) -> Value| -> Map<String, Value> {
            query.iter().map(|(name, values)| (name.clone(), value(values))).collect()
        };
        let mut context = json!({
            "accountId": "999999999999", "apiId": "a", "domainName": domain_name, "requestId": request_id, "stage": stage,
        });
        let mut event = if is_rest {
            (context["httpMethod"], context["identity"]) = (json!(method), identity);
            context["resourcePath"] = json!(route);
            let lists = |map: &Map<String, Value>| -> Map<String, Value> {
                map.iter().map(|(name, value)| (name.clone(), json!([value, value]))).collect()
            };
            json!({
                "resource": route, "path": path, "httpMethod": method,
                "multiValueHeaders": lists(&headers), "headers": headers,
                "multiValueQueryStringParameters": query_of(&|values| json!(values)),
                "queryStringParameters": query_of(&|values| json!(values.last())),
                "pathParameters": parameters, "stageVariables": null,
                "requestContext": context, "body": body, "isBase64Encoded": is_base64_encoded,
            })
        } else {
            context["http"] = json!({"method": method, "path": path, "protocol": "HTTP/1.1", "sourceIp": "192.0.2.1"});
            let route_key = if route == "$default" { route } else { format!("{method} {route}") };
            (context["authorizer"], context["routeKey"]) = (authorizer, json!(route_key));
            let raw_path = if stage == "$default" { path } else { format!("/{stage}{path}") };
            json!({
                "version": "2.0", "routeKey": route_key, "rawPath": raw_path, "rawQueryString": query_string,
                "cookies": [query_string], "headers": headers,
                "queryStringParameters": query_of(&|values| json!(values.join(","))), "pathParameters": parameters,
                "requestContext": context, "body": body, "isBase64Encoded": is_base64_encoded,
            })
        };
        for (pointer, change) in changes {
            apply(&mut event, pointer, change);
        }
        event
    }
}

/// The documented responses but those to a failed AWS call: the status, and the error's name.
const DOCUMENTED: [(u16, &str); 8] = [
    (200, ""),
    (201, ""),
    (202, ""),
    (400, "ValidationException"),
    (403, "AccessDeniedException"),
    (404, "ResourceNotFoundException"),
    (404, "UnknownOperationException"),
    (409, "ConflictException"),
];

/// Whether this response to an event is documented.
fn is_documented(said: &Said, status: u16, error: &str) -> bool {
    let expected = match (said.is_signed, said.operation) {
        (false, _) => error == "AccessDeniedException",
        (true, "") => error == "UnknownOperationException",
        (true, operation) => status != 403 && request::documented(operation).contains(&status),
    };
    expected && DOCUMENTED.contains(&(status, error))
}

#[test]
fn every_event_gets_a_documented_response() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let app = runtime.block_on(TestApp::start_at(&Clock::new()));
    let (run, doomed) = runtime.block_on(async {
        app.define(LOCAL_ACCOUNT, "doomed").await;
        let run = app.call(LOCAL_ACCOUNT, "PUT", &runs("demo"), body(TOKEN, "/workflow-runs/demo")).await;
        (run.body["workflowRunId"].as_str().unwrap().to_owned(), app.start_run("demo").await)
    });
    let (seen, succeeded) = (RefCell::new(BTreeSet::new()), RefCell::new(BTreeSet::new()));
    random::run("RANDOM_EVENTS_SEED", 5_000, &event(), |event| {
        let event = event.to_string().replace("RUN\"", &format!("{run}\"")).replace("DOOMED", &doomed);
        let event: Value = serde_json::from_str(&event).unwrap();
        let said = said(&event);
        let response = runtime.block_on(app.invoke(&event));
        let (used, unused) = ("multiValueHeaders", "headers");
        let (used, unused) = if said.is_http { (unused, used) } else { (used, unused) };
        prop_assert_eq!(response[unused].as_object().map(Map::len), Some(0), "{}", response);
        let header = |name: &str| {
            let value = &response[used][name];
            value.as_str().or(value[0].as_str()).unwrap_or_default().to_owned()
        };
        let status = u16::try_from(response["statusCode"].as_u64().unwrap()).unwrap();
        let error_type = header("x-amzn-errortype");
        prop_assert!(is_documented(&said, status, &error_type), "{}", response);
        if error_type.is_empty() {
            succeeded.borrow_mut().insert(said.operation);
        }
        seen.borrow_mut().extend(DOCUMENTED.into_iter().find(|response| *response == (status, &error_type)));
        prop_assert_eq!(header("content-type"), "application/json");
        prop_assert!(!header("x-amzn-requestid").is_empty());
        let body: Value = serde_json::from_str(response["body"].as_str().unwrap()).unwrap();
        if error_type.is_empty() {
            prop_assert!(body.is_object() && body.get("__type").is_none());
        } else {
            prop_assert_eq!(&body["__type"], &json!(error_type));
            prop_assert!(body["message"].as_str().is_some_and(|message| !message.is_empty()));
        }
        Ok(())
    });
    assert_eq!(seen.into_inner(), DOCUMENTED.into());
    assert_eq!(succeeded.into_inner(), OPERATIONS.iter().map(|operation| operation.name).collect());
}

/// Any JSON.
fn json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        any::<String>().prop_map(Value::from),
    ];
    let names = "requestContext|identity|accountId|version|Records|body|httpMethod|[a-z]{1,3}";
    leaf.prop_recursive(5, 40, 6, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
            prop::collection::btree_map(names, inner, 0..6).prop_map(Value::from_iter),
        ]
    })
}

#[test]
fn any_unsigned_json_is_denied() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let app = runtime.block_on(TestApp::start());
    random::run("RANDOM_EVENTS_SEED", 1_000, &json(), |event| {
        let is_of_a_stream = !event["requestContext"].is_object() && event["Records"].is_array();
        prop_assume!(!is_of_a_stream && !said(&event).is_signed);
        prop_assert_eq!(&runtime.block_on(app.invoke(&event))["statusCode"], &json!(403));
        Ok(())
    });
}
