//! The allocations of a request, from event to response. They are the same on every run.

#![allow(clippy::unwrap_used, clippy::print_stdout, missing_docs, reason = "this is a benchmark")]

mod support;

use allocation_counter::measure;
use support::{WarmFunction, events};
use tokio::runtime::Builder;

fn main() {
    println!("{:<12}{:>12}{:>12}{:>18}", "", "allocations", "bytes", "most concurrently");
    let runtime = Builder::new_current_thread().enable_all().build().unwrap();
    let function = runtime.block_on(WarmFunction::start());
    for (name, event, _) in events() {
        let info = measure(|| drop(runtime.block_on(function.respond(&event))));
        println!("{name:<12}{:>12}{:>12}{:>18}", info.count_total, info.bytes_total, info.bytes_max);
    }
}
