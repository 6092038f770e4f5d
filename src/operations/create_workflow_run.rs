//! CreateWorkflowRun: starts a run of a workflow definition, once for each client token.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use tokio::time::timeout;
use tracing::warn;
use uuid::Uuid;

use super::{Outcome, Success};
use crate::app::App;
use crate::aws::log_groups::Ensured;
use crate::error::{ApiError, Resource};
use crate::metrics::Counters;
use crate::model::{ClientToken, LogGroupName, ModelId, SdkVersion, WorkflowDefinitionName};
use crate::request::{ApiRequest, Caller, PathParameters};
use crate::store::{ClientInfo, Put, WorkflowRun, definition_key, log_group_key};
use crate::validation::{Fields, Object};

/// Definitions are asked for again after this time, and so late does one that is deleted or disabled stop runs.
const DEFINITION_TIME_TO_LIVE: SignedDuration = SignedDuration::from_secs(60);

/// Log groups hardly ever go away, and to ask costs a read of the table.
const LOG_GROUP_TIME_TO_LIVE: SignedDuration = SignedDuration::from_hours(1);

/// As long a log group is known whose item could not be written: then this environment tries to write it again.
const UNWRITTEN_LOG_GROUP_TIME_TO_LIVE: SignedDuration = SignedDuration::from_secs(60);

/// A log group's item lives about a day: between 3/4 and 5/4 of this, so that items written together do not expire
/// together.
const LOG_GROUP_ITEM_TIME_TO_LIVE: SignedDuration = SignedDuration::from_hours(24);

/// How long the write of a log group's item may hold up a create.
const LOG_GROUP_ITEM_TIMEOUT: Duration = Duration::from_millis(100);

/// The operation's input.
pub struct CreateWorkflowRunRequest {
    /// The definition to run.
    pub workflow_definition_name: WorkflowDefinitionName,
    /// The AI model to use.
    pub model_id: ModelId,
    /// The client's compatibility version.
    pub compatibility_version: i32,
    /// The version of the client's SDK.
    pub sdk_version: Option<SdkVersion>,
    /// What makes the request idempotent.
    pub client_token: Option<ClientToken>,
    /// The log group for the run's logs.
    pub log_group_name: Option<LogGroupName>,
}

/// The operation's output.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct CreateWorkflowRunResponse<'a> {
    status: &'a str,
    workflow_run_id: &'a str,
}

