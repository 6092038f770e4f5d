//! CreateWorkflowRun of Amazon Nova Act as one AWS Lambda function.
//!
//! A request goes one way through the modules: [`handler`] takes the event, [`event`] reads who calls and what,
//! [`routes`] finds the operation, [`operations`] does it with [`store`] (DynamoDB) and [`log_groups`] (CloudWatch
//! Logs), and the outcome becomes an answer in [`answer`] or [`error`]. The constraints of the API stand in [`model`].

pub mod answer;
pub mod config;
pub mod error;
pub mod event;
pub mod handler;
pub mod log_groups;
pub mod logging;
pub mod memory;
pub mod model;
pub mod operations;
pub mod routes;
pub mod store;
pub mod validation;

pub use config::Config;
pub use handler::Api;
