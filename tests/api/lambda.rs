//! The binary itself, as Lambda runs it: a process that polls the Runtime API.

use std::collections::BTreeSet;
use std::process::{Child, Command, Output, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

use axum::Router;
use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use serde_json::{Value, json};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

use crate::app::{App, body, serve};

/// A process that is killed when the test is over.
struct Function(Option<Child>);

impl Function {
    fn start(variables: &[(&str, &str)]) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_workflow-runs"));
        command.env_clear().envs(variables.iter().copied()).stdout(Stdio::piped()).stderr(Stdio::piped());
        Self(Some(command.spawn().unwrap()))
    }

    /// What it has written, when it has ended.
    fn output(mut self) -> Output {
        self.0.take().unwrap().wait_with_output().unwrap()
    }
}

impl Drop for Function {
    fn drop(&mut self) {
        if let Some(child) = &mut self.0 {
            let _ = child.kill();
        }
    }
}

/// Gives out events, and collects what the function answers: the last segment of the path, and the body.
#[derive(Clone)]
struct RuntimeApi {
    events: Arc<Mutex<Vec<Value>>>,
    answers: UnboundedSender<(String, Value)>,
}

impl RuntimeApi {
    async fn start(events: Vec<Value>) -> (String, UnboundedReceiver<(String, Value)>) {
        let (answers, answered) = unbounded_channel();
        let router = Router::new()
            .route("/2018-06-01/runtime/invocation/next", get(next))
            .route("/2018-06-01/runtime/invocation/{id}/{kind}", post(answer))
            .with_state(Self { events: Arc::new(Mutex::new(events)), answers });
        (serve(router).await.replace("http://", ""), answered)
    }
}

async fn next(State(api): State<RuntimeApi>) -> Response {
    let event = api.events.lock().unwrap().pop();
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

async fn answer(State(api): State<RuntimeApi>, Path((_, kind)): Path<(String, String)>, body: Bytes) -> StatusCode {
    api.answers.send((kind, serde_json::from_slice(&body).unwrap())).unwrap();
    StatusCode::ACCEPTED
}

fn event(number: usize) -> Value {
    json!({
        "httpMethod": "PUT",
        "path": "/workflow-definitions/demo/workflow-runs",
        "requestContext": {"httpMethod": "PUT", "requestId": format!("request-{number}")},
        "body": body(&format!("5f0d3f6a-7a64-4a3e-9d0e-{number:012}"), "/workflow-runs/demo").to_string(),
    })
}

#[tokio::test]
async fn the_function_answers_every_event_with_and_without_managed_concurrency() {
    for concurrency in ["1", "4"] {
        let app = App::start().await;
        let (runtime_api, mut answers) = RuntimeApi::start((0..8).map(event).collect()).await;
        let mut function = Function::start(&[
            ("AWS_ACCESS_KEY_ID", "test"),
            ("AWS_ENDPOINT_URL", app.services.aws.endpoint_url().unwrap()),
            ("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "256"),
            ("AWS_LAMBDA_FUNCTION_NAME", "workflow-runs"),
            ("AWS_LAMBDA_FUNCTION_VERSION", "1"),
            ("AWS_LAMBDA_MAX_CONCURRENCY", concurrency),
            ("AWS_LAMBDA_RUNTIME_API", &runtime_api),
            ("AWS_REGION", "us-east-1"),
            ("AWS_SECRET_ACCESS_KEY", "test"),
            ("TABLE_NAME", "workflow-runs"),
        ]);
        let mut ids = BTreeSet::new();
        for _ in 0..8 {
            let (kind, answer) = answers.recv().await.unwrap();
            assert_eq!((kind.as_str(), &answer["statusCode"]), ("response", &json!(201)), "{answer}");
            ids.insert(answer["body"].to_string());
        }
        assert_eq!((ids.len(), app.items("run/").await.len()), (8, 8));

        function.0.as_mut().unwrap().kill().unwrap();
        let logged = String::from_utf8(function.output().stdout).unwrap();
        let lines: Vec<Value> = logged.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        let requests: Vec<_> = lines.iter().filter(|line| line["message"] == "request").collect();
        assert_eq!(requests.len(), 8, "{logged}");
        assert!(requests.iter().all(|line| line["outcome"] == "created"), "{logged}");
    }
}

#[test]
fn without_its_environment_the_function_does_not_start_and_names_what_is_missing() {
    let complete = [
        ("AWS_EC2_METADATA_DISABLED", "true"),
        ("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "256"),
        ("AWS_LAMBDA_FUNCTION_NAME", "workflow-runs"),
        ("AWS_LAMBDA_FUNCTION_VERSION", "1"),
        ("AWS_LAMBDA_RUNTIME_API", "127.0.0.1:1"),
        ("AWS_REGION", "us-east-1"),
        ("TABLE_NAME", "workflow-runs"),
    ];
    for (missing, value) in [
        ("TABLE_NAME", None),
        ("TABLE_NAME", Some("")),
        ("AWS_REGION", None),
        ("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", None),
        ("AWS_LAMBDA_FUNCTION_NAME", None),
        ("AWS_LAMBDA_FUNCTION_VERSION", None),
        ("AWS_LAMBDA_RUNTIME_API", None),
    ] {
        let variables =
            complete.into_iter().filter(|(name, _)| *name != missing).chain(value.map(|value| (missing, value)));
        let output = Function::start(&variables.collect::<Vec<_>>()).output();
        assert!(!output.status.success());
        let line: Value = serde_json::from_slice(&output.stdout).unwrap();
        assert_eq!(line["level"], "ERROR");
        let sentence = format!("the environment variable {missing} is not set or empty");
        assert_eq!(line["error"], sentence.as_str());
    }
}