/// From the request to the success.
///
/// # Errors
/// Those of [`CreateWorkflowRunRequest::parse`] and [`create_workflow_run`].
pub(crate) async fn handle(
    app: &App,
    request: &ApiRequest,
    parameters: PathParameters<'_>,
) -> Result<Success, ApiError> {
    let input = CreateWorkflowRunRequest::parse(&parameters.get("workflowDefinitionName"), &request.body)?;
    let (run, outcome) = create_workflow_run(app, &request.caller, input, &request.counters).await?;
    let output = CreateWorkflowRunResponse { status: &run.status, workflow_run_id: &run.workflow_run_id };
    let success = Success::new(outcome, &output)?;
    Ok(Success { workflow_run_id: Some(run.workflow_run_id), ..success })
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
        let workflow_definition_name = fields.check("workflowDefinitionName", name);
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
async fn create_workflow_run(
    app: &App,
    caller: &Caller,
    request: CreateWorkflowRunRequest,
    counters: &Counters,
) -> Result<(WorkflowRun, Outcome), ApiError> {
    let now = (app.sources.now)();
    let definition_key = definition_key(&caller.account_id, &request.workflow_definition_name);
    let log_group = request.log_group_name.clone().map(|name| (log_group_key(&name), name));
    let run = requested_run(request, caller, now, || (app.sources.uuid)());

    // 1. Read, at once, what this process does not know. A run that exists is answered now: nothing is left behind.
    let unknown_definition = Some(definition_key).filter(|key| !app.known_definitions.contains(key, now));
    let mut unknown_log_group = log_group.filter(|(key, _)| !app.known_log_groups.contains(key, now));
    if unknown_definition.is_some() || unknown_log_group.is_some() {
        let log_group_key = unknown_log_group.as_ref().map(|(key, _)| key.as_str());
        let found = app.store.find(&run.key(), unknown_definition.as_deref(), log_group_key, now).await?;
        if let Some(existing) = found.run {
            return replay(existing, &run);
        }
        if let Some(key) = unknown_definition {
            let resource = || Resource::WorkflowDefinition(run.workflow_definition_name.clone());
            let definition = found.definition.ok_or_else(|| ApiError::ResourceNotFound(resource()))?;
            if !definition.is_active() {
                return Err(ApiError::Conflict(resource(), "The workflow definition is not active."));
            }
            app.known_definitions.insert(key, now + DEFINITION_TIME_TO_LIVE);
        }
        if found.log_group
            && let Some((key, _)) = unknown_log_group.take()
        {
            app.known_log_groups.insert(key, now + LOG_GROUP_TIME_TO_LIVE);
        }
    }

    // 2. Create the log group, if it is one that the table does not know either.
    let mut new_log_group = None;
    if let Some((key, name)) = unknown_log_group {
        // If the table cannot be asked, the next CreateLogGroup decides.
        let is_known = || async { app.store.knows_log_group(&key, now).await.unwrap_or(false) };
        match app.log_groups.ensure(&name, is_known, counters).await? {
            Ensured::ByCloudWatchLogs => new_log_group = Some(key),
            Ensured::ByTheTable => app.known_log_groups.insert(key, now + LOG_GROUP_TIME_TO_LIVE),
        }
    }

    // 3. Commit; and beside it tell the other environments of the log group.
    let (put, ()) = tokio::join!(app.store.put_run(&run), remember_log_group(app, caller, new_log_group, now));
    match put? {
        Put::Created => Ok((run, Outcome::Created)),
        Put::Existing(existing) if is_own(&existing, &run) => Ok((*existing, Outcome::Created)),
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

/// Whether the run that is there is the very one that this request was to write: the SDK repeats a put whose answer
/// was lost, and the repetition finds what the first one wrote.
///
/// The request id alone would not tell: a caller can have API Gateway use one of the caller's.
fn is_own(existing: &WorkflowRun, requested: &WorkflowRun) -> bool {
    existing.request_id == requested.request_id
        && existing.started_at == requested.started_at
        && existing.is_same_request_as(requested)
}

/// The outcome of a request whose client token has a run already.
fn replay(existing: WorkflowRun, requested: &WorkflowRun) -> Result<(WorkflowRun, Outcome), ApiError> {
    if existing.is_same_request_as(requested) {
        return Ok((existing, Outcome::Replayed));
    }
    let message = "The client token was used by an earlier request with different parameters.";
    Err(ApiError::Conflict(Resource::WorkflowRun(existing.workflow_run_id), message))
}

/// Keeps in mind, here and in the table, that a log group exists. That is a favour to later requests: it never fails
/// this one.
async fn remember_log_group(app: &App, caller: &Caller, key: Option<String>, now: Timestamp) {
    let Some(key) = key else { return };
    let expires_at = now + LOG_GROUP_ITEM_TIME_TO_LIVE.mul_f64(fastrand::f64().mul_add(0.5, 0.75));
    let written = timeout(LOG_GROUP_ITEM_TIMEOUT, app.store.put_log_group(&key, expires_at)).await;
    let failure = match written {
        Ok(Ok(())) => return app.known_log_groups.insert(key, now + LOG_GROUP_TIME_TO_LIVE),
        Ok(Err(error)) => error.detail(),
        Err(elapsed) => Some(elapsed.to_string()),
    };
    warn!(request_id = caller.request_id, detail = failure, "the log group's item was not written");
    app.known_log_groups.insert(key, now + UNWRITTEN_LOG_GROUP_TIME_TO_LIVE);
}
