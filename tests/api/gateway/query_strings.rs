//! Query strings, as both kinds of API hand them over: decoded, and repeated parameters in lists or between commas.

use local::gateway::LOCAL_ACCOUNT;
use serde_json::{Value, json};

use crate::support::events::{self, DEFINITIONS, runs};
use crate::support::{ApiResponse, TestApp};

/// The events of a listing of `demo`'s runs with these parameters, of a REST API and of an HTTP API.
fn listings(parameters: &[(&str, &[&str])]) -> [Value; 2] {
    let map = |value: fn(&[&str]) -> Value| -> Value {
        parameters.iter().map(|(name, values)| ((*name).to_owned(), value(values))).collect()
    };
    let mut rest = events::rest(LOCAL_ACCOUNT, "POST", &runs("demo"), "{}");
    rest["queryStringParameters"] = map(|values| json!(values.last()));
    rest["multiValueQueryStringParameters"] = map(|values| json!(values));
    let mut http = events::http(LOCAL_ACCOUNT, "POST", &runs("demo"), "{}");
    http["queryStringParameters"] = map(|values| json!(values.join(",")));
    [rest, http]
}

/// How many runs are on the page, or which fields failed.
async fn page(app: &TestApp, event: &Value) -> Result<usize, Vec<String>> {
    let response = ApiResponse::of_proxy_response(&app.invoke(event).await);
    if response.status == 200 {
        return Ok(response.body["workflowRunSummaries"].as_array().unwrap().len());
    }
    let failed = response.failed_fields().into_iter().map(str::to_owned).collect();
    response.assert_error(
        400,
        "ValidationException",
        json!({"reason": "FieldValidationFailed", "fieldList": response.body["fieldList"]}),
    );
    Err(failed)
}

async fn app_with_three_runs() -> TestApp {
    let app = TestApp::start().await;
    for _ in 0..3 {
        app.start_run("demo").await;
    }
    app
}

#[tokio::test]
async fn the_last_of_a_repeated_parameter_counts() {
    let app = app_with_three_runs().await;
    for (values, expected) in [
        (["1", "2"].as_slice(), Ok(2)),
        (&["2", "1"], Ok(1)),
        (&["x", "0", "1"], Ok(1)),
        (&["1", "0"], Err(vec!["maxResults".to_owned()])),
    ] {
        for event in listings(&[("maxResults", values)]) {
            assert_eq!(page(&app, &event).await, expected, "{event}");
        }
    }
}

#[tokio::test]
async fn unknown_parameters_are_ignored_whatever_they_hold() {
    let app = app_with_three_runs().await;
    let large = "a".repeat(8_000);
    let percent = "%".repeat(8_000);
    for text in ["", "%", "a b", "%ff", "\u{e9}", "<a>", "&&=&", "?#[", &large, &percent] {
        for event in listings(&[("unknown", &[text, text]), (text, &[""]), ("maxResults", &["2"])]) {
            assert_eq!(page(&app, &event).await, Ok(2), "{}", &text[..text.len().min(9)]);
        }
    }
    // Their names are case-sensitive.
    for event in listings(&[("maxresults", &["0"]), ("MaxResults", &["0"]), ("NextToken", &["x"])]) {
        assert_eq!(page(&app, &event).await, Ok(3));
    }
}

#[tokio::test]
async fn parameters_of_the_operation_fail_by_name_whatever_they_hold() {
    let app = app_with_three_runs().await;
    let large = "a".repeat(8_000);
    let percent = "%".repeat(8_000);
    for text in ["%", "a b", "%31", " 1", "\u{e9}", "\u{661}", "?#[", &large, &percent] {
        for event in listings(&[("maxResults", &[text]), ("nextToken", &[text])]) {
            let failed = vec!["maxResults".to_owned(), "nextToken".to_owned()];
            assert_eq!(page(&app, &event).await, Err(failed), "{}", &text[..text.len().min(9)]);
        }
    }
}

#[tokio::test]
async fn events_without_a_query_string_have_none_in_several_ways() {
    let app = app_with_three_runs().await;
    for nothing in [Value::Null, json!({})] {
        for mut event in listings(&[]) {
            for member in ["queryStringParameters", "multiValueQueryStringParameters"] {
                event[member] = nothing.clone();
            }
            assert_eq!(page(&app, &event).await, Ok(3));
            let members = event.as_object_mut().unwrap();
            members.retain(|name, _| !name.to_lowercase().contains("query"));
            assert_eq!(page(&app, &event).await, Ok(3));
        }
    }
    // Some senders of events have the one form only.
    for member in ["queryStringParameters", "multiValueQueryStringParameters"] {
        let [mut event, _] = listings(&[("maxResults", &["2"])]);
        event[member] = Value::Null;
        assert_eq!(page(&app, &event).await, Ok(2));
    }
}

#[tokio::test]
async fn the_raw_query_string_of_an_http_api_does_not_count() {
    let app = app_with_three_runs().await;
    for raw in ["maxResults=1", "%", "a b", "\u{e9}", &"%".repeat(8_000)] {
        let [_, mut event] = listings(&[("maxResults", &["2"])]);
        event["rawQueryString"] = raw.into();
        assert_eq!(page(&app, &event).await, Ok(2));
    }
}

#[tokio::test]
async fn a_query_string_does_not_matter_to_the_other_operations() {
    let app = TestApp::start().await;
    let id = app.start_run("demo").await;
    let query = "?maxResults=0&nextToken=%25&sortOrder=x&status=DELETING";
    for (method, path, body, status) in [
        ("GET", format!("{DEFINITIONS}/demo"), Value::Null, 200),
        ("PUT", DEFINITIONS.to_owned(), json!({"name": "flow"}), 201),
        ("GET", events::run("demo", &id), Value::Null, 200),
        ("PUT", events::run("demo", &id), json!({"status": "FAILED"}), 200),
        ("DELETE", events::run("demo", &id), Value::Null, 202),
        ("DELETE", format!("{DEFINITIONS}/demo"), Value::Null, 202),
    ] {
        let response = app.call(LOCAL_ACCOUNT, method, &format!("{path}{query}"), body).await;
        assert_eq!(response.status, status, "{method} {path}");
    }
}
