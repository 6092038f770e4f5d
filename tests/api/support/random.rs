//! Tests on input drawn at random, which a seed repeats.

use std::fmt::Debug;

use proptest::strategy::Strategy;
use proptest::test_runner::{Config, RngAlgorithm, TestCaseError, TestRng, TestRunner};

/// The time for which a failing case may be made smaller, in milliseconds.
const LONGEST_SHRINK_MS: u32 = 10_000;

/// The number in an environment variable, if it is set.
///
/// # Panics
/// If it is not a number.
pub fn variable(name: &str) -> Option<u64> {
    std::env::var(name).ok().map(|value| value.parse().unwrap_or_else(|_| panic!("{name}={value} is not a number")))
}

/// Holds `test` against this many cases. A failure names the seed; the variable repeats it.
///
/// # Panics
/// If a case fails.
#[track_caller]
pub fn run<S: Strategy<Value: Debug>>(
    seed_variable: &str,
    cases: u32,
    strategy: &S,
    test: impl Fn(S::Value) -> Result<(), TestCaseError>,
) {
    let seed = variable(seed_variable).unwrap_or_else(|| fastrand::u64(..));
    let mut bytes = [0; 32];
    bytes[..8].copy_from_slice(&seed.to_le_bytes());
    let config = Config { cases, failure_persistence: None, max_shrink_time: LONGEST_SHRINK_MS, ..Config::default() };
    let mut runner = TestRunner::new_with_rng(config, TestRng::from_seed(RngAlgorithm::ChaCha, &bytes));
    if let Err(error) = runner.run(strategy, test) {
        panic!("these cases again: {seed_variable}={seed} cargo test\n{error}");
    }
}
