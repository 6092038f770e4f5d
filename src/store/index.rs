//! The global secondary index that listings are read from. It is eventually consistent.

use futures_util::future::try_join_all;
use serde::Deserialize;

use super::{Item, QUERY, Store, failure, parse, string};
use crate::error::ApiError;
use crate::model::{DateTime, NextToken, Page, SortOrder};

const INDEX: &str = "list";

/// An item of the index.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Entry<S> {
    sort_key: String,
    /// The status.
    pub status: S,
    /// When it ended, if it has.
    pub ended_at: Option<DateTime>,
}

impl<S> Entry<S> {
    /// The creation or start time and the name or id, which make up the sort key.
    ///
    /// # Errors
    /// A sort key that does not parse.
    pub fn created_at_and_id(&self) -> Result<(DateTime, &str), ApiError> {
        let parts = self.sort_key.split_once('/').and_then(|(at, id)| Some((DateTime::parse(at)?, id)));
        parts.ok_or_else(|| ApiError::InternalServer(format!("the sort key {} cannot be read", self.sort_key).into()))
    }
}

/// A page of a listing.
#[derive(Debug)]
pub struct Listing<S> {
    /// The entries.
    pub entries: Vec<Entry<S>>,
    /// Where the listing continues, if there is more.
    pub next_token: Option<NextToken>,
}

/// The sort key of a resource with this creation or start time and this name or id.
pub(super) fn sort_key(created_at: DateTime, id: &str) -> String {
    format!("{created_at}/{id}")
}

impl Store {
    /// Reads a page of a listing that is spread over these partitions of the index, with one concurrent `Query` for
    /// each.
    ///
    /// # Errors
    /// The errors of the calls; an item that does not parse.
    pub(super) async fn list<S>(&self, list_keys: &[String], page: &Page) -> Result<Listing<S>, ApiError>
    where
        S: for<'de> Deserialize<'de>,
    {
        // One item more than fits on the page tells whether there is another page.
        let limit = page.max_results.get() + 1;
        let queries = list_keys.iter().map(|list_key| self.query(list_key, page, limit));
        let items = try_join_all(queries).await?.into_iter().flatten();
        let mut entries = items.map(|item| parse("of the index", item)).collect::<Result<Vec<Entry<S>>, _>>()?;
        entries.sort_unstable_by(|a, b| match page.sort_order {
            SortOrder::Ascending => a.sort_key.cmp(&b.sort_key),
            SortOrder::Descending => b.sort_key.cmp(&a.sort_key),
        });
        let has_more = entries.len() >= limit;
        entries.truncate(page.max_results.get());
        let last = entries.last().filter(|_| has_more);
        let next_token = last.map(|last| NextToken::after(&last.sort_key));
        Ok(Listing { entries, next_token })
    }

    /// The first items of a partition after the page's token: at least `limit`, if there are that many.
    async fn query(&self, list_key: &str, page: &Page, limit: usize) -> Result<Vec<Item>, ApiError> {
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
            Some(token) => {
                query.key_condition_expression(behind).expression_attribute_values(":sortKey", string(token.sort_key()))
            }
            None => query.key_condition_expression("listKey = :listKey"),
        };
        let mut items = Vec::new();
        let mut start: Option<Item> = None;
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
