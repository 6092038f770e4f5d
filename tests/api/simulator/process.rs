//! Execution environments: each with its own caches, and gone at any moment.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use jiff::SignedDuration;
use lambda_http::{Context, RequestExt as _};
use local::embedded;
use serde_json::Value;
use uuid::Uuid;
use workflow_runs::handler::handle;
use workflow_runs::model::RunTimeout;
use workflow_runs::{App, Sources};

use super::journal::{JOURNAL, Journal};
use super::network::{Connector, Death, Network};
use super::services::Services;
use crate::support::request::Request;
use crate::support::{events, own_region};

/// One process of the function.
pub struct Environment {
    app: App,
    settings: Settings,
    services: Arc<Services>,
    death: Arc<Death>,
    /// When it was started.
    pub started: Duration,
}

/// How the function is deployed.
#[derive(Clone, Copy)]
pub struct Settings {
    /// The function's time-out.
    pub timeout: Duration,
    pub run_timeout: Option<SignedDuration>,
    pub run_log_retention_days: Option<i32>,
}

impl Settings {
    /// A function with this time-out, and nothing that is optional.
    pub fn new(timeout: Duration) -> Self {
        Self { timeout, run_timeout: None, run_log_retention_days: None }
    }
}

/// What a caller gets.
#[derive(Clone, Debug)]
pub struct Answer {
    pub status: u16,
    pub error: String,
    /// It says when to try again.
    pub retry_after: bool,
    /// It says that an earlier request has done the work.
    pub replayed: bool,
    pub body: Value,
}

impl Environment {
    pub fn start(services: &Arc<Services>, network: &Network, timeout: Duration) -> Self {
        Self::start_with(services, network, Settings::new(timeout))
    }

    pub fn start_with(services: &Arc<Services>, network: &Network, settings: Settings) -> Self {
        let death = Arc::new(Death::default());
        let connector =
            Connector { services: Arc::clone(services), network: Arc::clone(network), death: Arc::clone(&death) };
        let mut config = embedded::config("http://aws.invalid");
        config.run_timeout = RunTimeout(settings.run_timeout);
        config.run_log_retention_days = settings.run_log_retention_days;
        config.aws = config.aws.into_builder().http_client(connector.shared()).region(own_region()).build();
        let clock = Arc::clone(services);
        let sources =
            Sources { now: Arc::new(move || clock.now()), uuid: Arc::new(|| Uuid::from_u128(fastrand::u128(..))) };
        let app = App::new(config, sources, |_| ());
        Self { app, settings, services: Arc::clone(services), death, started: services.elapsed() }
    }

    /// Creates a run with this body.
    pub async fn create_run(&self, account_id: &str, definition: &str, body: &Value) -> (Option<Answer>, Journal) {
        self.send(account_id, "PUT", &events::runs(definition), &body.to_string()).await
    }

    /// Invokes the function with a request.
    pub async fn invoke(&self, account_id: &str, request: &Request) -> (Option<Answer>, Journal) {
        let (method, uri, body) = request.http();
        self.send(account_id, method, &uri, &body).await
    }

    /// Invokes the function. `None` if the environment dies: the gateway's 502.
    async fn send(&self, account_id: &str, method: &str, uri: &str, body: &str) -> (Option<Answer>, Journal) {
        let mut event = events::rest(account_id, method, uri, body);
        event["requestContext"]["requestId"] = format!("{:032x}", fastrand::u128(..)).into();
        let mut context = Context::default();
        let deadline = self.services.now() + SignedDuration::try_from(self.settings.timeout).unwrap();
        context.deadline = u64::try_from(deadline.as_millisecond()).unwrap();
        let request = lambda_http::request::from_str(&event.to_string()).unwrap().with_lambda_context(context);

        let journal = Arc::new(Mutex::new(Journal { began: self.services.elapsed(), ..Journal::default() }));
        let answer = tokio::select! {
            biased;
            () = self.death.happens() => None,
            response = JOURNAL.scope(Arc::clone(&journal), handle(&self.app, request)) => Some(response),
        };
        let journal = journal.lock().unwrap().clone();
        let answer = answer.map(|response| Answer {
            status: response.status().as_u16(),
            error: response.headers().get("x-amzn-errortype").map_or("", |name| name.to_str().unwrap()).to_owned(),
            retry_after: response.headers().contains_key("retry-after"),
            replayed: response.headers().contains_key("idempotent-replayed"),
            body: serde_json::from_slice(response.body()).unwrap(),
        });
        (answer, journal)
    }

    pub fn is_dead(&self) -> bool {
        self.death.has_happened()
    }
}
