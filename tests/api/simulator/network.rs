//! The network between a process and the services: it loses, delays and rejects calls, and here processes die.

use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpClient, SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::body::SdkBody;
use serde_json::Value;
use tokio::sync::Notify;
use tokio::time::sleep;

use super::coverage::{Call, Sight};
use super::journal::{JOURNAL, Journal};
use super::services::{Services, error};

/// What happens to a call.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Fate {
    /// It arrives, and so does its response.
    Served,
    /// The connection breaks before the service has seen the call.
    Cut,
    /// The service has applied the call, and the response is lost.
    Lost,
    /// The service responds with an error.
    Error(u16, &'static str),
    /// The service applies the call after the first time, and responds after the second; whether or not somebody is
    /// still waiting.
    Late(Duration, Duration),
    /// `BatchGetItem` processes only this many keys, the first ones.
    Unprocessed(usize),
    /// The process is gone before the call is sent.
    DieBefore,
    /// The process is gone when the call has been applied.
    DieAfter,
}

/// The longest time that a call is under way before it is applied: as long as its signature is good.
pub const LATEST: Duration = Duration::from_mins(5);

/// Decides what happens to the next call, by its operation and the key that it is about: that of the item, or of the
/// partition of the index.
pub type Network = Arc<dyn Fn(&str, &str) -> Fate + Send + Sync>;

/// The HTTP client of one process.
#[derive(Clone)]
pub struct Connector {
    pub services: Arc<Services>,
    pub network: Network,
    pub death: Arc<Death>,
}

/// The end of a process. (`tokio::sync::watch` would do, but wakes in random order.)
#[derive(Default)]
pub struct Death {
    happened: AtomicBool,
    notify: Notify,
}

impl Death {
    pub fn happen(&self) {
        self.happened.store(true, Ordering::Relaxed);
        self.notify.notify_waiters();
    }

    pub fn has_happened(&self) -> bool {
        self.happened.load(Ordering::Relaxed)
    }

    /// Waits for it.
    pub async fn happens(&self) {
        let notified = self.notify.notified();
        if !self.has_happened() {
            notified.await;
        }
    }
}

impl Connector {
    pub fn shared(self) -> SharedHttpClient {
        SharedHttpClient::new(self)
    }

    async fn deliver(
        self,
        of: Call,
        body: Vec<u8>,
        fate: Fate,
        journal: Arc<Mutex<Journal>>,
    ) -> Result<(u16, String), ConnectorError> {
        let latency = self.services.latency();
        let (before, after) = if let Fate::Late(before, after) = fate { (before, after) } else { (latency, latency) };
        let lost = |why: &str| Err(ConnectorError::io(why.to_owned().into()));
        match fate {
            Fate::Cut => {
                sleep(before).await;
                return lost("cut");
            }
            Fate::Error(status, code) => {
                sleep(before + after).await;
                return Ok(error(status, code));
            }
            Fate::Unprocessed(processed) => {
                sleep(before + after).await;
                return Ok(self.services.apply_in_part(&body, processed, &journal).await);
            }
            Fate::DieBefore => return self.die().await,
            Fate::Served | Fate::Lost | Fate::Late(..) | Fate::DieAfter => {}
        }
        // What was sent is applied, even if the sender gives up or dies meanwhile.
        let services = Arc::clone(&self.services);
        let applied = tokio::spawn(async move {
            sleep(before).await;
            let response = services.apply(of, &body, &journal).await;
            services.trace(format_args!("{of:?} applied: {}", response.0));
            if response.1.contains("ConditionalCheckFailedException") {
                services.see(Sight::ConditionFailed(of));
            }
            response
        });
        let response = applied.await.unwrap();
        match fate {
            Fate::DieAfter => return self.die().await,
            Fate::Lost => {
                sleep(after).await;
                return lost("lost");
            }
            _ => sleep(after).await,
        }
        Ok(response)
    }

    /// Ends the process, and this call with it.
    async fn die<T>(&self) -> T {
        self.death.happen();
        std::future::pending().await
    }
}

/// The key that a call is about; none, if it is about several.
fn key_of(request: &Value) -> &str {
    let keys = [&request["Item"]["pk"], &request["Key"]["pk"], &request["ExpressionAttributeValues"][":listKey"]];
    keys.iter().find_map(|key| key["S"].as_str()).unwrap_or_default()
}

impl HttpConnector for Connector {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let target = request.headers().get("x-amz-target").unwrap();
        let operation = target.rsplit('.').next().unwrap().to_owned();
        let body = request.body().bytes().unwrap().to_vec();
        let journal = JOURNAL.with(Arc::clone);
        let request: Value = serde_json::from_slice(&body).unwrap();
        let key = key_of(&request);
        let is_put_of_run = operation == "PutItem" && key.starts_with("run/");
        let of = Call::of(&operation, key);
        let fate = (self.network)(&operation, key);
        {
            let mut journal = journal.lock().unwrap();
            journal.faults += u32::from(fate != Fate::Served);
            journal.put_sent |= is_put_of_run;
            journal.put_in_doubt += i32::from(is_put_of_run);
        }
        self.services.trace(format_args!("{of:?} {fate:?}"));
        self.services.see(Sight::Call(of, fate.into()));
        let call = self.clone();
        HttpConnectorFuture::new(async move {
            let (status, body) = call.deliver(of, body, fate, Arc::clone(&journal)).await?;
            if is_put_of_run {
                journal.lock().unwrap().put_in_doubt -= 1;
            }
            let mut response = HttpResponse::new(status.try_into().unwrap(), SdkBody::from(body));
            response.headers_mut().insert("content-type", "application/x-amz-json-1.0");
            Ok(response)
        })
    }
}

impl HttpClient for Connector {
    fn http_connector(&self, _: &HttpConnectorSettings, _: &RuntimeComponents) -> SharedHttpConnector {
        SharedHttpConnector::new(self.clone())
    }
}

impl fmt::Debug for Connector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Connector")
    }
}
