//! CreateWorkflowRun: starts a run of a workflow definition, once for each client token.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use tokio::time::timeout;
use tracing::warn;

use super::{AuthorizedRequest, Outcome, Success};
use crate::app::App;
use crate::aws::log_groups::Ensured;
use crate::error::{ApiError, Resource, describe};
use crate::model::{
    ClientToken, DateTime, LogGroupName, ModelId, SdkVersion, WorkflowDefinitionName, WorkflowRunStatus,
};
use crate::request::ApiRequest;
use crate::store::{ClientInfo, PutRun, StoredRun, WorkflowRun, definition_key, log_group_key};
use crate::validation::{Fields, Object};

/// How long a log group stays cached: they hardly ever go away, and asking costs a read of the table.
const LOG_GROUP_TIME_TO_LIVE: SignedDuration = SignedDuration::from_hours(1);

/// The mean lifetime of a log group's item. Jitter spreads it from 3/4 to 5/4 of this, so that items written together
/// do not expire together.
const LOG_GROUP_ITEM_TIME_TO_LIVE: SignedDuration = SignedDuration::from_hours(24);

/// The same if the log group's retention could not be set: then one process tries again, and not all of them.
const LOG_GROUP_WITHOUT_RETENTION_TIME_TO_LIVE: SignedDuration = SignedDuration::from_secs(60);

/// How long a log group stays cached whose item could not be written.
const UNRECORDED_LOG_GROUP_TIME_TO_LIVE: SignedDuration = SignedDuration::from_secs(60);

/// How long the write of a log group's item may delay a create.
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
    /// The token that makes the request idempotent.
    pub client_token: Option<ClientToken>,
    /// The log group for the run's logs.
    pub log_group_name: Option<LogGroupName>,
}

/// The operation's output.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct CreateWorkflowRunResponse {
    status: WorkflowRunStatus,
    workflow_run_id: String,
}

/// Handles a request.
///
/// # Errors
/// The errors of [`CreateWorkflowRunRequest::parse`] and [`create_workflow_run`].
pub(super) async fn handle(app: &App, request: AuthorizedRequest<'_>) -> Result<Success, ApiError> {
    let AuthorizedRequest { account_id, parameters, request } = request;
    let input = CreateWorkflowRunRequest::parse(parameters.get("workflowDefinitionName"), &request.body)?;
    let now = app.now();
    let (run, outcome) = create_workflow_run(app, account_id, request, input, now).await?;
    // A replay reports the run's current status.
    let state = app.run_timeout.derive(run.stored_state(), run.started_at, DateTime::new(now));
    let output = CreateWorkflowRunResponse { status: state.status, workflow_run_id: run.workflow_run_id };
    Ok(Success::new(outcome, &output)?.about(output.workflow_run_id))
}

