//! Records of the table's stream, and what the function makes of them: the runs of deleted definitions are deleted.

use std::time::Duration;

use aws_sdk_dynamodb::types::AttributeValue;
use jiff::SignedDuration;
use local::gateway::LOCAL_ACCOUNT;
use serde_json::{Value, json};

use crate::support::events::{DEFINITIONS, definition, run, runs};
use crate::support::table::{Item, attributes, number, text};
use crate::support::{ApiResponse, Clock, Fault, TOKEN, TestApp, body};

/// Enough for any sweep.
const TIME: Duration = Duration::from_mins(5);

async fn delete(app: &TestApp) {
    app.delete_definition(LOCAL_ACCOUNT, "demo").await;
}

/// The runs that are left, and the tombstones.
async fn left(app: &TestApp) -> (Vec<Item>, Vec<Item>) {
    app.items("run/").await.into_iter().partition(|item| text(item, "status") != "DELETING")
}

/// Asserts that no run is left but this many tombstones.
#[track_caller]
fn assert_deleted((runs, tombstones): (Vec<Item>, Vec<Item>), number: usize) {
    assert_eq!((runs, tombstones.len()), (Vec::new(), number));
    for tombstone in tombstones {
        assert_eq!(attributes(&tombstone), ["definitionId", "expiresAt", "pk", "status"]);
    }
}

async fn has_gone_at(app: &TestApp) -> bool {
    app.definition_item(LOCAL_ACCOUNT, "demo").await.contains_key("goneAt")
}

#[tokio::test]
async fn one_record_deletes_the_runs_of_a_definition_whatever_their_number_and_status() {
    let clock = Clock::new();
    let app = TestApp::start_at(&clock).await;
    app.define(LOCAL_ACCOUNT, "other").await;
    let ids = app.start_runs("demo", 300).await;
    for (id, status) in ids.iter().zip(["SUCCEEDED", "FAILED", "TIMED_OUT"]) {
        assert_eq!(app.end_run("demo", id, status).await.status, 200);
    }
    let kept = app.start_run("other").await;
    delete(&app).await;
    let [deletion] = &app.deletions()[..] else { panic!("one deletion is one record") };
    app.hand_over(deletion, TIME).await.unwrap();

    let (kept_runs, tombstones) = left(&app).await;
    assert_eq!((kept_runs.len(), tombstones.len()), (1, 300));
    assert_eq!(text(&kept_runs[0], "workflowRunId"), kept);
    let response = app.send("GET", &definition("demo"), "").await;
    assert_eq!((response.status, &response.body["status"]), (200, &json!("DELETING")));
    assert_eq!(app.send("POST", &runs("demo"), "").await.body, json!({"workflowRunSummaries": []}));
    let listed = app.send("POST", DEFINITIONS, "").await.body;
    assert_eq!(listed["workflowDefinitionSummaries"].as_array().unwrap().len(), 1, "{listed}");
    clock.advance_seconds(120);
    app.send("GET", &definition("demo"), "").await.assert_no_definition("demo");
}

#[tokio::test]
async fn a_definition_without_runs_keeps_only_what_recognises_a_late_retry() {
    let clock = Clock::at("2026-01-01T00:00:00.001Z");
    let app = TestApp::start_at(&clock).await;
    let export = json!({"s3BucketName": "exports"});
    let body = json!({"name": "demo", "description": "Books a flight", "exportConfig": export, "clientToken": TOKEN});
    app.delete_item(&format!("definition/{LOCAL_ACCOUNT}/demo")).await;
    app.send("PUT", DEFINITIONS, body.to_string()).await;
    let before = app.definition_item(LOCAL_ACCOUNT, "demo").await;
    delete(&app).await;
    clock.advance_seconds(10);
    app.calls();
    app.hand_over(&app.deletions()[0], TIME).await.unwrap();
    assert_eq!(app.calls(), ["GetItem", "Query", "Query", "Query", "Query", "PutItem", "UpdateItem"]);

    let item = app.definition_item(LOCAL_ACCOUNT, "demo").await;
    let kept =
        ["accountId", "clientToken", "createdAt", "definitionId", "deletedAt", "deletionRequestedAt", "expiresAt"];
    assert_eq!(attributes(&item), [kept.as_slice(), &["goneAt", "name", "pk", "requestId", "status"]].concat());
    for unchanged in ["accountId", "clientToken", "createdAt", "definitionId", "name", "requestId"] {
        assert_eq!(item[unchanged], before[unchanged]);
    }
    // Two minutes after it was seen as DELETING and without runs, rounded up; and a day after that.
    assert_eq!(number(&item, "goneAt"), clock.epoch_seconds() + 121);
    assert_eq!(number(&item, "expiresAt"), clock.epoch_seconds() + 121 + 24 * 60 * 60);
    let generation = app.items("generation/").await.remove(0);
    assert_eq!(text(&generation, "pk"), format!("generation/{}", text(&item, "definitionId")));
    assert_eq!(text(&generation, "accountId"), LOCAL_ACCOUNT);
    assert_eq!(number(&generation, "expiresAt"), clock.epoch_seconds() + 60 * 60 + 1);
}

