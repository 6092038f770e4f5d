//! A workflow run, as its clients see it: a small model, and what a history says about it.
//!
//! Times are those of the clock of whichever process decides on them.

use std::time::Duration;

use jiff::Timestamp;
use serde_json::Value;

use super::history::Record;
use super::linearizability::{Event, Model, Sometime};
use crate::simulator::process::Settings;
use crate::simulator::services::Write;
use crate::simulator::virtual_time::wall_clock;
use crate::support::request::Request;

const DAY: Duration = Duration::from_hours(24);
/// Items expire at whole seconds.
const SECOND: Duration = Duration::from_secs(1);

/// What there is under a run's id.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Run<'a> {
    Absent,
    There(Life<'a>),
    Tombstone { name: &'a str, deleted: Sometime, of_previous_generation: bool },
}

/// A run that was started, and not deleted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Life<'a> {
    create: &'a Request,
    started: Duration,
    /// From when on DynamoDB may delete it.
    expires: Option<Duration>,
    ended: Option<(&'a str, Sometime)>,
    /// What comes next does so after this time, on the simulator's clock: somebody has seen that the run had timed out, or
    /// was beyond the retention.
    not_before: Duration,
    of_previous_generation: bool,
}

/// A request about the run or its definition, and the process that handled it.
#[derive(Clone, Copy, Debug)]
pub struct RunAction<'a> {
    /// The definition that the request names.
    name: &'a str,
    by: Settings,
    act: Act<'a>,
}

