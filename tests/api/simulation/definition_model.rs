//! A workflow definition's name, as clients see it: a small model, and what a history says about it.
//!
//! Times are those of the clock of whichever process decides on them.

use std::time::Duration;

use serde_json::Value;

use super::history::Record;
use super::linearizability::{Event, Model, Sometime};
use super::run_model::since_zero;
use crate::simulator::process::{MOST_AHEAD, Settings};
use crate::support::request::Request;

/// How long the item of a definition stays that is gone.
const DAY: Duration = Duration::from_hours(24);
/// How long a definition stays `DELETING` after a process has found none of its runs left.
const LINGER: Duration = Duration::from_mins(2);
/// Definitions go, and their items expire, at whole seconds.
const SECOND: Duration = Duration::from_secs(1);

/// What there is under a name.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Definition<'a> {
    Absent,
    Active {
        create: &'a Request,
        created: Duration,
    },
    /// It is being deleted, or gone: it goes at some time in this interval.
    Deleting {
        create: &'a Request,
        created: Duration,
        goes: Sometime,
    },
}

/// A request that tells about the definition, and the process that handled it.
#[derive(Clone, Copy, Debug)]
pub struct DefinitionAction<'a> {
    by: Settings,
    act: Act<'a>,
}

/// What a request has done or seen.
#[derive(Clone, Copy, Debug)]
enum Act<'a> {
    Create(&'a Request),
    Replay(&'a Request),
    RejectCreate(&'a Request),
    Read(&'a Value),
    /// A run of it was started, read, ended or deleted, or its runs were listed.
    Find,
    Delete,
    FindNone,
    FindDeleting,
}

impl<'a> Model for Definition<'a> {
    type Action = DefinitionAction<'a>;

    fn after(&self, event: &Event<DefinitionAction<'a>>) -> Vec<Self> {
        let DefinitionAction { by, act } = event.action;
        let (from, until) = (by.clock(event.from), by.clock(event.until));
        let created = |create| Self::Active { create, created: from };
        let unchanged = |is_allowed: bool| if is_allowed { vec![self.clone()] } else { vec![] };
        match self {
            Self::Absent => match act {
                Act::Create(create) => vec![created(create)],
                Act::FindNone => unchanged(true),
                _ => vec![],
            },
            Self::Active { create: current, created } => match act {
                Act::Replay(create) => unchanged(*current == create),
                Act::RejectCreate(create) => unchanged(*current != create || token(current).is_none()),
                Act::Read(body) => unchanged(may_be_read_as(body, "ACTIVE", current, *created)),
                Act::Find => unchanged(true),
                Act::Delete => {
                    // A cleanup process has another clock.
                    let earliest = (event.from + LINGER).saturating_sub(MOST_AHEAD);
                    vec![Self::Deleting { create: current, created: *created, goes: (earliest, Duration::MAX) }]
                }
                Act::Create(_) | Act::FindNone | Act::FindDeleting => vec![],
            },
            Self::Deleting { create: current, created: at, goes } => {
                let between = |from, until| {
                    let goes = (goes.0.max(from), goes.1.min(until));
                    let possible = goes.0 <= goes.1;
                    possible.then_some(Self::Deleting { create: current, created: *at, goes }).into_iter().collect()
                };
                // Not gone yet, for this process at some moment of the event; or gone.
                let before = || between(from, Duration::MAX);
                let after = || between(Duration::ZERO, until + SECOND);
                let may_be_gone = until + SECOND >= goes.0;
                let may_be_expired = until + SECOND >= goes.0 + DAY;
                let is_its_token = |create| token(current) == token(create) && token(current).is_some();
                match act {
                    Act::Read(body) if may_be_read_as(body, "DELETING", current, *at) => before(),
                    Act::FindNone => after(),
                    // Once it is gone the name is free for another client token, and no late retry brings it back.
                    Act::Create(create) if !is_its_token(create) && may_be_gone => vec![created(create)],
                    Act::Create(create) if may_be_expired => vec![created(create)],
                    Act::RejectCreate(create) if is_its_token(create) => {
                        unchanged(goes.1 == Duration::MAX || from <= goes.1 + DAY + SECOND)
                    }
                    Act::Find | Act::FindDeleting | Act::Delete | Act::RejectCreate(_) => before(),
                    _ => vec![],
                }
            }
        }
    }
}

fn token(create: &Request) -> Option<&String> {
    let Request::CreateDefinition { token, .. } = create else { return None };
    token.as_ref()
}

/// Whether GetWorkflowDefinition may show a definition in this state so.
fn may_be_read_as(body: &Value, status: &str, create: &Request, created: Duration) -> bool {
    let Request::CreateDefinition { name, description, .. } = create else { return false };
    let described = body["description"].as_str() == *description;
    // The description goes when the last run is deleted.
    let description_has_gone = status == "DELETING" && body.get("description").is_none();
    body["status"] == status
        && body["name"] == *name
        && (described || description_has_gone)
        && body["createdAt"].as_str().map(since_zero) == Some(created)
}

/// What the history of an account says about one of its definitions.
pub fn events<'a>(
    history: impl Iterator<Item = &'a Record>,
    account_id: &str,
    name: &str,
) -> Vec<Event<DefinitionAction<'a>>> {
    let mut events = Vec::new();
    let about = |record: &&Record| record.account_id == account_id && record.request.definition() == Some(name);
    for record in history.filter(about) {
        let saw = match (&record.request, record.rejected_by()) {
            (_, Some((404, "workflow-definition"))) => Some(Act::FindNone),
            (create @ Request::CreateDefinition { .. }, Some((409, _))) => Some(Act::RejectCreate(create)),
            (_, Some((409, "workflow-definition"))) => Some(Act::FindDeleting),
            (create @ Request::CreateDefinition { .. }, _) if record.is_success() && !record.has_created() => {
                Some(Act::Replay(create))
            }
            (Request::GetDefinition { .. }, _) if record.is_success() => {
                record.response.as_ref().map(|response| Act::Read(&response.body))
            }
            (Request::CreateDefinition { .. } | Request::DeleteDefinition { .. }, _) => None,
            _ if record.is_success() => Some(Act::Find),
            _ => None,
        };
        let did = match &record.request {
            create @ Request::CreateDefinition { .. } if !record.is_success() || record.has_created() => {
                Some(Act::Create(create))
            }
            Request::DeleteDefinition { .. } => Some(Act::Delete),
            _ => None,
        };
        let action = |act| DefinitionAction { by: record.settings, act };
        let seen = |act| Event { from: record.invoked, until: record.ended, certain: true, action: action(act) };
        events.extend(saw.map(seen));
        events.extend(did.and_then(|act| {
            // What has not succeeded has taken effect all the same, if a write was applied.
            let has_landed = record.writes().definitions > 0;
            let landed = || record.landed_event(action(act));
            if record.is_success() { Some(seen(act)) } else { has_landed.then(landed) }
        }));
    }
    // An explanation is found sooner if what is certain is tried first.
    events.sort_by_key(|event| (!event.certain, event.until));
    events
}
