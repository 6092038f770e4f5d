//! What the on-call person reads.

use serde_json::json;

use crate::app::{App, Fault, TOKEN, body};
use crate::lambda::{answer_events, event, requests};

const LOG_GROUP: &str = "/workflow-runs/secret";

/// Asserts that no part of a body stands in a log.
fn assert_no_secret(log: &str) {
    for secret in [TOKEN, "nova-act-latest", LOG_GROUP] {
        assert!(!log.contains(secret), "{log}");
    }
}

#[tokio::test]
async fn a_request_is_one_line_that_says_what_happened_and_repeats_no_secret() {
    let app = App::start().await;
    let request = body(TOKEN, LOG_GROUP).to_string();
    let changed = request.replace(r#""compatibilityVersion":1"#, r#""compatibilityVersion":2"#);
    let torn = format!(r#"{{"modelId": "nova-act-latest", "clientToken": ["{TOKEN}"]"#);
    let invalid = format!(r#"{{"modelId": ["nova-act-latest"], "clientToken": "{TOKEN}-"}}"#);
    let other_token = request.replace(TOKEN, &TOKEN.replace('0', "1"));
    let cases = [
        ("demo", &request, 201, "created"),
        ("demo", &request, 201, "replayed"),
        ("demo", &changed, 409, "conflict"),
        ("demo", &torn, 400, "invalid"),
        ("demo", &invalid, 400, "invalid"),
        ("nope", &other_token, 404, "not_found"),
        ("a/b", &request, 404, "unknown_operation"),
    ];
    let events = cases.iter().enumerate().map(|(number, (definition, body, ..))| event(number, definition, body));
    let (_, log) = answer_events(&app, events.collect(), &[]).await;
    assert_no_secret(&log);
    let lines = requests(&log);
    assert_eq!(lines.len(), cases.len(), "{log}");
    let run = app.items("run/").await[0]["workflowRunId"].as_s().unwrap().clone();
    for (number, (line, (_, _, status, outcome))) in lines.iter().zip(cases).enumerate() {
        assert_eq!((&line["level"], &line["outcome"]), (&json!("INFO"), &json!(outcome)));
        assert_eq!(line["status"], status);
        assert_eq!(line["request_id"], format!("request-{number}"));
        assert!(line["lambda_request_id"].is_string());
        assert_eq!(line["operation"].is_null(), outcome == "unknown_operation");
        assert_eq!(line["account_id"], "000000000000");
        assert!(line["duration_ms"].as_f64().is_some_and(|duration| duration > 0.0));
        let names_run = matches!(outcome, "created" | "replayed" | "conflict");
        assert_eq!(line["workflow_run_id"], if names_run { json!(run) } else { json!(null) });
        assert_eq!(line["detail"].is_null(), matches!(outcome, "created" | "replayed" | "unknown_operation"));
    }
}

#[tokio::test]
async fn a_failure_that_somebody_must_act_on_is_an_error_with_its_cause() {
    for (operation, status, code, level, outcome, action) in [
        ("PutItem", 400, "AccessDeniedException", "ERROR", "denied", "dynamodb:PutItem"),
        ("CreateLogGroup", 400, "AccessDeniedException", "ERROR", "denied", "logs:CreateLogGroup"),
        ("BatchGetItem", 400, "ResourceNotFoundException", "ERROR", "failed", "dynamodb:BatchGetItem"),
        ("BatchGetItem", 400, "ThrottlingException", "WARN", "throttled", "dynamodb:BatchGetItem"),
    ] {
        let app = App::start().await;
        app.fail(operation, 100, Fault::Error(status, code));
        let events = vec![event(0, "demo", &body(TOKEN, LOG_GROUP).to_string())];
        let (_, log) = answer_events(&app, events, &[]).await;
        assert_no_secret(&log);
        let lines = requests(&log);
        let [line] = lines.as_slice() else { panic!("{log}") };
        assert_eq!((&line["level"], &line["outcome"]), (&json!(level), &json!(outcome)), "{line}");
        let detail = line["detail"].as_str().unwrap();
        assert!(detail.starts_with(action) && detail.contains(code) && detail.contains("injected"), "{detail}");
    }
}

#[tokio::test]
async fn no_level_makes_the_log_repeat_a_secret() {
    let app = App::start().await;
    let request = body(TOKEN, LOG_GROUP).to_string();
    let events = vec![event(0, "demo", &request), event(1, "demo", &request)];
    let (_, log) = answer_events(&app, events, &[("RUST_LOG", "trace")]).await;
    assert_eq!(requests(&log).len(), 2);
    assert!(log.contains("DEBUG"));
    assert_no_secret(&log);
}

#[tokio::test]
async fn a_filter_that_is_empty_or_cannot_be_read_is_the_default() {
    for filter in ["", "workflow_runs=loud"] {
        let app = App::start().await;
        let events = vec![event(0, "demo", &body(TOKEN, LOG_GROUP).to_string())];
        let (_, log) = answer_events(&app, events, &[("RUST_LOG", filter)]).await;
        assert_eq!(requests(&log).len(), 1, "{log}");
        assert_eq!(log.contains("RUST_LOG cannot be read"), !filter.is_empty(), "{log}");
    }
}
