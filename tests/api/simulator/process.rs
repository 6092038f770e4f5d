//! Processes of the function: each with its own caches, and gone at any moment.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use jiff::SignedDuration;
use local::{Result, embedded, gateway};
use serde_json::Value;
use tokio::time::sleep;
use uuid::Uuid;
use workflow_runs::model::{RunRetention, RunTimeout};
use workflow_runs::{Function, Sources};

use super::journal::{JOURNAL, Journal};
use super::network::{Connector, Death, Network};
use super::services::Services;
use crate::support::request::Request;
use crate::support::{ApiResponse, events, own_region};

/// One process of the function.
pub struct Process {
    function: Function,
    pub settings: Settings,
    services: Arc<Services>,
    death: Arc<Death>,
    /// When it was started.
    pub started: Duration,
}

/// How far a clock may be ahead or behind: two clocks differ by up to 3 seconds.
pub const MOST_AHEAD: Duration = Duration::from_millis(1_500);

/// How the function is deployed, and where.
#[derive(Clone, Copy, Debug, Default)]
pub struct Settings {
    /// The function's timeout.
    pub timeout: Duration,
    pub run_timeout: Option<Duration>,
    pub run_retention: Option<Duration>,
    pub run_log_retention_days: Option<i32>,
    /// How far the clock of the process is ahead of the simulator's.
    pub ahead: SignedDuration,
}

impl Settings {
    /// A function with this timeout, and nothing that is optional.
    pub fn new(timeout: Duration) -> Self {
        Self {
            timeout,
            run_timeout: None,
            run_retention: None,
            run_log_retention_days: None,
            ahead: SignedDuration::ZERO,
        }
    }

    /// The time at which the clock of the process shows this.
    pub fn time_of(&self, clock: Duration) -> Duration {
        Duration::try_from(SignedDuration::try_from(clock).unwrap() - self.ahead).unwrap()
    }

    /// What the clock of the process shows at this time.
    pub fn clock(&self, at: Duration) -> Duration {
        Duration::try_from(SignedDuration::try_from(at).unwrap() + self.ahead).unwrap()
    }
}

impl Process {
    pub fn start(services: &Arc<Services>, network: &Network, timeout: Duration) -> Self {
        Self::start_with(services, network, Settings::new(timeout))
    }

    pub fn start_with(services: &Arc<Services>, network: &Network, settings: Settings) -> Self {
        let death = Arc::new(Death::default());
        let connector =
            Connector { services: Arc::clone(services), network: Arc::clone(network), death: Arc::clone(&death) };
        let mut config = embedded::config("http://aws.invalid");
        config.run_timeout = RunTimeout(settings.run_timeout.map(|timeout| SignedDuration::try_from(timeout).unwrap()));
        config.run_retention =
            RunRetention(settings.run_retention.map(|retention| SignedDuration::try_from(retention).unwrap()));
        config.run_log_retention_days = settings.run_log_retention_days;
        config.aws = config.aws.into_builder().http_client(connector.shared()).region(own_region()).build();
        let (clock, ahead) = (Arc::clone(services), settings.ahead);
        let sources = Sources {
            now: Arc::new(move || clock.now() + ahead),
            uuid: Arc::new(|| Uuid::from_u128(fastrand::u128(..))),
        };
        let function = Function::new(config, sources, Arc::new(|_: &[u8]| ()));
        Self { function, settings, services: Arc::clone(services), death, started: services.elapsed() }
    }

    /// Creates a run with this body.
    pub async fn create_run(
        &self,
        account_id: &str,
        definition: &str,
        body: &Value,
    ) -> (Option<ApiResponse>, Arc<Mutex<Journal>>) {
        self.send(account_id, "PUT", &events::runs(definition), &body.to_string()).await
    }

    /// Invokes the function with a request.
    pub async fn invoke(&self, account_id: &str, request: &Request) -> (Option<ApiResponse>, Arc<Mutex<Journal>>) {
        let (method, uri, body) = request.http();
        self.send(account_id, method, &uri, &body).await
    }

    /// Invokes the function. `None` if the process dies: the gateway's 502.
    async fn send(
        &self,
        account_id: &str,
        method: &str,
        uri: &str,
        body: &str,
    ) -> (Option<ApiResponse>, Arc<Mutex<Journal>>) {
        let mut event = events::rest(account_id, method, uri, body);
        event["requestContext"]["requestId"] = format!("{:032x}", fastrand::u128(..)).into();
        let (ended, journal) = self.run(&event, false).await;
        (ended.map(|response| ApiResponse::of_proxy_response(&response.unwrap())), journal)
    }

    /// Hands over records of the stream. Whether the function has handled them: not if it fails or its process dies.
    pub async fn handle_records(&self, event: &Value) -> bool {
        let (ended, journal) = self.run(event, true).await;
        let is_handled = matches!(ended, Some(Ok(_)));
        assert!(is_handled || journal.lock().unwrap().faults > 0, "nothing has failed, and {event} was not handled");
        is_handled
    }

    /// Invokes the function. `None` if the process dies, or Lambda ends it because its time is over.
    async fn run(&self, event: &Value, is_sweep: bool) -> (Option<Result<Value>>, Arc<Mutex<Journal>>) {
        // Lambda's clock on this machine is the process's.
        let left = SignedDuration::try_from(self.settings.timeout).unwrap();
        let deadline = self.services.now() + self.settings.ahead + left;
        let deadline = u64::try_from(deadline.as_millisecond()).unwrap();
        let (began, by) = (self.services.elapsed(), self.settings);
        let journal = Arc::new(Mutex::new(Journal { began, by, is_sweep, ..Journal::default() }));
        let event = event.to_string();
        let invocation = gateway::invoke_until(&self.function, event.as_bytes(), deadline);
        let ended = tokio::select! {
            biased;
            () = self.death.happens() => None,
            ended = JOURNAL.scope(Arc::clone(&journal), invocation) => Some(ended),
            () = sleep(self.settings.timeout) => {
                self.death.happen();
                None
            }
        };
        (ended, journal)
    }

    pub fn is_dead(&self) -> bool {
        self.death.has_happened()
    }
}
