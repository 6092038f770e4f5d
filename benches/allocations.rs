//! The allocations of a request, from event to response, and of a put by the AWS SDK without the function. They are the same on every run.

#![allow(clippy::unwrap_used, clippy::print_stdout, missing_docs, reason = "this is a benchmark")]

mod support;

use allocation_counter::{AllocationInfo, measure};
use support::{BarePut, WarmFunction, events};
use tokio::runtime::Builder;

fn main() {
    println!("{:<12}{:>12}{:>12}{:>18}", "", "allocations", "bytes", "most concurrently");
    let runtime = Builder::new_current_thread().enable_all().build().unwrap();
    let (function, put) = (runtime.block_on(WarmFunction::start()), BarePut::new());
    runtime.block_on(put.send());
    show("bare put", &measure(|| runtime.block_on(put.send())));
    for (name, event, _) in events() {
        show(name, &measure(|| drop(runtime.block_on(function.respond(&event)))));
    }
}

fn show(name: &str, info: &AllocationInfo) {
    println!("{name:<12}{:>12}{:>12}{:>18}", info.count_total, info.bytes_total, info.bytes_max);
}
