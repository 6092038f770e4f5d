//! Deletes the runs of deleted definitions, driven by records of the table's stream.
//!
//! DeleteWorkflowDefinition responds once the definition is `DELETING`, and the stream carries that change here: whatever
//! the number of runs, the caller need not wait. Handling a record twice, late or out of order does no harm.

use std::sync::Arc;
use std::time::Duration;

use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use jiff::SignedDuration;
use serde::Serialize;
use tokio::time::{Instant, sleep};

use crate::app::App;
use crate::error::ApiError;
use crate::known::definitions;
use crate::model::{AccountId, DefinitionId, EpochSeconds, WorkflowDefinitionName};
use crate::request_log::{LogWriter, milliseconds, write_line};
use crate::store::{Conditional, DeletedGeneration, definition_key, run_key};

const CONCURRENT_DELETIONS: usize = 32;

/// How long before Lambda's deadline a sweep stops, so that it can still put itself behind the other records.
const TIME_TO_CONTINUE: Duration = Duration::from_secs(10);

/// How long a sweep may take if the deadline is unknown.
const SWEEP_TIME: Duration = Duration::from_mins(5);

/// How long a definition lingers once its runs are deleted. After that, no process can still know it as `ACTIVE` (60
/// seconds) or be about to write a run of it.
const LINGER: SignedDuration = SignedDuration::from_secs(120);
const _: () = assert!(LINGER.as_secs() >= 2 * definitions::TIME_TO_LIVE.as_secs());

/// How long after a sweep the next one looks for runs that landed late. A signed request is good for minutes.
const GENERATION_LIFETIME: SignedDuration = SignedDuration::from_hours(1);

/// How long a failed invocation waits, so that Lambda does not repeat the record at once.
const FAILURE_DELAY: Duration = Duration::from_secs(1);

/// A record of the table's stream that needs work.
pub struct Record {
    pub account_id: AccountId,
    pub definition_id: DefinitionId,
    pub change: Change,
}

/// What has happened to a generation.
pub enum Change {
    /// Its definition is being deleted: the new image is `DELETING` and has no `goneAt`.
    Deleting {
        name: WorkflowDefinitionName,
        /// How often its deletion was put behind the other records.
        sweep: u64,
    },
    /// Its own item, which [`DeletedGeneration`] describes, has expired and was removed.
    Removed,
}

pub struct Cleanup {
    app: Arc<App>,
    function_name: String,
    log: LogWriter,
}

/// The deletion of a generation's runs.
struct Sweep<'a> {
    app: &'a App,
    account_id: &'a AccountId,
    definition_id: DefinitionId,
    until: Instant,
    runs_deleted: u32,
}

/// What came of a record.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Progress {
    /// No run is left.
    Finished,
    /// Time is up. Another record continues.
    Continues,
    /// Another record has done it, or continues it.
    Stale,
}

/// When a sweep must stop, given the time until Lambda ends the invocation, if that is known.
pub fn stop_at(time_left: Option<Duration>) -> Instant {
    Instant::now() + time_left.map_or(SWEEP_TIME, |time_left| time_left.saturating_sub(TIME_TO_CONTINUE))
}

impl Cleanup {
    /// A cleanup that writes a line about each record.
    pub fn new(app: Arc<App>, function_name: String, log: LogWriter) -> Self {
        Self { app, function_name, log }
    }

    /// Handles a record. Its sweep stops at this time.
    ///
    /// # Errors
    /// An AWS call failed, and Lambda must repeat the record.
    pub async fn handle(&self, record: &Record, until: Instant) -> Result<(), ApiError> {
        let started = Instant::now();
        let Record { account_id, definition_id, change } = record;
        let mut sweep = Sweep { app: &self.app, account_id, definition_id: *definition_id, until, runs_deleted: 0 };
        let result = match change {
            Change::Deleting { name, sweep: number } => sweep.of_definition(name, *number).await,
            Change::Removed => sweep.of_removed().await,
        };
        self.write_line(record, &result, sweep.runs_deleted, started.elapsed());
        if result.is_err() {
            sleep(FAILURE_DELAY).await;
        }
        result.map(drop)
    }

