//! Black-box tests on embedded DynamoDB and CloudWatch Logs: over HTTP with the real client, event by event, as a
//! process of its own, and in a simulation on paused time.
#![allow(clippy::expect_used, clippy::unwrap_used, missing_docs, reason = "these are tests")]

/// The embedded services, and the gateway of the local server.
#[path = "."]
mod local {
    #[path = "../../examples/local/embedded.rs"]
    pub mod embedded;
    #[path = "../../examples/local/gateway.rs"]
    pub mod gateway;
}

mod accounts;
mod aws_calls;
mod check_order;
mod constraints;
mod failures;
mod gateway;
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
mod races;
mod retention;
mod run_timeout;
mod simulation;
mod simulator;
mod support;
mod template;
