//! Lambda's event source mapping: hands the records of the table's stream to the function.

use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::time::Duration;

use dynoxide::Database;
use dynoxide::actions::get_records::{GetRecordsResponse, Record};
use serde_json::{Value, json};
use tokio::sync::mpsc::{Sender, channel};
use tokio::time::sleep;
use tracing::error;

use crate::Result;
use crate::dynamodb::TABLE_NAME;

/// How often Lambda polls a shard: four times a second.
const POLL: Duration = Duration::from_millis(250);

/// The template's `ParallelizationFactor`.
const PARALLELIZATION_FACTOR: u64 = 2;

/// How long to wait before a record is repeated that the function has failed on.
const BACKOFF: Duration = Duration::from_secs(1);

/// How many records wait for the function before the stream is read on.
const WAITING: usize = 100;

/// Hands records to `invoke`, one at a time, from the oldest record on: those of an item in their order, those of
/// different items concurrently, each until `invoke` succeeds.
///
/// # Errors
/// The stream cannot be read.
pub async fn deliver<I, F>(database: Database, invoke: I) -> Result<()>
where
    I: Fn(Value) -> F + Clone + Send + 'static,
    F: Future<Output = Result<()>> + Send,
{
    let workers: Vec<_> = (0..PARALLELIZATION_FACTOR).map(|_| worker(invoke.clone())).collect();
    let description = database.list_streams(serde_json::from_value(json!({"TableName": TABLE_NAME}))?)?;
    let arn = description.streams.first().ok_or("the table has no stream")?.stream_arn.clone();
    let stream = database.describe_stream(serde_json::from_value(json!({"StreamArn": arn}))?)?;
    let shard = &stream.stream_description.shards.first().ok_or("the stream has no shard")?.shard_id;
    let first = json!({"StreamArn": arn, "ShardId": shard, "ShardIteratorType": "TRIM_HORIZON"});
    let mut iterator = database.get_shard_iterator(serde_json::from_value(first)?)?.shard_iterator;
    loop {
        let request = json!({"ShardIterator": iterator, "Limit": WAITING});
        let GetRecordsResponse { records, next_shard_iterator } =
            database.get_records(serde_json::from_value(request)?)?;
        iterator = next_shard_iterator;
        if records.is_empty() {
            sleep(POLL).await;
        }
        for record in records.iter().filter(|record| is_wanted(record)) {
            let mut event = serde_json::to_value(record)?;
            event["eventSourceARN"] = json!(arn);
            let mut hasher = DefaultHasher::new();
            key(record).hash(&mut hasher);
            let worker = usize::try_from(hasher.finish() % PARALLELIZATION_FACTOR)?;
            workers[worker].send(json!({"Records": [event]})).await?;
        }
    }
}

/// Invokes the function with one event after the other.
fn worker<I, F>(invoke: I) -> Sender<Value>
where
    I: Fn(Value) -> F + Send + 'static,
    F: Future<Output = Result<()>> + Send,
{
    let (sender, mut events) = channel::<Value>(WAITING);
    tokio::spawn(async move {
        while let Some(event) = events.recv().await {
            while let Err(error) = invoke(event.clone()).await {
                error!(%error, "a record of the table's stream is repeated");
                sleep(BACKOFF).await;
            }
        }
    });
    sender
}

/// The template's filter.
fn is_wanted(record: &Record) -> bool {
    let key = key(record);
    key.starts_with("definition/") || (key.starts_with("generation/") && record.event_name == "REMOVE")
}

