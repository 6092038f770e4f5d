//! The Lambda function.

use std::process::ExitCode;
use std::sync::Arc;

use workflow_runs::config::{self, Config};
use workflow_runs::{Api, Sources, lambda, logging};

#[tokio::main]
async fn main() -> ExitCode {
    logging::init(std::io::stdout, config::log_filter().as_deref());
    let config = match Config::from_env().await {
        Ok(config) => config,
        Err(error) => {
            tracing::error!(%error, "the function cannot start");
            return ExitCode::FAILURE;
        }
    };
    let api = Arc::new(Api::new(config, Sources::default(), logging::to_stdout));
    match lambda_runtime::run_concurrent(lambda::function(api)).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!(%error, "the Lambda runtime ended");
            ExitCode::FAILURE
        }
    }
}
