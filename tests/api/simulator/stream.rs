//! The table's stream, and the mapping that hands its records to the cleanup function: late, at least once, in order for
//! each key but not between keys, again and again until the function succeeds, and no longer than six hours.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use jiff::SignedDuration;
use serde_json::{Value, json};
use tokio::time::sleep;

use super::coverage::{ItemKind, RecordFate, Sight};
use super::network::Network;
use super::process::{MOST_AHEAD, Process, Settings};
use super::services::Services;

/// The mapping's `MaximumRecordAgeInSeconds`.
const OLDEST: Duration = Duration::from_hours(6);

/// A record that the mapping's filter lets through.
#[derive(Clone, Debug)]
pub struct StreamRecord {
    pub key: String,
    pub written: Duration,
    /// The deleted generation that it may be about.
    pub definition_id: String,
    pub event: Value,
}

impl StreamRecord {
    /// The record of a write, if the mapping's filter lets it through.
    pub fn of(key: &str, before: Option<&Value>, after: Option<&Value>, written: Duration) -> Option<Self> {
        let definition_id = match ItemKind::of(key) {
            ItemKind::Definition => after.or(before)?["definitionId"]["S"].as_str()?,
            ItemKind::Generation if after.is_none() => key.strip_prefix("generation/")?,
            _ => return None,
        };
        let name = match (before, after) {
            (None, _) => "INSERT",
            (Some(_), Some(_)) => "MODIFY",
            (Some(_), None) => "REMOVE",
        };
        let mut dynamodb = json!({"Keys": {"pk": {"S": key}}, "StreamViewType": "NEW_AND_OLD_IMAGES"});
        for (image, item) in [("OldImage", before), ("NewImage", after)] {
            if let Some(item) = item {
                dynamodb[image] = item.clone();
            }
        }
        let event = json!({"Records": [{
            "eventName": name,
            "eventSource": "aws:dynamodb",
            "eventSourceARN": "arn:aws:dynamodb:us-east-1:123456789012:table/workflow-runs/stream/2026-11-22T00:00:00.000",
            "dynamodb": dynamodb,
        }]});
        Some(Self { key: key.to_owned(), written, definition_id: definition_id.to_owned(), event })
    }
}

/// The records that are still to be handled.
#[derive(Default)]
pub struct Stream {
    queues: BTreeMap<String, VecDeque<StreamRecord>>,
    /// The keys whose records are being handled.
    busy: BTreeSet<String>,
    /// The generations of the records that were dropped: those of definitions, and those of generations.
    pub lost_deletions: BTreeSet<String>,
    pub lost_generations: BTreeSet<String>,
}

impl Stream {
    pub fn push(&mut self, record: StreamRecord) {
        self.queues.entry(record.key.clone()).or_default().push_back(record);
    }

    /// The keys that have records, and nobody who handles them; from now on somebody does.
    fn take_idle(&mut self) -> Vec<String> {
        let idle = self.queues.keys().filter(|key| !self.busy.contains(*key)).cloned();
        let idle: Vec<_> = idle.collect();
        self.busy.extend(idle.iter().cloned());
        idle
    }

    /// The next record of a key. If there is none, the key is idle.
    fn next(&mut self, key: &str) -> Option<StreamRecord> {
        let next = self.queues.get_mut(key).and_then(VecDeque::pop_front);
        if next.is_none() {
            self.queues.remove(key);
            self.busy.remove(key);
        }
        next
    }

    /// Takes all records, of each key in their order.
    pub fn take(&mut self) -> Vec<StreamRecord> {
        std::mem::take(&mut self.queues).into_values().flatten().collect()
    }

    fn is_empty(&self) -> bool {
        self.queues.is_empty() && self.busy.is_empty()
    }
}

/// The mapping, and the processes of the cleanup function.
pub struct Mapping {
    services: Arc<Services>,
    network: Network,
    settings: Settings,
    /// Between these times every invocation fails.
    outage: Option<(Duration, Duration)>,
    state: Mutex<State>,
}

struct State {
    rng: fastrand::Rng,
    idle: Vec<Process>,
    /// It delivers in time and once, and nothing fails.
    is_calm: bool,
}

