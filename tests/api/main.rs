//! Black-box tests on embedded DynamoDB and CloudWatch Logs: over HTTP with the real client, event by event, as a
//! process of its own, and in a simulation on paused time.
#![allow(clippy::expect_used, clippy::unwrap_used, missing_docs, reason = "these are tests")]

#[path = "../../examples/local/embedded.rs"]
mod embedded;
#[path = "../../examples/local/gateway.rs"]
mod gateway;

mod any_event;
mod bodies;
mod constraints;
mod events;
mod failures;
mod headers;
mod idempotency;
mod lambda;
mod layout;
mod load;
mod logs;
mod operations;
mod simulation;
mod support;
mod template;
