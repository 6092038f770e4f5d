//! Clients: how they ask, and ask again, in processes that come and go.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use jiff::SignedDuration;
use serde_json::Value;
use tokio::time::sleep;

use super::history::{self, Record};
use super::listing::{Listing, SeenPage};
use super::run_model::run_id;
use crate::simulator::coverage::{self, Sight};
use crate::simulator::fault_plan::FaultPlan;
use crate::simulator::journal::Journal;
use crate::simulator::process::{MOST_AHEAD, Process, Settings};
use crate::simulator::services::Services;
use crate::support::request::{Page, Request};

/// How many pages a client reads at most.
const MOST_PAGES: usize = 12;

/// All that the clients of a schedule share.
pub struct World {
    pub services: Arc<Services>,
    pub plan: Arc<FaultPlan>,
    /// Two, during a deployment: a process has either.
    pub settings: [Settings; 2],
    processes: Mutex<Processes>,
    seen: Mutex<Seen>,
}

#[derive(Default)]
struct Processes {
    alive: Vec<(usize, Arc<Process>)>,
    started: usize,
}

/// What the clients have seen.
#[derive(Default)]
pub struct Seen {
    pub history: Vec<Record>,
    pub listings: Vec<Listing>,
}

impl World {
    pub fn new(services: &Arc<Services>, plan: Arc<FaultPlan>, settings: [Settings; 2], processes: usize) -> Arc<Self> {
        let world = Self {
            services: Arc::clone(services),
            plan,
            settings,
            processes: Mutex::default(),
            seen: Mutex::default(),
        };
        for _ in 0..processes {
            let started = world.start_process(&mut world.processes.lock().unwrap());
            world.processes.lock().unwrap().alive.push(started);
        }
        Arc::new(world)
    }

    pub fn take_seen(&self) -> Seen {
        std::mem::take(&mut self.seen.lock().unwrap())
    }

    /// Replaces some processes by new ones, which know nothing.
    pub fn restart_some(&self) {
        let mut processes = self.processes.lock().unwrap();
        for at in 0..processes.alive.len() {
            if fastrand::u8(..3) == 0 {
                processes.alive[at] = self.start_process(&mut processes);
            }
        }
    }

    fn start_process(&self, processes: &mut Processes) -> (usize, Arc<Process>) {
        processes.started += 1;
        let most = i64::try_from(MOST_AHEAD.as_millis()).unwrap();
        let ahead = SignedDuration::from_millis(fastrand::i64(-most..=most));
        let settings = Settings { ahead, ..*fastrand::choice(&self.settings).unwrap() };
        let process = Process::start_with(&self.services, &self.plan.network(), settings);
        (processes.started, Arc::new(process))
    }

    fn process(&self) -> (usize, Arc<Process>) {
        let mut processes = self.processes.lock().unwrap();
        let at = fastrand::usize(..processes.alive.len());
        if processes.alive[at].1.is_dead() {
            processes.alive[at] = self.start_process(&mut processes);
        }
        processes.alive[at].clone()
    }

    /// Asks once.
    pub async fn ask(&self, account_id: &str, request: &Request) -> Record {
        let services = &self.services;
        let run_key = run_id(account_id, request).map(|id| format!("run/{account_id}/{id}"));
        let run_was_there = run_key.is_some_and(|key| services.current_item(&key).is_some());
        let gone = || services.definition_that_is_gone(account_id, request.definition()?);
        let gone_before = gone();
        let (id, process) = self.process();
        let invoked = services.elapsed();
        let (response, journal) = process.invoke(account_id, request).await;
        let record = Record {
            account_id: account_id.to_owned(),
            process: history::ProcessId { id, started: process.started },
            settings: process.settings,
            request: request.clone(),
            invoked,
            ended: services.elapsed(),
            response,
            journal: Arc::clone(&journal),
        };
        let journal = journal.lock().unwrap().clone();
        let operation = request.operation();
        if let Some(response) = &record.response {
            let about = ["resourceType", "serviceCode"].iter().find_map(|name| response.body[*name].as_str());
            let about = about.unwrap_or_default();
            services.trace(format_args!("{operation} {} {} {about}", response.status, response.error()));
            request.check_documented(response);
            services.see(coverage::response(operation, response.status, about));
            check_what_there_is(services, &record);
            let took = record.ended.saturating_sub(invoked);
            let timeout = process.settings.timeout;
            assert!(took < timeout, "a response after {took:?}: {request:?}");
            let out_of_time = took + Duration::from_millis(500) > timeout;
            check_left_behind(&record, &journal, run_was_there, out_of_time);
            let may_fail = journal.faults > 0 || out_of_time;
            assert!(may_fail || !is_failure(&record), "nothing has failed, and {record:?}");
            let is_gone = gone_before.is_some() && gone() == gone_before;
            assert!(!is_gone || may_be_said_of_what_is_gone(&record), "the definition is gone, and {record:?}");
        } else {
            services.trace(format_args!("{operation} died"));
            services.see(Sight::Died(operation));
        }
        self.seen.lock().unwrap().history.push(record.clone());
        record
    }

