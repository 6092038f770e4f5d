//! What this process has learnt and need not ask again for a while.

use std::num::NonZeroUsize;
use std::sync::{Mutex, PoisonError};

use jiff::{SignedDuration, Timestamp};
use lru::LruCache;

/// A bounded set of keys, each of which is forgotten after a time.
///
/// Time is the wall clock's: a monotonic clock may stand still while Lambda has the environment frozen.
pub struct Memory {
    learnt: Mutex<LruCache<String, Timestamp>>,
    time_to_live: SignedDuration,
}

impl Memory {
    /// Remembers up to `capacity` keys for `time_to_live`; beyond that, the least recently used one goes.
    #[must_use]
    pub fn new(capacity: NonZeroUsize, time_to_live: SignedDuration) -> Self {
        Self { learnt: Mutex::new(LruCache::sparse(capacity)), time_to_live }
    }

    /// Whether the key was learnt less than the time to live ago.
    pub fn knows(&self, key: &str, now: Timestamp) -> bool {
        let mut learnt = self.learnt.lock().unwrap_or_else(PoisonError::into_inner);
        learnt.get(key).is_some_and(|at| now.duration_since(*at) < self.time_to_live)
    }

    /// Learns a key.
    pub fn learn(&self, key: String, now: Timestamp) {
        let mut learnt = self.learnt.lock().unwrap_or_else(PoisonError::into_inner);
        learnt.put(key, now);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    #[test]
    fn a_key_is_forgotten_when_its_time_is_over() {
        let memory = Memory::new(NonZeroUsize::MIN, SignedDuration::from_secs(60));
        memory.learn("a".into(), at(100));
        assert!(memory.knows("a", at(159)));
        assert!(!memory.knows("a", at(160)));
        assert!(!memory.knows("b", at(100)));
    }

    #[test]
    fn the_least_recently_used_key_makes_room() {
        let memory = Memory::new(NonZeroUsize::new(2).unwrap(), SignedDuration::from_secs(60));
        for key in ["a", "b"] {
            memory.learn(key.into(), at(0));
        }
        assert!(memory.knows("a", at(1)));
        memory.learn("c".into(), at(2));
        assert!(memory.knows("a", at(3)) && memory.knows("c", at(3)));
        assert!(!memory.knows("b", at(3)));
    }
}
