//! The global secondary index that listings are read from. It is eventually consistent.

use std::fmt;

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
    /// The status.
    pub status: S,
    /// When it ended, if it has.
    pub ended_at: Option<DateTime>,
}

/// A page of a listing.
#[derive(Debug)]
pub struct Listing<I, S> {
    /// The entries.
    pub entries: Vec<Entry<I, S>>,
    /// Where the listing continues, if there is more.
    pub next_token: Option<NextToken<I>>,
}

impl Store {
    /// Reads a page of a listing that is spread over these partitions of the index, with one concurrent `Query` for
    /// each.
    ///
    /// # Errors
    /// The errors of the calls; an item that cannot be read.
    pub(super) async fn list<I, S>(&self, list_keys: &[String], page: &Page<I>) -> Result<Listing<I, S>, ApiError>
    where
        I: FromText + fmt::Display + Clone,
        S: DeserializeOwned,
    {
        // One item more than fits on the page tells whether there is another page.
        let limit = page.max_results.get() + 1;
        let queries = list_keys.iter().map(|list_key| self.query(list_key, page, limit));
        let items = try_join_all(queries).await?.into_iter().flatten();
        let mut entries = items.map(read).collect::<Result<Vec<Entry<I, S>>, _>>()?;
        // As DynamoDB sorts them: as text.
        entries.sort_by_cached_key(|entry| entry.sort_key.to_string());
        if page.sort_order == SortOrder::Descending {
            entries.reverse();
        }
        let has_more = entries.len() >= limit;
        entries.truncate(page.max_results.get());
        let last = entries.last().filter(|_| has_more);
        let next_token = last.map(|last| NextToken(last.sort_key.clone()));
        Ok(Listing { entries, next_token })
    }

    /// The first items of a partition after the page's token: at least `limit`, if there are that many.
    async fn query<I: fmt::Display>(
        &self,
        list_key: &str,
        page: &Page<I>,
        limit: usize,
    ) -> Result<Vec<Attributes>, ApiError> {
        let (is_ascending, behind) = match page.sort_order {
            SortOrder::Ascending => (true, "listKey = :listKey AND sortKey > :sortKey"),
            SortOrder::Descending => (false, "listKey = :listKey AND sortKey < :sortKey"),
        };
        let mut query = self
            .client
            .query()
            .table_name(&self.table_name)
            .index_name(INDEX)
            .scan_index_forward(is_ascending)
            .limit(i32::try_from(limit).unwrap_or(i32::MAX))
            .expression_attribute_values(":listKey", string(list_key));
        query = match &page.next_token {
            Some(NextToken(sort_key)) => {
                query.key_condition_expression(behind).expression_attribute_values(":sortKey", string(sort_key))
            }
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

fn read<I: FromText, S: DeserializeOwned>(item: Attributes) -> Result<Entry<I, S>, ApiError> {
    from_item(item).map_err(|error| ApiError::internal(format!("an item of the index cannot be read: {error}")))
}
