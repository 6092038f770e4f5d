//! Workflow definitions in the table.

use serde::Deserialize;

use crate::model::WorkflowDefinitionName;

/// A workflow definition, as far as a run needs it.
#[derive(Deserialize)]
pub struct WorkflowDefinition {
    /// `ACTIVE`, or something that lets no run start.
    pub status: String,
}

impl WorkflowDefinition {
    /// Whether runs of it may start.
    #[must_use]
    pub fn is_active(&self) -> bool {
        self.status == "ACTIVE"
    }
}

/// The key of a workflow definition's item.
#[must_use]
pub fn definition_key(account_id: &str, name: &WorkflowDefinitionName) -> String {
    format!("definition/{account_id}/{}", name.as_str())
}
