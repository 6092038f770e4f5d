//! CreateWorkflowRun: starts a run of a workflow definition, once for each client token.

use serde::Serialize;

use super::{Done, Operation};
use crate::app::App;
use crate::error::{ApiError, Resource};
use crate::model::{
    ClientInfo, ClientToken, DateTime, LogGroupName, ModelId, WorkflowDefinitionName, WorkflowRunId, WorkflowRunStatus,
};
use crate::outcome::Effect;
use crate::request::AuthorizedRequest;
use crate::store::{Conditional, Found, RequestedRun, StoredRun, WorkflowRun, definition_key, run_key};
use crate::validation::Input;

pub struct CreateWorkflowRun {
    workflow_definition_name: WorkflowDefinitionName,
    client_info: ClientInfo,
    client_token: Option<ClientToken>,
    log_group_name: Option<LogGroupName>,
    model_id: ModelId,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Output {
    status: WorkflowRunStatus,
    workflow_run_id: WorkflowRunId,
}

impl Operation for CreateWorkflowRun {
    type Output = Output;

    fn parse(input: &mut Input<'_>) -> Option<Self> {
        let workflow_definition_name = input.workflow_definition_name();
        let [client_info, client_token, log_group_name, model_id] =
            input.body(["clientInfo", "clientToken", "logGroupName", "modelId"]);
        let [compatibility_version, sdk_version] =
            input.required_object(client_info, ["compatibilityVersion", "sdkVersion"]);
        let compatibility_version = input.required(compatibility_version);
        let sdk_version = input.optional(sdk_version);
        let client_token = input.optional(client_token);
        let log_group_name = input.optional(log_group_name);
        let model_id = input.required(model_id);
        Some(Self {
            workflow_definition_name: workflow_definition_name?,
            client_info: ClientInfo { compatibility_version: compatibility_version?, sdk_version },
            client_token,
            log_group_name,
            model_id: model_id?,
        })
    }

    /// Starts a run.
    ///
    /// The order of the steps matters. The log group comes before the run, so a failure to create it leaves no run. The
    /// put of the run is the commit point, so whatever happens, a retry ends in exactly one run.
    ///
    /// # Errors
    /// * [`ApiError::ResourceNotFound`]: the account has no such definition.
    /// * [`ApiError::Conflict`]: the client token was used by a different request; the definition is not active; another
    ///   operation on the log group is in progress.
    /// * [`ApiError::Validation`]: CloudWatch Logs rejects the log group's name.
    async fn run(self, app: &App, request: &AuthorizedRequest<'_>) -> Result<Done<Output>, ApiError> {
        let AuthorizedRequest { account_id, request, .. } = request;
        let name = self.workflow_definition_name;
        let now = app.now();
        let started_at = DateTime::new(now);
        let (oldest, free) = (app.run_retention.oldest(started_at), app.run_retention.free(started_at));

        // 1. What does this process not know yet? A request without a client token gets a random one, so that there is
        //    one path through the code.
        let client_token = self.client_token.unwrap_or_else(|| ClientToken::random(app.uuid()));
        let workflow_run_id = client_token.workflow_run_id(account_id);
        let definition_key = definition_key(account_id, &name);
        let known_definition = app.definitions.get(&definition_key, now);
        let unknown_log_group = self.log_group_name.as_ref().and_then(|name| app.log_groups.unknown(name, now));

        // 2. Read that in one call.
        let found = if known_definition.is_none() || unknown_log_group.is_some() {
            let unknown_definition = known_definition.is_none().then_some(&definition_key);
            let log_group = unknown_log_group.as_ref().map(|log_group| &log_group.key);
            app.store.find(&run_key(account_id, &workflow_run_id), unknown_definition, log_group, now).await?
        } else {
            Found::default()
        };
        let (definition_id, is_active) = if let Some(definition_id) = known_definition {
            (definition_id, true)
        } else {
            let definition = app.definitions.learn(&definition_key, &name, found.definition, now)?;
            (definition.definition_id, definition.is_active())
        };
        let run = WorkflowRun {
            requested: RequestedRun {
                account_id: (*account_id).clone(),
                workflow_run_id,
                workflow_definition_name: name,
                definition_id,
                model_id: self.model_id,
                log_group_name: self.log_group_name,
                client_info: self.client_info,
                client_token,
            },
            status: WorkflowRunStatus::Running,
            started_at,
            ended_at: None,
            request_id: request.stored_id().to_owned(),
            expires_at: app.run_retention.expires_at(started_at),
        };

        // 3. If the run exists, or may not start, respond now: a rejected request leaves nothing behind.
        if let Some(existing) = found.run.filter(|existing| existing.blocks_token(now, free)) {
            return Ok(done(app, replayed(existing, run.requested, oldest)?, Effect::Replayed, started_at));
        }
        if !is_active {
            let resource = Resource::WorkflowDefinition(run.requested.workflow_definition_name);
            return Err(ApiError::Conflict(resource, "The workflow definition is being deleted."));
        }

        // 4. Make sure that the log group exists.
        let unrecorded = match (unknown_log_group, found.log_group_until) {
            (Some(log_group), Some(until)) => {
                app.log_groups.learn(log_group.key, until, now);
                None
            }
            (Some(log_group), None) => app.log_groups.ensure(&app.store, log_group, request, now).await?,
            (None, _) => None,
        };

        // 5. Commit, and concurrently let the other processes know the log group.
        let put = app.store.put_run(&run, now, free);
        let record = app.log_groups.record(&app.store, unrecorded, request, now);
        let (put, ()) = tokio::join!(put, record);
        let (run, effect) = match put? {
            Conditional::Applied => (run, Effect::Created),
            Conditional::NotApplied(StoredRun::Run(existing)) if is_own(&existing, &run) => {
                (*existing, Effect::Created)
            }
            Conditional::NotApplied(existing) => (replayed(existing, run.requested, oldest)?, Effect::Replayed),
        };
        Ok(done(app, run, effect, started_at))
    }
}

/// A replay shows the run's current status.
fn done(app: &App, run: WorkflowRun, effect: Effect, now: DateTime) -> Done<Output> {
    let state = app.run_timeout.derive(run.stored_state(), run.started_at, now);
    let workflow_run_id = run.requested.workflow_run_id;
    Done::new(effect, Output { status: state.status, workflow_run_id: workflow_run_id.clone() }).about(workflow_run_id)
}

/// Whether this very request wrote the existing run: the SDK retries a put whose response was lost, and the retry finds
/// what the first attempt wrote.
///
/// The request id does not prove it, because a caller can choose API Gateway's request id.
fn is_own(existing: &WorkflowRun, run: &WorkflowRun) -> bool {
    existing.request_id == run.request_id
        && existing.started_at == run.started_at
        && existing.requested == run.requested
}

/// The run that the same request has started before.
fn replayed(existing: StoredRun, requested: RequestedRun, oldest: Option<DateTime>) -> Result<WorkflowRun, ApiError> {
    let is_deleted = match existing {
        StoredRun::Run(existing) if Some(existing.started_at) > oldest => {
            if existing.requested == requested {
                return Ok(*existing);
            }
            existing.requested.workflow_definition_name == requested.workflow_definition_name
                && existing.requested.definition_id != requested.definition_id
        }
        StoredRun::Run(_) | StoredRun::Tombstone(_) => true,
    };
    let message = if is_deleted {
        "The client token was used by a previous request, whose workflow run or definition has been deleted."
    } else {
        "The client token was used by a previous request with different parameters."
    };
    Err(ApiError::Conflict(Resource::WorkflowRun(requested.workflow_run_id), message))
}
