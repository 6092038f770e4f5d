//! CreateWorkflowRun: starts a run of a workflow definition, once for each client token.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use lambda_http::http::StatusCode;
use serde::Deserialize;
use serde_json::json;
use serde_json::value::RawValue;
use tokio::time::timeout;
use tracing::warn;
use uuid::Uuid;

use crate::answer::Success;
use crate::error::{ApiError, Resource};
use crate::event::{Call, Caller};
use crate::handler::Api;
use crate::log_groups::Ensured;
use crate::model::{ClientToken, LogGroupName, ModelId, SdkVersion, WorkflowDefinitionName};
use crate::routes::PathParameters;
use crate::store::{ClientInfo, Put, WorkflowRun, definition_key, log_group_key};
use crate::validation::{Fields, Object};

/// The operation's input.
pub struct CreateWorkflowRunRequest {
    /// The definition to run.
    pub workflow_definition_name: WorkflowDefinitionName,
    /// The AI model to use.
    pub model_id: ModelId,
    /// The client that asks.
    pub compatibility_version: i32,
    /// The version of its SDK.
    pub sdk_version: Option<SdkVersion>,
    /// What makes the request idempotent.
    pub client_token: Option<ClientToken>,
    /// The log group for the run's logs.
    pub log_group_name: Option<LogGroupName>,
}

/// The operation's output.
#[derive(Debug)]
pub struct CreateWorkflowRunOutput {
    /// The run's id.
    pub workflow_run_id: String,
    /// The run's current status.
    pub status: String,
    /// The run was created before, by an equal request with the same client token.
    pub replayed: bool,
}

/// From the call to the answer.
///
/// # Errors
/// Those of [`CreateWorkflowRunRequest::parse`] and [`create_workflow_run`].
pub async fn serve(api: &Api, call: &Call, parameters: PathParameters<'_>) -> Result<Success, ApiError> {
    let request = CreateWorkflowRunRequest::parse(&parameters.get("workflowDefinitionName"), &call.body)?;
    let output = create_workflow_run(api, &call.caller, request).await?;
    Ok(Success {
        status: StatusCode::CREATED,
        body: json!({"status": output.status, "workflowRunId": output.workflow_run_id}),
        outcome: if output.replayed { "replayed" } else { "created" },
        replayed: output.replayed,
    })
}

impl CreateWorkflowRunRequest {
    /// Reads the members of the path and of the body. Members that the API does not have are ignored.
    ///
    /// # Errors
    /// [`ApiError::Validation`] that names every field that failed.
    pub fn parse(workflow_definition_name: &str, body: &[u8]) -> Result<Self, ApiError> {
        #[derive(Deserialize)]
        #[serde(rename_all = "camelCase")]
        struct Body<'a> {
            #[serde(borrow)]
            client_info: Option<&'a RawValue>,
            #[serde(borrow)]
            client_token: Option<&'a RawValue>,
            #[serde(borrow)]
            log_group_name: Option<&'a RawValue>,
            #[serde(borrow)]
            model_id: Option<&'a RawValue>,
        }
        #[derive(Deserialize)]
        #[serde(rename_all = "camelCase")]
        struct ClientInfo<'a> {
            #[serde(borrow)]
            compatibility_version: Option<&'a RawValue>,
            #[serde(borrow)]
            sdk_version: Option<&'a RawValue>,
        }

        let mut fields = Fields::default();
        let name = WorkflowDefinitionName::new(workflow_definition_name);
        let workflow_definition_name = fields.keep("workflowDefinitionName", name);
        let Some(body) = fields.body::<Body>(body) else { return fields.finish(None) };
        let client_info = fields.required::<Object<ClientInfo>>("clientInfo", body.client_info);
        let (compatibility_version, sdk_version) = client_info.map_or((None, None), |Object(info)| {
            (
                fields.required("clientInfo.compatibilityVersion", info.compatibility_version),
                fields.optional("clientInfo.sdkVersion", info.sdk_version),
            )
        });
        let client_token = fields.optional("clientToken", body.client_token);
        let log_group_name = fields.optional("logGroupName", body.log_group_name);
        let model_id = fields.required("modelId", body.model_id);

        let request = || {
            Some(Self {
                workflow_definition_name: workflow_definition_name?,
                model_id: model_id?,
                compatibility_version: compatibility_version?,
                sdk_version,
                client_token,
                log_group_name,
            })
        };
        fields.finish(request())
    }
}

