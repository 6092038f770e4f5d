//! CreateWorkflowRun of Amazon Nova Act as one AWS Lambda function.
//!
//! A request goes one way through the modules: [`lambda`] takes the event, [`handler`] answers the request, `request`
//! reads who calls and what, [`operations`] finds the operation and does it with `store` (DynamoDB) and `aws`
//! (CloudWatch Logs), and `response` turns its output or its [`error`] into HTTP. [`model`] has the constraints of the
//! API. A module stands above what it uses; no import runs back up.

pub mod config;
pub mod lambda;

pub mod handler;

mod request_log;
mod response;

pub mod operations;

mod app;
mod request;
mod validation;

mod aws;
mod cache;
mod store;

pub mod error;
pub mod logging;
mod metrics;
pub mod model;

pub use app::{App, Sources};
pub use config::Config;
