//! Many runs of one definition: a thousand, or `LOAD_RUNS`.
//!
//! `LOAD_RUNS=10000 cargo test load -- --nocapture` prints how long each step takes.

use std::collections::{BTreeSet, HashSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Instant;

use futures_util::{StreamExt as _, stream};
use jiff::{SignedDuration, Timestamp};
use local::gateway::LOCAL_ACCOUNT;
use serde_json::{Value, json};
use workflow_runs::Sources;

use crate::support::TestApp;
use crate::support::events::{rest, runs};

/// How many runs start and end during the listings.
const OTHERS: usize = 250;

const AT_ONCE: usize = 16;

struct Load {
    app: TestApp,
    started: Instant,
}

impl Load {
    async fn send(&self, method: &str, uri: &str, body: &str) -> (u64, Value) {
        let response = self.app.invoke(&rest(LOCAL_ACCOUNT, method, uri, body)).await;
        let body = serde_json::from_str(response["body"].as_str().unwrap()).unwrap();
        (response["statusCode"].as_u64().unwrap(), body)
    }

    async fn start(&self) -> String {
        let body = r#"{"modelId": "m", "clientInfo": {"compatibilityVersion": 1}}"#;
        let (status, output) = self.send("PUT", &runs("load"), body).await;
        assert_eq!(status, 201, "{output}");
        output["workflowRunId"].as_str().unwrap().to_owned()
    }

    async fn start_and_end(&self) -> String {
        let run = self.start().await;
        let (status, output) = self.send("PUT", &format!("{}/{run}", runs("load")), r#"{"status": "SUCCEEDED"}"#).await;
        assert_eq!(status, 200, "{output}");
        run
    }

    /// The ids of a whole listing, in its order.
    async fn list(&self, sort_order: &str) -> Vec<String> {
        let (mut ids, mut next_token) = (Vec::new(), None);
        loop {
            let token: String = next_token.map(|token| format!("&nextToken={token}")).unwrap_or_default();
            let uri = format!("{}?maxResults=100{token}", runs("load"));
            let (status, page) = self.send("POST", &uri, &json!({"sortOrder": sort_order}).to_string()).await;
            assert_eq!(status, 200, "{page}");
            let summaries = page["workflowRunSummaries"].as_array().unwrap();
            assert!(!summaries.is_empty(), "an empty page");
            ids.extend(summaries.iter().map(|summary| summary["workflowRunId"].as_str().unwrap().to_owned()));
            next_token = page["nextToken"].as_str().map(ToOwned::to_owned);
            if next_token.is_none() {
                return ids;
            }
        }
    }

    #[allow(clippy::print_stdout, reason = "the figures are for a person")]
    fn took(&mut self, what: &str) {
        println!("{what}: {:.1} s", self.started.elapsed().as_secs_f64());
        self.started = Instant::now();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn many_runs_are_listed_while_others_start_and_end_and_deleted_with_their_definition() {
    let number = std::env::var("LOAD_RUNS").map_or(1_000, |number| number.parse().unwrap());
    let seconds = Arc::new(AtomicI64::new(0));
    let ahead = Arc::clone(&seconds);
    let now = move || Timestamp::now() + SignedDuration::from_secs(ahead.load(Ordering::Relaxed));
    let app = TestApp::start_with(Sources { now: Arc::new(now), ..Sources::default() }, |config| config).await;
    app.define(LOCAL_ACCOUNT, "load").await;
    let mut load = Load { app, started: Instant::now() };

    let starts = stream::iter(0..number).map(|_| load.start()).buffer_unordered(AT_ONCE);
    let started: HashSet<String> = starts.collect().await;
    assert_eq!(started.len(), number);
    load.took(&format!("{number} creates, {AT_ONCE} at once"));

    let others = stream::iter(0..OTHERS).map(|_| load.start_and_end()).buffer_unordered(2).collect::<HashSet<_>>();
    let (ascending, descending, others) = tokio::join!(load.list("Ascending"), load.list("Descending"), others);
    for listing in [&ascending, &descending] {
        let listed: HashSet<_> = listing.iter().cloned().collect();
        assert_eq!(listed.len(), listing.len(), "a run is listed twice");
        assert!(started.is_subset(&listed), "a run is missing");
        assert!(listed.is_subset(&started.union(&others).cloned().collect()), "a run that nobody started");
    }
    let listed_before =
        |listing: &[String]| listing.iter().filter(|id| started.contains(*id)).cloned().collect::<Vec<_>>();
    let mut reversed = listed_before(&descending);
    reversed.reverse();
    assert_eq!(listed_before(&ascending), reversed);
    load.took(&format!("both listings, while {OTHERS} others start and end"));

    let (status, output) = load.send("DELETE", "/workflow-definitions/load", "").await;
    assert_eq!((status, &output), (202, &json!({"status": "DELETING"})));
    load.took("the request to delete them all");
    load.app.clean_up().await;
    assert!(load.app.items(&format!("definition/{LOCAL_ACCOUNT}/load")).await[0].contains_key("goneAt"));
    load.took(&format!("{} deletes", number + OTHERS));

    seconds.store(121, Ordering::Relaxed);
    for (method, uri) in [("DELETE", "/workflow-definitions/load"), ("GET", "/workflow-definitions/load")] {
        assert_eq!(load.send(method, uri, "").await.0, 404);
    }
    let left = load.app.items("run/").await;
    assert_eq!(left.len(), number + OTHERS);
    let attributes: BTreeSet<Vec<&str>> = left
        .iter()
        .map(|item| {
            let mut names: Vec<_> = item.keys().map(String::as_str).collect();
            names.sort_unstable();
            names
        })
        .collect();
    assert_eq!(attributes, [vec!["definitionId", "expiresAt", "pk", "status"]].into(), "not only tombstones are left");
}