/// Starts a run of a workflow definition.
///
/// The order of the steps is the design: the log group comes before the run, so that a failure to create it leaves no
/// run; and the put of the run is the commit point, so that whatever happens a retry ends in exactly one run.
///
/// # Errors
/// * [`ApiError::ResourceNotFound`]: the account has no such definition.
/// * [`ApiError::Conflict`]: the client token was used by a different request; the definition is not active; another
///   operation on the log group is in progress.
/// * [`ApiError::Validation`]: CloudWatch Logs refuses the log group's name.
/// * [`ApiError::Throttling`], [`ApiError::AccessDenied`], [`ApiError::InternalServer`]: those of the AWS calls.
pub async fn create_workflow_run(
    api: &Api,
    caller: &Caller,
    request: CreateWorkflowRunRequest,
) -> Result<CreateWorkflowRunOutput, ApiError> {
    let now = (api.sources.now)();
    let definition_key = definition_key(&caller.account_id, &request.workflow_definition_name);
    let log_group = request.log_group_name.clone().map(|name| (log_group_key(&name), name));
    let run = requested_run(request, caller, now, || (api.sources.uuid)());

    // One read of all that this process does not know yet. A run that exists is answered now: nothing is left behind.
    let definition_key = Some(definition_key).filter(|key| !api.known_definitions.knows(key, now));
    let mut log_group = log_group.filter(|(key, _)| !api.known_log_groups.knows(key, now));
    if definition_key.is_some() || log_group.is_some() {
        let log_group_key = log_group.as_ref().map(|(key, _)| key.as_str());
        let found = api.store.find(&run.key(), definition_key.as_deref(), log_group_key, now).await?;
        if let Some(existing) = found.run {
            return replay(existing, &run);
        }
        if let Some(key) = definition_key {
            let resource = || Resource::WorkflowDefinition(run.workflow_definition_name.clone());
            let definition = found.definition.ok_or_else(|| ApiError::ResourceNotFound(resource()))?;
            if !definition.is_active() {
                return Err(ApiError::Conflict(resource(), "The workflow definition is not active."));
            }
            api.known_definitions.learn(key, now);
        }
        if found.log_group
            && let Some((key, _)) = log_group.take()
        {
            api.known_log_groups.learn(key, now);
        }
    }

    // What is left of the log group now is one that nobody knows to exist.
    let mut news = None;
    if let Some((key, name)) = log_group {
        let is_known = || async { api.store.knows_log_group(&key, now).await.unwrap_or(false) };
        if api.log_groups.ensure(&name, is_known).await? == Ensured::Asked {
            news = Some(key.clone());
        }
        api.known_log_groups.learn(key, now);
    }

    match tokio::join!(api.store.put_run(&run), spread(api, news, now)).0? {
        Put::Created => Ok(run.into_output(false)),
        // The SDK repeats a put whose answer was lost, and the repetition finds what the first one wrote.
        Put::Existing(existing) if existing.request_id == run.request_id && existing.started_at == run.started_at => {
            Ok(existing.into_output(false))
        }
        Put::Existing(existing) => replay(*existing, &run),
    }
}

/// The run that the request asks for. Without a client token it gets a random one, so that there is one way to go.
fn requested_run(
    request: CreateWorkflowRunRequest,
    caller: &Caller,
    now: Timestamp,
    random: impl FnOnce() -> Uuid,
) -> WorkflowRun {
    let client_token = request.client_token.unwrap_or_else(|| ClientToken::random(random()));
    WorkflowRun {
        account_id: caller.account_id.clone(),
        workflow_run_id: client_token.workflow_run_id(&caller.account_id).to_string(),
        workflow_definition_name: request.workflow_definition_name.into(),
        status: "RUNNING".to_owned(),
        model_id: request.model_id.into(),
        log_group_name: request.log_group_name.map(Into::into),
        client_info: ClientInfo {
            compatibility_version: request.compatibility_version,
            sdk_version: request.sdk_version.map(Into::into),
        },
        client_token: client_token.into(),
        started_at: format!("{now:.3}"),
        request_id: caller.request_id.clone(),
    }
}

impl WorkflowRun {
    fn into_output(self, replayed: bool) -> CreateWorkflowRunOutput {
        CreateWorkflowRunOutput { workflow_run_id: self.workflow_run_id, status: self.status, replayed }
    }
}

/// The answer to a request whose client token has a run already.
fn replay(existing: WorkflowRun, requested: &WorkflowRun) -> Result<CreateWorkflowRunOutput, ApiError> {
    if existing.is_asked_for_as(requested) {
        return Ok(existing.into_output(true));
    }
    Err(ApiError::Conflict(
        Resource::WorkflowRun(existing.workflow_run_id),
        "The client token was used before, by a request that was different.",
    ))
}

/// Tells every environment, through the table, that a log group exists. That is a favour: it never fails a run.
async fn spread(api: &Api, log_group_key: Option<String>, now: Timestamp) {
    /// About a day; not the same for all, so that items written together do not expire together.
    const MEMORY: SignedDuration = SignedDuration::from_hours(24);
    const PATIENCE: Duration = Duration::from_millis(100);

    let Some(key) = log_group_key else { return };
    let expires_at = now + MEMORY.mul_f64(fastrand::f64().mul_add(0.5, 0.75));
    let written = timeout(PATIENCE, api.store.put_log_group(&key, expires_at)).await;
    if let Err(detail) = written.map_or_else(|e| Err(Some(e.to_string())), |r| r.map_err(|e| e.detail())) {
        warn!(detail, "the log group's item was not written");
    }
}
