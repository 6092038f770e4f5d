//! Requests drawn at random, judged by the documented patterns.

use std::cell::Cell;
use std::sync::LazyLock;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use local::gateway::LOCAL_ACCOUNT;
use proptest::prelude::*;
use proptest::sample::select;
use proptest::string::string_regex;
use regex::Regex;
use serde_json::{Value, json};
use tokio::runtime::{Builder, Runtime};

use crate::support::events::{self, DEFINITIONS};
use crate::support::{ApiResponse, TestApp, random, run_id};

/// A string member as the service model documents it.
struct Documented {
    min: usize,
    max: usize,
    pattern: Regex,
    reserved: &'static str,
}

impl Documented {
    fn new(min: usize, max: usize, pattern: &str, reserved: &'static str) -> Self {
        Self { min, max, pattern: Regex::new(&format!(r"\A(?:{pattern})\z")).unwrap(), reserved }
    }

    fn allows(&self, value: &str) -> bool {
        (self.min..=self.max).contains(&value.chars().count())
            && self.pattern.is_match(value)
            && (self.reserved.is_empty() || !value.starts_with(self.reserved))
    }
}

static NAME: LazyLock<Documented> = LazyLock::new(|| Documented::new(1, 40, "[a-zA-Z0-9_-]{1,40}", ""));
static TOKEN: LazyLock<Documented> =
    LazyLock::new(|| Documented::new(33, 256, "[a-zA-Z0-9](-*[a-zA-Z0-9]){0,256}", ""));
static LOG_GROUP: LazyLock<Documented> = LazyLock::new(|| Documented::new(1, 512, "[a-zA-Z0-9_/.-]+", "aws/"));
static MODEL: LazyLock<Documented> = LazyLock::new(|| Documented::new(1, 100, r"[\s\S]*", ""));
static DESCRIPTION: LazyLock<Documented> = LazyLock::new(|| Documented::new(1, 4000, r"[\s\S]+", ""));
static BUCKET: LazyLock<Documented> = LazyLock::new(|| Documented::new(3, 63, "[a-z0-9][a-z0-9.-]*[a-z0-9]", ""));
static KEY_PREFIX: LazyLock<Documented> =
    LazyLock::new(|| Documented::new(1, 100, r"[a-zA-Z0-9!\-_.*'()]+(?:/[a-zA-Z0-9!\-_.*'()]+)*", ""));
static SDK: LazyLock<Documented> = LazyLock::new(|| Documented::new(1, 256, r"[\s\S]+", ""));

/// Strings in and around a pattern: right ones, ones of a wrong length, ones with a foreign character at either end.
fn near(pattern: &'static str, max: usize) -> impl Strategy<Value = String> {
    let right = string_regex(pattern).unwrap();
    let foreign = select(vec!["", "\n", " ", "-", "/", "é", "😀", "\0", "aws/"]);
    let cut = (right, 0..=max + 2).prop_map(|(right, length)| right.chars().take(length).collect::<String>());
    (foreign.clone(), cut, foreign).prop_map(|(before, right, after)| format!("{before}{right}{after}"))
}

/// A member of the body: a string near its pattern, or absent, `null` or of another type.
fn member(value: impl Strategy<Value = String> + 'static) -> impl Strategy<Value = Option<Value>> {
    prop_oneof![
        12 => value.prop_map(|value| Some(json!(value))),
        1 => Just(None),
        1 => Just(Some(Value::Null)),
        1 => select(vec![json!(1), json!(true), json!([]), json!({}), json!(["a"])]).prop_map(Some),
    ]
}

fn fails(documented: &Documented, required: bool, value: Option<&Value>) -> bool {
    match value {
        None | Some(Value::Null) => required,
        Some(Value::String(value)) => !documented.allows(value),
        Some(_) => true,
    }
}

/// A JSON object of the members that are there.
fn object(members: Vec<(&str, Option<Value>)>) -> Value {
    members.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?))).collect()
}

/// The event of a create with this body for the definition of this name, as a gateway hands it over.
fn create(name: &str, body: &str) -> Value {
    let mut event = events::rest(LOCAL_ACCOUNT, "PUT", &events::runs("demo"), body);
    event["pathParameters"]["workflowDefinitionName"] = name.into();
    event
}

