//! DynamoDB fails: each operation, at each of its calls.

use std::time::Duration;

use futures_util::future::join_all;
use serde_json::{Value, json};

use super::{assert_internal, assert_throttled};
use crate::support::events::{self, DEFINITIONS, definition, run, runs};
use crate::support::table::text;
use crate::support::{ApiResponse, Fault, TOKEN, TestApp};

/// A request of an operation.
#[derive(Clone, Copy, Debug)]
enum Case {
    CreateDefinition,
    GetDefinition,
    ListDefinitions,
    DeleteDefinition,
    /// The definition is known, or not.
    CreateRun(bool),
    GetRun(bool),
    ListRuns(bool),
    UpdateRun(bool),
    DeleteRun(bool),
}

use Case::{
    CreateDefinition, CreateRun, DeleteDefinition, DeleteRun, GetDefinition, GetRun, ListDefinitions, ListRuns,
    UpdateRun,
};
use local::gateway::{self, LOCAL_ACCOUNT};

/// The operations with the calls that they make.
const CASES: [(Case, &str); 15] = [
    (CreateDefinition, "PutItem"),
    (GetDefinition, "GetItem"),
    (ListDefinitions, "Query"),
    (DeleteDefinition, "UpdateItem"),
    (CreateRun(true), "PutItem"),
    (CreateRun(false), "BatchGetItem"),
    (CreateRun(false), "PutItem"),
    (GetRun(true), "GetItem"),
    (GetRun(false), "BatchGetItem"),
    (ListRuns(true), "Query"),
    (ListRuns(false), "GetItem"),
    (UpdateRun(true), "UpdateItem"),
    (UpdateRun(false), "GetItem"),
    (DeleteRun(true), "PutItem"),
    (DeleteRun(false), "GetItem"),
];

impl Case {
    /// Method, path, body, and the status of its success.
    fn request(self, id: &str) -> (&'static str, String, Value, u16) {
        match self {
            CreateDefinition => ("PUT", DEFINITIONS.to_owned(), json!({"name": "flow", "clientToken": TOKEN}), 201),
            GetDefinition => ("GET", definition("demo"), Value::Null, 200),
            ListDefinitions => ("POST", DEFINITIONS.to_owned(), json!({}), 200),
            DeleteDefinition => ("DELETE", definition("demo"), Value::Null, 202),
            CreateRun(_) => ("PUT", runs("demo"), create_run(), 201),
            GetRun(_) => ("GET", run("demo", id), Value::Null, 200),
            ListRuns(_) => ("POST", runs("demo"), json!({}), 200),
            UpdateRun(_) => ("PUT", run("demo", id), json!({"status": "SUCCEEDED"}), 200),
            DeleteRun(_) => ("DELETE", run("demo", id), Value::Null, 202),
        }
    }

    /// An API with a run, in which its calls can be broken; and the run's id.
    async fn start(self) -> (TestApp, String) {
        let app = TestApp::start().await;
        let id = app.start_run("demo").await;
        let is_cold =
            matches!(self, CreateRun(false) | GetRun(false) | ListRuns(false) | UpdateRun(false) | DeleteRun(false));
        let app = if is_cold { app.other_process(LOCAL_ACCOUNT).await } else { app };
        app.calls();
        (app, id)
    }

    async fn send(self, app: &TestApp, id: &str) -> ApiResponse {
        let (method, path, body, _) = self.request(id);
        app.call(LOCAL_ACCOUNT, method, &path, body).await
    }
}

/// The body of a create without a log group, whose item would be put too.
fn create_run() -> Value {
    json!({"clientInfo": {"compatibilityVersion": 1}, "clientToken": TOKEN, "modelId": "m"})
}

/// Failures of a call, the status of the response, and the attempts that the call gets.
const FAILURES: [(Fault, u16, usize); 8] = [
    (Fault::Error(400, "ProvisionedThroughputExceededException"), 429, 3),
    (Fault::Error(400, "ThrottlingException"), 429, 3),
    (Fault::Error(400, "RequestLimitExceeded"), 429, 3),
    (Fault::Error(400, "AccessDeniedException"), 403, 1),
    // A table or an index that is missing is the operator's mistake, not the caller's 404.
    (Fault::Error(400, "ResourceNotFoundException"), 500, 1),
    (Fault::Error(400, "ValidationException"), 500, 1),
    (Fault::Error(500, "InternalServerError"), 500, 3),
    (Fault::Cut, 500, 3),
];

#[tokio::test]
async fn every_failure_of_a_call_gets_its_documented_response_after_its_attempts() {
    for (case, operation) in CASES {
        let (app, id) = case.start().await;
        let before = app.items("run/").await;
        for (fault, status, attempts) in FAILURES {
            app.fail(operation, 100, fault);
            let response = case.send(&app, &id).await;
            match status {
                429 => assert_throttled(&response, "1", json!({"serviceCode": "dynamodb"})),
                403 => response.assert_error(403, "AccessDeniedException", json!({})),
                _ => assert_internal(&response),
            }
            let tried = app.calls().iter().filter(|call| *call == operation).count();
            // A listing of runs makes four queries at once, and gives up with the first that fails: the other three of the
            // previous request may arrive late.
            if operation == "Query" && !matches!(case, ListDefinitions) {
                assert!((attempts..=4 * attempts + 3).contains(&tried), "{case:?} {operation}: {tried}");
            } else {
                assert_eq!(tried, attempts, "{case:?} {operation}");
            }
            app.heal();
        }
        assert_eq!(app.items("run/").await, before, "{case:?}");
        assert_eq!(case.send(&app, &id).await.status, case.request(&id).3, "{case:?} {operation}");
    }
}

