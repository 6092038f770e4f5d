//! What the clients of a schedule have seen: every request, when it was sent, and its response.

use std::time::Duration;

use crate::simulator::journal::Writes;
use crate::simulator::network::LATEST;
use crate::support::ApiResponse;
use crate::support::request::Request;

/// A request and what has become of it.
#[derive(Clone, Debug)]
pub struct Record {
    pub account_id: String,
    pub process: ProcessId,
    pub request: Request,
    pub invoked: Duration,
    /// When the response came, or the process died.
    pub ended: Duration,
    /// None, if the process died.
    pub response: Option<ApiResponse>,
    /// The writes that were sent, and are applied or may still be.
    pub writes: Writes,
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

    /// When the last of its writes has landed.
    pub fn landed(&self) -> Duration {
        self.ended + LATEST + Duration::from_secs(1)
    }
}
