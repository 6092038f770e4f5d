//! CreateWorkflowDefinition: creates a workflow definition, once for each client token.

use serde::Serialize;

use super::{Done, Operation};
use crate::app::App;
use crate::error::{ApiError, Resource};
use crate::model::{
    ClientToken, DateTime, DefinitionId, Description, WorkflowDefinitionName, WorkflowDefinitionStatus,
    WorkflowExportConfig,
};
use crate::outcome::Effect;
use crate::request::AuthorizedRequest;
use crate::store::{Conditional, RequestedDefinition, WorkflowDefinition};
use crate::validation::Input;

pub struct CreateWorkflowDefinition {
    name: WorkflowDefinitionName,
    description: Option<Description>,
    export_config: Option<WorkflowExportConfig>,
    client_token: Option<ClientToken>,
}

#[derive(Serialize)]
pub struct Output {
    status: WorkflowDefinitionStatus,
}

impl Operation for CreateWorkflowDefinition {
    type Output = Output;

    fn parse(input: &mut Input<'_>) -> Option<Self> {
        let [name, description, export_config, client_token] =
            input.body(["name", "description", "exportConfig", "clientToken"]);
        let name = input.required(name);
        let description = input.optional(description);
        let export_config = input.optional_object(export_config, ["s3BucketName", "s3KeyPrefix"]);
        let export_config = export_config.and_then(|[s3_bucket_name, s3_key_prefix]| {
            let (s3_bucket_name, s3_key_prefix) = (input.required(s3_bucket_name), input.optional(s3_key_prefix));
            Some(WorkflowExportConfig { s3_bucket_name: s3_bucket_name?, s3_key_prefix })
        });
        let client_token = input.optional(client_token);
        Some(Self { name: name?, description, export_config, client_token })
    }

    /// Creates a definition with one conditional put: the name is the key, and the client token tells a repeated request
    /// from a different one.
    ///
    /// # Errors
    /// [`ApiError::Conflict`]: the name is taken or still being deleted, or the token created a definition of this name
    /// that has been deleted.
    async fn run(self, app: &App, request: &AuthorizedRequest<'_>) -> Result<Done<Output>, ApiError> {
        let now = app.now();
        let definition = WorkflowDefinition {
            requested: RequestedDefinition {
                account_id: request.account_id.clone(),
                name: self.name,
                description: self.description,
                export_config: self.export_config,
                client_token: self.client_token.unwrap_or_else(|| ClientToken::random(app.uuid())),
            },
            definition_id: DefinitionId(app.uuid()),
            status: WorkflowDefinitionStatus::Active,
            created_at: DateTime::new(now),
            request_id: request.request.stored_id().to_owned(),
            gone_at: None,
            expires_at: None,
        };
        let effect = match app.store.put_definition(&definition, now).await? {
            Conditional::Applied => Effect::Created,
            // The SDK retries a put whose response was lost, and the retry finds what the first attempt wrote.
            Conditional::NotApplied(existing) if existing.definition_id == definition.definition_id => Effect::Created,
            Conditional::NotApplied(existing) => match conflict(&existing, &definition.requested) {
                Some(message) => {
                    return Err(ApiError::Conflict(Resource::WorkflowDefinition(definition.requested.name), message));
                }
                None => Effect::Replayed,
            },
        };
        Ok(Done::new(effect, Output { status: WorkflowDefinitionStatus::Active }))
    }
}

/// Why a request conflicts with the definition that has its name; `None` if the same request created it.
fn conflict(existing: &WorkflowDefinition, requested: &RequestedDefinition) -> Option<&'static str> {
    if !existing.is_active() {
        Some("The workflow definition has been deleted, or is being deleted.")
    } else if existing.requested == *requested {
        None
    } else if existing.requested.client_token == requested.client_token {
        Some("The client token was used by a previous request with different parameters.")
    } else {
        Some("A workflow definition with this name already exists.")
    }
}
