//! A cache with expiry.

use std::num::NonZeroUsize;
use std::sync::{Mutex, MutexGuard, PoisonError};

use jiff::Timestamp;
use lru::LruCache;

/// A bounded map whose entries expire.
///
/// It uses the wall clock, because a monotonic clock may stop while Lambda freezes the process.
pub struct Cache<V>(Mutex<LruCache<String, (V, Timestamp)>>);

impl<V: Clone> Cache<V> {
    /// A cache of up to `capacity` keys, which evicts the least recently used one.
    pub fn new(capacity: NonZeroUsize) -> Self {
        Self(Mutex::new(LruCache::sparse(capacity)))
    }

    /// The value of the key, unless it is absent or has expired.
    pub fn get(&self, key: &str, now: Timestamp) -> Option<V> {
        self.keys().get(key).filter(|(_, until)| now < *until).map(|(value, _)| value.clone())
    }

    pub fn insert(&self, key: String, value: V, until: Timestamp) {
        self.keys().put(key, (value, until));
    }

    pub fn remove(&self, key: &str) {
        self.keys().pop(key);
    }

    fn keys(&self) -> MutexGuard<'_, LruCache<String, (V, Timestamp)>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    #[test]
    fn a_key_is_forgotten_at_its_time_or_when_it_is_removed() {
        let cache = Cache::new(NonZeroUsize::MIN);
        cache.insert("a".into(), 1, at(160));
        assert_eq!(cache.get("a", at(159)), Some(1));
        assert_eq!(cache.get("a", at(160)), None);
        assert_eq!(cache.get("b", at(100)), None);
        cache.remove("a");
        assert_eq!(cache.get("a", at(159)), None);
    }

    #[test]
    fn the_least_recently_used_key_makes_room() {
        let cache = Cache::new(NonZeroUsize::new(2).unwrap());
        for key in ["a", "b"] {
            cache.insert(key.into(), (), at(60));
        }
        assert!(cache.get("a", at(1)).is_some());
        cache.insert("c".into(), (), at(60));
        assert!(cache.get("a", at(3)).is_some() && cache.get("c", at(3)).is_some());
        assert!(cache.get("b", at(3)).is_none());
    }
}
