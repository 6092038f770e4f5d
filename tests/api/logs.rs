//! What the on-call person reads.

use std::collections::BTreeMap;
use std::time::Instant;

use jiff::{SignedDuration, Timestamp};
use local::gateway::LOCAL_ACCOUNT;
use serde_json::{Value, json};
use workflow_runs::Config;
use workflow_runs::model::RunTimeout;

use crate::lambda::{event, handle_events, requests};
use crate::support::{Clock, Fault, TOKEN, TestApp, body, events};

const LOG_GROUP: &str = "/workflow-runs/secret";
const DESCRIPTION: &str = "what nobody else may read";

/// Asserts that no part of a body appears in a log.
fn assert_no_secret(log: &str) {
    for secret in [TOKEN, "nova-act-latest", LOG_GROUP, DESCRIPTION] {
        assert!(!log.contains(secret), "{log}");
    }
}

#[tokio::test]
async fn a_request_is_one_line_that_says_what_happened_and_repeats_no_secret() {
    let app = TestApp::start().await;
    let request = body(TOKEN, LOG_GROUP).to_string();
    let changed = request.replace(r#""compatibilityVersion":1"#, r#""compatibilityVersion":2"#);
    let torn = format!(r#"{{"modelId": "nova-act-latest", "clientToken": ["{TOKEN}"]"#);
    let invalid = format!(r#"{{"modelId": ["nova-act-latest"], "clientToken": "{TOKEN}-"}}"#);
    let other_token = request.replace(TOKEN, &TOKEN.replace('0', "1"));
    let cases = [
        ("demo", &request, 201, "created"),
        ("demo", &request, 201, "replayed"),
        ("demo", &changed, 409, "conflict"),
        ("demo", &torn, 400, "validation"),
        ("demo", &invalid, 400, "validation"),
        ("nope", &other_token, 404, "not_found"),
        ("a/b", &request, 404, "unknown_operation"),
    ];
    let events = cases.iter().enumerate().map(|(number, (definition, body, ..))| event(number, definition, body));
    let (_, log) = handle_events(&app, events.collect(), &[]).await;
    assert_no_secret(&log);
    let lines = requests(&log);
    assert_eq!(lines.len(), cases.len(), "{log}");
    let run = app.items("run/").await[0]["workflowRunId"].as_s().unwrap().clone();
    for (number, (line, (_, _, status, outcome))) in lines.iter().zip(cases).enumerate() {
        assert_eq!((&line["level"], &line["outcome"]), (&json!("INFO"), &json!(outcome)));
        assert_eq!(line["status"], status);
        assert_eq!(line["request_id"], format!("request-{number}"));
        assert!(line["lambda_request_id"].is_string());
        assert_eq!(line["operation"], if outcome == "unknown_operation" { "Unknown" } else { "CreateWorkflowRun" });
        assert_eq!(line["account_id"], LOCAL_ACCOUNT);
        assert!(line["duration_ms"].as_f64().is_some_and(|duration| duration > 0.0));
        // The first request creates the log group.
        assert_eq!(line["log_groups_created"], if number == 0 { json!(1) } else { json!(null) });
        let names_run = matches!(outcome, "created" | "replayed" | "conflict");
        assert_eq!(line["workflow_run_id"], if names_run { json!(run) } else { json!(null) });
        let detail = line["detail"].as_str();
        match outcome {
            "conflict" => {
                let message = "The client token was used by a previous request with different parameters.";
                assert_eq!(detail, Some(&*format!("workflow-run {run}: {message}")));
            }
            "validation" => assert!(detail.unwrap().contains(" detected: "), "{line}"),
            "not_found" => assert_eq!(detail, Some("workflow-definition nope")),
            "unknown_operation" => assert_eq!(detail, Some("PUT /workflow-definitions/a/b/workflow-runs")),
            _ => assert_eq!(detail, None),
        }
    }
}

/// Events of a life of a definition with one run: method, path, body, outcome, and whether the line names the run.
fn life(run: &str) -> Vec<(&'static str, &'static str, String, Value, &'static str, bool)> {
    let (definition, of_demo) = (events::definition("flow"), events::run("flow", run));
    let created = json!({"name": "flow", "description": DESCRIPTION, "clientToken": TOKEN});
    let other = json!({"name": "flow", "description": DESCRIPTION});
    let list = |path: &str| format!("{path}?nextToken={TOKEN}");
    let ended = |status: &str| json!({"status": status});
    vec![
        ("CreateWorkflowDefinition", "PUT", events::DEFINITIONS.into(), created.clone(), "created", false),
        ("CreateWorkflowDefinition", "PUT", events::DEFINITIONS.into(), created, "replayed", false),
        ("CreateWorkflowDefinition", "PUT", events::DEFINITIONS.into(), other, "conflict", false),
        ("GetWorkflowDefinition", "GET", definition.clone(), Value::Null, "read", false),
        ("ListWorkflowDefinitions", "POST", events::DEFINITIONS.into(), json!({}), "read", false),
        ("ListWorkflowDefinitions", "POST", list(events::DEFINITIONS), json!({}), "validation", false),
        ("CreateWorkflowRun", "PUT", events::runs("flow"), body(TOKEN, LOG_GROUP), "created", true),
        ("GetWorkflowRun", "GET", of_demo.clone(), Value::Null, "read", true),
        ("ListWorkflowRuns", "POST", events::runs("flow"), json!({}), "read", false),
        ("UpdateWorkflowRun", "PUT", of_demo.clone(), ended("RUNNING"), "unchanged", true),
        ("UpdateWorkflowRun", "PUT", of_demo.clone(), ended("FAILED"), "updated", true),
        ("UpdateWorkflowRun", "PUT", of_demo.clone(), ended("FAILED"), "unchanged", true),
        ("UpdateWorkflowRun", "PUT", of_demo.clone(), ended("SUCCEEDED"), "conflict", true),
        ("UpdateWorkflowRun", "PUT", of_demo.clone(), ended("DELETING"), "validation", false),
        ("DeleteWorkflowRun", "DELETE", of_demo.clone(), Value::Null, "deleted", true),
        ("DeleteWorkflowRun", "DELETE", of_demo.clone(), Value::Null, "unchanged", true),
        ("GetWorkflowRun", "GET", of_demo, Value::Null, "not_found", true),
        ("DeleteWorkflowDefinition", "DELETE", definition.clone(), Value::Null, "deleted", false),
        ("DeleteWorkflowDefinition", "DELETE", definition, Value::Null, "unchanged", false),
        ("DeleteWorkflowDefinition", "DELETE", events::definition("nope"), Value::Null, "not_found", false),
    ]
}

#[tokio::test]
async fn the_line_of_each_operation_has_its_outcome_and_no_level_repeats_a_secret() {
    // Which run a token starts is a function of the two.
    let run = TestApp::start().await.put(body(TOKEN, LOG_GROUP).to_string()).await;
    let run = run.body["workflowRunId"].as_str().unwrap();
    for level in ["", "trace"] {
        let app = TestApp::start().await;
        let life = life(run);
        let events = life.iter().map(|(_, method, path, body, ..)| {
            events::rest(LOCAL_ACCOUNT, method, path, &if body.is_null() { String::new() } else { body.to_string() })
        });
        let (_, log) = handle_events(&app, events.collect(), &[("RUST_LOG", level)]).await;
        assert_no_secret(&log);
        let lines = requests(&log);
        assert_eq!(lines.len(), life.len(), "{log}");
        for (line, (operation, _, _, _, outcome, names_run)) in lines.iter().zip(life) {
            assert_eq!((&line["operation"], &line["outcome"]), (&json!(operation), &json!(outcome)), "{line}");
            assert_eq!((&line["level"], &line["account_id"]), (&json!("INFO"), &json!(LOCAL_ACCOUNT)), "{line}");
            assert_eq!(line["workflow_run_id"], if names_run { json!(run) } else { Value::Null }, "{line}");
            let is_failure = matches!(outcome, "conflict" | "validation" | "not_found");
            assert_eq!(line["detail"].is_string(), is_failure, "{line}");
        }
    }
}

#[tokio::test]
async fn the_duration_is_in_milliseconds() {
    let app = TestApp::start().await;
    // The first attempt is given up after 2 seconds. Without a log group, it is the only put.
    app.fail("PutItem", 1, Fault::Hang);
    let began = Instant::now();
    let body = json!({"modelId": "m", "clientInfo": {"compatibilityVersion": 1}}).to_string();
    let (_, log) = handle_events(&app, vec![event(0, "demo", &body)], &[]).await;
    let at_most = began.elapsed().as_secs_f64() * 1e3;
    let [line] = requests(&log).try_into().unwrap();
    let duration = line["duration_ms"].as_f64().unwrap();
    assert!(duration >= 2e3 && duration <= at_most, "{duration} ms, at most {at_most} ms");
}

#[tokio::test]
async fn an_unsigned_request_is_denied_and_its_line_names_the_missing_authorization() {
    let app = TestApp::start().await;
    let mut event = event(0, "demo", &body(TOKEN, LOG_GROUP).to_string());
    event["requestContext"]["identity"]["accountId"] = Value::Null;
    let (responses, log) = handle_events(&app, vec![event], &[]).await;
    assert_eq!(responses[0]["statusCode"], 403);
    // The caller is not told why.
    assert!(!responses[0].to_string().contains("authorization"), "{}", responses[0]);
    let [line] = requests(&log).try_into().unwrap();
    let (level, outcome, account_id) = (&line["level"], &line["outcome"], &line["account_id"]);
    assert_eq!((level, outcome, account_id), (&json!("ERROR"), &json!("denied"), &json!("")), "{line}");
    assert_eq!(line["operation"], "CreateWorkflowRun");
    assert!(line["detail"].as_str().unwrap().contains("IAM authorization"), "{line}");
}

#[tokio::test]
async fn a_failure_that_needs_action_is_an_error_with_its_cause() {
    for (operation, status, code, level, outcome, action) in [
        ("PutItem", 400, "AccessDeniedException", "ERROR", "denied", "dynamodb:PutItem"),
        ("CreateLogGroup", 400, "AccessDeniedException", "ERROR", "denied", "logs:CreateLogGroup"),
        ("BatchGetItem", 400, "ResourceNotFoundException", "ERROR", "internal", "dynamodb:BatchGetItem"),
        ("BatchGetItem", 400, "ThrottlingException", "WARN", "throttled", "dynamodb:BatchGetItem"),
    ] {
        let app = TestApp::start().await;
        app.fail(operation, 100, Fault::Error(status, code));
        let events = vec![event(0, "demo", &body(TOKEN, LOG_GROUP).to_string())];
        let (_, log) = handle_events(&app, events, &[]).await;
        assert_no_secret(&log);
        let lines = requests(&log);
        let [line] = lines.as_slice() else { panic!("{log}") };
        assert_eq!((&line["level"], &line["outcome"]), (&json!(level), &json!(outcome)), "{line}");
        let detail = line["detail"].as_str().unwrap();
        assert!(detail.starts_with(action) && detail.contains(code) && detail.contains("injected"), "{detail}");
    }
}

#[tokio::test]
async fn a_retention_that_could_not_be_set_is_a_warning_with_its_cause_and_fails_no_run() {
    let app = TestApp::start().await;
    app.fail("PutRetentionPolicy", 100, Fault::Error(400, "AccessDeniedException"));
    let events = vec![event(0, "demo", &body(TOKEN, LOG_GROUP).to_string())];
    let (responses, log) = handle_events(&app, events, &[("RUN_LOG_RETENTION_DAYS", "30")]).await;
    assert_eq!(responses[0]["statusCode"], 201);
    assert_no_secret(&log);
    let lines = log.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    let [warning] = lines.filter(|line| line["level"] == "WARN").collect::<Vec<_>>().try_into().unwrap();
    assert_eq!(warning["message"], "the log group's retention was not set", "{warning}");
    assert_eq!(warning["request_id"], "request-0");
    assert!(warning["detail"].as_str().unwrap().starts_with("logs:PutRetentionPolicy failed"), "{warning}");
}

#[tokio::test]
async fn no_level_makes_the_log_repeat_a_secret() {
    let app = TestApp::start().await;
    let request = body(TOKEN, LOG_GROUP).to_string();
    let events = vec![event(0, "demo", &request), event(1, "demo", &request)];
    let (_, log) = handle_events(&app, events, &[("RUST_LOG", "trace")]).await;
    assert_eq!(requests(&log).len(), 2);
    assert!(log.contains("DEBUG"));
    assert_no_secret(&log);
}

/// A metric that CloudWatch makes of a line: its dimensions' values in each of its sets, its value and its unit.
type Metric<'a> = (Vec<Vec<&'a str>>, f64, &'a str);

/// The metrics that CloudWatch makes of a line, by name. Asserts the rules of the embedded metric format.
fn metrics(line: &Value) -> BTreeMap<&str, Metric<'_>> {
    let sent = line["_aws"]["Timestamp"].as_i64().unwrap();
    let timestamp: Timestamp = line["timestamp"].as_str().unwrap().parse().unwrap();
    assert_eq!(sent, timestamp.as_millisecond());
    let mut metrics = BTreeMap::new();
    for directive in line["_aws"]["CloudWatchMetrics"].as_array().unwrap() {
        assert_eq!(directive["Namespace"], "WorkflowRuns");
        let value_of = |name: &'_ Value| line[name.as_str().unwrap()].as_str().unwrap();
        let sets = directive["Dimensions"].as_array().unwrap().iter();
        let sets: Vec<Vec<_>> = sets.map(|set| set.as_array().unwrap().iter().map(value_of).collect()).collect();
        for metric in directive["Metrics"].as_array().unwrap() {
            let name = metric["Name"].as_str().unwrap();
            let value = line[name].as_f64().unwrap_or_else(|| panic!("no {name}: {line}"));
            let metric = (sets.clone(), value, metric["Unit"].as_str().unwrap());
            assert!(metrics.insert(name, metric).is_none(), "{name} is there twice: {line}");
        }
    }
    metrics
}

#[tokio::test]
async fn the_line_of_a_request_is_its_metrics() {
    let app = TestApp::start().await;
    app.fail("CreateLogGroup", 2, Fault::Error(400, "ThrottlingException"));
    let first = body(TOKEN, LOG_GROUP).to_string();
    let warm = body(&TOKEN.replace('0', "1"), LOG_GROUP).to_string();
    let events = vec![event(0, "demo", &first), event(1, "demo", &warm), event(2, "a/b", &warm)];
    let (_, log) = handle_events(&app, events, &[]).await;
    let lines = requests(&log);
    let [cold, warm, unknown] = lines.as_slice() else { panic!("{log}") };

    let by_function = vec![vec!["workflow-runs"]];
    let by_operation = vec![vec!["workflow-runs", "CreateWorkflowRun"], vec!["workflow-runs"]];
    let by_outcome = vec![vec!["workflow-runs", "CreateWorkflowRun", "created"], vec!["workflow-runs", "created"]];
    assert_eq!(metrics(warm).keys().copied().collect::<Vec<_>>(), ["duration_ms", "requests"]);
    assert_eq!(metrics(warm)["requests"], (by_outcome.clone(), 1.0, "Count"));
    let (dimensions, duration, unit) = &metrics(warm)["duration_ms"];
    assert_eq!((dimensions, *unit), (&by_operation, "Milliseconds"));
    assert!(*duration > 0.0);
    assert_eq!(metrics(cold)["requests"], (by_outcome, 1.0, "Count"));
    assert_eq!(metrics(cold)["log_groups_created"], (by_function.clone(), 1.0, "Count"));
    assert_eq!(metrics(cold)["create_log_group_throttles"], (by_function, 2.0, "Count"));
    let by_outcome =
        vec![vec!["workflow-runs", "Unknown", "unknown_operation"], vec!["workflow-runs", "unknown_operation"]];
    assert_eq!(metrics(unknown)["requests"], (by_outcome, 1.0, "Count"));
}

#[tokio::test]
async fn throttled_calls_count_although_the_request_fails() {
    let app = TestApp::start().await;
    app.fail("CreateLogGroup", 100, Fault::Error(400, "ThrottlingException"));
    let events = vec![event(0, "demo", &body(TOKEN, LOG_GROUP).to_string())];
    let (_, log) = handle_events(&app, events, &[]).await;
    let calls = app.calls().iter().filter(|call| *call == "CreateLogGroup").count();
    assert!(calls > 1);
    assert_eq!(requests(&log)[0]["create_log_group_throttles"], calls);
}

#[tokio::test]
async fn no_filter_hides_a_request() {
    for filter in ["off", "error", "", "workflow_runs=loud"] {
        let app = TestApp::start().await;
        let events = vec![event(0, "demo", &body(TOKEN, LOG_GROUP).to_string())];
        let (_, log) = handle_events(&app, events, &[("RUST_LOG", filter)]).await;
        assert_eq!(requests(&log).len(), 1, "{log}");
        assert_eq!(log.contains("RUST_LOG is not valid"), filter.ends_with("loud"), "{log}");
    }
}

/// What the log of a million creates costs follows from this.
#[tokio::test]
async fn the_line_of_a_create_is_less_than_a_kilobyte() {
    let app = TestApp::start().await;
    let token = |number| format!("5f0d3f6a-7a64-4a3e-9d0e-{number:012}");
    let mut events: Vec<_> = (0..2).map(|n| event(n, "demo", &body(&token(n), LOG_GROUP).to_string())).collect();
    for event in &mut events {
        event["requestContext"]["requestId"] = "c6af9ac6-7b61-11e6-9a41-93e8deadbeef".into();
    }
    let (_, log) = handle_events(&app, events, &[]).await;
    let warm = log.lines().last().unwrap();
    assert!((700..1_000).contains(&warm.len()), "{}: {warm}", warm.len());
}

#[tokio::test]
async fn a_request_that_ends_a_run_counts_it_by_its_status() {
    let clock = Clock::new();
    let hour = RunTimeout(Some(SignedDuration::from_hours(1)));
    let app = TestApp::start_with(clock.sources(), |config| Config { run_timeout: hour, ..config }).await;
    let ended = async |status: &str, times: usize| {
        let id = app.start_run("demo").await;
        app.lines();
        for _ in 0..times {
            assert_eq!(app.end_run("demo", &id, status).await.status, 200);
            clock.advance(SignedDuration::from_millis(1));
        }
        app.lines()
    };
    for status in ["SUCCEEDED", "FAILED", "TIMED_OUT"] {
        let lines = ended(status, 2).await;
        assert_eq!((&lines[0]["runs_ended"], &lines[0]["run_status"]), (&json!(1), &json!(status)));
        let metrics = lines[0]["_aws"]["CloudWatchMetrics"].as_array().unwrap();
        let dimensions = json!([["function_name", "run_status"], ["function_name"]]);
        let expected = json!({"Namespace": "WorkflowRuns", "Dimensions": dimensions, "Metrics": [{"Name": "runs_ended", "Unit": "Count"}]});
        assert!(metrics.contains(&expected), "{metrics:?}");
        // A repeated request ends nothing.
        assert!(lines[1].get("runs_ended").is_none() && lines[1].get("run_status").is_none(), "{}", lines[1]);
    }
    let lines = ended("RUNNING", 1).await;
    assert!(lines[0].get("runs_ended").is_none(), "{}", lines[0]);
    // A timeout that is only derived is counted when it is stored.
    let id = app.start_run("demo").await;
    clock.advance(SignedDuration::from_hours(2));
    app.lines();
    assert_eq!(app.send("GET", &events::run("demo", &id), "").await.body["status"], "TIMED_OUT");
    for _ in 0..2 {
        assert_eq!(app.end_run("demo", &id, "TIMED_OUT").await.status, 200);
    }
    let counted: Vec<_> = app.lines().iter().map(|line| line["runs_ended"].clone()).collect();
    assert_eq!(counted, [Value::Null, json!(1), Value::Null]);
}

#[tokio::test]
async fn a_line_is_bounded_whatever_a_caller_sends() {
    let app = TestApp::start().await;
    for long in ["x", "\u{1}", "\u{e9}", "\""].map(|character| character.repeat(9_000)) {
        for (method, path) in [("PUT", events::runs("demo")), ("PURGE", format!("/{}", "x".repeat(9_000)))] {
            let mut event = events::rest(LOCAL_ACCOUNT, method, &path, &body(TOKEN, LOG_GROUP).to_string());
            event["requestContext"]["requestId"] = long.clone().into();
            event["httpMethod"] = if method == "PUT" { json!("PUT") } else { long.clone().into() };
            app.invoke(&event).await;
        }
        for line in app.lines() {
            let id = line["request_id"].as_str().unwrap();
            assert!(id.chars().count() <= 128 && !id.is_empty(), "{id}");
            assert!(line.to_string().len() < 4_000, "{line}");
        }
    }
}

#[tokio::test]
async fn a_failed_request_says_if_it_may_have_changed_something() {
    let cases = [
        ("PutItem", Fault::Lost, json!("unknown")),
        ("PutItem", Fault::Error(500, "InternalServerError"), json!("unknown")),
        ("PutItem", Fault::Error(400, "ThrottlingException"), json!("unknown")),
        ("PutItem", Fault::Error(400, "AccessDeniedException"), Value::Null),
        ("PutItem", Fault::Error(400, "ResourceNotFoundException"), Value::Null),
        ("BatchGetItem", Fault::Lost, Value::Null),
        ("CreateLogGroup", Fault::Error(400, "AccessDeniedException"), Value::Null),
    ];
    for (operation, fault, change) in cases {
        let app = TestApp::start().await;
        app.lines();
        app.fail(operation, 100, fault);
        let response = app.put(body(TOKEN, LOG_GROUP).to_string()).await;
        assert!(response.status >= 400, "{response:?}");
        assert_eq!(app.lines().remove(0)["change"], change, "{operation}");
    }
}

#[tokio::test]
async fn a_record_of_the_stream_is_one_line_without_metrics() {
    let app = TestApp::start().await;
    let ids = app.start_runs("demo", 3).await;
    let generation = app.definition_id(LOCAL_ACCOUNT, "demo").await;
    app.delete_definition(LOCAL_ACCOUNT, "demo").await;
    app.lines();
    app.fail("Query", 1, Fault::Error(400, "AccessDeniedException"));
    let deletion = app.deletions().remove(0);
    let time = std::time::Duration::from_mins(5);
    app.hand_over(&deletion, time).await.unwrap_err();
    app.hand_over(&deletion, time).await.unwrap();
    app.hand_over(&deletion, time).await.unwrap();
    app.expire_generation(&generation).await;
    let lines = app.lines();
    let expected =
        [("ERROR", "failed", 0), ("INFO", "finished", ids.len()), ("INFO", "stale", 0), ("INFO", "finished", 0)];
    assert_eq!(lines.len(), expected.len());
    for (line, (level, outcome, deleted)) in lines.iter().zip(expected) {
        assert_eq!((&line["level"], &line["outcome"]), (&json!(level), &json!(outcome)));
        assert_eq!((&line["message"], &line["runs_deleted"]), (&json!("cleanup"), &json!(deleted)));
        assert_eq!((&line["definition_id"], &line["account_id"]), (&json!(generation), &json!(LOCAL_ACCOUNT)));
        assert!(line["duration_ms"].as_f64().is_some() && line.get("_aws").is_none(), "{line}");
        assert_eq!(line["detail"].is_string(), outcome == "failed", "{line}");
    }
}
