//! Black-box tests on embedded DynamoDB and CloudWatch Logs: over HTTP with the real client, event by event, as a
//! process of its own, and in a simulation on paused time.
#![allow(clippy::expect_used, clippy::unwrap_used, missing_docs, reason = "these are tests")]

mod accounts;
mod aws_calls;
mod check_order;
mod cleanup;
mod connections;
mod constraints;
mod failures;
mod gateway;
mod generations;
mod headers;
mod idempotency;
mod lambda;
mod layout;
mod load;
mod log_retention;
mod logs;
mod operations;
mod pages;
mod races;
mod run_retention;
mod run_timeout;
mod simulation;
mod simulator;
mod support;
mod template;
