//! The process's log, in JSON lines. A request has one line; any other event has a line of its own.

use std::io::Write as _;

use tracing::{error, level_filters::LevelFilter, warn};
use tracing_subscriber::{
    Layer as _, filter::FilterExt as _, filter::Targets, filter::filter_fn, fmt::MakeWriter, layer::SubscriberExt as _,
    util::SubscriberInitExt as _,
};

/// The default filter for everything but the requests' lines; `RUST_LOG` overrides it.
pub const DEFAULT_FILTER: &str = "warn";

/// Writes a request's line to standard output, from where Lambda collects it.
pub fn to_stdout(line: &[u8]) {
    // There is nowhere to report a log that cannot be written.
    let _ = std::io::stdout().write_all(line);
}

/// Sends the process's events, and its panics, to `writer`.
///
/// `filter` is `target=level,…`. Nothing below `DEBUG` is ever logged: at `TRACE`, the Lambda runtime and the AWS SDK
/// write whole bodies.
///
/// # Panics
/// If it is called twice in a process.
pub fn init<W>(writer: W, filter: Option<&str>)
where
    W: for<'a> MakeWriter<'a> + Send + Sync + 'static,
{
    let parse = |filter: &str| filter.parse::<Targets>().ok();
    let wanted = filter.map(parse);
    let targets = wanted.clone().flatten().or_else(|| parse(DEFAULT_FILTER)).unwrap_or_default();
    let format = tracing_subscriber::fmt::layer()
        .json()
        .flatten_event(true)
        .with_current_span(false)
        .with_span_list(false)
        .with_target(false)
        .with_writer(writer);
    // Spans are never shown, and cost as much as events.
    #[expect(clippy::redundant_closure_for_method_calls, reason = "the method is not general enough in its lifetimes")]
    let events = filter_fn(|metadata| metadata.is_event()).with_max_level_hint(LevelFilter::DEBUG);
    tracing_subscriber::registry().with(format.with_filter(targets.and(LevelFilter::DEBUG).and(events))).init();
    if wanted == Some(None) {
        warn!("RUST_LOG is not valid; the default filter applies");
    }
    std::panic::set_hook(Box::new(|panic| {
        // A message formatted at run time may repeat part of a request; a literal cannot.
        let literal: Option<&&'static str> = panic.payload().downcast_ref();
        error!(literal, location = panic.location().map(tracing::field::display), "panic");
    }));
}