/// A server, and a way to invoke its function with an event.
struct Api {
    runtime: Runtime,
    app: TestApp,
}

impl Api {
    fn start() -> Self {
        let runtime = Builder::new_current_thread().enable_all().build().unwrap();
        let app = runtime.block_on(TestApp::start());
        Self { runtime, app }
    }

    fn invoke(&self, event: &Value) -> ApiResponse {
        ApiResponse::of_proxy_response(&self.runtime.block_on(self.app.invoke(event)))
    }
}

#[test]
fn exactly_the_fields_of_a_run_that_violate_their_documented_constraint_fail() {
    let request = (
        near("[a-zA-Z0-9_-]{1,45}", 45),
        member(near("[a-zA-Z0-9](-{0,3}[a-zA-Z0-9]){30,130}", 260)),
        member(near("[a-zA-Z0-9_/.-]{1,520}", 520)),
        member(near(r"[\s\S]{1,104}", 104)),
        member(near(r"[\s\S]{1,260}", 260)),
        prop_oneof![
            6 => any::<i32>().prop_map(|version| Some(json!(version))),
            1 => any::<i64>().prop_map(|version| Some(json!(version))),
            1 => any::<f64>().prop_map(|version| Some(json!(version))),
            1 => Just(Some(json!("1"))),
            1 => Just(None),
        ],
        prop::bool::weighted(0.9),
    );
    let api = Api::start();
    random::run("CONSTRAINTS_SEED", 500, &request, |(name, token, log_group, model, sdk, version, info_is_there)| {
        let mut expected = Vec::new();
        let mut expect = |fails: bool, name: &'static str| {
            if fails {
                expected.push(name);
            }
        };
        expect(!NAME.allows(&name), "workflowDefinitionName");
        expect(!info_is_there, "clientInfo");
        if info_is_there {
            let version = version.as_ref().and_then(Value::as_i64).map(i32::try_from);
            expect(!matches!(version, Some(Ok(_))), "clientInfo.compatibilityVersion");
            expect(fails(&SDK, false, sdk.as_ref()), "clientInfo.sdkVersion");
        }
        expect(fails(&TOKEN, false, token.as_ref()), "clientToken");
        expect(fails(&LOG_GROUP, false, log_group.as_ref()), "logGroupName");
        expect(fails(&MODEL, true, model.as_ref()), "modelId");

        let info = object(vec![("compatibilityVersion", version), ("sdkVersion", sdk)]);
        let body = object(vec![
            ("clientInfo", info_is_there.then_some(info)),
            ("clientToken", token),
            ("logGroupName", log_group),
            ("modelId", model),
        ]);
        let response = api.invoke(&create(&name, &body.to_string()));
        if expected.is_empty() {
            // Nothing is wrong but that there is no such definition.
            prop_assert_eq!(response.status, 404, "{:?}", response);
        } else {
            prop_assert_eq!((response.status, response.failed_fields()), (400, expected));
        }
        Ok(())
    });
}

#[test]
fn a_request_drawn_from_the_documented_patterns_is_accepted() {
    let request = (
        string_regex("[a-zA-Z0-9_-]{1,40}").unwrap(),
        string_regex("[a-zA-Z0-9](-{0,1}[a-zA-Z0-9]){32,127}").unwrap(),
        string_regex("/[a-zA-Z0-9_/.-]{0,511}").unwrap(),
        string_regex(r"[\s\S]{1,100}").unwrap(),
        string_regex(r"[\s\S]{1,256}").unwrap(),
        any::<i32>(),
    );
    let api = Api::start();
    random::run("CONSTRAINTS_SEED", 100, &request, |(name, token, log_group, model, sdk, version)| {
        let defined = api.runtime.block_on(api.app.call(LOCAL_ACCOUNT, "PUT", DEFINITIONS, json!({"name": name})));
        prop_assert!(matches!(defined.status, 201 | 409), "{:?}", defined);
        let body = json!({
            "clientInfo": {"compatibilityVersion": version, "sdkVersion": sdk},
            "clientToken": token, "logGroupName": log_group, "modelId": model,
        });
        let response = api.invoke(&create(&name, &body.to_string()));
        prop_assert_eq!(response.status, 201, "{:?}", response);
        let id = run_id(LOCAL_ACCOUNT, &token);
        prop_assert_eq!(&response.body["workflowRunId"], &json!(id));
        let item = api.runtime.block_on(api.app.items(&format!("run/{LOCAL_ACCOUNT}/{id}"))).remove(0);
        let text = |attribute: &str| item[attribute].as_s().unwrap().clone();
        prop_assert_eq!(text("workflowDefinitionName"), name);
        prop_assert_eq!(text("clientToken"), token);
        prop_assert_eq!(text("logGroupName"), log_group);
        prop_assert_eq!(text("modelId"), model);
        let info = item["clientInfo"].as_m().unwrap();
        prop_assert_eq!(info["sdkVersion"].as_s().unwrap(), &sdk);
        prop_assert_eq!(info["compatibilityVersion"].as_n().unwrap(), &version.to_string());
        Ok(())
    });
}

