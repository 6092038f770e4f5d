//! Listings, page by page.

use std::collections::BTreeSet;

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use local::gateway::LOCAL_ACCOUNT;
use serde_json::{Value, json};

use crate::support::events::{DEFINITIONS, run, runs};
use crate::support::{Clock, Fault, TestApp, client};

const ORDERS: [&str; 2] = ["Ascending", "Descending"];

/// A listing: where it is, the member with its summaries, the member with what a summary is about.
struct Pages {
    path: String,
    summaries: &'static str,
    id: &'static str,
}

fn definitions() -> Pages {
    Pages { path: DEFINITIONS.to_owned(), summaries: "workflowDefinitionSummaries", id: "workflowDefinitionName" }
}

fn runs_of(definition: &str) -> Pages {
    Pages { path: runs(definition), summaries: "workflowRunSummaries", id: "workflowRunId" }
}

impl Pages {
    /// A page: its ids, and where it goes on.
    async fn page(&self, app: &TestApp, order: &str, query: &str) -> (Vec<String>, Option<String>) {
        let response =
            app.call(LOCAL_ACCOUNT, "POST", &format!("{}?{query}", self.path), json!({"sortOrder": order})).await;
        assert_eq!(response.status, 200, "{response:?}");
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        let summaries = response.body[self.summaries].as_array().unwrap();
        let token = response.body.get("nextToken").map(text);
        (summaries.iter().map(|summary| text(&summary[self.id])).collect(), token)
    }

    /// The sizes of the pages, and all ids in their order.
    async fn read(&self, app: &TestApp, order: &str, page_size: usize) -> (Vec<usize>, Vec<String>) {
        let (mut sizes, mut ids) = (Vec::new(), Vec::new());
        let mut query = format!("maxResults={page_size}");
        loop {
            let (page, token) = self.page(app, order, &query).await;
            sizes.push(page.len());
            ids.extend(page);
            let Some(token) = token else { return (sizes, ids) };
            query = format!("maxResults={page_size}&nextToken={token}");
        }
    }
}

/// Asserts that pages of every size, in both orders, have each of these ids once, and that none is empty.
async fn assert_every_page_is_right(app: &TestApp, listing: &Pages, oldest_first: &[String]) {
    for order in ORDERS {
        let mut expected = oldest_first.to_vec();
        if order == "Descending" {
            expected.reverse();
        }
        for (page_size, sizes) in
            [(1, vec![1; 25]), (7, vec![7, 7, 7, 4]), (24, vec![24, 1]), (25, vec![25]), (100, vec![25])]
        {
            assert_eq!(listing.read(app, order, page_size).await, (sizes, expected.clone()), "{order} {page_size}");
        }
    }
}

#[tokio::test]
async fn runs_are_listed_once_each_in_the_order_in_which_they_started() {
    let clock = Clock::new();
    let app = TestApp::start_at(&clock).await;
    let mut ids = Vec::new();
    for _ in 0..25 {
        clock.advance_seconds(1);
        ids.push(app.start_run("demo").await);
    }
    assert_every_page_is_right(&app, &runs_of("demo"), &ids).await;
    // Without a number there are up to a hundred on a page.
    assert_eq!(runs_of("demo").page(&app, "Ascending", "").await, (ids, None));
}

#[tokio::test]
async fn runs_that_started_in_the_same_millisecond_are_listed_once_each_whatever_their_shard() {
    let app = TestApp::start_at(&Clock::new()).await;
    let mut ids = app.start_runs("demo", 25).await;
    ids.sort_unstable();
    let shards: BTreeSet<_> =
        app.items("run/").await.iter().map(|item| item["listKey"].as_s().unwrap().clone()).collect();
    assert_eq!(shards.len(), 4, "{shards:?}");
    assert_every_page_is_right(&app, &runs_of("demo"), &ids).await;
}