impl Mapping {
    /// Starts to deliver.
    pub fn start(
        services: &Arc<Services>,
        network: Network,
        settings: Settings,
        outage: Option<(Duration, Duration)>,
        rng: fastrand::Rng,
    ) -> Arc<Self> {
        let state = Mutex::new(State { rng, idle: Vec::new(), is_calm: false });
        let mapping = Arc::new(Self { services: Arc::clone(services), network, settings, outage, state });
        let polling = Arc::clone(&mapping);
        tokio::spawn(async move {
            loop {
                for key in polling.services.stream().take_idle() {
                    tokio::spawn(Arc::clone(&polling).handle_all(key));
                }
                polling.services.has_record().await;
            }
        });
        mapping
    }

    /// From now on it delivers in time and once, and nothing fails.
    pub fn calm_down(&self) {
        self.state.lock().unwrap().is_calm = true;
    }

    /// Waits until every record is handled.
    pub async fn drain(&self) {
        while !self.services.stream().is_empty() {
            sleep(Duration::from_secs(5)).await;
        }
    }

    /// Handles the records of a key, one after another, and now and then some of them again.
    async fn handle_all(self: Arc<Self>, key: String) {
        let mut before = Vec::new();
        loop {
            let next = self.services.stream().next(&key);
            let Some(record) = next else { return };
            sleep(self.delay()).await;
            self.handle(&record).await;
            before.push(record);
            if self.chance(8) {
                let again = before.len().saturating_sub(3);
                for record in &before[again..] {
                    self.services.see(Sight::Record(ItemKind::of(&key), RecordFate::Repeated));
                    self.handle(record).await;
                }
            }
        }
    }

    /// Hands out a record until it is handled, or too old.
    async fn handle(&self, record: &StreamRecord) {
        let kind = ItemKind::of(&record.key);
        loop {
            let now = self.services.elapsed();
            if now > record.written + OLDEST {
                self.services.see(Sight::Record(kind, RecordFate::Lost));
                self.services.trace(format_args!("{} lost", record.key));
                let mut stream = self.services.stream();
                let is_definition = kind == ItemKind::Definition;
                let lost = if is_definition { &mut stream.lost_deletions } else { &mut stream.lost_generations };
                lost.insert(record.definition_id.clone());
                return;
            }
            // In the end only records of generations are lost: nobody sends their deletion again.
            let is_spared = kind == ItemKind::Definition && self.state.lock().unwrap().is_calm;
            let outage = self.outage.filter(|(from, until)| (*from..*until).contains(&now) && !is_spared);
            if let Some((_, until)) = outage {
                self.services.see(Sight::Record(kind, RecordFate::Failed));
                sleep(until.min(record.written + OLDEST + Duration::from_secs(1)).saturating_sub(now)).await;
                continue;
            }
            let process = self.process();
            let is_handled = process.handle_records(&record.event).await;
            self.services.trace(format_args!("{} handled: {is_handled}", record.key));
            self.services.see(Sight::Record(kind, if is_handled { RecordFate::Handled } else { RecordFate::Failed }));
            if !process.is_dead() {
                self.state.lock().unwrap().idle.push(process);
            }
            if is_handled {
                return;
            }
        }
    }

    /// A process that has nothing to do.
    fn process(&self) -> Process {
        let state = &mut *self.state.lock().unwrap();
        let idle = state.idle.pop().filter(|_| state.rng.u8(..4) > 0);
        idle.unwrap_or_else(|| {
            let most = i64::try_from(MOST_AHEAD.as_millis()).unwrap();
            let ahead = SignedDuration::from_millis(state.rng.i64(-most..=most));
            Process::start_with(&self.services, &self.network, Settings { ahead, ..self.settings })
        })
    }

    fn chance(&self, of: u8) -> bool {
        let state = &mut *self.state.lock().unwrap();
        !state.is_calm && state.rng.u8(..of) == 0
    }

    /// How long a record waits: mostly a moment.
    fn delay(&self) -> Duration {
        let State { rng, is_calm, .. } = &mut *self.state.lock().unwrap();
        let seconds = match rng.u8(..12) {
            _ if *is_calm => 0,
            0..8 => rng.u64(0..2),
            8 | 9 => rng.u64(0..90),
            10 => rng.u64(0..1_000),
            _ => rng.u64(0..20_000),
        };
        Duration::from_millis(seconds * 1_000 + rng.u64(50..1_000))
    }
}
