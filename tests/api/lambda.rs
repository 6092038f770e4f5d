//! The binary itself, as Lambda runs it: a process that polls the Runtime API.

use std::collections::{BTreeSet, VecDeque};
use std::fs::{self, File};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

use axum::Router;
use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use jiff::{SignedDuration, Timestamp};
use local::gateway::LOCAL_ACCOUNT;
use serde_json::{Value, json};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use workflow_runs::Sources;

use crate::support::{Fault, TOKEN, TestApp, body, events, serve};

/// A process of the function, which is killed when the test is over. It logs into a file: a pipe could fill up.
struct Function {
    process: Child,
    log: PathBuf,
}

impl Function {
    fn start(variables: &[(&str, &str)]) -> Self {
        static NEXT: AtomicUsize = AtomicUsize::new(0);
        let name = format!("function-{}-{}.log", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        let log = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(name);
        let mut command = Command::new(env!("CARGO_BIN_EXE_workflow-runs"));
        command.env_clear().envs(variables.iter().copied()).stdout(File::create(&log).unwrap()).stderr(Stdio::null());
        Self { process: command.spawn().unwrap(), log }
    }

    fn log(&self) -> String {
        fs::read_to_string(&self.log).unwrap()
    }
}

impl Drop for Function {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
        let _ = fs::remove_file(&self.log);
    }
}

/// Lets a process of the function handle these events, on the app's services. The proxy responses, and the log.
pub async fn handle_events(app: &TestApp, events: Vec<Value>, variables: &[(&str, &str)]) -> (Vec<Value>, String) {
    let (responses, function) = function_that_handled(app, events, variables).await;
    (responses, function.log())
}

