//! Races on several threads at once, over the clocks and sockets of this machine: what virtual time has in an order here
//! happens side by side.

use std::collections::BTreeSet;
use std::sync::Arc;

use local::gateway::LOCAL_ACCOUNT;
use serde_json::{Value, json};
use tokio::task::JoinSet;

use crate::support::request::Request;
use crate::support::{TOKEN, TestApp, events};

/// How often each race is run: who wins is chance.
const ROUNDS: usize = 8;

/// Sends requests concurrently, to three processes, each of which gets every kind of them. Statuses, bodies and whether it
/// was a replay, in the order of the requests.
async fn race(app: &TestApp, requests: &[Request]) -> Vec<(u16, Value, bool)> {
    let mut processes = Vec::new();
    for _ in 0..3 {
        processes.push(Arc::new(app.other_process(LOCAL_ACCOUNT).await));
    }
    let mut racing = JoinSet::new();
    for (at, request) in requests.iter().enumerate() {
        let (process, request) = (Arc::clone(&processes[at / 3 % 3]), request.clone());
        racing.spawn(async move { (at, send(&process, &request).await) });
    }
    let mut responses = racing.join_all().await;
    responses.sort_by_key(|(at, _)| *at);
    responses.into_iter().map(|(_, response)| response).collect()
}

async fn send(app: &TestApp, request: &Request) -> (u16, Value, bool) {
    let (method, uri, body) = request.http();
    let response = app.invoke(&events::rest(LOCAL_ACCOUNT, method, &uri, &body)).await;
    let status = u16::try_from(response["statusCode"].as_u64().unwrap()).unwrap();
    let body = serde_json::from_str(response["body"].as_str().unwrap()).unwrap();
    let is_replay = response["multiValueHeaders"].get("idempotent-replayed").is_some();
    assert!(request.documented().contains(&status), "{request:?}: {response}");
    (status, body, is_replay)
}

fn create_run(token: &str) -> Request {
    let token = Some(token.to_owned());
    Request::CreateRun { name: "demo", token, model: "nova-act-latest", log_group: None }
}

