//! Execution environments: each with its own caches, and gone at any moment.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use lambda_http::{Context, RequestExt as _};
use serde_json::Value;
use uuid::Uuid;
use workflow_runs::handler::handle;
use workflow_runs::{App, Sources};

use super::aws::{JOURNAL, Journal, Services};
use super::network::{Connector, Death, Network};
use crate::embedded;
use crate::support::{events, own_region};

/// One process of the function.
pub struct Environment {
    app: App,
    /// The function's time-out.
    timeout: Duration,
    services: Arc<Services>,
    death: Arc<Death>,
}

/// What a caller gets.
#[derive(Clone, Debug)]
pub struct Answer {
    pub status: u16,
    pub error: String,
    /// It says when to try again.
    pub retry_after: bool,
    pub body: Value,
}

impl Environment {
    pub fn start(services: &Arc<Services>, network: &Network, timeout: Duration) -> Self {
        let death = Arc::new(Death::default());
        let connector =
            Connector { services: Arc::clone(services), network: Arc::clone(network), death: Arc::clone(&death) };
        let mut config = embedded::config("http://aws.invalid");
        config.aws = config.aws.into_builder().http_client(connector.shared()).region(own_region()).build();
        let clock = Arc::clone(services);
        let sources =
            Sources { now: Arc::new(move || now(&clock)), uuid: Arc::new(|| Uuid::from_u128(fastrand::u128(..))) };
        Self { app: App::new(config, sources, |_| ()), timeout, services: Arc::clone(services), death }
    }

    /// Invokes the function. `None` if the environment dies: the gateway's 502.
    pub async fn invoke(&self, account_id: &str, definition: &str, body: &Value) -> (Option<Answer>, Journal) {
        let mut event = events::rest(account_id, "PUT", &events::runs(definition), &body.to_string());
        event["requestContext"]["requestId"] = format!("{:032x}", fastrand::u128(..)).into();
        let mut context = Context::default();
        let deadline = now(&self.services) + SignedDuration::try_from(self.timeout).unwrap();
        context.deadline = u64::try_from(deadline.as_millisecond()).unwrap();
        let request = lambda_http::request::from_str(&event.to_string()).unwrap().with_lambda_context(context);

        let journal = Arc::new(Mutex::new(Journal::default()));
        let answer = tokio::select! {
            biased;
            () = self.death.happens() => None,
            response = JOURNAL.scope(Arc::clone(&journal), handle(&self.app, request)) => Some(response),
        };
        let journal = std::mem::take(&mut *journal.lock().unwrap());
        let answer = answer.map(|response| Answer {
            status: response.status().as_u16(),
            error: response.headers().get("x-amzn-errortype").map_or("", |name| name.to_str().unwrap()).to_owned(),
            retry_after: response.headers().contains_key("retry-after"),
            body: serde_json::from_slice(response.body()).unwrap(),
        });
        (answer, journal)
    }

    pub fn is_dead(&self) -> bool {
        self.death.has_happened()
    }
}

/// The wall clock of a schedule, which runs with its paused time.
pub fn now(services: &Services) -> Timestamp {
    let start: Timestamp = "2026-11-22T00:00:00Z".parse().unwrap();
    start + SignedDuration::try_from(services.elapsed()).unwrap()
}
