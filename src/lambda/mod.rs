//! Translates Lambda's events: an event of API Gateway becomes a request, and the response what the gateway expects; an
//! event of the table's stream becomes records for the cleanup.
//!
//! Only the members that are used are read, one by one. One that is missing or of the wrong type counts as absent. With a
//! library's types, an event with one bad unused member would fail as a whole, and the gateway would turn that into a 502.

mod gateway;
mod records;
mod value;

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use lambda_runtime::{Error, LambdaEvent, Service, service_fn};
use serde::Serialize;
use serde_json::value::RawValue;

use crate::app::{App, Sources};
use crate::cleanup::{self, Cleanup};
use crate::config::Config;
use crate::handler::Handler;
use crate::request_log::{LogWriter, RequestLog};
use value::{begins_with, object, parse};

/// The function: what a process makes of every event.
pub struct Function {
    handler: Handler,
    cleanup: Cleanup,
    table_name: String,
}

impl Function {
    /// Builds the clients without making a call. `log` receives the line of each request.
    pub fn new(config: Config, sources: Sources, log: LogWriter) -> Self {
        let app = Arc::new(App::new(&config, sources));
        let cleanup = Cleanup::new(Arc::clone(&app), config.function_name.clone(), Arc::clone(&log));
        let request_log = RequestLog::new(config.function_name, log);
        let handler = Handler::new(app, config.unsigned_account_id, request_log);
        Self { handler, cleanup, table_name: config.table_name }
    }

    /// Handles an event, which may be any JSON. Returns what to pass to Lambda: a response, or nothing for records of the
    /// table's stream.
    ///
    /// # Errors
    /// Lambda must not count the event as done: it has records of another source, or an AWS call failed.
    pub async fn invoke(&self, event: LambdaEvent<Box<RawValue>>) -> Result<impl Serialize + use<>, Error> {
        let now = self.handler.now();
        let time_left = time_left(event.context.deadline, now);
        let members @ [request_context, records, ..] = object(Some(&event.payload), gateway::MEMBERS);
        let records = if begins_with(request_context, '{') { None } else { parse::<Vec<&RawValue>>(records) };
        let Some(records) = records else {
            let time_left = time_left.unwrap_or(Duration::MAX);
            let (payload, request) = gateway::read(members, &event.context, now, time_left);
            return Ok(Some(payload.response(self.handler.handle(request).await)));
        };
        if !records.iter().all(|record| records::is_of_stream(record, &self.table_name)) {
            return Err(format!("not every record is of a stream of the table {}", self.table_name).into());
        }
        let until = cleanup::stop_at(time_left);
        for record in records.into_iter().filter_map(records::read) {
            // In a box, since requests need not make room for it.
            let handled = Box::pin(self.cleanup.handle(&record, until)).await;
            handled.map_err(|error| error.detail())?;
        }
        Ok(None)
    }
}

/// The function as the service that the Lambda runtime calls.
pub fn service(
    function: Arc<Function>,
) -> impl Service<LambdaEvent<Box<RawValue>>, Response = impl Serialize + Send, Error = Error, Future: Send> + Clone + Send
{
    service_fn(move |event: LambdaEvent<Box<RawValue>>| {
        let function = Arc::clone(&function);
        async move { function.invoke(event).await }
    })
}

/// The time until a deadline in epoch milliseconds. A deadline in the past is ignored, since cargo-lambda's emulator
/// sends such deadlines.
fn time_left(deadline_ms: u64, now: Timestamp) -> Option<Duration> {
    let now_ms = u64::try_from(now.as_millisecond()).ok()?;
    deadline_ms.checked_sub(now_ms).map(Duration::from_millis)
}
