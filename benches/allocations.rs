//! The allocations of a request, from body to typed request and from event to answer. They are the same on every run.

#![allow(clippy::unwrap_used, clippy::print_stdout, missing_docs, reason = "this is a benchmark")]

mod support;

use allocation_counter::{AllocationInfo, measure};
use support::{Function, bodies, events};
use tokio::runtime::Builder;
use workflow_runs::operations::create_workflow_run::CreateWorkflowRunRequest;

fn main() {
    println!("{:<24}{:<12}{:>12}{:>12}{:>14}", "", "", "allocations", "bytes", "most at once");
    for (name, body, _) in bodies() {
        let body = body.to_string();
        show(
            "body to typed request",
            name,
            &measure(|| drop(CreateWorkflowRunRequest::parse("demo", body.as_bytes()))),
        );
    }
    let runtime = Builder::new_current_thread().enable_all().build().unwrap();
    let function = runtime.block_on(Function::warm());
    for (name, event, _) in events() {
        show("event to answer", name, &measure(|| drop(runtime.block_on(function.answer(&event)))));
    }
}

fn show(path: &str, name: &str, info: &AllocationInfo) {
    println!("{path:<24}{name:<12}{:>12}{:>12}{:>14}", info.count_total, info.bytes_total, info.bytes_max);
}