    fn write_line(&self, record: &Record, result: &Result<Progress, ApiError>, runs_deleted: u32, duration: Duration) {
        let line = Line {
            timestamp: format!("{:.3}", self.app.now()),
            level: if result.is_ok() { "INFO" } else { "ERROR" },
            message: "cleanup",
            function_name: &self.function_name,
            account_id: record.account_id.as_str(),
            workflow_definition_name: match &record.change {
                Change::Deleting { name, .. } => Some(name.as_str()),
                Change::Removed => None,
            },
            definition_id: record.definition_id.to_string(),
            outcome: match result {
                Ok(Progress::Finished) => "finished",
                Ok(Progress::Continues) => "continues",
                Ok(Progress::Stale) => "stale",
                Err(_) => "failed",
            },
            detail: result.as_ref().err().map(ApiError::detail),
            runs_deleted,
            duration_ms: milliseconds(duration),
        };
        write_line(&self.log, &line);
    }
}

impl Sweep<'_> {
    async fn of_definition(&mut self, name: &WorkflowDefinitionName, number: u64) -> Result<Progress, ApiError> {
        let store = &self.app.store;
        let key = definition_key(self.account_id, name);
        let deletion = store.deletion(&key).await?;
        if !deletion.is_some_and(|deletion| deletion.is_current(self.definition_id, number)) {
            return Ok(Progress::Stale);
        }
        if !self.run().await? {
            store.continue_deletion(&key, self.definition_id, number).await?;
            return Ok(Progress::Continues);
        }
        // The item that brings the last sweep comes first: once the definition has `goneAt`, no record would put it.
        self.put_generation().await?;
        // From now on, since only now is it certain that the table has shown the definition as `DELETING`.
        let gone_at = EpochSeconds::at_or_after(self.app.now() + LINGER);
        match store.mark_gone(&key, self.definition_id, gone_at).await? {
            Conditional::Applied => Ok(Progress::Finished),
            Conditional::NotApplied(_) => Ok(Progress::Stale),
        }
    }

    /// Deletes what a process started while it still knew the definition as `ACTIVE`, and what landed late.
    async fn of_removed(&mut self) -> Result<Progress, ApiError> {
        if self.run().await? {
            return Ok(Progress::Finished);
        }
        self.put_generation().await?;
        Ok(Progress::Continues)
    }

    async fn put_generation(&self) -> Result<(), ApiError> {
        let expires_at = EpochSeconds::at_or_after(self.app.now() + GENERATION_LIFETIME);
        let generation = DeletedGeneration { account_id: self.account_id.clone(), expires_at };
        self.app.store.put_generation(self.definition_id, &generation).await
    }

    /// Deletes runs of any age until the index shows none that is left, or until time is up, after at least one round.
    /// Returns whether none is left.
    ///
    /// If DynamoDB throttles the deletions, they go on behind the other records too.
    async fn run(&mut self) -> Result<bool, ApiError> {
        match self.delete_runs().await {
            Err(ApiError::Throttling(..)) => {
                sleep(FAILURE_DELAY).await;
                Ok(false)
            }
            result => result,
        }
    }

    /// The index lags behind: it may show runs that are deleted. A rejected put proves that the run is no longer of this
    /// generation.
    async fn delete_runs(&mut self) -> Result<bool, ApiError> {
        let Self { app, account_id, definition_id, until, .. } = *self;
        let mut after: Option<String> = None;
        let mut found_any = false;
        for round in 0.. {
            let (runs, last) = app.store.runs_to_delete(definition_id, after.as_deref()).await?;
            let deletions = runs.into_iter().map(|id| async move {
                app.store.sweep_run(&run_key(account_id, &id), definition_id, app.now()).await
            });
            let mut deletions = stream::iter(deletions).buffer_unordered(CONCURRENT_DELETIONS);
            while let Some(was_there) = deletions.try_next().await? {
                self.runs_deleted += u32::from(was_there);
                found_any |= was_there;
                // Calls that take long must not let Lambda end the invocation.
                if round > 0 && Instant::now() >= until {
                    return Ok(false);
                }
            }
            after = last;
            if after.is_none() {
                if !found_any {
                    return Ok(true);
                }
                found_any = false;
            }
            if Instant::now() >= until {
                return Ok(false);
            }
        }
        Ok(false)
    }
}

#[derive(Serialize)]
struct Line<'a> {
    timestamp: String,
    level: &'static str,
    message: &'static str,
    function_name: &'a str,
    account_id: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    workflow_definition_name: Option<&'a str>,
    definition_id: String,
    outcome: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    detail: Option<String>,
    runs_deleted: u32,
    duration_ms: f64,
}
