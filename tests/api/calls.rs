//! How often AWS is asked, and what is remembered instead.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use aws_sdk_dynamodb::types::AttributeValue;
use jiff::{SignedDuration, Timestamp};
use workflow_runs::Sources;

use crate::app::{App, Fault, TOKEN, body};
use crate::embedded::UNIDENTIFIED;

/// A clock that stands at so many seconds from now.
fn clock() -> (Arc<AtomicI64>, Sources) {
    let (start, seconds) = (Timestamp::now(), Arc::new(AtomicI64::new(0)));
    let clock = Arc::clone(&seconds);
    let now = move || start + SignedDuration::from_secs(clock.load(Ordering::Relaxed));
    (seconds, Sources { now: Arc::new(now), ..Sources::default() })
}

#[tokio::test]
async fn a_warm_create_makes_one_call_and_a_cold_one_at_most_four() {
    let app = App::start().await;
    let create = |log_group| app.create("demo").set_log_group_name(log_group).send();
    create(Some("/a".into())).await.unwrap();
    let mut cold = app.calls();
    cold.sort();
    assert_eq!(cold, ["BatchGetItem", "CreateLogGroup", "PutItem", "PutItem"]);
    create(Some("/a".into())).await.unwrap();
    assert_eq!(app.calls(), ["PutItem"]);
    create(None).await.unwrap();
    assert_eq!(app.calls(), ["PutItem"]);

    let other = app.other_environment(UNIDENTIFIED).await;
    other.create("demo").log_group_name("/a").send().await.unwrap();
    assert_eq!(app.calls(), ["BatchGetItem", "PutItem"]);
    let other = app.other_environment(UNIDENTIFIED).await;
    other.create("demo").send().await.unwrap();
    assert_eq!(app.calls(), ["BatchGetItem", "PutItem"]);
}

#[tokio::test]
async fn a_request_that_is_refused_makes_no_more_calls_than_it_needs() {
    let app = App::start().await;
    app.create("demo").log_group_name("a b").send().await.unwrap_err();
    app.send("GET", "/", "").await;
    assert_eq!(app.calls(), Vec::<String>::new());
    app.create("nope").log_group_name("/a").send().await.unwrap_err();
    assert_eq!(app.calls(), ["BatchGetItem"]);
}

#[tokio::test]
async fn what_was_learnt_is_forgotten_in_time() {
    let (seconds, sources) = clock();
    let app = App::start_with(sources).await;
    for (second, calls) in [
        (0, vec!["BatchGetItem", "CreateLogGroup", "PutItem", "PutItem"]),
        (59, vec!["PutItem"]),
        (60, vec!["BatchGetItem", "PutItem"]),
        // The log group is asked for again after an hour, of the table; and after a day and a half, of CloudWatch Logs.
        (3_600, vec!["BatchGetItem", "PutItem"]),
        (36 * 3_600, vec!["BatchGetItem", "CreateLogGroup", "PutItem", "PutItem"]),
    ] {
        seconds.store(second, Ordering::Relaxed);
        app.create("demo").log_group_name("/a").send().await.unwrap();
        let mut made = app.calls();
        made.sort();
        assert_eq!(made, calls, "after {second} s");
    }
}

#[tokio::test]
async fn a_log_group_is_remembered_for_about_a_day() {
    let app = App::start().await;
    app.create("demo").log_group_name("/a").send().await.unwrap();
    let items = app.items("log-group/").await;
    assert_eq!(items[0]["pk"].as_s().unwrap(), "log-group//a");
    let expires_at: i64 = items[0]["expiresAt"].as_n().unwrap().parse().unwrap();
    let hours = (expires_at - Timestamp::now().as_second()) / 3_600;
    assert!((17..=30).contains(&hours), "{hours} h");
}

#[tokio::test]
async fn an_item_that_has_expired_counts_as_absent() {
    let app = App::start().await;
    let put = aws_sdk_dynamodb::Client::new(&app.services.aws).put_item().table_name(&app.services.table_name);
    let put = put.item("pk", AttributeValue::S("log-group//a".into()));
    put.item("expiresAt", AttributeValue::N(Timestamp::now().as_second().to_string())).send().await.unwrap();
    app.create("demo").log_group_name("/a").send().await.unwrap();
    assert_eq!(app.log_groups().await, ["/a"]);
}

#[tokio::test]
async fn a_log_group_whose_item_was_not_written_is_soon_written_again() {
    let (seconds, sources) = clock();
    let app = App::start_with(sources).await;
    app.fail_item("PutItem", "log-group/", 1, Fault::Error(400, "AccessDeniedException"));
    for (second, items) in [(0, 0), (59, 0), (60, 1)] {
        seconds.store(second, Ordering::Relaxed);
        app.create("demo").log_group_name("/a").send().await.unwrap();
        assert_eq!(app.items("log-group/").await.len(), items, "after {second} s");
    }
}

#[tokio::test]
async fn the_log_groups_item_never_fails_a_run() {
    for fault in [Fault::Error(400, "AccessDeniedException"), Fault::Hang] {
        let app = App::start().await;
        app.fail_item("PutItem", "log-group/", 100, fault);
        assert_eq!(app.put(body(TOKEN, "/a").to_string()).await.status, 201);
        assert_eq!(app.items("run/").await.len(), 1);
        assert_eq!(app.items("log-group/").await.len(), 0);
    }
}
