//! A workflow run, as its clients see it: a small model, and what a history says about it.

use std::time::Duration;

use jiff::Timestamp;
use serde_json::Value;
use workflow_runs::model::ClientToken;

use super::history::Record;
use super::linearizability::{Event, Model, Sometime};
use crate::simulator::virtual_time::wall_clock;
use crate::support::request::Request;

const DAY: Duration = Duration::from_hours(24);
/// Tombstones expire at whole seconds.
const SECOND: Duration = Duration::from_secs(1);

/// What there is under a run's id.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Run<'a> {
    timeout: Option<Duration>,
    item: RunState<'a>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum RunState<'a> {
    Absent,
    Run {
        create: &'a Request,
        started: Duration,
        ended: Option<(&'a str, Sometime)>,
        /// It has been seen to have timed out, though it may not have ended.
        timed_out: bool,
        of_earlier_generation: bool,
    },
    Tombstone {
        name: &'a str,
        deleted: Sometime,
        of_earlier_generation: bool,
    },
}

/// A request about the run, or about its definition, and the response.
#[derive(Clone, Copy, Debug)]
pub enum RunAction<'a> {
    Start(&'a Request),
    Replay(&'a Request, &'a str),
    RejectStart(&'a Request),
    End(&'a str, &'a str),
    RejectEnd(&'a str, &'a str),
    Read(&'a str, &'a Value),
    Delete(&'a str),
    FindNone(&'a str),
    FindNoneToDelete(&'a str),
    /// Its definition is being deleted, and it with it.
    DeleteWithDefinition(&'a str),
    /// A new definition has the name of its definition.
    NewGeneration(&'a str),
}

impl Run<'_> {
    /// Nothing yet.
    pub fn absent(timeout: Option<Duration>) -> Self {
        Self { timeout, item: RunState::Absent }
    }
}

impl<'a> Model for Run<'a> {
    type Action = RunAction<'a>;

    fn after(&self, event: &Event<RunAction<'a>>) -> Vec<Self> {
        let sometime = (event.from, event.until);
        let with = |item| Self { timeout: self.timeout, item };
        let unchanged = |is_allowed: bool| if is_allowed { vec![self.clone()] } else { vec![] };
        let Some((name, action)) = event.action.name() else { return vec![] };
        match &self.item {
            RunState::Absent => match action {
                RunAction::Start(create) => vec![with(started(create, event.from))],
                RunAction::FindNone(_) | RunAction::FindNoneToDelete(_) | RunAction::NewGeneration(_) => {
                    unchanged(true)
                }
                _ => vec![],
            },
            RunState::Tombstone { name: of, deleted, of_earlier_generation } => {
                let is_its = *of == name && !of_earlier_generation;
                let may_live = event.from <= deleted.1 + DAY + SECOND;
                let may_be_expired = event.until + SECOND >= deleted.0 + DAY;
                match action {
                    RunAction::Start(create) if may_be_expired => vec![with(started(create, event.from))],
                    RunAction::RejectStart(_) => unchanged(may_live),
                    RunAction::Delete(_) => unchanged(is_its && may_live),
                    RunAction::FindNoneToDelete(_) => unchanged(!is_its || may_be_expired),
                    RunAction::NewGeneration(_) if is_its => {
                        vec![with(RunState::Tombstone { name: of, deleted: *deleted, of_earlier_generation: true })]
                    }
                    RunAction::FindNone(_) | RunAction::NewGeneration(_) => unchanged(true),
                    _ => vec![],
                }
            }
            RunState::Run { create, started, ended, timed_out, of_earlier_generation } => {
                let is_its = create.definition() == Some(name) && !of_earlier_generation;
                let with_run = |ended, timed_out| {
                    let (create, started, of_earlier_generation) = (*create, *started, *of_earlier_generation);
                    with(RunState::Run { create, started, ended, timed_out, of_earlier_generation })
                };
                let with_end = |ended| with_run(ended, *timed_out);
                let seen = || self.states(*started, *ended, *timed_out, event);
                let seen_as = |is_it: &dyn Fn(&str) -> bool| {
                    let states = seen().into_iter().filter(|(status, _)| is_it(status));
                    states.map(|(status, _)| with_run(*ended, *timed_out || status == "TIMED_OUT")).collect()
                };
                match action {
                    RunAction::Replay(request, status) if is_its && request == *create => {
                        seen_as(&|state| state == status)
                    }
                    RunAction::RejectStart(request) => unchanged(!is_its || request != *create),
                    RunAction::End(_, status) if is_its => seen()
                        .into_iter()
                        .chain(self.still_running_when_sent(*started, *ended, event))
                        .filter_map(|state| match state {
                            ("RUNNING", _) if status == "RUNNING" => Some(self.clone()),
                            ("RUNNING", _) => Some(with_end(Some((status, sometime)))),
                            (already, at) => (already == status).then(|| with_end(Some((already, at)))),
                        })
                        .collect(),
                    RunAction::RejectEnd(_, status) if is_its => {
                        seen_as(&|state| state != "RUNNING" && state != status)
                    }
                    RunAction::Read(_, body) if is_its => {
                        let states =
                            seen().into_iter().filter(|(status, at)| is_read(body, create, *started, status, *at));
                        let ended_at = body["endedAt"].as_str().map(since_start);
                        // Every later read tells the same end.
                        states
                            .map(|(status, _)| {
                                let ended = ended.map(|(status, at)| (status, ended_at.map_or(at, |at| (at, at))));
                                with_run(ended, *timed_out || status == "TIMED_OUT")
                            })
                            .collect()
                    }
                    RunAction::Delete(_) | RunAction::DeleteWithDefinition(_) if is_its => {
                        let name = create.definition().unwrap();
                        vec![with(RunState::Tombstone { name, deleted: sometime, of_earlier_generation: false })]
                    }
                    RunAction::FindNone(_) | RunAction::FindNoneToDelete(_) => unchanged(!is_its),
                    RunAction::NewGeneration(_) if is_its => {
                        let (create, started, ended, timed_out) = (*create, *started, *ended, *timed_out);
                        vec![with(RunState::Run { create, started, ended, timed_out, of_earlier_generation: true })]
                    }
                    RunAction::NewGeneration(_) => unchanged(true),
                    _ => vec![],
                }
            }
        }
    }
}

impl<'a> Run<'a> {
    /// The states in which a run may be seen at some moment of an event, and when it had ended: whether it has timed out
    /// depends on that moment, and it does so once.
    fn states(
        &self,
        started: Duration,
        ended: Option<(&'a str, Sometime)>,
        timed_out: bool,
        event: &Event<RunAction<'a>>,
    ) -> Vec<(&'a str, Sometime)> {
        if let Some(ended) = ended {
            return vec![ended];
        }
        let boundary = self.boundary(started);
        let running = (event.from < boundary && !timed_out).then_some(("RUNNING", (started, started)));
        let timed_out = (event.until >= boundary).then_some(("TIMED_OUT", (boundary, boundary)));
        running.into_iter().chain(timed_out).collect()
    }

    /// `RUNNING`, if this is an end that was sent before the run timed out and has landed after that.
    fn still_running_when_sent(
        &self,
        started: Duration,
        ended: Option<(&'a str, Sometime)>,
        event: &Event<RunAction<'a>>,
    ) -> Option<(&'a str, Sometime)> {
        let boundary = self.boundary(started);
        let is_late = event.from < boundary && boundary <= event.until;
        (is_late && ended.is_none()).then_some(("RUNNING", (started, started)))
    }

    fn boundary(&self, started: Duration) -> Duration {
        self.timeout.map_or(Duration::MAX, |timeout| started + timeout)
    }
}

impl<'a> RunAction<'a> {
    /// The definition that the request names.
    fn name(self) -> Option<(&'a str, Self)> {
        let name = match self {
            Self::Start(create) | Self::Replay(create, _) | Self::RejectStart(create) => create.definition()?,
            Self::End(name, _)
            | Self::RejectEnd(name, _)
            | Self::Read(name, _)
            | Self::Delete(name)
            | Self::FindNone(name)
            | Self::FindNoneToDelete(name)
            | Self::DeleteWithDefinition(name)
            | Self::NewGeneration(name) => name,
        };
        Some((name, self))
    }
}

fn started(create: &Request, started: Duration) -> RunState<'_> {
    RunState::Run { create, started, ended: None, timed_out: false, of_earlier_generation: false }
}

/// Whether GetWorkflowRun may show a run in this state so.
fn is_read(body: &Value, create: &Request, started: Duration, status: &str, ended: Sometime) -> bool {
    let Request::CreateRun { model, log_group, .. } = create else { return false };
    let ended_at = body["endedAt"].as_str().map(since_start);
    body["status"] == status
        && body["modelId"] == *model
        && body["logGroupName"].as_str() == log_group.as_deref()
        && body["startedAt"].as_str().map(since_start) == Some(started)
        && match ended_at {
            None => status == "RUNNING",
            Some(at) => status != "RUNNING" && (ended.0..=ended.1).contains(&at),
        }
}

/// The time since the schedule began that a timestamp tells.
pub fn since_start(timestamp: &str) -> Duration {
    let at: Timestamp = timestamp.parse().unwrap();
    Duration::try_from(at.duration_since(wall_clock(Duration::ZERO))).unwrap()
}

/// The id of the run that a create asks for, if it has a client token.
pub fn run_id(account_id: &str, create: &Request) -> Option<String> {
    let Request::CreateRun { token: Some(token), .. } = create else { return None };
    Some(ClientToken::new(token).unwrap().workflow_run_id(account_id).as_str().to_owned())
}

/// What the history of an account says about one of its runs.
pub fn events<'a>(history: impl Iterator<Item = &'a Record>, account_id: &str, id: &str) -> Vec<Event<RunAction<'a>>> {
    let mut events = Vec::new();
    for record in history.filter(|record| record.account_id == account_id) {
        let certain = |action| Event { from: record.invoked, until: record.ended, certain: true, action };
        let perhaps = |action| Event { from: record.invoked, until: record.landed(), certain: false, action };
        let name = record.request.definition().unwrap_or_default();
        let rejected_by = record.rejected_by();
        let (seen, done) = match &record.request {
            create @ Request::CreateRun { .. } => {
                let response_id = record.member("workflowRunId").map(ToOwned::to_owned);
                if run_id(account_id, create).or(response_id).as_deref() != Some(id) {
                    continue;
                }
                if record.is_success() {
                    let replay = RunAction::Replay(create, record.member("status").unwrap());
                    (Some(replay), record.has_created().then_some(RunAction::Start(create)))
                } else {
                    let refused = rejected_by == Some((409, "workflow-run"));
                    (refused.then_some(RunAction::RejectStart(create)), Some(RunAction::Start(create)))
                }
            }
            Request::UpdateRun { id: of, status, .. } if of == id => match rejected_by {
                Some((404, "workflow-run")) => (Some(RunAction::FindNone(name)), Some(RunAction::End(name, status))),
                Some((409, "workflow-run")) => {
                    (Some(RunAction::RejectEnd(name, status)), Some(RunAction::End(name, status)))
                }
                _ => (None, Some(RunAction::End(name, status))),
            },
            Request::GetRun { id: of, .. } if of == id => match (&record.response, rejected_by) {
                (_, Some((404, "workflow-run"))) => (Some(RunAction::FindNone(name)), None),
                (Some(response), _) if record.is_success() => (Some(RunAction::Read(name, &response.body)), None),
                _ => continue,
            },
            Request::DeleteRun { id: of, .. } if of == id => match rejected_by {
                Some((404, "workflow-run")) => (Some(RunAction::FindNoneToDelete(name)), Some(RunAction::Delete(name))),
                _ => (None, Some(RunAction::Delete(name))),
            },
            Request::DeleteDefinition { .. } if record.writes.runs > 0 => {
                events.push(perhaps(RunAction::DeleteWithDefinition(name)));
                continue;
            }
            Request::CreateDefinition { .. } if record.has_created() => {
                events.push(certain(RunAction::NewGeneration(name)));
                continue;
            }
            Request::CreateDefinition { .. } if !record.is_success() && record.writes.definitions > 0 => {
                events.push(perhaps(RunAction::NewGeneration(name)));
                continue;
            }
            _ => continue,
        };
        events.extend(seen.map(certain));
        // What has not succeeded may have taken effect all the same, if it has sent a write.
        let done = done.map(|action| if record.is_success() { certain(action) } else { perhaps(action) });
        events.extend(done.filter(|event| event.certain || record.writes.runs > 0));
    }
    // An explanation is found sooner if what is certain is tried first.
    events.sort_by_key(|event| (!event.certain, event.until));
    events
}
