//! CreateWorkflowDefinition: creates a workflow definition, once for each client token.

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::{AuthorizedRequest, Outcome, Success};
use crate::app::App;
use crate::error::{ApiError, Resource};
use crate::model::{
    ClientToken, Description, S3BucketName, S3KeyPrefix, WorkflowDefinitionName, WorkflowDefinitionStatus,
    WorkflowExportConfig,
};
use crate::store::{PutDefinition, WorkflowDefinition, definition_key};
use crate::validation::{Fields, Object};

/// The operation's input.
struct CreateWorkflowDefinitionRequest {
    name: WorkflowDefinitionName,
    description: Option<Description>,
    export_config: Option<WorkflowExportConfig>,
    client_token: Option<ClientToken>,
}

/// The operation's output.
#[derive(Serialize)]
struct CreateWorkflowDefinitionResponse {
    status: WorkflowDefinitionStatus,
}

/// Handles a request.
///
/// # Errors
/// [`ApiError::Validation`], and the errors of [`create_workflow_definition`].
pub(super) async fn handle(app: &App, request: AuthorizedRequest<'_>) -> Result<Success, ApiError> {
    let input = CreateWorkflowDefinitionRequest::parse(&request.request.body)?;
    let outcome = create_workflow_definition(app, request.account_id, request.request.stored_id(), input).await?;
    Success::new(outcome, &CreateWorkflowDefinitionResponse { status: WorkflowDefinitionStatus::Active })
}

impl CreateWorkflowDefinitionRequest {
    fn parse(body: &[u8]) -> Result<Self, ApiError> {
        #[derive(Deserialize)]
        #[serde(rename_all = "camelCase")]
        struct Body<'a> {
            #[serde(borrow)]
            name: Option<&'a RawValue>,
            #[serde(borrow)]
            description: Option<&'a RawValue>,
            #[serde(borrow)]
            export_config: Option<&'a RawValue>,
            #[serde(borrow)]
            client_token: Option<&'a RawValue>,
        }
        #[derive(Deserialize)]
        #[serde(rename_all = "camelCase")]
        struct ExportConfig<'a> {
            #[serde(borrow)]
            s3_bucket_name: Option<&'a RawValue>,
            #[serde(borrow)]
            s3_key_prefix: Option<&'a RawValue>,
        }

        let mut fields = Fields::default();
        let Some(body) = fields.body::<Body>(body) else { return fields.finish(None) };
        let name = fields.required("name", body.name);
        let description = fields.optional("description", body.description);
        let export_config = fields.optional::<Object<ExportConfig>>("exportConfig", body.export_config);
        let export_config = export_config.and_then(|Object(config)| {
            let s3_bucket_name = fields.required::<S3BucketName>("exportConfig.s3BucketName", config.s3_bucket_name);
            let s3_key_prefix = fields.optional::<S3KeyPrefix>("exportConfig.s3KeyPrefix", config.s3_key_prefix);
            Some(WorkflowExportConfig { s3_bucket_name: s3_bucket_name?, s3_key_prefix })
        });
        let client_token = fields.optional("clientToken", body.client_token);
        fields.finish(name.map(|name| Self { name, description, export_config, client_token }))
    }
}

/// Creates a definition with one conditional put: the name is the key, and the client token tells a repeated request
/// from a different one.
///
/// # Errors
/// * [`ApiError::Conflict`]: the name is taken or still being deleted, or the token created a definition of this name
///   that has been deleted.
/// * [`ApiError::Throttling`], [`ApiError::AccessDenied`], [`ApiError::InternalServer`]: the errors of the call.
async fn create_workflow_definition(
    app: &App,
    account_id: &str,
    request_id: &str,
    input: CreateWorkflowDefinitionRequest,
) -> Result<Outcome, ApiError> {
    let now = app.now();
    let key = definition_key(account_id, &input.name);
    let client_token = input.client_token.unwrap_or_else(|| ClientToken::random(app.uuid()));
    let definition = WorkflowDefinition {
        account_id: account_id.to_owned(),
        name: input.name.into(),
        definition_id: app.uuid().to_string(),
        status: WorkflowDefinitionStatus::Active,
        description: input.description.map(Into::into),
        export_config: input.export_config,
        client_token: client_token.into(),
        created_at: app.date_time(),
        request_id: request_id.to_owned(),
        deleted_at: None,
        gone_at: None,
        expires_at: None,
    };
    let existing = match app.store.put_definition(&key, &definition, now).await? {
        PutDefinition::Created => return Ok(Outcome::Created),
        // The SDK retries a put whose answer was lost, and the retry finds what the first attempt wrote.
        PutDefinition::Existing(existing) if existing.definition_id == definition.definition_id => {
            return Ok(Outcome::Created);
        }
        PutDefinition::Existing(existing) => existing,
    };
    let message = match existing.status {
        WorkflowDefinitionStatus::Deleting => "The workflow definition has been deleted, or is being deleted.",
        WorkflowDefinitionStatus::Active if existing.client_token != definition.client_token => {
            "A workflow definition with this name already exists."
        }
        WorkflowDefinitionStatus::Active
            if existing.description != definition.description || existing.export_config != definition.export_config =>
        {
            "The client token was used by an earlier request with different parameters."
        }
        WorkflowDefinitionStatus::Active => return Ok(Outcome::Replayed),
    };
    Err(ApiError::Conflict(Resource::WorkflowDefinition(definition.name), message))
}
