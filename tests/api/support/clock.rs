//! Time that stands still until a test moves it.

use std::sync::{Arc, Mutex};

use jiff::{SignedDuration, Timestamp};
use workflow_runs::Sources;

/// A clock, shared by all processes of a test.
#[derive(Clone)]
pub struct Clock(Arc<Mutex<Timestamp>>);

impl Clock {
    /// A clock that stands at this time. Far from the real time, so that no deadline is near.
    pub fn at(time: &str) -> Self {
        Self(Arc::new(Mutex::new(time.parse().unwrap())))
    }

    /// A clock that stands at the beginning of 2026.
    pub fn new() -> Self {
        Self::at("2026-01-01T00:00:00.000Z")
    }

    pub fn advance(&self, duration: SignedDuration) {
        *self.0.lock().unwrap() += duration;
    }

    pub fn advance_seconds(&self, seconds: i64) {
        self.advance(SignedDuration::from_secs(seconds));
    }

    /// The time, as the API has it.
    pub fn text(&self) -> String {
        format!("{:.3}", *self.0.lock().unwrap())
    }

    pub fn epoch_seconds(&self) -> i64 {
        self.0.lock().unwrap().as_second()
    }

    /// Sources whose time is this clock's.
    pub fn sources(&self) -> Sources {
        let time = Arc::clone(&self.0);
        Sources { now: Arc::new(move || *time.lock().unwrap()), ..Sources::default() }
    }
}
