//! All nine operations with the real AWS SDK, on virtual time, in front of services and a network that fail as a seed says.
//!
//! A schedule is a few clients that define, start, end, read, list and delete, side by side, in processes that die
//! between any two calls and whose clocks differ by up to three seconds; often two settings are deployed.
//! [`fault_plan`](crate::simulator::fault_plan) decides what the [`network`](crate::simulator::network) does to each
//! call, the index lags behind the table, the stream's records come late and more than once, and between its phases a
//! schedule jumps by seconds, hours or days. Then [`guarantees`] holds what the clients have seen against two small
//! models: [`run_model`] and [`definition_model`] must each have an order of events that explains every response
//! ([`linearizability`]). [`listing`] holds each listing against what the table has held, and
//! [`transitions`](crate::simulator::transitions) every write against what an item may become.
//!
//! `SIMULATION_SCHEDULES=100000 cargo test simulation` runs as many schedules as you like. A schedule that fails names its
//! seed, and `SIMULATION_SEED=7 cargo test simulation` runs that one again, exactly as it was; with `-- --nocapture` it
//! prints every call and every response.
//!
//! `.ci/planted/` has bugs that these tests must catch, and `.ci/planted.py` plants them.

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
    let sights = Mutex::new(BTreeSet::new());
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
                    let Ok((trace, by_it)) = ended else {
                        next.store(schedules.end, Ordering::Relaxed);
                        panic!("this schedule again: SIMULATION_SEED={at} cargo test simulation")
                    };
                    sights.lock().unwrap().extend(by_it);
                    if seed.is_some() {
                        println!("{}", trace.join("\n"));
                    }
                }
            });
        }
    });
    if is_default {
        let (sights, everything) = (sights.into_inner().unwrap(), everything());
        let never: Vec<_> = everything.difference(&sights).collect();
        assert!(never.is_empty(), "no schedule has seen {never:?}");
        assert_eq!(sights, everything);
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
