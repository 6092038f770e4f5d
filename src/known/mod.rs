//! What a process remembers, so that a warm create makes one AWS call: definitions and log groups.

mod cache;
pub mod definitions;
pub mod log_groups;

use std::num::NonZeroUsize;

/// The capacity of each cache. At a few hundred bytes a key, all of them together stay below a megabyte.
const KEYS: NonZeroUsize = NonZeroUsize::new(1_000).unwrap();
