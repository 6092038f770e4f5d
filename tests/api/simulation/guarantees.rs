//! What must hold of everything that the clients of a schedule have seen.

use std::collections::BTreeSet;
use std::fmt::Debug;
use std::time::Duration;

use serde_json::Value;

use super::client::Seen;
use super::definition_model::{self, Definition};
use super::history::Record;
use super::linearizability::{self, Event, Model};
use super::listing::Versions;
use super::run_model::{self, Run, run_id};
use crate::simulator::services::Services;
use crate::support::request::Request;

/// How long a process may know a definition that has been deleted meanwhile.
const KNOWN: Duration = Duration::from_mins(1);

/// Checks all of it.
///
/// # Panics
/// If something does not hold.
pub fn check(services: &Services, seen: &Seen, index_delay: Duration) {
    let of_accounts = |record: &Record| record.account_id.clone();
    let writes = services.writes();
    for account_id in seen.history.iter().map(of_accounts).collect::<BTreeSet<_>>() {
        let of_account = || seen.history.iter().filter(|record| record.account_id == account_id);
        for id in of_account().filter_map(id_in).collect::<BTreeSet<_>>() {
            let events = run_model::events(of_account(), &writes, &account_id, &id);
            explain(&format!("run {account_id} {id}"), &Run::Absent, &events);
        }
        for name in of_account().filter_map(|record| record.request.definition()).collect::<BTreeSet<_>>() {
            let events = definition_model::events(of_account(), &account_id, name);
            explain(&format!("definition {account_id} {name}"), &Definition::Absent, &events);
            let history: Vec<_> = of_account().filter(|record| record.request.definition() == Some(name)).collect();
            check_deleted_definitions_start_no_run(&history);
        }
    }
    let versions = Versions::new(&writes);
    for listing in &seen.listings {
        listing.check(&versions, index_delay);
    }
}

/// One accepted deletion and nothing more from the client: in the end no run of that generation is in the table.
///
/// # Panics
/// If one is, or if a definition has not gone.
pub fn check_deleted_generations_left_no_run(services: &Services) {
    let writes = services.writes();
    let is_deletion = |item: &&Value| item["status"]["S"] == "DELETING" && item.get("deletedAt").is_some();
    let deleted = writes.iter().filter(|write| write.key.starts_with("definition/"));
    let deleted = deleted.filter_map(|write| write.item.as_ref()).filter(is_deletion);
    let deleted: BTreeSet<_> = deleted.map(|item| item["definitionId"]["S"].as_str().unwrap()).collect();
    let lost = services.stream().lost_generations.clone();
    let runs = services.runs();
    for definition_id in deleted.into_iter().filter(|definition_id| !lost.contains(*definition_id)) {
        let mut left = runs.values().filter(|run| run["definitionId"]["S"] == definition_id);
        assert!(left.next().is_none(), "{definition_id} was deleted, and has left runs: {runs:?}");
        assert!(services.index_of_runs(definition_id).is_empty(), "{definition_id} was deleted, and is in the index");
    }
    for (key, definition) in services.items("definition/") {
        let is_stuck = definition["status"]["S"] == "DELETING" && definition.get("goneAt").is_none();
        assert!(!is_stuck, "{key} was deleted, and does not go: {definition}");
    }
}

/// What was seen of one thing must be what one thing could have shown.
fn explain<M: Model>(what: &str, initial: &M, events: &[Event<M::Action>])
where
    M::Action: Debug,
{
    if let Err((order, state)) = linearizability::check(initial, events) {
        let line = |event: &Event<M::Action>| {
            let certain = if event.certain { "" } else { " perhaps" };
            format!("  {:?} to {:?}{certain}: {:?}", event.from, event.until, event.action)
        };
        let rest: Vec<_> =
            (0..events.len()).filter(|event| !order.contains(event)).map(|event| line(&events[event])).collect();
        let order: Vec<_> = order.iter().map(|event| line(&events[*event])).collect();
        panic!(
            "no order explains what was seen of {what}. The longest one:\n{}\nends as {state:?}, and then fits none of\n{}",
            order.join("\n"),
            rest.join("\n")
        );
    }
}

/// The id of the run that a request is about.
fn id_in(record: &Record) -> Option<String> {
    match &record.request {
        Request::GetRun { id, .. } | Request::UpdateRun { id, .. } | Request::DeleteRun { id, .. } => Some(id.clone()),
        create => run_id(&record.account_id, create).or_else(|| record.member("workflowRunId").map(ToOwned::to_owned)),
    }
}

/// A definition that has been deleted starts runs only in processes that have read it before, and for a minute; the one
/// that has deleted it starts them only if it was reading it at that moment.
fn check_deleted_definitions_start_no_run(history: &[&Record]) {
    let is_deletion = |record: &&&Record| matches!(record.request, Request::DeleteDefinition { .. });
    let is_start = |record: &&&Record| matches!(record.request, Request::CreateRun { .. }) && record.has_created();
    for deletion in history.iter().filter(is_deletion).filter(|record| record.is_success()) {
        for start in history.iter().filter(is_start).filter(|start| start.invoked > deletion.ended) {
            let may_be_new_generation = history.iter().any(|record| {
                matches!(record.request, Request::CreateDefinition { .. })
                    && record.writes().definitions > 0
                    && (if record.is_success() { record.ended } else { record.landed() }) >= deletion.invoked
                    && record.invoked <= start.ended
            });
            let may_know = history.iter().any(|record| {
                let reads =
                    !matches!(record.request, Request::CreateDefinition { .. } | Request::DeleteDefinition { .. });
                reads
                    && record.process == start.process
                    && record.invoked <= deletion.ended
                    && start.invoked < record.invoked + KNOWN
                    && (start.process != deletion.process || record.ended >= deletion.invoked)
            });
            assert!(may_be_new_generation || may_know, "{deletion:?} was answered, and then {start:?}");
        }
    }
}
