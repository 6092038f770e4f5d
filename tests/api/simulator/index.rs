//! The global secondary index: a projection of the table that is eventually consistent, and `Query` on it.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use serde_json::{Map, Value, json};

/// The attributes that the index has besides its own key and the table's.
const PROJECTED: [&str; 2] = ["status", "endedAt"];

/// The projection, and the writes that have not reached it yet. Writes of one key land in order, writes
/// of different keys in any order.
#[derive(Default)]
pub struct Index {
    /// What a `Query` sees, by `listKey` and `sortKey`.
    entries: BTreeMap<(String, String), Value>,
    /// Where the item of each key is, and since when.
    positions: BTreeMap<String, (String, String, Duration)>,
    /// What is still to land, by when it does.
    under_way: BTreeMap<(Duration, usize), (String, Option<Value>)>,
    /// When the last write of each key lands.
    last_landing: BTreeMap<String, Duration>,
    written: usize,
}

impl Index {
    /// Lets a write of the table reach the index at this time, but not before an earlier write of the same key.
    pub fn write(&mut self, key: &str, item: Option<&Value>, lands_at: Duration) {
        let last = self.last_landing.entry(key.to_owned()).or_default();
        *last = lands_at.max(*last);
        self.written += 1;
        self.under_way.insert((*last, self.written), (key.to_owned(), item.and_then(project)));
    }

    /// Since when the index has had the item of this key, if it has it now.
    pub fn has_since(&mut self, key: &str, now: Duration) -> Option<Duration> {
        self.land(now);
        self.positions.get(key).map(|(_, _, since)| *since)
    }

    /// Everything that the index shows under this `listKey`.
    pub fn sort_keys(&mut self, list_key: &str, now: Duration) -> BTreeSet<String> {
        self.land(now);
        self.entries.keys().filter(|(list, _)| list == list_key).map(|(_, sort)| sort.clone()).collect()
    }

    fn land(&mut self, now: Duration) {
        while let Some(next) = self.under_way.first_entry()
            && next.key().0 <= now
        {
            let (landed_at, _) = *next.key();
            let (key, item) = next.remove();
            let before = self.positions.remove(&key);
            if let Some((list_key, sort_key, _)) = &before {
                self.entries.remove(&(list_key.clone(), sort_key.clone()));
            }
            if let Some(item) = item {
                let [list_key, sort_key] = ["listKey", "sortKey"].map(|name| text(&item[name]));
                let since = before.filter(|(list, sort, _)| (list, sort) == (&list_key, &sort_key));
                let since = since.map_or(landed_at, |(_, _, since)| since);
                self.positions.insert(key, (list_key.clone(), sort_key.clone(), since));
                self.entries.insert((list_key, sort_key), item);
            }
        }
    }

    /// Responds to a `Query`. DynamoDB may end a response anywhere, and then says where to continue: here, after `at_most` items.
    pub fn query(&mut self, request: &Value, now: Duration, at_most: usize) -> Value {
        self.land(now);
        assert_eq!(request["IndexName"], "list");
        assert_ne!(request["ConsistentRead"], true, "an index has no consistent reads");
        let values = &request["ExpressionAttributeValues"];
        let conditions: Vec<_> = request["KeyConditionExpression"].as_str().unwrap().split(" AND ").collect();
        let matches = |name: &str, value: &str| {
            let of_name = conditions.iter().filter_map(|condition| condition.strip_prefix(name)?.strip_prefix(' '));
            of_name.into_iter().all(|condition| {
                let (operator, operand) = condition.split_once(' ').unwrap();
                let operand = values[operand]["S"].as_str().unwrap();
                match operator {
                    "=" => value == operand,
                    "<" => value < operand,
                    "<=" => value <= operand,
                    ">" => value > operand,
                    ">=" => value >= operand,
                    other => panic!("a key condition with {other}"),
                }
            })
        };
        let is_ascending = request["ScanIndexForward"] != false;
        let start = request.get("ExclusiveStartKey").map(|key| text(&key["sortKey"]));
        let is_behind_start = |sort_key: &String| match &start {
            Some(start) if is_ascending => sort_key > start,
            Some(start) => sort_key < start,
            None => true,
        };
        let found = self.entries.iter().filter(|((list_key, sort_key), _)| {
            matches("listKey", list_key) && matches("sortKey", sort_key) && is_behind_start(sort_key)
        });
        let mut found: Vec<_> = found.map(|(_, item)| item.clone()).collect();
        if !is_ascending {
            found.reverse();
        }
        let limit = request["Limit"].as_u64().map_or(usize::MAX, |limit| usize::try_from(limit).unwrap()).min(at_most);
        let mut response = json!({});
        // DynamoDB stops at the limit without looking whether there is more.
        if found.len() >= limit {
            found.truncate(limit);
            let last = &found[limit - 1];
            response["LastEvaluatedKey"] =
                json!({"pk": last["pk"], "listKey": last["listKey"], "sortKey": last["sortKey"]});
        }
        response["Count"] = found.len().into();
        response["ScannedCount"] = found.len().into();
        response["Items"] = found.into();
        response
    }
}

/// What the index has of an item: nothing, if the item lacks the index's keys.
fn project(item: &Value) -> Option<Value> {
    let attributes =
        ["pk", "listKey", "sortKey"].into_iter().map(|name| Some((name.to_owned(), item.get(name)?.clone())));
    let mut projected = attributes.collect::<Option<Map<_, _>>>()?;
    for name in PROJECTED {
        projected.extend(item.get(name).map(|value| (name.to_owned(), value.clone())));
    }
    Some(projected.into())
}

fn text(value: &Value) -> String {
    value["S"].as_str().unwrap().to_owned()
}