#[tokio::test]
async fn a_record_that_is_handled_again_or_late_changes_nothing() {
    let clock = Clock::new();
    let app = TestApp::start_at(&clock).await;
    app.start_runs("demo", 3).await;
    delete(&app).await;
    let deletion = app.deletions().remove(0);
    app.hand_over(&deletion, TIME).await.unwrap();
    let before = app.items("").await;
    app.calls();
    for seconds in [0, 60, 24 * 60 * 60] {
        clock.advance_seconds(seconds);
        app.hand_over(&deletion, TIME).await.unwrap();
        assert_eq!(app.calls(), ["GetItem"]);
    }
    assert_eq!(app.items("").await, before);
}

#[tokio::test]
async fn a_record_of_an_old_generation_leaves_the_next_one_alone() {
    let clock = Clock::new();
    let app = TestApp::start_at(&clock).await;
    delete(&app).await;
    let deletion = app.deletions().remove(0);
    app.hand_over(&deletion, TIME).await.unwrap();
    clock.advance_seconds(120);
    app.define(LOCAL_ACCOUNT, "demo").await;
    let id = app.start_run("demo").await;
    app.hand_over(&deletion, TIME).await.unwrap();
    assert_eq!(app.send("GET", &run("demo", &id), "").await.status, 200);
    assert_eq!(app.send("GET", &definition("demo"), "").await.body["status"], "ACTIVE");
}

#[tokio::test]
async fn a_sweep_that_runs_out_of_time_puts_itself_behind_the_other_records() {
    let app = TestApp::start().await;
    app.start_runs("demo", 600).await;
    delete(&app).await;
    // All of this time is what a sweep leaves: one round each.
    let no_time = Duration::from_secs(10);
    let mut handled = 0;
    loop {
        let records = app.deletions();
        if handled == records.len() {
            break;
        }
        assert_eq!(records.len(), handled + 1, "there is one chain of records");
        let image = &records[handled]["dynamodb"]["NewImage"];
        assert_eq!(image["sweep"]["N"].as_str(), (handled > 0).then_some(&*handled.to_string()));
        app.hand_over(&records[handled], no_time).await.unwrap();
        // The same record again is stale: another one continues.
        app.hand_over(&records[handled], no_time).await.unwrap();
        handled += 1;
        if has_gone_at(&app).await {
            break;
        }
        assert!(handled < 20, "it never ends");
    }
    // Three rounds find runs, and one more finds none.
    assert_eq!(handled, 4);
    assert_deleted(left(&app).await, 600);
}

#[tokio::test]
async fn a_repeated_deletion_continues_one_chain() {
    let clock = Clock::new();
    let app = TestApp::start_at(&clock).await;
    app.start_runs("demo", 300).await;
    delete(&app).await;
    clock.advance_seconds(61);
    delete(&app).await;
    let records = app.deletions();
    assert_eq!(records.len(), 2);
    for record in &records {
        app.hand_over(record, Duration::from_secs(10)).await.unwrap();
    }
    // The first one has continued the chain, and so the second one is stale.
    assert_eq!(app.deletions().len(), 3);
    app.clean_up().await;
    assert_deleted(left(&app).await, 300);
    assert!(has_gone_at(&app).await);
}

#[tokio::test]
async fn a_failed_call_fails_the_invocation_and_the_record_is_repeated() {
    for (operation, passes) in
        [("GetItem", 0), ("Query", 0), ("PutItem", 0), ("PutItem", 20), ("PutItem", 40), ("UpdateItem", 0)]
    {
        let app = TestApp::start().await;
        app.start_runs("demo", 40).await;
        delete(&app).await;
        let deletion = app.deletions().remove(0);
        app.fail(operation, passes, Fault::Pass);
        app.fail(operation, 100, Fault::Error(400, "AccessDeniedException"));
        let error = app.hand_over(&deletion, TIME).await.unwrap_err();
        assert!(error.contains(&format!("dynamodb:{operation} failed")), "{error}");
        assert!(!has_gone_at(&app).await, "{operation}");
        app.heal();
        app.hand_over(&deletion, TIME).await.unwrap();
        assert!(has_gone_at(&app).await, "{operation}");
        assert_deleted(left(&app).await, 40);
    }
}

