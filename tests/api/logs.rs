//! What the on-call person reads.

use std::io::Write;
use std::sync::{Arc, Mutex};

use serde_json::{Value, json};
use workflow_runs::logging;

use crate::app::{App, Fault, TOKEN, body};

/// As by default, without what the embedded services say.
const FILTER: &str = "warn,workflow_runs=info,dynoxide=error";

/// What this thread has logged.
#[derive(Clone, Default)]
struct Lines(Arc<Mutex<Vec<u8>>>);

impl Lines {
    /// The requests' lines since it was last asked.
    fn take(&self) -> Vec<Value> {
        let bytes = std::mem::take(&mut *self.0.lock().unwrap());
        let text = String::from_utf8(bytes).unwrap();
        for secret in [TOKEN, "nova-act-latest", "/workflow-runs/secret"] {
            assert!(!text.contains(secret), "{text}");
        }
        let lines = text.lines().map(|line| serde_json::from_str(line).unwrap());
        lines.filter(|line: &Value| line["message"] == "request").collect()
    }
}

impl Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[tokio::test]
async fn a_request_is_one_line_that_says_what_happened_and_repeats_no_secret() {
    let lines = Lines::default();
    let writer = lines.clone();
    let _guard = tracing::subscriber::set_default(logging::subscriber(move || writer.clone(), FILTER));
    let app = App::start().await;
    let request = body(TOKEN, "/workflow-runs/secret");
    let mut changed = request.clone();
    changed["clientInfo"]["compatibilityVersion"] = json!(2);

    for (request, level, status, outcome) in [
        (request.to_string(), "INFO", 201, "created"),
        (request.to_string(), "INFO", 201, "replayed"),
        (changed.to_string(), "INFO", 409, "conflict"),
        (format!(r#"{{"modelId": "nova-act-latest", "clientToken": ["{TOKEN}"]"#), "INFO", 400, "invalid"),
        (format!(r#"{{"modelId": ["nova-act-latest"], "clientToken": "{TOKEN}-"}}"#), "INFO", 400, "invalid"),
    ] {
        let answer = app.put(request).await;
        let logged = lines.take();
        let [line] = logged.as_slice() else { panic!("{logged:?}") };
        assert_eq!((&line["level"], &line["outcome"]), (&json!(level), &json!(outcome)));
        assert_eq!((&line["status"], answer.status), (&json!(status), status));
        assert_eq!(line["request_id"].as_str(), answer.header("x-amzn-requestid"));
        assert!(line["lambda_request_id"].as_str().is_some_and(|id| !id.is_empty()));
        assert_eq!(line["operation"], "CreateWorkflowRun");
        assert_eq!(line["account_id"], "000000000000");
        assert!(line["duration_ms"].as_f64().is_some_and(|duration| duration > 0.0));
        let run = answer.body.get("workflowRunId").or(answer.body.get("resourceId")).cloned().unwrap_or_default();
        assert_eq!(line["workflow_run_id"], run);
    }
    app.send("GET", "/nowhere", "").await;
    assert_eq!(lines.take()[0]["outcome"], "unknown_operation");
    let other = body(&TOKEN.replace('0', "1"), "/workflow-runs/secret");
    app.send("PUT", "/workflow-definitions/nope/workflow-runs", other.to_string()).await;
    assert_eq!(lines.take()[0]["outcome"], "not_found");
}

#[tokio::test]
async fn a_failure_that_somebody_must_act_on_is_an_error_with_its_cause() {
    let lines = Lines::default();
    let writer = lines.clone();
    let _guard = tracing::subscriber::set_default(logging::subscriber(move || writer.clone(), FILTER));
    for (operation, status, code, level, outcome, action) in [
        ("PutItem", 400, "AccessDeniedException", "ERROR", "denied", "dynamodb:PutItem"),
        ("CreateLogGroup", 400, "AccessDeniedException", "ERROR", "denied", "logs:CreateLogGroup"),
        ("BatchGetItem", 400, "ResourceNotFoundException", "ERROR", "failed", "dynamodb:BatchGetItem"),
        ("BatchGetItem", 400, "ThrottlingException", "WARN", "throttled", "dynamodb:BatchGetItem"),
    ] {
        let app = App::start().await;
        app.fail(operation, 100, Fault::Error(status, code));
        app.put(body(TOKEN, "/workflow-runs/secret").to_string()).await;
        let logged = lines.take();
        let line = logged.last().unwrap();
        assert_eq!((&line["level"], &line["outcome"]), (&json!(level), &json!(outcome)), "{line}");
        let detail = line["detail"].as_str().unwrap();
        assert!(detail.starts_with(action) && detail.contains(code) && detail.contains("injected"), "{detail}");
    }
}

#[tokio::test]
async fn no_level_makes_the_log_repeat_a_secret() {
    let lines = Lines::default();
    let writer = lines.clone();
    // The embedded services, in the same process, are not the function; they do log what they get.
    let filter = "trace,dynoxide=off,winterbaume=off,winterbaume_cloudwatchlogs=off";
    let _guard = tracing::subscriber::set_default(logging::subscriber(move || writer.clone(), filter));
    let app = App::start().await;
    let request = body(TOKEN, "/workflow-runs/secret");
    lines.0.lock().unwrap().clear();
    for _ in 0..2 {
        app.put(request.to_string()).await;
        assert_eq!(lines.take().len(), 1);
    }
}
