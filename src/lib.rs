//! The workflow definitions and workflow runs of Amazon Nova Act's control plane, as one AWS Lambda function.
//!
//! Every request takes the same path through the modules. [`lambda`] turns API Gateway's event into an HTTP request, and
//! [`handler`] turns that into a response: `request` reads who calls and what, [`operations`] finds the operation, and
//! the operation does its work on the [`App`] with `store` (DynamoDB) and `aws` (CloudWatch Logs). `response` turns its
//! output or its [`error`] into HTTP, and `request_log` writes one line about it. [`model`] has the constraints of the
//! API.
//!
//! The modules are listed from top to bottom: each stands above those it uses, and no import runs back up.

pub mod lambda;

pub mod handler;
mod response;

pub mod operations;
mod validation;

mod app;
pub mod config;
mod request_log;

mod request;

mod cache;
mod store;

mod aws;

mod metrics;

pub mod error;
pub mod model;

pub mod logging;

pub use app::{App, Sources};
pub use config::Config;
