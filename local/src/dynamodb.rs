//! The embedded DynamoDB: where it keeps the table, and how its operations are called.

use std::path::Path;

use axum::http::{HeaderMap, Uri};
use dynoxide::auth_material::{self, AuthMaterial};
use dynoxide::{AttributeValue, Database, DynoxideError};
use rusqlite::Connection;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::{Result, data_file};

/// The table's name.
pub const TABLE_NAME: &str = "workflow-runs";

/// Opens the database in a SQLite file, or in memory, with the table in it.
///
/// # Errors
/// The file cannot be used; the message names it.
pub fn open(data: Option<&Path>) -> Result<Database> {
    let Some(file) = data else {
        return prepare(&format!("file:{}?mode=memory&cache=shared", Uuid::new_v4()));
    };
    data_file::protect(file)?;
    // SQLite reads a name that begins with `file:` as a URI, and an empty one as a temporary file.
    let path = std::path::absolute(file)?;
    let path = path.to_str().ok_or_else(|| format!("{}: the name is not UTF-8", file.display()))?;
    prepare(path).map_err(|error| format!("{} cannot be used: {error}", file.display()).into())
}

fn prepare(path: &str) -> Result<Database> {
    let database = Database::new(path)?;
    // dynoxide searches all records of a stream at each write, and keeps them forever. Nobody reads those that the
    // cleanup function's mapping filters out.
    Connection::open(path)?.execute_batch(
        "CREATE INDEX IF NOT EXISTS workflow_runs_stream
             ON _stream_records (table_name, CAST(sequence_number AS INTEGER));
         DELETE FROM _stream_records WHERE keys_json NOT LIKE '%\"definition/%' AND keys_json NOT LIKE '%\"generation/%';",
    )?;
    if database.list_tables(serde_json::from_value(json!({}))?)?.table_names.is_empty() {
        database.create_table(serde_json::from_value(create_table())?)?;
        let ttl = json!({"AttributeName": "expiresAt", "Enabled": true});
        let ttl = json!({"TableName": TABLE_NAME, "TimeToLiveSpecification": ttl});
        database.update_time_to_live(serde_json::from_value(ttl)?)?;
    }
    Ok(database)
}

/// The request that creates the table, as the template does.
pub fn create_table() -> Value {
    let string = |name: &str| json!({"AttributeName": name, "AttributeType": "S"});
    json!({
        "TableName": TABLE_NAME,
        "BillingMode": "PAY_PER_REQUEST",
        "AttributeDefinitions": [string("pk"), string("listKey"), string("sortKey")],
        "KeySchema": [{"AttributeName": "pk", "KeyType": "HASH"}],
        "GlobalSecondaryIndexes": [{
            "IndexName": "list",
            "KeySchema": [
                {"AttributeName": "listKey", "KeyType": "HASH"},
                {"AttributeName": "sortKey", "KeyType": "RANGE"},
            ],
            "Projection": {"ProjectionType": "INCLUDE", "NonKeyAttributes": ["status", "endedAt"]},
        }],
        "StreamSpecification": {"StreamEnabled": true, "StreamViewType": "NEW_AND_OLD_IMAGES"},
    })
}

/// The log groups that the function has noted in the table.
///
/// # Errors
/// The table cannot be read.
pub fn known_log_groups(database: &Database) -> Result<Vec<String>> {
    let (mut names, mut start) = (vec![], Value::Null);
    loop {
        let scan = json!({"TableName": TABLE_NAME, "ExclusiveStartKey": start});
        let page = database.scan(serde_json::from_value(scan)?)?;
        for item in page.items.unwrap_or_default() {
            if let Some(AttributeValue::S(key)) = item.get("pk") {
                names.extend(key.strip_prefix("log-group/").map(ToOwned::to_owned));
            }
        }
        match page.last_evaluated_key {
            Some(key) => start = serde_json::to_value(key)?,
            None => return Ok(names),
        }
    }
}

/// Performs an operation: status and body of the response. Signatures must be complete, and are not checked.
pub fn call(database: &Database, operation: &str, uri: &Uri, headers: &HeaderMap, body: &[u8]) -> (u16, String) {
    let material = AuthMaterial {
        authorization: headers.get("authorization").and_then(|header| header.to_str().ok()),
        query: uri.query().unwrap_or_default(),
        has_date_header: headers.contains_key("x-amz-date") || headers.contains_key("date"),
    };
    if let Some(error) = auth_material::validate(material) {
        return (400, error);
    }
    match perform(database, operation, body) {
        Some(Ok(response)) => (200, response),
        Some(Err(error)) => (error.status_code(), error.to_json()),
        None => (400, json!({"__type": "com.amazon.coral.service#UnknownOperationException"}).to_string()),
    }
}

/// `None` if no such operation exists.
fn perform(db: &Database, operation: &str, body: &[u8]) -> Option<dynoxide::Result<String>> {
    Some(match operation {
        "BatchExecuteStatement" => run(body, |request| db.batch_execute_statement(request)),
        "BatchGetItem" => run(body, |request| db.batch_get_item(request)),
        "BatchWriteItem" => run(body, |request| db.batch_write_item(request)),
        "CreateTable" => run(body, |request| db.create_table(request)),
        "DeleteItem" => run(body, |request| db.delete_item(request)),
        "DeleteTable" => run(body, |request| db.delete_table(request)),
        "DescribeStream" => run(body, |request| db.describe_stream(request)),
        "DescribeTable" => run(body, |request| db.describe_table(request)),
        "DescribeTimeToLive" => run(body, |request| db.describe_time_to_live(request)),
        "ExecuteStatement" => run(body, |request| db.execute_statement(request)),
        "ExecuteTransaction" => run(body, |request| db.execute_transaction(request)),
        "GetItem" => run(body, |request| db.get_item(request)),
        "GetRecords" => run(body, |request| db.get_records(request)),
        "GetShardIterator" => run(body, |request| db.get_shard_iterator(request)),
        "ListStreams" => run(body, |request| db.list_streams(request)),
        "ListTables" => run(body, |request| db.list_tables(request)),
        "PutItem" => run(body, |request| db.put_item(request)),
        "Query" => run(body, |request| db.query(request)),
        "Scan" => run(body, |request| db.scan(request)),
        "TransactGetItems" => run(body, |request| db.transact_get_items(request)),
        "TransactWriteItems" => run(body, |request| db.transact_write_items(request)),
        "UpdateItem" => run(body, |request| db.update_item(request)),
        "UpdateTable" => run(body, |request| db.update_table(request)),
        "UpdateTimeToLive" => run(body, |request| db.update_time_to_live(request)),
        _ => return None,
    })
}

fn run<Q: DeserializeOwned, A: Serialize>(
    body: &[u8],
    operation: impl FnOnce(Q) -> dynoxide::Result<A>,
) -> dynoxide::Result<String> {
    let request = serde_json::from_slice(body);
    let response = operation(request.map_err(|error| DynoxideError::SerializationException(error.to_string()))?)?;
    serde_json::to_string(&response).map_err(|error| DynoxideError::InternalServerError(error.to_string()))
}
