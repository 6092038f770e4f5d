//! The time of a request without network: what a body takes to become a typed request, and an event an answer (with
//! all that the AWS SDK does, in front of an AWS that answers at once).

#![allow(clippy::unwrap_used, missing_docs, reason = "this is a benchmark")]

mod support;

use criterion::{Criterion, criterion_group, criterion_main};
use mimalloc::MiMalloc;
use std::hint::black_box;
use support::{Function, bodies, events};
use tokio::runtime::Builder;
use workflow_runs::operations::create_workflow_run::CreateWorkflowRunRequest;

/// As in the function.
#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

fn parse(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("body to typed request");
    for (name, body, _) in bodies() {
        let body = body.to_string();
        group.bench_function(name, |bencher| {
            bencher.iter(|| CreateWorkflowRunRequest::parse("demo", black_box(body.as_bytes())).is_ok());
        });
    }
}

fn answer(criterion: &mut Criterion) {
    let runtime = Builder::new_current_thread().enable_all().build().unwrap();
    let function = runtime.block_on(Function::warm());
    let mut group = criterion.benchmark_group("event to answer");
    for (name, event, _) in events() {
        group.bench_function(name, |bencher| bencher.iter(|| runtime.block_on(function.answer(black_box(&event)))));
    }
}

criterion_group!(requests, parse, answer);
criterion_main!(requests);
