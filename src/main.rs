//! The Lambda function.

use std::convert::Infallible;
use std::process::ExitCode;
use std::sync::Arc;

use lambda_http::{Request, run_concurrent, service_fn};
use workflow_runs::handler::{Api, Sources};
use workflow_runs::{Config, logging};

#[tokio::main]
async fn main() -> ExitCode {
    logging::init(std::io::stdout, std::env::var("RUST_LOG").ok().as_deref());
    let config = match Config::from_env().await {
        Ok(config) => config,
        Err(error) => {
            tracing::error!(%error, "the function cannot start");
            return ExitCode::FAILURE;
        }
    };
    let api = Arc::new(Api::new(config, Sources::default()));
    let ended = run_concurrent(service_fn(move |request: Request| {
        let api = Arc::clone(&api);
        async move { Ok::<_, Infallible>(api.handle(request).await) }
    }));
    match ended.await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!(%error, "the Lambda runtime ended");
            ExitCode::FAILURE
        }
    }
}
