//! What the clients of a schedule have seen: every request, when it was sent, and its response.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use super::linearizability::Event;
use crate::simulator::journal::{Journal, Writes};
use crate::simulator::process::Settings;
use crate::support::ApiResponse;
use crate::support::request::Request;

/// A request and what has become of it.
#[derive(Clone, Debug)]
pub struct Record {
    pub account_id: String,
    pub process: ProcessId,
    /// Those of the process.
    pub settings: Settings,
    pub request: Request,
    pub invoked: Duration,
    /// When the response came, or the process died.
    pub ended: Duration,
    /// None, if the process died.
    pub response: Option<ApiResponse>,
    /// What the invocation has done, and may still do.
    pub journal: Arc<Mutex<Journal>>,
}

/// Which process a request was sent to.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ProcessId {
    pub id: usize,
    pub started: Duration,
}

impl Record {
    pub fn status(&self) -> u16 {
        self.response.as_ref().map_or(502, |response| response.status)
    }

    pub fn is_success(&self) -> bool {
        self.status() < 300
    }

    /// Whether this request created the resource, not an earlier one with the same client token.
    pub fn has_created(&self) -> bool {
        self.response.as_ref().is_some_and(|response| response.status == 201 && !response.is_replay())
    }

    /// A member of the response.
    pub fn member(&self, name: &str) -> Option<&str> {
        self.response.as_ref()?.body[name].as_str()
    }

    /// The kind of resource that was not found, or in conflict.
    pub fn rejected_by(&self) -> Option<(u16, &str)> {
        Some((self.status(), self.member("resourceType")?))
    }

    /// Its writes that were applied.
    pub fn writes(&self) -> Writes {
        self.journal.lock().unwrap().writes
    }

    /// When the last of its writes was applied.
    pub fn landed(&self) -> Duration {
        self.journal.lock().unwrap().landed
    }

    /// The event of a write that was applied, whatever the response: it took effect, or found that it had.
    pub fn landed_event<A>(&self, action: A) -> Event<A> {
        Event { from: self.invoked, until: self.landed(), certain: true, action }
    }
}