impl CreateWorkflowRunRequest {
    /// Parses the members in the path and the body. Unknown members are ignored.
    ///
    /// # Errors
    /// [`ApiError::Validation`] with every field that failed.
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
/// The order of the steps matters. The log group comes before the run, so a failure to create it leaves no run. The put
/// of the run is the commit point, so whatever happens, a retry ends in exactly one run.
///
/// # Errors
/// * [`ApiError::ResourceNotFound`]: the account has no such definition.
/// * [`ApiError::Conflict`]: the client token was used by a different request; the definition is not active; another
///   operation on the log group is in progress.
/// * [`ApiError::Validation`]: CloudWatch Logs refuses the log group's name.
/// * [`ApiError::Throttling`], [`ApiError::AccessDenied`], [`ApiError::InternalServer`]: the errors of the AWS calls.
async fn create_workflow_run(
    app: &App,
    account_id: &str,
    request: &ApiRequest,
    input: CreateWorkflowRunRequest,
    now: Timestamp,
) -> Result<(WorkflowRun, Outcome), ApiError> {
    let definition_name = input.workflow_definition_name.clone();
    let definition_key = definition_key(account_id, &definition_name);
    let log_group = input.log_group_name.clone().map(|name| (log_group_key(&name), name));
    let mut run = requested_run(app, account_id, request.stored_id(), input, now);

    // 1. Read everything that this process has not cached, in one call.
    let cached_definition_id = app.known_definitions.get(&definition_key, now);
    let uncached_definition_key = Some(definition_key).filter(|_| cached_definition_id.is_none());
    run.definition_id = cached_definition_id.unwrap_or_default();
    let mut unknown_log_group = log_group.filter(|(key, _)| app.known_log_groups.get(key, now).is_none());
    if uncached_definition_key.is_some() || unknown_log_group.is_some() {
        let log_group_key = unknown_log_group.as_ref().map(|(key, _)| key.as_str());
        let found = app.store.find(&run.key(), uncached_definition_key.as_deref(), log_group_key, now).await?;
        let mut is_active = true;
        if let Some(key) = uncached_definition_key {
            let definition = app.check_and_cache_definition(found.definition, &definition_name, key, now)?;
            is_active = definition.is_active();
            run.definition_id = definition.definition_id;
        }
        // If the run exists, answer now: a refused request must leave nothing behind.
        if let Some(existing) = found.run {
            return replay(existing, &run);
        }
        if !is_active {
            let resource = Resource::WorkflowDefinition(definition_name.into());
            return Err(ApiError::Conflict(resource, "The workflow definition is being deleted."));
        }
        if let Some(until) = found.log_group_until
            && let Some((key, _)) = unknown_log_group.take()
        {
            cache_log_group(app, key, until, now);
        }
    }

    // 2. Create the log group, unless it is known.
    let unrecorded = match unknown_log_group {
        Some((key, name)) => ensure_log_group(app, request, key, &name, now).await?,
        None => None,
    };

    // 3. Commit, and at the same time tell the other processes about the log group.
    let record = record_log_group(app, &request.request_id, unrecorded, now);
    let (put, ()) = tokio::join!(app.store.put_run(&run, now), record);
    match put? {
        PutRun::Created => Ok((run, Outcome::Created)),
        PutRun::Existing(StoredRun::Run(existing)) if is_own(&existing, &run) => Ok((*existing, Outcome::Created)),
        PutRun::Existing(existing) => replay(existing, &run),
    }
}

/// Makes sure that a log group exists. If the table is still to be told, returns the key and the mean lifetime of the item.
async fn ensure_log_group(
    app: &App,
    request: &ApiRequest,
    key: String,
    name: &LogGroupName,
    now: Timestamp,
) -> Result<Option<(String, SignedDuration)>, ApiError> {
    // If the table cannot be read, the next CreateLogGroup decides.
    let recorded_until = || async { app.store.log_group_known_until(&key, now).await.unwrap_or_default() };
    match app.log_groups.ensure(name, recorded_until, &request.counters).await? {
        Ensured::ByCloudWatchLogs => Ok(Some((key, LOG_GROUP_ITEM_TIME_TO_LIVE))),
        Ensured::WithoutRetention(cause) => {
            let detail = describe(cause.as_ref());
            warn!(request_id = request.request_id, detail, "the log group's retention was not set");
            Ok(Some((key, LOG_GROUP_WITHOUT_RETENTION_TIME_TO_LIVE)))
        }
        Ensured::ByTheTable(until) => {
            cache_log_group(app, key, until, now);
            Ok(None)
        }
    }
}

/// Caches that a log group exists, no longer than the table knows it.
fn cache_log_group(app: &App, key: String, known_until: Timestamp, now: Timestamp) {
    app.known_log_groups.insert(key, (), known_until.min(now + LOG_GROUP_TIME_TO_LIVE));
}

/// The run that the request describes; its `definition_id` is filled in later. A request without a client token gets a
/// random one, so that there is one path through the code.
fn requested_run(
    app: &App,
    account_id: &str,
    request_id: &str,
    input: CreateWorkflowRunRequest,
    now: Timestamp,
) -> WorkflowRun {
    let client_token = input.client_token.unwrap_or_else(|| ClientToken::random(app.uuid()));
    WorkflowRun {
        account_id: account_id.to_owned(),
        workflow_run_id: client_token.workflow_run_id(account_id).into(),
        workflow_definition_name: input.workflow_definition_name.into(),
        definition_id: String::new(),
        status: WorkflowRunStatus::Running,
        model_id: input.model_id.into(),
        log_group_name: input.log_group_name.map(Into::into),
        client_info: ClientInfo {
            compatibility_version: input.compatibility_version,
            sdk_version: input.sdk_version.map(Into::into),
        },
        client_token: client_token.into(),
        started_at: DateTime::new(now),
        ended_at: None,
        request_id: request_id.to_owned(),
    }
}

/// Whether this very request wrote the existing run: the SDK retries a put whose answer was lost, and the retry finds
/// what the first attempt wrote.
///
/// The request id alone does not prove it, because a caller can choose API Gateway's request id.
fn is_own(existing: &WorkflowRun, requested: &WorkflowRun) -> bool {
    existing.request_id == requested.request_id
        && existing.started_at == requested.started_at
        && existing.is_same_request_as(requested)
}

/// The outcome of a request whose client token has already been used.
fn replay(existing: StoredRun, requested: &WorkflowRun) -> Result<(WorkflowRun, Outcome), ApiError> {
    let message = match existing {
        StoredRun::Run(existing) if existing.is_same_request_as(requested) => {
            return Ok((*existing, Outcome::Replayed));
        }
        StoredRun::Run(existing)
            if existing.workflow_definition_name != requested.workflow_definition_name
                || existing.definition_id == requested.definition_id =>
        {
            "The client token was used by an earlier request with different parameters."
        }
        StoredRun::Run(_) | StoredRun::Tombstone(_) => {
            "The client token was used by an earlier request, whose workflow run or definition has been deleted."
        }
    };
    Err(ApiError::Conflict(Resource::WorkflowRun(requested.workflow_run_id.clone()), message))
}

/// Records, here and in the table, that a log group exists. It helps later requests and never fails this one.
async fn record_log_group(app: &App, request_id: &str, log_group: Option<(String, SignedDuration)>, now: Timestamp) {
    let Some((key, time_to_live)) = log_group else { return };
    let expires_at = now + time_to_live.mul_f64(fastrand::f64().mul_add(0.5, 0.75));
    let written = timeout(LOG_GROUP_ITEM_TIMEOUT, app.store.put_log_group(&key, expires_at)).await;
    let failure = match written {
        Ok(Ok(())) => return cache_log_group(app, key, expires_at, now),
        Ok(Err(error)) => error.detail(),
        Err(elapsed) => elapsed.to_string(),
    };
    warn!(request_id, detail = failure, "the log group's item was not written");
    app.known_log_groups.insert(key, (), now + UNRECORDED_LOG_GROUP_TIME_TO_LIVE);
}
