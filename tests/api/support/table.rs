//! A look behind the scenes: the table and the log groups, without the function.

use std::collections::HashMap;

use aws_sdk_dynamodb::types::AttributeValue;

use super::TestApp;

pub type Item = HashMap<String, AttributeValue>;

/// An attribute that is a string.
#[track_caller]
pub fn text<'a>(item: &'a Item, attribute: &str) -> &'a str {
    item[attribute].as_s().unwrap()
}

/// An attribute that is a whole number.
#[track_caller]
pub fn number(item: &Item, attribute: &str) -> i64 {
    item[attribute].as_n().unwrap().parse().unwrap()
}

/// The names of an item's attributes, sorted.
pub fn attributes(item: &Item) -> Vec<&str> {
    let mut names: Vec<_> = item.keys().map(String::as_str).collect();
    names.sort_unstable();
    names
}

impl TestApp {
    /// The ARN of a definition.
    pub fn definition_arn(&self, account_id: &str, name: &str) -> String {
        let region = self.spied.aws.region().unwrap();
        format!("arn:aws:nova-act:{region}:{account_id}:workflow-definition/{name}")
    }

    /// The ARN of a run.
    pub fn run_arn(&self, account_id: &str, definition: &str, id: &str) -> String {
        format!("{}/workflow-run/{id}", self.definition_arn(account_id, definition))
    }

    /// The item of a definition.
    pub async fn definition_item(&self, account_id: &str, name: &str) -> Item {
        let key = format!("definition/{account_id}/{name}");
        self.items(&key).await.into_iter().find(|item| text(item, "pk") == key).unwrap()
    }

    /// The item of a run, whichever account has it.
    pub async fn run_item(&self, id: &str) -> Item {
        self.items("run/").await.into_iter().find(|item| text(item, "pk").ends_with(id)).unwrap()
    }

    /// The table's items whose key begins with this.
    pub async fn items(&self, prefix: &str) -> Vec<Item> {
        let scan = aws_sdk_dynamodb::Client::new(&self.services.aws).scan().table_name(&self.services.table_name);
        let items = scan.into_paginator().items().send().collect::<Result<Vec<_>, _>>().await.unwrap();
        items.into_iter().filter(|item| item["pk"].as_s().unwrap().starts_with(prefix)).collect()
    }

    /// The `definitionId` of a definition.
    pub async fn definition_id(&self, account_id: &str, name: &str) -> String {
        text(&self.definition_item(account_id, name).await, "definitionId").to_owned()
    }

    /// Writes an item, behind the function's back.
    pub async fn put_item(&self, item: Item) {
        let put = aws_sdk_dynamodb::Client::new(&self.services.aws).put_item().table_name(&self.services.table_name);
        put.set_item(Some(item)).send().await.unwrap();
    }

    /// Deletes an item, behind the function's back.
    pub async fn delete_item(&self, key: &str) {
        let delete =
            aws_sdk_dynamodb::Client::new(&self.services.aws).delete_item().table_name(&self.services.table_name);
        delete.key("pk", AttributeValue::S(key.to_owned())).send().await.unwrap();
    }

    /// The names of the log groups that exist.
    pub async fn log_groups(&self) -> Vec<String> {
        let logs = aws_sdk_cloudwatchlogs::Client::new(&self.services.aws);
        let groups = logs.describe_log_groups().send().await.unwrap().log_groups.unwrap_or_default();
        groups.into_iter().filter_map(|group| group.log_group_name).collect()
    }

    /// Asserts that no run, no memory of a log group and no log group exist.
    pub async fn assert_nothing_left_behind(&self) {
        assert_eq!(self.items("run/").await, []);
        assert_eq!(self.items("log-group/").await, []);
        assert_eq!(self.log_groups().await, Vec::<String>::new());
    }
}