    /// Asks until the response would stay the same, or patience ends.
    pub async fn insist(&self, account_id: &str, request: &Request, patience: usize) -> Option<Record> {
        for attempt in 0..patience {
            if attempt > 0 {
                sleep(Duration::from_millis(fastrand::u64(50..=1_000))).await;
            }
            let record = self.ask(account_id, request).await;
            if record.is_success() || is_rejection(&record) {
                return Some(record);
            }
        }
        None
    }

    /// Reads a listing of runs, or of definitions, from its first page to its last, or until patience ends. Returns what
    /// was listed, if all of it was.
    pub async fn list(
        &self,
        account_id: &str,
        name: Option<&'static str>,
        first: Page,
        patience: usize,
    ) -> Option<Vec<Value>> {
        let mut listing = Listing::new(account_id, name, &first);
        let mut page = first;
        loop {
            let request = match name {
                Some(name) => Request::ListRuns { name, page: page.clone() },
                None => Request::ListDefinitions { page: page.clone() },
            };
            let record = self.insist(account_id, &request, patience).await;
            let Some(record) = record.filter(Record::is_success) else { break };
            let body = record.response.unwrap().body;
            page.next_token = body["nextToken"].as_str().map(ToOwned::to_owned);
            let (invoked, ended, by) = (record.invoked, record.ended, record.settings);
            listing.pages.push(SeenPage { invoked, ended, by, body });
            listing.is_complete = page.next_token.is_none();
            if listing.is_complete || listing.pages.len() == MOST_PAGES {
                break;
            }
        }
        let entries = listing.is_complete.then(|| listing.entries().cloned().collect());
        self.seen.lock().unwrap().listings.push(listing);
        entries
    }
}

/// Whether an AWS call has failed, or the time was over.
fn is_failure(record: &Record) -> bool {
    match record.status() {
        403 | 429 | 500 => true,
        400 | 409 => !is_rejection(record),
        _ => false,
    }
}

/// Whether a request that is sent when the definition it names is gone may have this response.
fn may_be_said_of_what_is_gone(record: &Record) -> bool {
    let is_create = matches!(record.request, Request::CreateDefinition { .. });
    is_failure(record) || is_create || matches!(record.status(), 400 | 404)
}

/// Whether validation, or what the table holds, has rejected the request: not a failure that passes.
fn is_rejection(record: &Record) -> bool {
    match record.status() {
        // CloudWatch Logs rejects names, too, when a fault says so.
        400 => !record.request.is_valid(),
        404 => true,
        409 => record.member("resourceType") != Some("log-group"),
        _ => false,
    }
}

/// A 201 means that the run exists, or has existed, and that its log group exists.
fn check_what_there_is(services: &Services, record: &Record) {
    let Request::CreateRun { log_group, .. } = &record.request else { return };
    let id = run_id(&record.account_id, &record.request);
    if record.is_success() {
        let answered = record.member("workflowRunId").unwrap();
        assert!(id.is_none_or(|id| id == answered), "{record:?}");
        let key = format!("run/{}/{answered}", record.account_id);
        assert!(services.item(&key).is_some(), "201, and no run {key}");
        let has_log_group = log_group.as_ref().is_none_or(|name| services.log_groups().contains(name));
        assert!(has_log_group, "201, and no log group: {record:?}");
    } else if record.rejected_by() == Some((409, "workflow-run")) {
        // Without a client token only its own run can be in the way, which was deleted before the response came.
        let is_its = id.map_or(record.writes().runs > 0, |id| record.member("resourceId") == Some(&id));
        assert!(is_its, "{record:?}");
    }
}

fn check_left_behind(record: &Record, journal: &Journal, run_was_there: bool, out_of_time: bool) {
    // Who loses the race of the put may leave an empty log group. There is no race if the run was there before.
    let lost_the_race = journal.put_sent && !run_was_there;
    let may_write_runs = matches!(record.request, Request::CreateRun { .. });
    if (is_rejection(record) && !lost_the_race) || !may_write_runs {
        assert!(!journal.run_created && !journal.log_group_left, "{record:?} has left something behind");
    }
    if !record.is_success() && journal.run_created {
        // The commit's response was lost; or the invocation's time was over before it could be passed on.
        assert!(journal.put_in_doubt > 0 || out_of_time, "{record:?} for a run that was created");
    }
}