#[tokio::test]
async fn definitions_are_listed_once_each_in_the_order_in_which_they_were_created() {
    let clock = Clock::new();
    let app = TestApp::start_at(&clock).await;
    // `demo` is the oldest; of the others, two each are of the same millisecond.
    let mut names = vec!["demo".to_owned()];
    for number in 0..24 {
        clock.advance_seconds(i64::from(number % 2 == 0));
        names.push(format!("flow-{number:02}"));
        app.define(LOCAL_ACCOUNT, names.last().unwrap()).await;
    }
    assert_every_page_is_right(&app, &definitions(), &names).await;
}

#[tokio::test]
async fn a_hundred_results_are_on_a_page_unless_the_request_says_otherwise() {
    let app = TestApp::start_at(&Clock::new()).await;
    app.start_runs("demo", 101).await;
    for query in ["", "maxResults=100"] {
        let (ids, token) = runs_of("demo").page(&app, "Descending", query).await;
        assert_eq!((ids.len(), token.is_some()), (100, true), "{query}");
    }
    assert_eq!(runs_of("demo").read(&app, "Ascending", 100).await.0, [100, 1]);
}

#[tokio::test]
async fn a_page_is_full_even_if_dynamodb_ends_its_responses_early() {
    let app = TestApp::start_at(&Clock::new()).await;
    let mut ids = app.start_runs("demo", 25).await;
    ids.sort_unstable();
    app.fail("Query", usize::MAX, Fault::EndEarly);
    assert_eq!(runs_of("demo").read(&app, "Ascending", 10).await, (vec![10, 10, 5], ids));
}

#[tokio::test]
async fn the_largest_page_of_runs_is_less_than_60_kilobytes() {
    let app = TestApp::start().await;
    let name = "n".repeat(40);
    app.define(LOCAL_ACCOUNT, &name).await;
    let ids = app.start_runs(&name, 100).await;
    for id in &ids {
        assert_eq!(app.end_run(&name, id, "SUCCEEDED").await.status, 200);
    }
    let response = app.call(LOCAL_ACCOUNT, "POST", &runs(&name), json!({})).await;
    assert_eq!(response.body["workflowRunSummaries"].as_array().unwrap().len(), 100);
    let size = response.body.to_string().len();
    assert!((25_000..60_000).contains(&size), "{size} bytes");
}

#[tokio::test]
async fn a_listing_has_every_run_that_existed_when_it_began_once_whatever_starts_and_ends_meanwhile() {
    for order in ORDERS {
        let clock = Clock::new();
        let app = TestApp::start_at(&clock).await;
        let mut ids = Vec::new();
        for _ in 0..12 {
            clock.advance_seconds(1);
            ids.push(app.start_run("demo").await);
        }
        let (mut query, mut listed) = ("maxResults=2".to_owned(), Vec::new());
        let mut started = Vec::new();
        for turn in 0.. {
            let (page, token) = runs_of("demo").page(&app, order, &query).await;
            listed.extend(page);
            let Some(token) = token else { break };
            query = format!("maxResults=2&nextToken={token}");
            // Meanwhile earlier runs end, on pages already read and on pages to come, and new ones start.
            if let [early, .., late] = ids.as_slice()
                && turn < 2
            {
                clock.advance_seconds(1);
                for id in [early, late] {
                    app.end_run("demo", id, "SUCCEEDED").await;
                }
                started.push(app.start_run("demo").await);
            }
        }
        let distinct: BTreeSet<_> = listed.iter().collect();
        assert_eq!(distinct.len(), listed.len(), "{order}: {listed:?}");
        assert!(ids.iter().all(|id| distinct.contains(id)), "{order}");
        // Runs that start later than a listing of the newest first begins are not on it.
        assert_eq!(started.iter().filter(|id| distinct.contains(id)).count(), if order == "Ascending" { 2 } else { 0 });
    }
}

