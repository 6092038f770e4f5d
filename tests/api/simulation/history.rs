//! What the clients of a schedule have seen: every request, when it was sent, and its answer.

use std::time::Duration;

use crate::simulator::journal::Writes;
use crate::simulator::network::LATEST;
use crate::simulator::process::Answer;
use crate::support::request::Request;

/// A request and what has become of it.
#[derive(Clone, Debug)]
pub struct Record {
    pub account_id: String,
    pub environment: Environment,
    pub request: Request,
    pub invoked: Duration,
    /// When the answer came, or the environment died.
    pub ended: Duration,
    /// None, if the environment died.
    pub answer: Option<Answer>,
    /// The writes that were sent, and are applied or may still be.
    pub writes: Writes,
}

/// Which environment a request was sent to.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Environment {
    pub id: usize,
    pub started: Duration,
}

impl Record {
    pub fn status(&self) -> u16 {
        self.answer.as_ref().map_or(502, |answer| answer.status)
    }

    pub fn is_success(&self) -> bool {
        self.status() < 300
    }

    /// Whether this request created the resource, not an earlier one with the same client token.
    pub fn has_created(&self) -> bool {
        self.answer.as_ref().is_some_and(|answer| answer.status == 201 && !answer.replayed)
    }

    /// A member of the answer.
    pub fn member(&self, name: &str) -> Option<&str> {
        self.answer.as_ref()?.body[name].as_str()
    }

    /// The kind of resource that was not found, or in conflict.
    pub fn refused_by(&self) -> Option<(u16, &str)> {
        Some((self.status(), self.member("resourceType")?))
    }

    /// When the last of its writes has landed.
    pub fn landed(&self) -> Duration {
        self.ended + LATEST + Duration::from_secs(1)
    }
}