#[test]
fn no_body_makes_the_function_panic() {
    let api = Api::start();
    let request = (any::<String>(), any::<Vec<u8>>());
    random::run("CONSTRAINTS_SEED", 500, &request, |(name, body)| {
        let mut event = create(&name, "");
        (event["body"], event["isBase64Encoded"]) = (BASE64_STANDARD.encode(body).into(), true.into());
        prop_assert_eq!(api.invoke(&event).status, 400);
        Ok(())
    });
}

#[test]
fn exactly_the_fields_of_a_definition_that_violate_their_documented_constraint_fail() {
    // Mostly right, so that some requests are right altogether.
    let mostly = |right: &str, near: BoxedStrategy<String>| prop_oneof![4 => string_regex(right).unwrap(), 1 => near];
    let request = (
        member(mostly("[a-zA-Z0-9_-]{6,40}", near("[a-zA-Z0-9_-]{1,45}", 45).boxed())),
        member(mostly(r"[\s\S]{1,4000}", near(r"[\s\S]{1,4004}", 4_010).boxed())),
        member(mostly("[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]", near("[a-z0-9][a-z0-9.-]{0,65}[a-z0-9]", 70).boxed())),
        member(mostly(
            r"[a-zA-Z0-9!\-_.*'()]{1,33}(/[a-zA-Z0-9!\-_.*'()]{1,32}){0,2}",
            near(r"[a-zA-Z0-9!\-_.*'()]{1,60}(/[a-zA-Z0-9!\-_.*'()]{1,30}){0,2}", 110).boxed(),
        )),
        member(mostly(
            "[a-zA-Z0-9](-{0,1}[a-zA-Z0-9]){32,127}",
            near("[a-zA-Z0-9](-{0,3}[a-zA-Z0-9]){30,130}", 260).boxed(),
        )),
        prop::bool::weighted(0.9),
    );
    let api = Api::start();
    let taken = Cell::new(0);
    random::run("CONSTRAINTS_SEED", 300, &request, |(name, description, bucket, key_prefix, token, has_export)| {
        let mut expected = Vec::new();
        let mut expect = |fails: bool, name: &'static str| {
            if fails {
                expected.push(name);
            }
        };
        expect(fails(&NAME, true, name.as_ref()), "name");
        expect(fails(&DESCRIPTION, false, description.as_ref()), "description");
        expect(has_export && fails(&BUCKET, true, bucket.as_ref()), "exportConfig.s3BucketName");
        expect(has_export && fails(&KEY_PREFIX, false, key_prefix.as_ref()), "exportConfig.s3KeyPrefix");
        expect(fails(&TOKEN, false, token.as_ref()), "clientToken");

        let export = object(vec![("s3BucketName", bucket), ("s3KeyPrefix", key_prefix)]);
        let body = object(vec![
            ("name", name),
            ("description", description),
            ("exportConfig", has_export.then_some(export)),
            ("clientToken", token),
        ]);
        let response = api.runtime.block_on(api.app.call(LOCAL_ACCOUNT, "PUT", DEFINITIONS, body));
        if expected.is_empty() {
            taken.set(taken.get() + 1);
            prop_assert_eq!(response.status, 201, "{:?}", response);
        } else {
            prop_assert_eq!((response.status, response.failed_fields()), (400, expected));
        }
        Ok(())
    });
    assert!(taken.get() > 30, "{} requests were right", taken.get());
}
