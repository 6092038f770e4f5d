//! What one invocation has done to the services: the journal that the network and the services keep of it.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use super::process::Settings;

/// What an invocation has done to the services.
#[allow(clippy::struct_excessive_bools, reason = "each is a fact of its own")]
#[derive(Clone, Debug, Default)]
pub struct Journal {
    /// When the invocation began.
    pub began: Duration,
    /// Those of the process.
    pub by: Settings,
    /// It deletes runs because their definition is deleted.
    pub is_sweep: bool,
    /// How many of its calls something has happened to.
    pub faults: u32,
    /// It has sent a put of a run.
    pub put_sent: bool,
    /// It has got no response to one, and so cannot know.
    pub put_in_doubt: i32,
    /// Its put has created the run.
    pub run_created: bool,
    /// It has created a log group, or written an item that says so.
    pub log_group_left: bool,
    /// Its writes that were applied.
    pub writes: Writes,
    /// When the last of them was.
    pub landed: Duration,
}

/// Write counts by kind of item.
#[derive(Clone, Copy, Debug, Default)]
pub struct Writes {
    pub runs: u32,
    pub definitions: u32,
}

tokio::task_local! {
    /// The journal of the invocation that is being polled.
    pub static JOURNAL: Arc<Mutex<Journal>>;
}