#[tokio::test]
async fn a_listing_continues_after_a_run_that_was_deleted_meanwhile() {
    let clock = Clock::new();
    let app = TestApp::start_at(&clock).await;
    let mut ids = Vec::new();
    for _ in 0..5 {
        clock.advance_seconds(1);
        ids.push(app.start_run("demo").await);
    }
    let (page, token) = runs_of("demo").page(&app, "Ascending", "maxResults=2").await;
    assert_eq!(page, ids[..2]);
    for deleted in &ids[1..3] {
        app.send("DELETE", &run("demo", deleted), "").await;
    }
    let (page, token) = runs_of("demo").page(&app, "Ascending", &format!("nextToken={}", token.unwrap())).await;
    assert_eq!((page, token), (ids[3..].to_vec(), None));
}

#[tokio::test]
async fn a_token_may_be_used_with_another_page_size_and_in_another_order() {
    let clock = Clock::new();
    let app = TestApp::start_at(&clock).await;
    let mut ids = Vec::new();
    for _ in 0..4 {
        clock.advance_seconds(1);
        ids.push(app.start_run("demo").await);
    }
    let (_, token) = runs_of("demo").page(&app, "Ascending", "maxResults=2").await;
    let token = format!("nextToken={}", token.unwrap());
    assert_eq!(runs_of("demo").page(&app, "Ascending", &token).await.0, ids[2..]);
    assert_eq!(runs_of("demo").page(&app, "Descending", &token).await.0, ids[..1]);
}

#[tokio::test]
async fn a_token_that_the_listing_did_not_return_is_rejected() {
    let app = TestApp::start().await;
    for name in ["one", "two"] {
        app.define(LOCAL_ACCOUNT, name).await;
        app.start_run("demo").await;
    }
    let token_of = async |listing: &Pages| listing.page(&app, "Ascending", "maxResults=1").await.1.unwrap();
    let encode = |key: &str| BASE64_URL_SAFE_NO_PAD.encode(key);
    for listing in [definitions(), runs_of("demo")] {
        let token = token_of(&listing).await;
        let key = String::from_utf8(BASE64_URL_SAFE_NO_PAD.decode(&token).unwrap()).unwrap();
        let (at, id) = key.split_once('/').unwrap();
        for foreign in [
            "x".to_owned(),
            String::new(),
            "%20".to_owned(),
            format!("{token}%20"),
            format!("{token}="),
            token[1..].to_owned(),
            "a".repeat(2_049),
            encode(at),
            encode(id),
            encode(&format!("{at}/")),
            encode(&format!("{at}/a.b")),
            encode(&format!("{key}\n")),
            encode(&format!("{}/{id}", at.replace('Z', ""))),
            BASE64_URL_SAFE_NO_PAD.encode(b"\xff/\xff"),
        ] {
            let response = app.send("POST", &format!("{}?nextToken={foreign}", listing.path), "").await;
            response.assert_invalid(&["nextToken"]);
        }
    }
    // A token of the other listing. (The other way round it is just a place in time: a run's id is a valid name too.)
    let token = token_of(&definitions()).await;
    app.send("POST", &format!("{}?nextToken={token}", runs("demo")), "").await.assert_invalid(&["nextToken"]);
    let request = client(&app.url).list_workflow_runs().workflow_definition_name("demo").next_token("x");
    assert!(request.send().await.unwrap_err().into_service_error().is_validation_exception());
}

#[tokio::test]
async fn a_page_has_1_to_100_results() {
    let app = TestApp::start().await;
    for path in [DEFINITIONS.to_owned(), runs("demo")] {
        for (value, is_right) in [
            ("1", true),
            ("100", true),
            ("007", true),
            ("0", false),
            ("101", false),
            ("-1", false),
            ("%2B1", false),
            ("1.0", false),
            ("1e1", false),
            ("", false),
            ("%201", false),
            ("ten", false),
            ("99999999999999999999", false),
        ] {
            let response = app.send("POST", &format!("{path}?maxResults={value}"), "").await;
            if is_right {
                assert_eq!(response.status, 200, "{value}: {response:?}");
            } else {
                response.assert_invalid(&["maxResults"]);
            }
        }
        for wrong in ["\"ascending\"", "\"\"", "1", "[]", "{}", "true"] {
            app.send("POST", &path, format!(r#"{{"sortOrder": {wrong}}}"#)).await.assert_invalid(&["sortOrder"]);
        }
    }
}
