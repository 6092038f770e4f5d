//! CreateWorkflowRun of Amazon Nova Act as one AWS Lambda function.
//!
//! A request goes one way through the modules: [`lambda`] takes the event, `handler` answers the request, `event`
//! reads who calls and what, `routes` finds the operation, [`operations`] does it with `store` (DynamoDB) and
//! `log_groups` (CloudWatch Logs), and what comes of it becomes an answer in `answer` or [`error`]. The constraints of
//! the API stand in [`model`].

mod answer;
mod api;
mod cache;
pub mod config;
pub mod error;
mod event;
mod handler;
mod http_client;
pub mod lambda;
mod log_groups;
pub mod logging;
pub mod model;
pub mod operations;
mod request_log;
mod routes;
mod sdk_headers;
mod store;
mod validation;

pub use api::{Api, Sources};
pub use config::Config;
