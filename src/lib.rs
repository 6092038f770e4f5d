//! The workflow definitions and workflow runs of Amazon Nova Act's control plane, as one AWS Lambda function.
//!
//! Every request takes the same path through the modules. [`lambda`] turns API Gateway's event into a request, and
//! `handler` turns that into a response: [`operations`] finds the operation, which parses its input and does its work
//! with the table (`store`), CloudWatch Logs (`aws`) and what the process knows (`known`). `response` turns the outcome
//! into HTTP, and `request_log` writes one line about it. [`model`] has the constraints of the API.
//!
//! Work that continues after a response starts from a record of the table's stream, which `lambda` hands to `cleanup`.
//!
//! The modules are listed from top to bottom: each stands above those it uses, and no import runs back up.

pub mod lambda;

mod cleanup;
mod handler;

pub mod operations;
mod response;
mod validation;

mod app;
pub mod config;
mod known;
mod request_log;

mod request;

mod store;

mod aws;

mod metrics;
mod outcome;

mod error;
mod json;
pub mod model;

pub mod logging;

pub use app::Sources;
pub use config::Config;
pub use lambda::Function;
pub use request_log::LogWriter;