fn key(record: &Record) -> &str {
    match record.dynamodb.keys.get("pk") {
        Some(dynoxide::AttributeValue::S(key)) => key,
        _ => "",
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::future::ready;
    use std::sync::{Arc, Mutex};

    use tokio::sync::Notify;

    use super::*;
    use crate::dynamodb;

    /// A function that keeps what it is invoked with, and fails on request.
    #[derive(Clone, Default)]
    struct Function {
        events: Arc<Mutex<Vec<Value>>>,
        failures: Arc<Mutex<BTreeMap<String, usize>>>,
        invoked: Arc<Notify>,
    }

    impl Function {
        fn invoke(&self, event: Value) -> Result<()> {
            let key = pk(&event).to_owned();
            self.events.lock().unwrap().push(event);
            self.invoked.notify_one();
            match self.failures.lock().unwrap().get_mut(&key) {
                Some(left) if *left > 0 => {
                    *left -= 1;
                    Err("told to fail".into())
                }
                _ => Ok(()),
            }
        }

        /// The keys and the new images' numbers of the events, once there are so many.
        async fn seen(&self, number: usize) -> Vec<(String, String)> {
            loop {
                let events = self.events.lock().unwrap().clone();
                if events.len() >= number {
                    let seen = |event: &Value| {
                        let image = &event["Records"][0]["dynamodb"]["NewImage"]["n"]["N"];
                        (pk(event).to_owned(), image.as_str().unwrap_or("removed").to_owned())
                    };
                    return events.iter().map(seen).collect();
                }
                self.invoked.notified().await;
            }
        }
    }

    fn pk(event: &Value) -> &str {
        event["Records"][0]["dynamodb"]["Keys"]["pk"]["S"].as_str().unwrap()
    }

    fn put(database: &Database, key: &str, number: u32) {
        let item = json!({"pk": {"S": key}, "n": {"N": number.to_string()}, "expiresAt": {"N": "1"}});
        database.put_item(serde_json::from_value(json!({"TableName": TABLE_NAME, "Item": item})).unwrap()).unwrap();
    }

    fn start(database: &Database, function: &Function) {
        let function = function.clone();
        tokio::spawn(deliver(database.clone(), move |event| ready(function.invoke(event))));
    }

    #[tokio::test(start_paused = true)]
    async fn records_come_one_at_a_time_in_the_order_of_their_item() {
        let (database, function) = (dynamodb::open(None).unwrap(), Function::default());
        for number in 0..250 {
            put(&database, ["definition/a", "definition/b", "definition/c"][number as usize % 3], number);
        }
        start(&database, &function);
        for number in 250..500 {
            put(&database, ["definition/a", "definition/b", "definition/c"][number as usize % 3], number);
        }
        let seen = function.seen(500).await;
        for (residue, key) in ["definition/a", "definition/b", "definition/c"].into_iter().enumerate() {
            let of_key: Vec<usize> =
                seen.iter().filter(|(seen, _)| seen == key).map(|(_, number)| number.parse().unwrap()).collect();
            assert_eq!(of_key, (residue..500).step_by(3).collect::<Vec<_>>());
        }
        let events = function.events.lock().unwrap();
        for event in events.iter() {
            let records = event["Records"].as_array().unwrap();
            assert_eq!(records.len(), 1);
            let arn = records[0]["eventSourceARN"].as_str().unwrap();
            assert!(arn.contains(":table/workflow-runs/stream/"), "{arn}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn the_mapping_filters_as_the_templates_does() {
        let (database, function) = (dynamodb::open(None).unwrap(), Function::default());
        start(&database, &function);
        for key in ["run/1/x", "log-group//x", "generation/g", "definition/1/x"] {
            put(&database, key, 1);
        }
        // Time to live removes them all.
        assert_eq!(database.sweep_ttl().unwrap(), 4);
        put(&database, "definition/1/last", 2);
        let mut seen = function.seen(4).await;
        seen.sort();
        let expected = [
            ("definition/1/last", "2"),
            ("definition/1/x", "1"),
            ("definition/1/x", "removed"),
            ("generation/g", "removed"),
        ];
        assert_eq!(seen, expected.map(|(key, number)| (key.to_owned(), number.to_owned())));
    }

    #[tokio::test(start_paused = true)]
    async fn a_record_is_repeated_until_the_function_succeeds_and_delays_its_item() {
        let (database, function) = (dynamodb::open(None).unwrap(), Function::default());
        function.failures.lock().unwrap().insert("definition/a".to_owned(), 3);
        put(&database, "definition/a", 1);
        put(&database, "definition/a", 2);
        start(&database, &function);
        let seen = function.seen(5).await;
        assert_eq!(seen.iter().map(|(_, number)| number.as_str()).collect::<Vec<_>>(), ["1", "1", "1", "1", "2"]);
    }

    #[tokio::test]
    async fn an_item_that_fails_does_not_hold_up_those_of_the_other_worker() {
        let (database, function) = (dynamodb::open(None).unwrap(), Function::default());
        function.failures.lock().unwrap().insert("definition/0".to_owned(), usize::MAX);
        for number in 0..20 {
            put(&database, &format!("definition/{number}"), number);
        }
        start(&database, &function);
        let mut others = 0;
        while others == 0 {
            let seen = function.seen(1).await;
            others = seen.iter().filter(|(key, _)| key != "definition/0").count();
            tokio::task::yield_now().await;
        }
    }
}