/// The id of a new run.
async fn start(app: &TestApp, token: &str) -> String {
    let (status, body, _) = send(app, &create_run(token)).await;
    assert_eq!(status, 201);
    body["workflowRunId"].as_str().unwrap().to_owned()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn one_status_wins_of_18_parallel_ends_and_every_200_is_true() {
    let app = TestApp::start().await;
    for round in 0..ROUNDS {
        let id = start(&app, &format!("{TOKEN}-{round}")).await;
        let end = |status| Request::UpdateRun { name: "demo", id: id.clone(), status };
        let ends: Vec<_> = ["SUCCEEDED", "FAILED", "TIMED_OUT"].into_iter().cycle().take(18).map(end).collect();
        let responses = race(&app, &ends).await;
        let won = ends.iter().zip(&responses).filter(|(_, (status, ..))| *status == 200).map(|(end, _)| end);
        let won: Vec<_> = won.collect();
        assert!(won.len() == 6 && won.iter().all(|end| *end == won[0]), "{responses:?}");
        assert!(responses.iter().all(|(status, ..)| matches!(status, 200 | 409)), "{responses:?}");
        let (_, run, _) = send(&app, &Request::GetRun { name: "demo", id: id.clone() }).await;
        assert_eq!(
            *won[0],
            end(["SUCCEEDED", "FAILED", "TIMED_OUT"].into_iter().find(|s| run["status"] == *s).unwrap())
        );
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_run_that_is_deleted_while_it_is_ended_replayed_and_read_stays_deleted() {
    let app = TestApp::start().await;
    for round in 0..ROUNDS {
        let token = format!("{TOKEN}-{round}");
        let id = start(&app, &token).await;
        let read = Request::GetRun { name: "demo", id: id.clone() };
        let delete = Request::DeleteRun { name: "demo", id: id.clone() };
        let end = |status| Request::UpdateRun { name: "demo", id: id.clone(), status };
        let each = [end("SUCCEEDED"), create_run(&token), read.clone(), delete.clone(), end("FAILED")];
        let requests: Vec<_> = each.into_iter().cycle().take(25).collect();
        for (request, (status, ..)) in requests.iter().zip(race(&app, &requests).await) {
            let allowed: &[u16] = match request {
                Request::DeleteRun { .. } => &[202],
                Request::GetRun { .. } => &[200, 404],
                Request::UpdateRun { .. } => &[200, 404, 409],
                _ => &[201, 409],
            };
            assert!(allowed.contains(&status), "{request:?}: {status}");
        }
        for (request, expected) in [(&read, 404), (&end("FAILED"), 404), (&create_run(&token), 409), (&delete, 202)] {
            assert_eq!(send(&app, request).await.0, expected, "{request:?}");
        }
        let list = Request::ListRuns { name: "demo", page: crate::support::request::Page::default() };
        assert_eq!(send(&app, &list).await.1["workflowRunSummaries"], json!([]));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn runs_that_start_while_their_definition_is_deleted_are_deleted_with_it() {
    for _ in 0..ROUNDS {
        let app = TestApp::start().await;
        let token = |at: usize| format!("{TOKEN}-{at}");
        let deletion = Request::DeleteDefinition { name: "demo" };
        let requests = (0..18).map(|at| if at == 7 { deletion.clone() } else { create_run(&token(at)) });
        let requests: Vec<_> = requests.collect();
        let responses = race(&app, &requests).await;
        let mut started = BTreeSet::new();
        for (request, (status, body, _)) in requests.iter().zip(responses) {
            match (request, status) {
                (Request::DeleteDefinition { .. }, 202) | (_, 409) => {}
                (Request::CreateRun { .. }, 201) => {
                    started.insert(format!("run/{LOCAL_ACCOUNT}/{}", body["workflowRunId"].as_str().unwrap()));
                }
                _ => panic!("{request:?}: {status} {body}"),
            }
        }
        let generation = app.definition_id(LOCAL_ACCOUNT, "demo").await;
        app.clean_up().await;
        app.expire_generation(&generation).await;
        let items = app.items("run/").await;
        let deleted: BTreeSet<_> = items.iter().map(|item| item["pk"].as_s().unwrap().clone()).collect();
        assert_eq!(deleted, started);
        assert!(items.iter().all(|item| item.contains_key("expiresAt")), "{items:?}");
        // What has been deleted is shown by none, and no retry starts it again.
        let (status, body, _) = send(&app, &create_run(&token(0))).await;
        assert_eq!((status, body["__type"].as_str()), (409, Some("ConflictException")));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn one_token_wins_of_16_parallel_creates_of_one_definition_name() {
    let app = TestApp::start().await;
    for (name, tokens) in [("one-token", 1), ("two-tokens", 2), ("sixteen-tokens", 16)] {
        let create = |at: usize| Request::CreateDefinition {
            name,
            token: Some(format!("{TOKEN}-{}", at % tokens)),
            description: None,
        };
        let requests: Vec<_> = (0..16).map(create).collect();
        let responses = race(&app, &requests).await;
        let won: Vec<_> = requests.iter().zip(&responses).filter(|(_, (status, ..))| *status == 201).collect();
        assert!(won.iter().all(|(request, _)| request == &won[0].0), "{responses:?}");
        assert_eq!(won.len(), 16 / tokens, "{responses:?}");
        assert_eq!(won.iter().filter(|(_, (_, _, is_replay))| !is_replay).count(), 1, "{responses:?}");
        assert!(responses.iter().all(|(status, ..)| matches!(status, 201 | 409)), "{responses:?}");
        assert_eq!(app.items(&format!("definition/{LOCAL_ACCOUNT}/{name}")).await.len(), 1);
    }
}
