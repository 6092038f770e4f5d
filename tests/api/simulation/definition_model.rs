//! A workflow definition's name, as clients see it: a small model, and what a history says about it.

use std::time::Duration;

use serde_json::Value;

use super::history::Record;
use super::linearizability::{Event, Model, Sometime};
use super::run_model::since_start;
use crate::support::request::Request;

/// How long the item of a definition stays that is gone.
const DAY: Duration = Duration::from_hours(24);
/// How long a definition stays `DELETING` at least.
const LINGER: Duration = Duration::from_mins(2);
/// Definitions go, and their items expire, at whole seconds.
const SECOND: Duration = Duration::from_secs(1);

/// What there is under a name.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Definition<'a> {
    Absent,
    Active { create: &'a Request, created: Duration },
    Deleting { create: &'a Request, created: Duration, since: Sometime },
    Gone { create: &'a Request, at: Sometime },
}

/// A request that tells about the definition, and the response.
#[derive(Clone, Copy, Debug)]
pub enum DefinitionAction<'a> {
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
        self.views(event).into_iter().filter_map(|view| view.step(event)).collect()
    }
}

impl<'a> Definition<'a> {
    /// What it may have become by the passage of time alone.
    fn views(&self, event: &Event<DefinitionAction<'a>>) -> Vec<Self> {
        let mut views = vec![self.clone()];
        if let Self::Deleting { create, since, .. } = self
            && event.until + SECOND >= since.0 + LINGER
        {
            views.push(Self::Gone { create, at: (since.0 + LINGER, event.until) });
        }
        if let Some(Self::Gone { at, .. }) = views.last()
            && event.until + SECOND >= at.0 + DAY
        {
            views.push(Self::Absent);
        }
        views
    }

    fn step(self, event: &Event<DefinitionAction<'a>>) -> Option<Self> {
        let created = |create| Self::Active { create, created: event.from };
        match (&self, event.action) {
            (Self::Absent, DefinitionAction::Create(create)) => Some(created(create)),
            // The name is free for another client token, and no late retry brings the old definition back.
            (Self::Gone { create: old, .. }, DefinitionAction::Create(create)) => {
                (token(old) != token(create) || token(create).is_none()).then(|| created(create))
            }
            (Self::Gone { create: old, at }, DefinitionAction::RejectCreate(create)) => {
                let may_be_there = event.from <= at.1 + DAY + SECOND;
                (token(old) == token(create) && token(old).is_some() && may_be_there).then_some(self)
            }
            (Self::Active { create: old, .. }, DefinitionAction::Replay(create)) => (*old == create).then_some(self),
            (Self::Active { create: old, .. }, DefinitionAction::RejectCreate(create)) => {
                (*old != create || token(old).is_none()).then_some(self)
            }
            (Self::Active { create, created }, DefinitionAction::Read(body)) => {
                is_read(body, "ACTIVE", create, *created).then_some(self)
            }
            (Self::Deleting { create, created, .. }, DefinitionAction::Read(body)) => {
                is_read(body, "DELETING", create, *created).then_some(self)
            }
            (Self::Active { create, created }, DefinitionAction::Delete) => {
                Some(Self::Deleting { create, created: *created, since: (event.from, event.until) })
            }
            (Self::Active { .. }, DefinitionAction::Find)
            | (
                Self::Deleting { .. },
                DefinitionAction::RejectCreate(_)
                | DefinitionAction::Delete
                | DefinitionAction::Find
                | DefinitionAction::FindDeleting,
            )
            | (Self::Absent | Self::Gone { .. }, DefinitionAction::FindNone) => Some(self),
            _ => None,
        }
    }
}

fn token(create: &Request) -> Option<&String> {
    let Request::CreateDefinition { token, .. } = create else { return None };
    token.as_ref()
}

/// Whether GetWorkflowDefinition may show a definition in this state so.
fn is_read(body: &Value, status: &str, create: &Request, created: Duration) -> bool {
    let Request::CreateDefinition { name, description, .. } = create else { return false };
    let described = body["description"].as_str() == *description;
    // The description goes when the last run is deleted.
    let description_has_gone = status == "DELETING" && body.get("description").is_none();
    body["status"] == status
        && body["name"] == *name
        && (described || description_has_gone)
        && body["createdAt"].as_str().map(since_start) == Some(created)
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
        let seen = match (&record.request, record.rejected_by()) {
            (_, Some((404, "workflow-definition"))) => Some(DefinitionAction::FindNone),
            (create @ Request::CreateDefinition { .. }, Some((409, _))) => Some(DefinitionAction::RejectCreate(create)),
            (_, Some((409, "workflow-definition"))) => Some(DefinitionAction::FindDeleting),
            (create @ Request::CreateDefinition { .. }, _) if record.is_success() && !record.has_created() => {
                Some(DefinitionAction::Replay(create))
            }
            (Request::GetDefinition { .. }, _) if record.is_success() => {
                record.response.as_ref().map(|response| DefinitionAction::Read(&response.body))
            }
            (Request::CreateDefinition { .. } | Request::DeleteDefinition { .. }, _) => None,
            _ if record.is_success() => Some(DefinitionAction::Find),
            _ => None,
        };
        let done = match &record.request {
            create @ Request::CreateDefinition { .. } if !record.is_success() || record.has_created() => {
                Some(DefinitionAction::Create(create))
            }
            Request::DeleteDefinition { .. } => Some(DefinitionAction::Delete),
            _ => None,
        };
        let event = |until, certain, action| Event { from: record.invoked, until, certain, action };
        events.extend(seen.map(|action| event(record.ended, true, action)));
        // What has not succeeded may have taken effect all the same, if it has sent a write.
        let until = if record.is_success() { record.ended } else { record.landed() };
        let done = done.map(|action| event(until, record.is_success(), action));
        events.extend(done.filter(|event| event.certain || record.writes.definitions > 0));
    }
    // An explanation is found sooner if what is certain is tried first.
    events.sort_by_key(|event| (!event.certain, event.until));
    events
}