async fn function_that_handled(
    app: &TestApp,
    events: Vec<Value>,
    variables: &[(&str, &str)],
) -> (Vec<Value>, Function) {
    let expected = events.len();
    let (runtime_api, mut outcomes) = RuntimeApi::start(events).await;
    let mut environment = vec![
        ("AWS_ACCESS_KEY_ID", "test"),
        ("AWS_ENDPOINT_URL", app.spied.aws.endpoint_url().unwrap()),
        ("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "256"),
        ("AWS_LAMBDA_FUNCTION_NAME", "workflow-runs"),
        ("AWS_LAMBDA_FUNCTION_VERSION", "1"),
        ("AWS_LAMBDA_RUNTIME_API", &runtime_api),
        ("AWS_REGION", "us-east-1"),
        ("AWS_SECRET_ACCESS_KEY", "test"),
        ("TABLE_NAME", "workflow-runs"),
    ];
    environment.extend(variables);
    let function = Function::start(&environment);
    let mut responses = Vec::new();
    for _ in 0..expected {
        let (kind, response) = outcomes.recv().await.unwrap();
        assert_eq!(kind, "response", "{response}");
        responses.push(response);
    }
    (responses, function)
}

/// The lines of a log that are about a request.
pub fn requests(log: &str) -> Vec<Value> {
    let lines = log.lines().map(|line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{line}: {error}")));
    lines.filter(|line: &Value| line["message"] == "request").collect()
}

/// Gives out events, and collects the function's responses: the last segment of the path, and the body.
#[derive(Clone)]
struct RuntimeApi {
    events: Arc<Mutex<VecDeque<Value>>>,
    responses: UnboundedSender<(String, Value)>,
}

impl RuntimeApi {
    async fn start(events: Vec<Value>) -> (String, UnboundedReceiver<(String, Value)>) {
        let (responses, answered) = unbounded_channel();
        let router = Router::new()
            .route("/2018-06-01/runtime/invocation/next", get(next))
            .route("/2018-06-01/runtime/invocation/{id}/{kind}", post(respond))
            .with_state(Self { events: Arc::new(Mutex::new(events.into())), responses });
        (serve(router).await.replace("http://", ""), answered)
    }
}

async fn next(State(api): State<RuntimeApi>) -> Response {
    let event = api.events.lock().unwrap().pop_front();
    let Some(event) = event else { return std::future::pending().await };
    let deadline = SystemTime::now() + Duration::from_secs(15);
    let deadline = deadline.duration_since(SystemTime::UNIX_EPOCH).unwrap().as_millis().to_string();
    let headers = [
        ("lambda-runtime-aws-request-id", event["requestContext"]["requestId"].as_str().unwrap()),
        ("lambda-runtime-deadline-ms", &deadline),
        ("lambda-runtime-invoked-function-arn", "arn:aws:lambda:us-east-1:123456789012:function:workflow-runs"),
    ];
    (headers, event.to_string()).into_response()
}

async fn respond(State(api): State<RuntimeApi>, Path((_, kind)): Path<(String, String)>, body: Bytes) -> StatusCode {
    api.responses.send((kind, serde_json::from_slice(&body).unwrap())).unwrap();
    StatusCode::ACCEPTED
}

/// The event of a create with this body, by the number that its id ends with.
pub fn event(number: usize, definition: &str, body: &str) -> Value {
    let mut event = events::rest(LOCAL_ACCOUNT, "PUT", &events::runs(definition), body);
    event["requestContext"]["requestId"] = format!("request-{number}").into();
    event
}

#[tokio::test]
async fn the_function_responds_to_every_event_with_and_without_managed_concurrency() {
    let events = || {
        let token = |number| format!("5f0d3f6a-7a64-4a3e-9d0e-{number:012}");
        (0..8).map(|number| event(number, "demo", &body(&token(number), "/workflow-runs/demo").to_string())).collect()
    };
    for concurrency in ["1", "4"] {
        let app = TestApp::start().await;
        let (responses, log) = handle_events(&app, events(), &[("AWS_LAMBDA_MAX_CONCURRENCY", concurrency)]).await;
        let ids: BTreeSet<_> = responses.iter().map(|response| response["body"].to_string()).collect();
        assert!(responses.iter().all(|response| response["statusCode"] == 201), "{responses:?}");
        assert_eq!((ids.len(), app.items("run/").await.len()), (8, 8));
        let requests = requests(&log);
        assert_eq!(requests.len(), 8, "{log}");
        assert!(requests.iter().all(|line| line["outcome"] == "created"), "{log}");
    }
}

#[tokio::test]
async fn concurrent_requests_make_concurrent_calls() {
    for concurrency in [1, 8, 64] {
        let app = TestApp::start().await;
        // If a request waited for another one, no put would be answered.
        app.fail("PutItem", usize::MAX, Fault::Gather(concurrency));
        let body = json!({"modelId": "m", "clientInfo": {"compatibilityVersion": 1}}).to_string();
        let events = (0..concurrency).map(|number| event(number, "demo", &body)).collect();
        let limit = concurrency.to_string();
        let (responses, _) = handle_events(&app, events, &[("AWS_LAMBDA_MAX_CONCURRENCY", &limit)]).await;
        assert!(responses.iter().all(|response| response["statusCode"] == 201), "{responses:?}");
        assert_eq!(app.items("run/").await.len(), concurrency);
    }
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn only_a_function_that_gets_several_requests_at_once_has_worker_threads() {
    for (limit, is_concurrent) in [(None, false), (Some("1"), false), (Some("2"), true), (Some("64"), true)] {
        let app = TestApp::start().await;
        let variables: Vec<_> = limit.map(|limit| ("AWS_LAMBDA_MAX_CONCURRENCY", limit)).into_iter().collect();
        let events = vec![event(0, "demo", &body(TOKEN, "/workflow-runs/demo").to_string())];
        let (responses, function) = function_that_handled(&app, events, &variables).await;
        assert_eq!(responses[0]["statusCode"], 201, "{responses:?}");
        let threads = fs::read_dir(format!("/proc/{}/task", function.process.id())).unwrap().count();
        assert_eq!(threads > 1, is_concurrent, "{limit:?}: {threads} threads");
    }
}

#[tokio::test]
async fn the_optional_variables_take_effect() {
    let two_hours_ago = || Timestamp::now() - SignedDuration::from_hours(2);
    let sources = Sources { now: Arc::new(two_hours_ago), ..Sources::default() };
    let app = TestApp::start_with(sources, |config| config).await;
    let run = app.start_run("demo").await;
    let read = || {
        let mut unsigned = events::rest(LOCAL_ACCOUNT, "GET", &format!("{}/{run}", events::runs("demo")), "");
        unsigned["requestContext"]["identity"]["accountId"] = Value::Null;
        unsigned
    };
    let set = [("UNSIGNED_ACCOUNT_ID", LOCAL_ACCOUNT), ("RUN_TIMEOUT_HOURS", "1")];
    let unset = [("UNSIGNED_ACCOUNT_ID", ""), ("RUN_TIMEOUT_HOURS", "")];
    for (variables, status, run_status) in
        [(&set[..], 200, "TIMED_OUT"), (&set[..1], 200, "RUNNING"), (&unset, 403, ""), (&[], 403, "")]
    {
        let (responses, _) = handle_events(&app, vec![read()], variables).await;
        assert_eq!(responses[0]["statusCode"], status, "{variables:?}: {responses:?}");
        let body: Value = serde_json::from_str(responses[0]["body"].as_str().unwrap()).unwrap();
        assert_eq!(body["status"].as_str().unwrap_or_default(), run_status, "{variables:?}: {body}");
    }
}

#[test]
fn without_its_environment_the_function_does_not_start_and_names_what_is_missing() {
    let complete =
        [("AWS_LAMBDA_FUNCTION_NAME", "workflow-runs"), ("AWS_REGION", "us-east-1"), ("TABLE_NAME", "workflow-runs")];
    for (missing, value) in [
        ("TABLE_NAME", None),
        ("TABLE_NAME", Some("")),
        ("AWS_REGION", None),
        ("AWS_REGION", Some("")),
        ("AWS_LAMBDA_FUNCTION_NAME", None),
    ] {
        let others = complete.into_iter().filter(|(name, _)| *name != missing);
        let variables: Vec<_> = others.chain(value.map(|value| (missing, value))).collect();
        let mut function = Function::start(&variables);
        assert!(!function.process.wait().unwrap().success());
        let line: Value = serde_json::from_str(&function.log()).unwrap();
        assert_eq!(line["level"], "ERROR");
        let sentence = format!("the environment variable {missing} is missing or empty");
        assert_eq!(line["error"], sentence.as_str());
    }
}

#[test]
fn with_a_variable_that_is_not_valid_the_function_does_not_start_and_says_what_is_wrong() {
    let mut variables = vec![
        ("AWS_LAMBDA_FUNCTION_NAME", "workflow-runs"),
        ("AWS_REGION", "us-east-1"),
        ("TABLE_NAME", "workflow-runs"),
    ];
    for (variable, value) in [
        ("UNSIGNED_ACCOUNT_ID", "1234"),
        ("RUN_LOG_RETENTION_DAYS", "2"),
        ("RUN_TIMEOUT_HOURS", "8761"),
        ("RUN_RETENTION_DAYS", "0"),
    ] {
        variables.push((variable, value));
        let mut function = Function::start(&variables);
        assert!(!function.process.wait().unwrap().success());
        let line: Value = serde_json::from_str(&function.log()).unwrap();
        let sentence = format!("the environment variable {variable} is not ");
        assert!(line["error"].as_str().is_some_and(|error| error.starts_with(&sentence)), "{line}");
        variables.pop();
    }
}
