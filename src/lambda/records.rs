//! The records of a DynamoDB stream.

use serde_json::value::RawValue;
use tracing::error;

use super::value::{object, parse, text};
use crate::cleanup::{Change, Record};
use crate::model::{AccountId, DefinitionId, WorkflowDefinitionName};

/// Whether a record is one of a stream of this table: `arn:aws:dynamodb:us-east-1:123456789012:table/NAME/stream/…`.
pub fn is_of_stream(record: &RawValue, table_name: &str) -> bool {
    let [arn] = object(Some(record), ["eventSourceARN"]);
    let arn = text(arn).unwrap_or_default();
    let [_, _, service, _, _, resource] = arn.splitn(6, ':').collect::<Vec<_>>()[..] else { return false };
    let table = resource.strip_prefix("table/").and_then(|table| table.split_once("/stream/"));
    service == "dynamodb" && table.is_some_and(|(name, _)| name == table_name)
}

/// What there is to do for a record of the table's stream, if anything.
pub fn read(record: &RawValue) -> Option<Record> {
    let [event_name, images] = object(Some(record), ["eventName", "dynamodb"]);
    let [keys, old_image, new_image] = object(images, ["Keys", "OldImage", "NewImage"]);
    let key = attribute(keys, "pk", "S")?;
    if let Some(definition_id) = key.strip_prefix("generation/") {
        if text(event_name).as_deref() != Some("REMOVE") {
            return None;
        }
        let account_id = attribute(old_image, "accountId", "S").map(AccountId::new);
        let removed = account_id.zip(DefinitionId::parse(definition_id));
        let record =
            removed.map(|(account_id, definition_id)| Record { account_id, definition_id, change: Change::Removed });
        return record.or_else(|| unreadable(&key));
    }
    let is_deleting = attribute(new_image, "status", "S").as_deref() == Some("DELETING");
    if !key.starts_with("definition/") || !is_deleting || attribute(new_image, "goneAt", "N").is_some() {
        return None;
    }
    let record = || {
        let name = WorkflowDefinitionName::new(attribute(new_image, "name", "S")?).ok()?;
        let sweep = attribute(new_image, "sweep", "N").map_or(Some(0), |sweep| sweep.parse().ok())?;
        Some(Record {
            account_id: AccountId::new(attribute(new_image, "accountId", "S")?),
            definition_id: DefinitionId::parse(&attribute(new_image, "definitionId", "S")?)?,
            change: Change::Deleting { name, sweep },
        })
    };
    record().or_else(|| unreadable(&key))
}

/// A record that cannot be read must not hold up those behind it.
fn unreadable(key: &str) -> Option<Record> {
    error!(key, "a record of the table's stream cannot be read");
    None
}

/// The value of an attribute of this type in an image of a record.
fn attribute(image: Option<&RawValue>, name: &str, attribute_type: &str) -> Option<String> {
    let [value] = object(image, [name]);
    let [value] = object(value, [attribute_type]);
    parse(value)
}
