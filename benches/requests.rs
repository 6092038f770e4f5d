//! The time of a request without network, from event to response, with all that the AWS SDK does, in front of an AWS that
//! responds immediately; and beside it the time of a put by the AWS SDK without the function.

#![allow(clippy::unwrap_used, missing_docs, reason = "this is a benchmark")]

mod support;

use criterion::{Criterion, criterion_group, criterion_main};
use mimalloc::MiMalloc;
use std::hint::black_box;
use support::{BarePut, WarmFunction, events};
use tokio::runtime::Builder;

/// As in the function.
#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

fn respond(criterion: &mut Criterion) {
    let runtime = Builder::new_current_thread().enable_all().build().unwrap();
    let function = runtime.block_on(WarmFunction::start());
    let put = BarePut::new();
    criterion.bench_function("bare put", |bencher| bencher.iter(|| runtime.block_on(put.send())));
    let mut group = criterion.benchmark_group("event to response");
    for (name, event, _) in events() {
        group.bench_function(name, |bencher| bencher.iter(|| runtime.block_on(function.respond(black_box(&event)))));
    }
}

criterion_group!(requests, respond);
criterion_main!(requests);
