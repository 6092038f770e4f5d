//! Black-box tests on embedded DynamoDB and CloudWatch Logs: over HTTP with the real client, event by event, as a
//! process of its own, and in a simulation on paused time.
#![allow(clippy::expect_used, clippy::unwrap_used, missing_docs, reason = "these are tests")]

#[path = "../../examples/local/embedded.rs"]
mod embedded;
#[path = "../../examples/local/gateway.rs"]
mod gateway;

mod accounts;
mod aws_calls;
mod bodies;
mod callers;
mod check_order;
mod constraints;
mod events;
mod failures;
mod generations;
mod headers;
mod idempotency;
mod lambda;
mod layout;
mod load;
mod logs;
mod operation_failures;
mod operations;
mod pages;
mod query_strings;
mod random_events;
mod retention;
mod run_timeout;
mod simulation;
mod support;
mod template;