#[tokio::test]
async fn a_run_started_by_a_process_that_knew_the_definition_is_deleted_with_its_generation() {
    let clock = Clock::new();
    let app = TestApp::start_at(&clock).await;
    let stale = app.other_process(LOCAL_ACCOUNT).await;
    assert_eq!(stale.send("GET", &definition("demo"), "").await.status, 200);
    let generation = app.definition_id(LOCAL_ACCOUNT, "demo").await;
    delete(&app).await;
    app.clean_up().await;
    clock.advance_seconds(59);
    let late = stale.call(LOCAL_ACCOUNT, "PUT", &runs("demo"), body(TOKEN, "/a")).await;
    assert_eq!(late.status, 201, "{late:?}");
    clock.advance(SignedDuration::from_hours(2));
    assert_eq!(left(&app).await.0.len(), 1);
    app.expire_generation(&generation).await;
    assert_deleted(left(&app).await, 1);
    // Its token is free again after a day.
    app.define(LOCAL_ACCOUNT, "demo").await;
    let create = async || app.call(LOCAL_ACCOUNT, "PUT", &runs("demo"), body(TOKEN, "/a")).await.status;
    assert_eq!(create().await, 409);
    clock.advance(SignedDuration::from_hours(24));
    assert_eq!(create().await, 201);
}

#[tokio::test]
async fn a_last_sweep_that_runs_out_of_time_puts_its_item_again() {
    let clock = Clock::new();
    let app = TestApp::start_at(&clock).await;
    app.start_runs("demo", 300).await;
    let generation = app.definition_id(LOCAL_ACCOUNT, "demo").await;
    let removed = |account_id: &str| {
        json!({
            "eventName": "REMOVE",
            "eventSourceARN": app.records()[0]["eventSourceARN"],
            "dynamodb": {
                "Keys": {"pk": {"S": format!("generation/{generation}")}},
                "OldImage": {"accountId": {"S": account_id}, "expiresAt": {"N": "1"}},
            },
        })
    };
    app.hand_over(&removed(LOCAL_ACCOUNT), Duration::from_secs(10)).await.unwrap();
    assert_eq!(left(&app).await.0.len(), 300 - 256);
    assert_eq!(app.items("generation/").await.len(), 1);
    app.expire_generation(&generation).await;
    assert_deleted(left(&app).await, 300);
    assert_eq!(app.items("generation/").await, []);
}

#[tokio::test]
async fn a_sweep_leaves_alone_what_the_token_of_its_run_has_started_since() {
    let clock = Clock::new();
    let app = TestApp::start_at(&clock).await;
    app.define(LOCAL_ACCOUNT, "other").await;
    let started = app.call(LOCAL_ACCOUNT, "PUT", &runs("demo"), body(TOKEN, "/a")).await;
    let id = started.body["workflowRunId"].as_str().unwrap();
    let old = app.run_item(id).await;
    app.send("DELETE", &run("demo", id), "").await;
    clock.advance(SignedDuration::from_hours(24));
    // The same id, under another definition; and the index still shows the old one, as under another key.
    assert_eq!(app.call(LOCAL_ACCOUNT, "PUT", &runs("other"), body(TOKEN, "/a")).await.body, started.body);
    let mut item = app.run_item(id).await;
    item.insert("listKey".into(), old["listKey"].clone());
    app.put_item(item.clone()).await;
    delete(&app).await;
    app.clean_up().await;
    assert_eq!(app.run_item(id).await, item);
    assert!(has_gone_at(&app).await);
}

#[tokio::test]
async fn an_entry_that_cannot_be_read_holds_up_nothing() {
    let app = TestApp::start().await;
    let ids = app.start_runs("demo", 3).await;
    // One entry has a sort key that is none, one an unknown status, and of one only what is not used is broken.
    for (id, attribute, value) in [(&ids[0], "sortKey", "nonsense"), (&ids[1], "status", "LOST")] {
        let mut item = app.run_item(id).await;
        item.insert(attribute.into(), AttributeValue::S(value.into()));
        app.put_item(item).await;
    }
    let mut item = app.run_item(&ids[2]).await;
    item.remove("startedAt");
    item.insert("endedAt".into(), AttributeValue::S("yesterday".into()));
    app.put_item(item).await;
    delete(&app).await;
    app.clean_up().await;
    assert!(has_gone_at(&app).await);
    let (runs, tombstones) = left(&app).await;
    assert_eq!((runs.len(), tombstones.len()), (2, 1));
}

