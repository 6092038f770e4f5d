//! What one invocation has done to the services: the journal that the network and the services keep of it.

use std::sync::{Arc, Mutex};
use std::time::Duration;

/// What an invocation has done to the services.
#[derive(Clone, Default)]
pub struct Journal {
    /// When the invocation began.
    pub began: Duration,
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
    /// Its writes that are applied or may still be: of runs, of definitions.
    pub writes: Writes,
}

/// How many writes there are of each kind of item.
#[derive(Clone, Copy, Debug, Default)]
pub struct Writes {
    pub runs: i32,
    pub definitions: i32,
}

impl Writes {
    pub fn count(&mut self, key: &str, by: i32) {
        match key.split('/').next() {
            Some("run") => self.runs += by,
            Some("definition") => self.definitions += by,
            _ => {}
        }
    }
}

tokio::task_local! {
    /// The journal of the invocation that is being polled.
    pub static JOURNAL: Arc<Mutex<Journal>>;
}
