//! The table's stream, whose records a test hands to the function when it likes.

use std::time::Duration;

use local::embedded::TABLE_NAME;
use local::gateway;
use serde_json::{Value, json};

use super::TestApp;

/// The template's timeout of the cleanup function.
const TIMEOUT: Duration = Duration::from_mins(5);

impl TestApp {
    /// Every record of the stream so far, in order, as Lambda hands it over.
    pub fn records(&self) -> Vec<Value> {
        let request = |body: Value| serde_json::from_value(body).unwrap();
        let streams = self.database.list_streams(serde_json::from_value(json!({"TableName": TABLE_NAME})).unwrap());
        let arn = streams.unwrap().streams[0].stream_arn.clone();
        let stream = self.database.describe_stream(serde_json::from_value(json!({"StreamArn": arn})).unwrap()).unwrap();
        let shard = &stream.stream_description.shards[0].shard_id;
        let first = json!({"StreamArn": arn, "ShardId": shard, "ShardIteratorType": "TRIM_HORIZON"});
        let mut iterator = self.database.get_shard_iterator(request(first)).unwrap().shard_iterator;
        let mut records = Vec::new();
        loop {
            let next = serde_json::from_value(json!({"ShardIterator": iterator})).unwrap();
            let page = self.database.get_records(next).unwrap();
            if page.records.is_empty() {
                return records;
            }
            records.extend(page.records.iter().map(|record| {
                let mut record = serde_json::to_value(record).unwrap();
                record["eventSourceARN"] = json!(arn);
                record
            }));
            iterator = page.next_shard_iterator;
        }
    }

    /// Hands a record to the function. `Err` if Lambda must repeat it.
    pub async fn hand_over(&self, record: &Value, timeout: Duration) -> Result<(), String> {
        let event = json!({"Records": [record]}).to_string();
        let deadline = (self.sources.now)() + timeout;
        let deadline = u64::try_from(deadline.as_millisecond()).unwrap();
        let response = gateway::invoke_until(&self.function, event.as_bytes(), deadline).await;
        response.map(|response| assert_eq!(response, Value::Null)).map_err(|error| error.to_string())
    }

    /// The records that show a definition which is being deleted and is not marked to be gone, in order.
    pub fn deletions(&self) -> Vec<Value> {
        let is_deletion = |record: &Value| {
            let image = &record["dynamodb"]["NewImage"];
            is_definitions(record) && image["status"]["S"] == "DELETING" && image["goneAt"].is_null()
        };
        self.records().into_iter().filter(is_deletion).collect()
    }

    /// Hands over every record about definitions, until there is none that the function has not seen.
    pub async fn clean_up(&self) {
        let mut seen = 0;
        loop {
            let records: Vec<_> = self.records().into_iter().filter(is_definitions).collect();
            if records.len() == seen {
                return;
            }
            for record in &records[seen..] {
                self.hand_over(record, TIMEOUT).await.unwrap();
            }
            seen = records.len();
        }
    }

    /// Removes the item of a deleted generation, as time to live does when it has expired, and hands that over.
    pub async fn expire_generation(&self, definition_id: &str) {
        let key = format!("generation/{definition_id}");
        self.delete_item(&key).await;
        let is_it = |record: &Value| record["eventName"] == "REMOVE" && record["dynamodb"]["Keys"]["pk"]["S"] == key;
        let record = self.records().into_iter().rfind(is_it).unwrap();
        self.hand_over(&record, TIMEOUT).await.unwrap();
    }
}

fn is_definitions(record: &Value) -> bool {
    record["dynamodb"]["Keys"]["pk"]["S"].as_str().unwrap().starts_with("definition/")
}
