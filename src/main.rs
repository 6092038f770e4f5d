//! The Lambda function.

use std::process::ExitCode;
use std::sync::Arc;

use mimalloc::MiMalloc;
use tokio::runtime::Builder;
use workflow_runs::config::{self, Config};
use workflow_runs::{Function, Sources, lambda, logging};

/// A create allocates hundreds of times, mostly in the AWS SDK. This allocator saves a seventh of its instructions.
#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

fn main() -> ExitCode {
    logging::init(std::io::stdout, config::log_filter().as_deref());
    // When Lambda sends one request at a time, extra worker threads only add hand-offs.
    let mut runtime = if config::is_concurrent() { Builder::new_multi_thread() } else { Builder::new_current_thread() };
    let ended = match runtime.enable_all().build() {
        Ok(runtime) => runtime.block_on(run()),
        Err(error) => Err(error.into()),
    };
    match ended {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!(%error, "the function cannot start or has stopped");
            ExitCode::FAILURE
        }
    }
}

async fn run() -> Result<(), lambda_runtime::Error> {
    let function = Function::new(Config::from_env().await?, Sources::default(), Arc::new(logging::to_stdout));
    lambda_runtime::run_concurrent(lambda::service(Arc::new(function))).await
}