#[tokio::test]
async fn two_failures_that_pass_are_retried() {
    for (case, operation) in CASES {
        let (app, id) = case.start().await;
        for fault in [Fault::Error(400, "ThrottlingException"), Fault::Error(500, "InternalServerError"), Fault::Cut] {
            app.fail(operation, 2, fault);
            assert_eq!(case.send(&app, &id).await.status, case.request(&id).3, "{case:?} {operation}");
        }
    }
}

#[tokio::test]
async fn unprocessed_keys_are_read_again_and_throttle_the_request_in_the_end() {
    for (case, status) in [(GetRun(false), 200), (CreateRun(false), 201)] {
        let (app, id) = case.start().await;
        let before = app.items("run/").await;
        app.fail("BatchGetItem", 100, Fault::Unprocessed);
        assert_throttled(&case.send(&app, &id).await, "1", json!({"serviceCode": "dynamodb"}));
        assert_eq!(app.items("run/").await, before);
        app.heal();
        app.fail("BatchGetItem", 2, Fault::Unprocessed);
        assert_eq!(case.send(&app, &id).await.status, status);
    }
}

#[tokio::test]
async fn a_call_on_a_hung_connection_is_retried() {
    join_all(CASES.map(|(case, operation)| async move {
        let (app, id) = case.start().await;
        app.fail(operation, 1, Fault::Hang);
        assert_eq!(case.send(&app, &id).await.status, case.request(&id).3, "{case:?} {operation}");
        let attempts = app.calls().iter().filter(|call| *call == operation).count();
        assert!(attempts >= 2, "{case:?} {operation}");
    }))
    .await;
}

#[tokio::test]
async fn a_hung_connection_gets_a_response_before_lambda_ends_the_invocation() {
    join_all(CASES.map(|(case, operation)| async move {
        let (app, id) = case.start().await;
        app.fail(operation, 100, Fault::Hang);
        let (method, path, body, _) = case.request(&id);
        let event = events::rest(LOCAL_ACCOUNT, method, &path, &body.to_string()).to_string();
        let invocation = gateway::invoke(&app.function, event.as_bytes(), Duration::from_secs(1));
        let response = invocation.await.unwrap();
        assert_internal(&ApiResponse::of_proxy_response(&response));
        // An attempt may take longer than the invocation has. (A listing of runs makes four queries at once.)
        let attempts = app.calls().iter().filter(|call| *call == operation).count();
        assert!(attempts <= if operation == "Query" { 4 } else { 1 }, "{case:?} {operation}: {attempts}");
    }))
    .await;
}

#[tokio::test]
async fn a_missing_table_is_a_500_not_a_404() {
    for (case, _) in CASES {
        let (app, id) = case.start().await;
        let dynamodb = aws_sdk_dynamodb::Client::new(&app.services.aws);
        dynamodb.delete_table().table_name(&app.services.table_name).send().await.unwrap();
        assert_internal(&case.send(&app, &id).await);
    }
}

#[tokio::test]
async fn an_item_that_cannot_be_read_is_a_500() {
    for case in [GetDefinition, DeleteDefinition, GetRun(false), ListRuns(false), UpdateRun(false), DeleteRun(false)] {
        let (app, id) = case.start().await;
        let mut broken = app.definition_item(LOCAL_ACCOUNT, "demo").await;
        broken.remove("definitionId");
        app.put_item(broken).await;
        assert_internal(&case.send(&app, &id).await);
    }
    for case in [CreateRun(true), CreateRun(false)] {
        let (app, id) = case.start().await;
        assert_eq!(case.send(&app, &id).await.status, 201);
        let app = if matches!(case, CreateRun(false)) { app.other_process(LOCAL_ACCOUNT).await } else { app };
        for mut broken in app.items("run/").await {
            broken.remove("status");
            app.put_item(broken).await;
        }
        assert_internal(&case.send(&app, &id).await);
    }
    for case in [GetRun(true), GetRun(false), UpdateRun(true)] {
        let (app, id) = case.start().await;
        let mut broken = app.run_item(&id).await;
        // So that an update's condition does not hold, and the item is read.
        broken.insert("status".into(), aws_sdk_dynamodb::types::AttributeValue::S("LOST".into()));
        app.put_item(broken).await;
        assert_internal(&case.send(&app, &id).await);
    }
    for (case, prefix) in [(ListRuns(true), "run/"), (ListDefinitions, "definition/")] {
        let (app, id) = case.start().await;
        for mut broken in app.items(prefix).await {
            let key = text(&broken, "sortKey").replace('Z', "");
            broken.insert("sortKey".into(), aws_sdk_dynamodb::types::AttributeValue::S(key));
            app.put_item(broken).await;
        }
        assert_internal(&case.send(&app, &id).await);
    }
}