/// What a request has done or seen.
#[derive(Clone, Copy, Debug)]
enum Act<'a> {
    Start(&'a Request),
    Replay(&'a Request, &'a str),
    RejectStart(&'a Request),
    End(&'a str),
    RejectEnd(&'a str),
    Read(&'a Value),
    Delete,
    FindNone,
    FindNoneToDelete,
    /// It is deleted behind the API, because its definition is.
    Sweep,
    /// A new definition has the name.
    NewGeneration,
}

impl<'a> Model for Run<'a> {
    type Action = RunAction<'a>;

    fn after(&self, event: &Event<RunAction<'a>>) -> Vec<Self> {
        let mut after = self.step(event);
        // DynamoDB may have deleted it meanwhile.
        if let Self::There(Life { expires: Some(expires), .. }) = self
            && event.until + SECOND >= *expires
        {
            after.extend(Self::Absent.step(event));
        }
        after
    }
}

impl<'a> Run<'a> {
    fn step(&self, event: &Event<RunAction<'a>>) -> Vec<Self> {
        let RunAction { name, by, act } = event.action;
        let (from, until) = (by.clock(event.from), by.clock(event.until));
        let unchanged = |is_allowed: bool| if is_allowed { vec![self.clone()] } else { vec![] };
        let started = |create| Self::There(Life::new(create, from, &by));
        match self {
            Self::Absent => match act {
                Act::Start(create) => vec![started(create)],
                Act::FindNone | Act::FindNoneToDelete | Act::NewGeneration => unchanged(true),
                _ => vec![],
            },
            Self::Tombstone { name: of, deleted, of_previous_generation } => {
                let is_its = *of == name && !of_previous_generation;
                let may_live = from <= deleted.1 + DAY + SECOND;
                let may_be_expired = until + SECOND >= deleted.0 + DAY;
                match act {
                    Act::Start(create) if may_be_expired => vec![started(create)],
                    Act::RejectStart(_) => unchanged(may_live),
                    Act::Delete => unchanged(is_its && may_live),
                    Act::FindNoneToDelete => unchanged(!is_its || may_be_expired),
                    Act::NewGeneration if is_its => {
                        vec![Self::Tombstone { name: of, deleted: *deleted, of_previous_generation: true }]
                    }
                    Act::FindNone | Act::NewGeneration => unchanged(true),
                    _ => vec![],
                }
            }
            Self::There(life) => {
                let is_its = life.create.definition() == Some(name) && !life.of_previous_generation;
                let tombstone = || {
                    let name = life.create.definition().unwrap();
                    let of_previous_generation = life.of_previous_generation;
                    Self::Tombstone { name, deleted: (from, until), of_previous_generation }
                };
                let from = by.clock(event.from.max(life.not_before));
                let hidden = life.hidden(&by);
                let may_be_shown = from < hidden;
                let may_be_hidden = until >= hidden;
                let seen = || life.states(event).into_iter().filter(|_| is_its && may_be_shown);
                let seen_as = |is_it: &dyn Fn(&str) -> bool| {
                    let states = seen().filter(|(status, _)| is_it(status));
                    states.map(|(status, _)| Self::There(life.seen_as(status, &by))).collect()
                };
                match act {
                    // A day after the retention its token is free.
                    Act::Start(create) if hidden != Duration::MAX && until >= hidden + DAY => vec![started(create)],
                    Act::Replay(request, status) if request == life.create => seen_as(&|state| state == status),
                    Act::RejectStart(request) => {
                        let may_be_taken = hidden == Duration::MAX || from < hidden + DAY;
                        unchanged(may_be_taken && (!is_its || may_be_hidden || request != life.create))
                    }
                    Act::End(status) => seen()
                        .chain(life.still_running_when_sent(event).filter(|_| is_its && may_be_shown))
                        .filter_map(|state| match state {
                            ("RUNNING", _) if status == "RUNNING" => Some(self.clone()),
                            ("RUNNING", _) => Some(Self::There(life.ended(status, (from, until)))),
                            (already, at) => (already == status).then(|| Self::There(life.ended(already, at))),
                        })
                        .collect(),
                    Act::RejectEnd(status) => seen_as(&|state| state != "RUNNING" && state != status),
                    Act::Read(body) => {
                        let states = seen().filter(|(status, at)| life.may_be_read_as(body, status, *at));
                        let ended_at = body["endedAt"].as_str().map(since_zero);
                        // Every later read shows the same end.
                        let states = states.map(|(status, _)| {
                            let ended = life.ended.map(|(status, at)| (status, ended_at.map_or(at, |at| (at, at))));
                            Self::There(Life { ended, ..life.seen_as(status, &by) })
                        });
                        states.collect()
                    }
                    Act::Delete if is_its && may_be_shown => vec![tombstone()],
                    Act::Sweep => vec![tombstone()],
                    Act::FindNone | Act::FindNoneToDelete if is_its && may_be_hidden => {
                        vec![Self::There(life.after(hidden, &by))]
                    }
                    Act::FindNone | Act::FindNoneToDelete => unchanged(!is_its),
                    Act::NewGeneration if is_its => {
                        vec![Self::There(Life { of_previous_generation: true, ..*life })]
                    }
                    Act::NewGeneration => unchanged(true),
                    _ => vec![],
                }
            }
        }
    }
}

impl<'a> Life<'a> {
    fn new(create: &'a Request, started: Duration, by: &Settings) -> Self {
        let expires = by.run_retention.map(|retention| started + retention + DAY);
        Self { create, started, expires, ended: None, not_before: Duration::ZERO, of_previous_generation: false }
    }

    fn ended(self, status: &'a str, at: Sometime) -> Self {
        Self { ended: Some((status, at)), ..self }
    }

    /// The same run, after a process has seen it with this status.
    fn seen_as(self, status: &str, by: &Settings) -> Self {
        let has_timed_out = status == "TIMED_OUT" && self.ended.is_none();
        if has_timed_out { self.after(self.boundary(by), by) } else { self }
    }

    /// The same run, after it was this late on the clock of a process.
    fn after(self, clock: Duration, by: &Settings) -> Self {
        Self { not_before: self.not_before.max(by.time_of(clock)), ..self }
    }

    /// The statuses that it may be seen with during an event, and when it had ended: whether it has timed out depends on the
    /// time and on the reader's clock, and for that clock it does so once.
    fn states(&self, event: &Event<RunAction<'a>>) -> Vec<(&'a str, Sometime)> {
        if let Some(ended) = self.ended {
            return vec![ended];
        }
        let by = event.action.by;
        let boundary = self.boundary(&by);
        let from = by.clock(event.from.max(self.not_before));
        let running = (from < boundary).then_some(("RUNNING", (self.started, self.started)));
        let timed_out = (by.clock(event.until) >= boundary).then_some(("TIMED_OUT", (boundary, boundary)));
        running.into_iter().chain(timed_out).collect()
    }

    /// `RUNNING`, if this is an end that was sent before the run timed out and has landed after that.
    fn still_running_when_sent(&self, event: &Event<RunAction<'a>>) -> Option<(&'a str, Sometime)> {
        let by = event.action.by;
        (by.clock(event.from) < self.boundary(&by) && self.ended.is_none())
            .then_some(("RUNNING", (self.started, self.started)))
    }

    /// When it times out for this process.
    fn boundary(&self, by: &Settings) -> Duration {
        by.run_timeout.map_or(Duration::MAX, |timeout| self.started + timeout)
    }

    /// When it is beyond the retention for this process.
    fn hidden(&self, by: &Settings) -> Duration {
        by.run_retention.map_or(Duration::MAX, |retention| self.started + retention)
    }

    /// Whether GetWorkflowRun may show the run with this status and end so.
    fn may_be_read_as(&self, body: &Value, status: &str, ended: Sometime) -> bool {
        let Request::CreateRun { model, log_group, .. } = self.create else { return false };
        let ended_at = body["endedAt"].as_str().map(since_zero);
        body["status"] == status
            && body["modelId"] == *model
            && body["logGroupName"].as_str() == log_group.as_deref()
            && body["startedAt"].as_str().map(since_zero) == Some(self.started)
            && match ended_at {
                None => status == "RUNNING",
                // A clock that is behind that of the start does not make a run end before it.
                Some(at) => status != "RUNNING" && (ended.0..=ended.1.max(self.started)).contains(&at),
            }
    }
}

/// The time of a timestamp since the simulator's clock was zero.
pub fn since_zero(timestamp: &str) -> Duration {
    let at: Timestamp = timestamp.parse().unwrap();
    Duration::try_from(at.duration_since(wall_clock(Duration::ZERO))).unwrap()
}

/// The id of the run that a create asks for, if it has a client token.
pub fn run_id(account_id: &str, create: &Request) -> Option<String> {
    let Request::CreateRun { token: Some(token), .. } = create else { return None };
    Some(crate::support::run_id(account_id, token))
}

/// What the history of an account and the table's writes say about one of the account's runs.
pub fn events<'a>(
    history: impl Iterator<Item = &'a Record>,
    writes: &[Write],
    account_id: &str,
    id: &str,
) -> Vec<Event<RunAction<'a>>> {
    let key = format!("run/{account_id}/{id}");
    let sweeps = writes.iter().filter(|write| write.key == key).filter_map(|write| Some((write.at, write.swept_by?)));
    let sweep = |by| RunAction { name: "", by, act: Act::Sweep };
    let sweeps = sweeps.map(|(at, by)| Event { from: at, until: at, certain: true, action: sweep(by) });
    let mut events: Vec<_> = sweeps.collect();
    for record in history.filter(|record| record.account_id == account_id) {
        let name = record.request.definition().unwrap_or_default();
        let action = |act| RunAction { name, by: record.settings, act };
        let seen = |act| Event { from: record.invoked, until: record.ended, certain: true, action: action(act) };
        let rejected_by = record.rejected_by();
        let (saw, did) = match &record.request {
            create @ Request::CreateRun { .. } => {
                let response_id = record.member("workflowRunId").map(ToOwned::to_owned);
                if run_id(account_id, create).or(response_id).as_deref() != Some(id) {
                    continue;
                }
                let start = Act::Start(create);
                match rejected_by {
                    Some((409, "workflow-run")) => (Some(Act::RejectStart(create)), Some(start)),
                    _ if record.is_success() => {
                        let replay = Act::Replay(create, record.member("status").unwrap());
                        (Some(replay), record.has_created().then_some(start))
                    }
                    _ => (None, Some(start)),
                }
            }
            Request::UpdateRun { id: of, status, .. } if of == id => match rejected_by {
                Some((404, "workflow-run")) => (Some(Act::FindNone), Some(Act::End(status))),
                Some((409, "workflow-run")) => (Some(Act::RejectEnd(status)), Some(Act::End(status))),
                _ => (None, Some(Act::End(status))),
            },
            Request::GetRun { id: of, .. } if of == id => match (&record.response, rejected_by) {
                (_, Some((404, "workflow-run"))) => (Some(Act::FindNone), None),
                (Some(response), _) if record.is_success() => (Some(Act::Read(&response.body)), None),
                _ => continue,
            },
            Request::DeleteRun { id: of, .. } if of == id => match rejected_by {
                Some((404, "workflow-run")) => (Some(Act::FindNoneToDelete), Some(Act::Delete)),
                _ => (None, Some(Act::Delete)),
            },
            Request::CreateDefinition { .. } if record.has_created() => (Some(Act::NewGeneration), None),
            Request::CreateDefinition { .. } if !record.is_success() && record.writes().definitions > 0 => {
                events.push(record.landed_event(action(Act::NewGeneration)));
                continue;
            }
            _ => continue,
        };
        events.extend(saw.map(seen));
        events.extend(did.and_then(|act| {
            // What has not succeeded has taken effect all the same, if a write was applied.
            let has_landed = record.writes().runs > 0;
            let landed = || record.landed_event(action(act));
            if record.is_success() { Some(seen(act)) } else { has_landed.then(landed) }
        }));
    }
    // An explanation is found sooner if what is certain is tried first.
    events.sort_by_key(|event| (!event.certain, event.until));
    events
}
