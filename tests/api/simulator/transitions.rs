//! What an item may become in one write: the invariants of the table, checked at every write.

use std::collections::BTreeSet;

use jiff::Timestamp;
use serde_json::Value;

/// How long a tombstone lives, and the item of a definition that is gone; in seconds.
const DAY: i64 = 86_400;

/// How long a definition remains after the first request to delete it, in seconds: at least.
const LINGER: i64 = 120;

/// How long after a write was sent it may be applied, in seconds: what was written may be so much older than `now`.
const LATEST: i64 = 60;

/// Checks a write.
///
/// # Panics
/// If the item must not become this.
pub fn check(key: &str, before: Option<&Value>, after: &Value, now: Timestamp) {
    // An item that has expired counts as absent.
    let before = before.filter(|before| number(before, "expiresAt").is_none_or(|expires| expires > now.as_second()));
    let allowed = match key.split('/').next().unwrap() {
        "run" => run(before, after, now.as_second()),
        "definition" => definition(before, after, now.as_second()),
        "log-group" => number(after, "expiresAt").is_some(),
        _ => false,
    };
    assert!(allowed, "{key} must not become {after}; it was {before:?}");
}

fn run(before: Option<&Value>, after: &Value, now: i64) -> bool {
    let is_tombstone = |item: &Value| item.get("expiresAt").is_some();
    let is_running = |item: &Value| item["status"]["S"] == "RUNNING" && item.get("endedAt").is_none();
    match before {
        None => !is_tombstone(after) && is_running(after),
        // A tombstone stays as it is until it expires.
        Some(before) if is_tombstone(before) => before == after,
        Some(before) if is_tombstone(after) => {
            let lives = number(after, "expiresAt").unwrap() - now;
            before["definitionId"] == after["definitionId"]
                && (DAY - LATEST..=DAY).contains(&lives)
                && names(after) == ["definitionId", "expiresAt", "pk", "status"].into()
        }
        // A run ends once.
        Some(before) => {
            let ends = is_running(before) && after.get("endedAt").is_some() && !is_running(after);
            before == after || ends && differing(before, after).is_subset(&["endedAt", "status"].into())
        }
    }
}

fn definition(before: Option<&Value>, after: &Value, now: i64) -> bool {
    let Some(before) = before else { return is_new_definition(after) };
    let gone_at = number(before, "goneAt");
    if before["definitionId"] != after["definitionId"] {
        // The name is free again, for another client token.
        let is_free = gone_at.is_some_and(|gone_at| gone_at <= now) && before["clientToken"] != after["clientToken"];
        return is_free && is_new_definition(after);
    }
    let differing = differing(before, after);
    let is_deleting = after["status"]["S"] == "DELETING" && after.get("deletedAt").is_some();
    match number(after, "goneAt") {
        _ if before == after => true,
        // It is being deleted from now on.
        None => is_deleting && differing == ["deletedAt", "status"].into(),
        // Its runs are deleted: it says when it is gone, and leaves the index.
        Some(new_gone_at) => {
            let deleted_at: Timestamp = before["deletedAt"]["S"].as_str().unwrap().parse().unwrap();
            let lasting = ["listKey", "sortKey", "description", "exportConfig"];
            is_deleting
                && gone_at.is_none()
                && new_gone_at * 1_000 >= deleted_at.as_millisecond() + LINGER * 1_000
                && number(after, "expiresAt") == Some(new_gone_at + DAY)
                && lasting.iter().all(|name| after.get(*name).is_none())
                && differing
                    .is_subset(&["goneAt", "expiresAt", "listKey", "sortKey", "description", "exportConfig"].into())
        }
    }
}

fn is_new_definition(item: &Value) -> bool {
    item["status"]["S"] == "ACTIVE"
        && ["deletedAt", "goneAt", "expiresAt"].iter().all(|name| item.get(*name).is_none())
        && ["definitionId", "listKey", "sortKey"].iter().all(|name| item.get(*name).is_some())
}

/// A number of an item.
pub fn number(item: &Value, name: &str) -> Option<i64> {
    item.get(name).map(|value| value["N"].as_str().unwrap().parse().unwrap())
}

fn names(item: &Value) -> BTreeSet<&str> {
    item.as_object().unwrap().keys().map(String::as_str).collect()
}

fn differing<'a>(before: &'a Value, after: &'a Value) -> BTreeSet<&'a str> {
    names(before).union(&names(after)).copied().filter(|name| before.get(*name) != after.get(*name)).collect()
}
