//! What an item may become in one write: the invariants of the table, checked at every write.

use std::collections::BTreeSet;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

use super::network::LATEST;
use super::process::{MOST_AHEAD, Settings};

/// How long a tombstone lives, and the item of a definition that is gone; in seconds.
const DAY: i64 = 86_400;

/// How long a definition remains after it was seen to be `DELETING`, in seconds: at least.
const LINGER: i64 = 120;

/// How long a deleted generation is remembered after its last sweep, in seconds.
const HOUR: i64 = 3_600;

/// How far what a process has written may be from the simulator's time, in seconds: its clock and the time that the write was
/// under way.
const BEHIND: i64 = LATEST.as_secs().cast_signed() + AHEAD;
const AHEAD: i64 = MOST_AHEAD.as_secs().cast_signed() + 2;

/// Checks a write of a process with these settings, which has landed now.
///
/// # Panics
/// If the item must not become this.
pub fn check(key: &str, before: Option<&Value>, after: &Value, now: Timestamp, by: &Settings) {
    let allowed = match key.split('/').next().unwrap() {
        "run" => run(before, after, now, by),
        "definition" => definition(before, after, now.as_second()),
        "log-group" => number(after, "expiresAt").is_some(),
        "generation" => {
            is_about(number(after, "expiresAt"), now.as_second() + HOUR) && after.get("accountId").is_some()
        }
        _ => false,
    };
    assert!(allowed, "{key} must not become {after}; it was {before:?}");
}

/// Whether an item of a run is all that is left of one.
pub fn is_tombstone(item: &Value) -> bool {
    item["status"]["S"] == "DELETING"
}

fn run(before: Option<&Value>, after: &Value, now: Timestamp, by: &Settings) -> bool {
    let is_running = |item: &Value| item["status"]["S"] == "RUNNING" && item.get("endedAt").is_none();
    let is_new = || is_running(after) && number(after, "expiresAt") == expires(after, by);
    // A process may be ahead, and think that it has expired.
    let may_be_expired = |item| number(item, "expiresAt").is_none_or(|expires| expires <= now.as_second() + AHEAD);
    match before {
        None => is_new(),
        // A tombstone stays as it is until it expires.
        Some(before) if is_tombstone(before) => before == after || may_be_expired(before) && is_new(),
        Some(before) if is_tombstone(after) => {
            before["definitionId"] == after["definitionId"]
                && is_about(number(after, "expiresAt"), now.as_second() + DAY)
                && names(after) == ["definitionId", "expiresAt", "pk", "status"].into()
        }
        // A run ends once, and its token is free a day after the retention.
        Some(before) => {
            let ends = is_running(before) && after.get("endedAt").is_some() && !is_running(after);
            let is_free = || {
                let free = by.run_retention.map(|retention| retention + Duration::from_hours(24));
                free.is_some_and(|free| {
                    time(before, "startedAt") <= now + by.ahead - SignedDuration::try_from(free).unwrap()
                })
            };
            before == after
                || ends && differing(before, after).is_subset(&["endedAt", "status"].into())
                || is_new() && is_free()
        }
    }
}

/// From when on DynamoDB may delete a new run.
fn expires(run: &Value, by: &Settings) -> Option<i64> {
    let retention = SignedDuration::try_from(by.run_retention?).unwrap();
    let over = time(run, "startedAt") + retention;
    Some((over.as_millisecond() + 999).div_euclid(1_000) + DAY)
}

fn definition(before: Option<&Value>, after: &Value, now: i64) -> bool {
    let Some(before) = before else { return is_new_definition(after) };
    let may_be_over = |name| number(before, name).is_some_and(|at| at <= now + AHEAD);
    if before["definitionId"] != after["definitionId"] {
        // The name is free again: for another client token, or for each of them a day later.
        let is_other = before["clientToken"] != after["clientToken"];
        return is_new_definition(after) && (may_be_over("expiresAt") || may_be_over("goneAt") && is_other);
    }
    let differing = differing(before, after);
    let is_deleting = after["status"]["S"] == "DELETING" && after.get("deletedAt").is_some();
    let is_within = |names: &[&str]| differing.is_subset(&names.iter().copied().collect());
    match (number(before, "goneAt"), number(after, "goneAt")) {
        _ if before == after => true,
        // It is being deleted from now on, or somebody has sent the deletion again.
        (None, None) if before["sweep"] == after["sweep"] => {
            let is_first = before.get("deletedAt").is_none();
            is_deleting
                && (is_first || before["deletedAt"] == after["deletedAt"])
                && is_within(&["deletedAt", "deletionRequestedAt", "status"])
        }
        // Its sweep goes on.
        (None, None) => {
            let sweeps = [before, after].map(|item| number(item, "sweep").unwrap_or_default());
            is_deleting && is_within(&["sweep"]) && sweeps[1] == sweeps[0] + 1
        }
        // Its runs are deleted: it says when it is gone, and leaves the index.
        (None, Some(gone_at)) => {
            let lasting = ["listKey", "sortKey", "description", "exportConfig"];
            is_deleting
                && is_about(Some(gone_at), now + LINGER)
                && number(after, "expiresAt") == Some(gone_at + DAY)
                && lasting.iter().all(|name| after.get(*name).is_none())
                && is_within(&["goneAt", "expiresAt", "listKey", "sortKey", "description", "exportConfig"])
        }
        // It is not gone yet, and somebody has sent the deletion again.
        (Some(_), Some(_)) => is_within(&["deletionRequestedAt"]),
        (Some(_), None) => false,
    }
}

fn is_new_definition(item: &Value) -> bool {
    item["status"]["S"] == "ACTIVE"
        && ["deletedAt", "deletionRequestedAt", "sweep", "goneAt", "expiresAt"]
            .iter()
            .all(|name| item.get(*name).is_none())
        && ["definitionId", "listKey", "sortKey"].iter().all(|name| item.get(*name).is_some())
}

/// Whether this was written as the time that is expected now, when the write lands.
fn is_about(written: Option<i64>, expected: i64) -> bool {
    written.is_some_and(|written| (expected - BEHIND..=expected + AHEAD).contains(&written))
}

/// A number of an item.
pub fn number(item: &Value, name: &str) -> Option<i64> {
    item.get(name).map(|value| value["N"].as_str().unwrap().parse().unwrap())
}

/// A time of an item.
fn time(item: &Value, name: &str) -> Timestamp {
    item[name]["S"].as_str().unwrap().parse().unwrap()
}

fn names(item: &Value) -> BTreeSet<&str> {
    item.as_object().unwrap().keys().map(String::as_str).collect()
}

fn differing<'a>(before: &'a Value, after: &'a Value) -> BTreeSet<&'a str> {
    names(before).union(&names(after)).copied().filter(|name| before.get(*name) != after.get(*name)).collect()
}
