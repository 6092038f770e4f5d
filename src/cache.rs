//! What this process has learnt and need not ask again for a while.

use std::num::NonZeroUsize;
use std::sync::{Mutex, PoisonError};

use jiff::Timestamp;
use lru::LruCache;

/// A bounded set of keys, each of which is forgotten at its time.
///
/// Time is the wall clock's: a monotonic clock may stand still while Lambda has the environment frozen.
pub struct Cache(Mutex<LruCache<String, Timestamp>>);

impl Cache {
    /// A cache of up to `capacity` keys. Beyond that, the least recently used one goes.
    #[must_use]
    pub fn new(capacity: NonZeroUsize) -> Self {
        Self(Mutex::new(LruCache::sparse(capacity)))
    }

    /// Whether the key is there and its time has not come.
    pub fn contains(&self, key: &str, now: Timestamp) -> bool {
        let mut keys = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        keys.get(key).is_some_and(|until| now < *until)
    }

    /// Keeps a key until its time.
    pub fn insert(&self, key: String, until: Timestamp) {
        let mut keys = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        keys.put(key, until);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    #[test]
    fn a_key_is_forgotten_at_its_time() {
        let cache = Cache::new(NonZeroUsize::MIN);
        cache.insert("a".into(), at(160));
        assert!(cache.contains("a", at(159)));
        assert!(!cache.contains("a", at(160)));
        assert!(!cache.contains("b", at(100)));
    }

    #[test]
    fn the_least_recently_used_key_makes_room() {
        let cache = Cache::new(NonZeroUsize::new(2).unwrap());
        for key in ["a", "b"] {
            cache.insert(key.into(), at(60));
        }
        assert!(cache.contains("a", at(1)));
        cache.insert("c".into(), at(60));
        assert!(cache.contains("a", at(3)) && cache.contains("c", at(3)));
        assert!(!cache.contains("b", at(3)));
    }
}
