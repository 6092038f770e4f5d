//! All nine operations with the real AWS SDK, on virtual time, in front of services and a network that fail as a seed says.
//!
//! A schedule is a few clients that define, start, end, read, list and delete, side by side, in processes that die
//! between any two calls. [`fault_plan`](crate::simulator::fault_plan) decides what the
//! [`network`](crate::simulator::network) does to each call, the index lags behind the table,
//! and between its phases a schedule jumps by seconds, minutes or a day. Then [`guarantees`] holds what the clients have
//! seen against two small models: [`run_model`] and [`definition_model`] must each have an order of events that explains
//! every response ([`linearizability`]). [`listing`] holds each listing against what the table has held, and
//! [`transitions`](crate::simulator::transitions) every write against what an item may become.
//!
//! `SIMULATION_SCHEDULES=100000 cargo test simulation` runs as many schedules as you like. A schedule that fails names its
//! seed, and `SIMULATION_SEED=7 cargo test simulation` runs that one again, exactly as it was; with `-- --nocapture` it
//! prints every call and every response.
//!
//! Bugs planted by hand, and the tests that catch them:
//!
//! | bug | caught by |
//! |---|---|
//! | an update has no condition | this simulation ([`transitions`](crate::simulator::transitions)), `races` |
//! | an update's condition lacks `definitionId` | this simulation ([`run_model`]) |
//! | a create's condition does not let an expired tombstone go | this simulation ([`run_model`]), [`deletions`] |
//! | a listing's cursor is inclusive | this simulation |
//! | one shard is forgotten | this simulation, [`deletions`], `races`, [`crashes`] |
//! | a sweep stops at its first page | this simulation (`services`), [`deletions`], [`crashes`] |
//! | tombstones are put without their condition | this simulation ([`transitions`](crate::simulator::transitions)) |
//! | a definition goes though runs are left | [`deletions`] |
//! | a definition goes at once | this simulation (`services`), [`deletions`], [`crashes`], `races` |
//! | a cache keeps definitions that were read as `DELETING` | this simulation ([`guarantees`]) |
//! | a cache keeps what its process has deleted | this simulation ([`guarantees`]), [`deletions`] |
//! | a time-out is derived on reads, and not in the update's condition | this simulation ([`run_model`]), [`crashes`] |
//! | the update that marks a definition as `DELETING` lacks `definitionId` | [`deletions`] |
//! | what a time-out that another end has overtaken comes to is not looked at | [`late_ends`] |
//! | a time-out is derived at the time of the response, and not before the read | [`late_ends`] |
//! | a definition that is gone is still found | this simulation, `generations` |
//! | the minute of a cache begins when the response comes | [`calls`] |
//! | the last sweep fails unnoticed | [`crashes`] |
//! | the run's put comes before the log group | this simulation, [`calls`] |
//! | the put of a run has no condition | this simulation ([`transitions`](crate::simulator::transitions)), `races` |
//! | the model id, or the definition, is not compared | this simulation ([`run_model`]) |
//! | a read is not consistent | this simulation, [`calls`] |
//! | the caches' keys lack the account | this simulation |
//! | a log group counts as known before it exists | this simulation |
//! | the SDK's retries are left on for CreateLogGroup | `failures` |
//! | the deadline is ignored | this simulation |
//! | the request's own put, found again, counts as a replay | `idempotency` |
//! | a cold request does not look for the run | this simulation |

mod calls;
mod client;
mod concurrency;
mod crashes;
mod definition_model;
mod deletions;
mod guarantees;
mod herd;
mod history;
mod late_ends;
mod linearizability;
mod listing;
mod run_model;
mod schedule;

use std::collections::BTreeSet;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;

use crate::simulator::coverage::everything;
use crate::support::random::variable;

use crate::simulator::virtual_time;

#[test]
fn whatever_fails_runs_and_definitions_live_one_life() {
    let seed = variable("SIMULATION_SEED");
    let schedules = seed.map_or(0..variable("SIMULATION_SCHEDULES").unwrap_or(1_000), |seed| seed..seed + 1);
    let next = AtomicU64::new(schedules.start);
    let is_default = schedules == (0..1_000);
    let seen = Mutex::new(BTreeSet::new());
    let threads = thread::available_parallelism().map_or(1, usize::from);
    thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                let database = virtual_time::database();
                loop {
                    let at = next.fetch_add(1, Ordering::Relaxed);
                    if at >= schedules.end {
                        break;
                    }
                    let ended = catch_unwind(AssertUnwindSafe(|| schedule::run(database.clone(), at)));
                    let Ok((trace, seen_by_it)) = ended else {
                        panic!("this schedule again: SIMULATION_SEED={at} cargo test simulation")
                    };
                    seen.lock().unwrap().extend(seen_by_it);
                    if seed.is_some() {
                        println!("{}", trace.join("\n"));
                    }
                }
            });
        }
    });
    if is_default {
        let (seen, everything) = (seen.into_inner().unwrap(), everything());
        let never: Vec<_> = everything.difference(&seen).collect();
        assert!(never.is_empty(), "no schedule has seen {never:?}");
        assert_eq!(seen, everything);
    }
}

#[test]
fn a_seed_decides_everything() {
    for seed in 1..=100 {
        let first = schedule::run(virtual_time::database(), seed);
        let second = schedule::run(virtual_time::database(), seed);
        assert!(!first.0.is_empty());
        assert_eq!(first, second, "seed {seed}");
    }
}
