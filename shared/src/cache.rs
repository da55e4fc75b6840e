//! A cache of recent reads, so that a warm function does not repeat them for every event.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::Mutex;
use std::time::{Duration, Instant};

/// Values by key, each with the time of its read. Bounded: a full cache is emptied, so that a flood of invented keys
/// does not fill the memory.
#[derive(Debug)]
pub struct Cache<K, V> {
    held: Mutex<HashMap<K, (Instant, V)>>,
    capacity: usize,
}

impl<K: Hash + Eq, V: Clone> Cache<K, V> {
    /// An empty cache for at most `capacity` values.
    #[must_use]
    pub fn new(capacity: usize) -> Self {
        Self {
            held: Mutex::default(),
            capacity,
        }
    }

    /// The value, if it was read less than `age` ago.
    pub fn get(&self, key: &K, age: Duration) -> Option<V> {
        let held = self.held.lock().ok()?;
        let (read_at, value) = held.get(key)?;
        (read_at.elapsed() < age).then(|| value.clone())
    }

    /// Stores a value that was just read.
    pub fn put(&self, key: K, value: V) {
        let Ok(mut held) = self.held.lock() else {
            return;
        };
        if held.len() >= self.capacity {
            held.clear();
        }
        held.insert(key, (Instant::now(), value));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LONG: Duration = Duration::from_mins(1);

    #[test]
    fn a_value_is_kept_as_long_as_it_is_young_enough() {
        let cache = Cache::new(2);
        cache.put("a", 1);
        assert_eq!(cache.get(&"a", LONG), Some(1));
        assert_eq!(cache.get(&"a", Duration::ZERO), None);
        assert_eq!(cache.get(&"b", LONG), None);
        cache.put("a", 2);
        assert_eq!(cache.get(&"a", LONG), Some(2));
    }

    #[test]
    fn a_full_cache_begins_anew() {
        let cache = Cache::new(2);
        for key in ["a", "b", "c"] {
            cache.put(key, ());
        }
        let kept = ["a", "b", "c"].map(|key| cache.get(&key, LONG).is_some());
        assert_eq!(kept, [false, false, true]);
    }
}
