//! The real operation and the real AWS SDK, on paused time, in front of services and a network that fail as a seed says.
//!
//! `SIMULATION_SCHEDULES=100000 cargo test simulation` runs as many schedules as one likes; a schedule that fails names
//! its seed, and `SIMULATION_SEED=7 cargo test simulation` runs that one again, exactly as it was.
//!
//! What was broken by hand, to see which tests see it:
//!
//! | broken | seen by |
//! |---|---|
//! | the run's put stands before the log group | this simulation, [`crashes`], `failures` |
//! | the put has no condition | this simulation, `idempotency` |
//! | the model id, or the definition, is not compared | this simulation, `idempotency` |
//! | the read is not consistent | this simulation |
//! | the caches' keys lack the account | this simulation, `idempotency` |
//! | a log group counts as known before it is there | this simulation, `failures` |
//! | the SDK's retries are left on for CreateLogGroup | `failures` |
//! | the deadline is ignored | this simulation, `failures` |
//! | the request's own put, found again, counts as a replay | `idempotency` |
//! | a cold request does not look for the run | this simulation, `idempotency` |

mod aws;
mod calls;
mod concurrency;
mod crashes;
mod environment;
mod herd;
mod moods;
mod network;
mod paused;
mod schedule;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;

fn variable(name: &str) -> Option<u64> {
    std::env::var(name).ok().map(|value| value.parse().unwrap_or_else(|_| panic!("{name}={value} is no number")))
}

#[test]
fn whatever_fails_one_token_ends_in_one_run() {
    let seed = variable("SIMULATION_SEED");
    let schedules = seed.map_or(0..variable("SIMULATION_SCHEDULES").unwrap_or(1_000), |seed| seed..seed + 1);
    let next = AtomicU64::new(schedules.start);
    let all_of_them = schedules == (0..1_000);
    let everything = Mutex::new(String::new());
    let threads = thread::available_parallelism().map_or(1, usize::from);
    thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                let database = paused::database();
                loop {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seed >= schedules.end {
                        break;
                    }
                    let ended = catch_unwind(AssertUnwindSafe(|| schedule::run(database.clone(), seed)));
                    let Ok(trace) = ended else {
                        panic!("this schedule again: SIMULATION_SEED={seed} cargo test simulation")
                    };
                    if all_of_them {
                        everything.lock().unwrap().extend(trace);
                    }
                }
            });
        }
    });
    // A thousand schedules have seen everything that can happen; if not, they prove less than they say.
    if all_of_them {
        let everything = everything.into_inner().unwrap();
        let faults = ["Cut", "Lost", "Late", "Error", "DieBefore", "DieAfter"];
        let calls = ["BatchGetItem ", "CreateLogGroup ", "PutItem run", "PutItem log-group"];
        for (call, fault) in calls.iter().flat_map(|call| faults.map(|fault| (call, fault))) {
            assert!(everything.contains(&format!("{call} {fault}")), "no schedule has seen {call} {fault}");
        }
        for what in [
            "BatchGetItem  Unprocessed(0)",
            "BatchGetItem  Unprocessed(1)",
            "CreateLogGroup beyond the quota",
            "PutItem applied: 400",
            "201 ",
            "400 ValidationException",
            "403 AccessDeniedException",
            "404 ResourceNotFoundException workflow-definition",
            "409 ConflictException workflow-definition",
            "409 ConflictException workflow-run",
            "409 ConflictException log-group",
            "429 ThrottlingException - dynamodb",
            "429 ThrottlingException - logs",
            "500 InternalServerException",
            "died",
        ] {
            assert!(everything.contains(what), "no schedule has seen {what}");
        }
    }
}

#[test]
fn a_seed_decides_everything() {
    for seed in 0..100 {
        let first = schedule::run(paused::database(), seed);
        let second = schedule::run(paused::database(), seed);
        assert!(!first.is_empty());
        assert_eq!(first, second, "seed {seed}");
    }
}
