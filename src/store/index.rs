//! The global secondary index that listings are read from. It is eventually consistent.

use std::fmt;

use aws_sdk_dynamodb::types::AttributeValue;
use futures_util::future::try_join_all;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_dynamo::from_item;

use super::{Attributes, QUERY, Store, failure, string};
use crate::error::ApiError;
use crate::model::{DateTime, FromText, NextToken, Page, SortKey, SortOrder};

const INDEX: &str = "list";

/// An item of the index: a resource with such a name or id and such a status.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", bound(deserialize = "I: FromText, S: Deserialize<'de>"))]
pub struct Entry<I, S> {
    /// Its creation or start time, and its name or id.
    pub sort_key: SortKey<I>,
    pub status: S,
    pub ended_at: Option<DateTime>,
}

#[derive(Debug)]
pub struct Listing<I, S> {
    pub entries: Vec<Entry<I, S>>,
    /// Where the listing continues, if there is more.
    pub next_token: Option<NextToken<I>>,
}

impl Store {
    /// Reads a page of a listing that is spread over these partitions of the index, of what was created or started after
    /// `oldest`.
    pub(super) async fn list<I, S>(
        &self,
        list_keys: &[String],
        page: &Page<I>,
        oldest: Option<DateTime>,
    ) -> Result<Listing<I, S>, ApiError>
    where
        I: FromText + fmt::Display + Clone,
        S: DeserializeOwned,
    {
        let is_ascending = page.sort_order == SortOrder::Ascending;
        let token = page.next_token.as_ref().map(|NextToken(sort_key)| sort_key.to_string());
        // A key condition takes one condition on the sort key. Descending, the token is it, and `oldest` cuts the result.
        let after = if is_ascending { token.max(oldest.map(end_of)) } else { token };
        // One item more than fits on the page shows whether there is another page.
        let limit = page.max_results.get() + 1;
        let items = self.merged(list_keys, is_ascending, after.as_deref(), limit).await?;
        let entries = items.into_iter().map(|(_, item)| read(item));
        let mut entries = entries.collect::<Result<Vec<Entry<I, S>>, _>>()?;
        entries.retain(|entry| Some(entry.sort_key.at) > oldest);
        let has_more = entries.len() >= limit;
        entries.truncate(page.max_results.get());
        let last = entries.last().filter(|_| has_more);
        let next_token = last.map(|last| NextToken(last.sort_key.clone()));
        Ok(Listing { entries, next_token })
    }

    /// The items of these partitions after this sort key, sorted by it: at least `limit`, if there are that many. One
    /// concurrent `Query` for each partition.
    pub(super) async fn merged(
        &self,
        list_keys: &[String],
        is_ascending: bool,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Vec<(String, Attributes)>, ApiError> {
        let queries = list_keys.iter().map(|list_key| self.query(list_key, is_ascending, after, limit));
        let items = try_join_all(queries).await?.into_iter().flatten();
        let mut items: Vec<_> = items
            .filter_map(|item| match item.get("sortKey") {
                Some(AttributeValue::S(sort_key)) => Some((sort_key.clone(), item)),
                _ => None,
            })
            .collect();
        items.sort_unstable_by(|(a, _), (b, _)| if is_ascending { a.cmp(b) } else { b.cmp(a) });
        Ok(items)
    }

    async fn query(
        &self,
        list_key: &str,
        is_ascending: bool,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Vec<Attributes>, ApiError> {
        let mut query = self
            .client
            .query()
            .table_name(&self.table_name)
            .index_name(INDEX)
            .scan_index_forward(is_ascending)
            .limit(i32::try_from(limit).unwrap_or(i32::MAX))
            .expression_attribute_values(":listKey", string(list_key));
        query = match after {
            Some(after) => query
                .key_condition_expression(if is_ascending {
                    "listKey = :listKey AND sortKey > :sortKey"
                } else {
                    "listKey = :listKey AND sortKey < :sortKey"
                })
                .expression_attribute_values(":sortKey", string(after)),
            None => query.key_condition_expression("listKey = :listKey"),
        };
        let mut items = Vec::new();
        let mut start: Option<Attributes> = None;
        // DynamoDB may return fewer items than the limit. It does so at a megabyte, which no page comes near.
        loop {
            let output = query.clone().set_exclusive_start_key(start).send().await;
            let output = output.map_err(|error| failure(QUERY, error))?;
            items.extend(output.items.unwrap_or_default());
            start = output.last_evaluated_key;
            if start.is_none() || items.len() >= limit {
                return Ok(items);
            }
        }
    }
}

/// What sorts behind every sort key of this time, and before those of the next millisecond.
fn end_of(at: DateTime) -> String {
    format!("{at}0")
}

fn read<I: FromText, S: DeserializeOwned>(item: Attributes) -> Result<Entry<I, S>, ApiError> {
    from_item(item).map_err(|error| ApiError::internal(format!("an item of the index cannot be read: {error}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bound_lies_between_the_sort_keys_of_its_time_and_those_of_the_next() {
        let at = |text: &str| DateTime::parse(text).unwrap();
        let bound = end_of(at("2026-01-01T00:00:00.999Z"));
        for id in ["", "-", "0", "zzzz", "ffffffff-ffff-ffff-ffff-ffffffffffff"] {
            assert!(format!("2026-01-01T00:00:00.999Z/{id}") < bound, "{id}");
            assert!(format!("2026-01-01T00:00:01.000Z/{id}") > bound, "{id}");
        }
    }
}
