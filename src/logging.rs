//! Logs: JSON, a line for each event, one event for each request.

use tracing::{Subscriber, error, level_filters::LevelFilter};
use tracing_subscriber::{
    Layer as _, filter::Targets, fmt::MakeWriter, layer::SubscriberExt as _, util::SubscriberInitExt as _,
};

/// Sends the process's events, and its panics, to `writer`.
pub fn init<W>(writer: W, filter: Option<&str>)
where
    W: for<'a> MakeWriter<'a> + Send + Sync + 'static,
{
    subscriber(writer, filter).init();
    std::panic::set_hook(Box::new(|panic| {
        // A message that was put together at run time may repeat what was being parsed; a literal cannot.
        let literal: Option<&&'static str> = panic.payload().downcast_ref();
        error!(literal, location = panic.location().map(tracing::field::display), "panic");
    }));
}

/// What turns events into lines.
///
/// `filter` is `RUST_LOG`, as `target=level,…`; without it, this crate's `info` and everybody's `warn` are shown.
pub fn subscriber<W>(writer: W, filter: Option<&str>) -> impl Subscriber + Send + Sync
where
    W: for<'a> MakeWriter<'a> + Send + Sync + 'static,
{
    let default =
        Targets::new().with_default(LevelFilter::WARN).with_target(env!("CARGO_CRATE_NAME"), LevelFilter::INFO);
    let targets = filter.and_then(|filter| filter.parse().ok()).unwrap_or(default);
    let format = tracing_subscriber::fmt::layer()
        .json()
        .flatten_event(true)
        .with_current_span(false)
        .with_span_list(false)
        .with_target(false)
        .with_writer(writer);
    tracing_subscriber::registry().with(format.with_filter(targets))
}
