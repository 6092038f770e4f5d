//! The operations of the API, one file each.

pub mod create_workflow_run;