#[tokio::test]
async fn any_other_record_is_ignored() {
    let app = TestApp::start().await;
    let id = app.start_run("demo").await;
    app.end_run("demo", &id, "FAILED").await;
    app.send("DELETE", &run("demo", &id), "").await;
    delete(&app).await;
    app.clean_up().await;
    let arn = app.records()[0]["eventSourceARN"].clone();
    let gone = app.records().into_iter().rfind(|record| record["dynamodb"]["NewImage"]["goneAt"].is_object()).unwrap();
    let mut others: Vec<Value> = app.records();
    others.retain(|record| record["dynamodb"]["NewImage"]["status"]["S"] != "DELETING");
    others.push(gone);
    let deletion = app.deletions().remove(0);
    for (pointer, value) in [
        ("/dynamodb/NewImage/definitionId", json!({"S": "not-a-uuid"})),
        ("/dynamodb/NewImage/accountId", json!(null)),
        ("/dynamodb/NewImage/sweep", json!({"N": "-1"})),
        ("/dynamodb/NewImage", json!(7)),
        ("/dynamodb/Keys", json!([])),
        ("/dynamodb", json!("x")),
    ] {
        let mut broken = deletion.clone();
        match broken.pointer_mut(pointer) {
            Some(member) => *member = value,
            None => broken["dynamodb"]["NewImage"]["sweep"] = value,
        }
        others.push(broken);
    }
    others.push(json!({"eventSourceARN": arn}));
    let before = app.items("").await;
    app.calls();
    for record in others {
        app.hand_over(&record, TIME).await.unwrap();
        assert_eq!(app.calls(), Vec::<String>::new(), "{record}");
    }
    assert_eq!(app.items("").await, before);
}

#[tokio::test]
async fn records_of_another_source_fail_since_nothing_may_count_as_done() {
    let app = TestApp::start().await;
    delete(&app).await;
    let deletion = app.deletions().remove(0);
    app.calls();
    for source in [
        json!(null),
        json!("arn:aws:sqs:us-east-1:123456789012:queue"),
        json!("arn:aws:dynamodb:us-east-1:123456789012:table/another/stream/2026-01-01T00:00:00.000"),
        json!("arn:aws:dynamodb:us-east-1:123456789012:table/workflow-runs"),
        json!("arn:aws:kinesis:us-east-1:123456789012:table/workflow-runs/stream/2026-01-01T00:00:00.000"),
    ] {
        let mut record = deletion.clone();
        record["eventSourceARN"] = source.clone();
        let error = app.hand_over(&record, TIME).await.unwrap_err();
        assert!(error.contains("not every record is of a stream of the table workflow-runs"), "{error}");
    }
    assert_eq!(app.calls(), Vec::<String>::new());
    // Records that are no list are a request, and it is unsigned.
    let response = app.invoke(&json!({"Records": {"0": deletion}})).await;
    assert_eq!(ApiResponse::of_proxy_response(&response).status, 403);
}

/// As when an operator copies the items back that a deletion took.
#[tokio::test]
async fn a_record_of_a_definition_that_is_active_again_deletes_nothing() {
    let app = TestApp::start().await;
    let active = app.definition_item(LOCAL_ACCOUNT, "demo").await;
    let id = app.start_run("demo").await;
    delete(&app).await;
    let deletion = app.deletions().remove(0);
    app.put_item(active.clone()).await;
    app.hand_over(&deletion, TIME).await.unwrap();
    assert_eq!(app.lines().pop().unwrap()["outcome"], "stale");
    assert_eq!(app.send("GET", &run("demo", &id), "").await.status, 200);
    assert_eq!(
        (app.definition_item(LOCAL_ACCOUNT, "demo").await, app.items("generation/").await),
        (active, Vec::new())
    );
}

#[tokio::test]
async fn a_throttled_sweep_goes_on_behind_the_other_records() {
    let app = TestApp::start().await;
    app.start_runs("demo", 3).await;
    delete(&app).await;
    app.fail("PutItem", 9, Fault::Error(400, "ProvisionedThroughputExceededException"));
    app.hand_over(&app.deletions()[0], TIME).await.unwrap();
    assert_eq!(app.lines().pop().unwrap()["outcome"], "continues");
    app.heal();
    let records = app.deletions();
    assert_eq!(records.len(), 2);
    app.hand_over(&records[1], TIME).await.unwrap();
    assert_deleted(left(&app).await, 3);
    assert!(has_gone_at(&app).await);
}

#[tokio::test]
async fn a_definition_that_cannot_be_read_holds_up_nothing() {
    let app = TestApp::start().await;
    delete(&app).await;
    let deletion = app.deletions().remove(0);
    let item = app.definition_item(LOCAL_ACCOUNT, "demo").await;
    // What a deletion does not use does not matter.
    let mut odd = item.clone();
    odd.insert("createdAt".into(), AttributeValue::S("2026-01-01T00:00:00Z".into()));
    let mut broken = item.clone();
    broken.remove("definitionId");
    app.put_item(broken).await;
    app.hand_over(&deletion, TIME).await.unwrap();
    assert_eq!(app.lines().pop().unwrap()["outcome"], "stale");
    app.put_item(odd).await;
    app.hand_over(&deletion, TIME).await.unwrap();
    assert!(has_gone_at(&app).await);
}
