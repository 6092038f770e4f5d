//! The API on this machine, with DynamoDB and CloudWatch Logs embedded: nothing to install, no AWS account.

#![allow(clippy::print_stdout, clippy::print_stderr, reason = "it talks to a terminal")]

mod embedded;
mod gateway;

use std::error::Error;
use std::fs;
use std::io::Write as _;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use axum::extract::Request;
use axum::middleware::{Next, from_fn};
use axum::response::Response;
use clap::Parser;
use tokio::net::TcpListener;
use workflow_runs::{App, Sources, config, logging};

use embedded::{Embedded, UNIDENTIFIED};

/// Serves CreateWorkflowRun on this machine, with DynamoDB and CloudWatch Logs embedded.
#[derive(Parser)]
struct Arguments {
    /// The port of the API; 0 takes a free one.
    #[arg(long, default_value_t = 3000)]
    port: u16,
    /// The port of DynamoDB and CloudWatch Logs; 0 takes a free one.
    #[arg(long, default_value_t = 4566)]
    aws_port: u16,
    /// A SQLite file that keeps the table between runs. Without it, the table is in memory.
    #[arg(long, value_name = "FILE")]
    data: Option<PathBuf>,
    /// Runs the event in this file through the function, prints the proxy response and exits.
    #[arg(long, value_name = "FILE")]
    event: Option<PathBuf>,
}

#[tokio::main]
async fn main() -> ExitCode {
    let arguments = Arguments::parse();
    // The embedded DynamoDB warns of every error that it answers, of a condition that did not hold for one.
    let filter = config::log_filter().unwrap_or(format!("{},dynoxide=error", logging::DEFAULT_FILTER));
    logging::init(std::io::stderr, Some(&filter));
    let ended = tokio::select! {
        ended = run(arguments) => ended,
        _ = tokio::signal::ctrl_c() => Ok(()),
    };
    match ended {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn run(arguments: Arguments) -> Result<(), Box<dyn Error + Send + Sync>> {
    // An event is answered by services of its own: those on the usual port may be in use, by this very program.
    let aws_port = if arguments.event.is_some() { 0 } else { arguments.aws_port };
    let aws = listen(aws_port, "--aws-port").await?;
    let aws_url = format!("http://{}", aws.local_addr()?);
    let embedded = Embedded::start(arguments.data.as_deref()).await?;
    tokio::spawn(async move { axum::serve(aws, embedded.router()).await });
    let config = embedded::config(&aws_url, "workflow-runs");
    embedded::prepare(&config, "demo").await?;
    let app = Arc::new(App::new(config, Sources::default(), to_stderr));

    if let Some(file) = arguments.event {
        let event = fs::read(&file).map_err(|error| format!("{}: {error}", file.display()))?;
        let response = gateway::invoke(app, &event, gateway::TIMEOUT)
            .await
            .map_err(|error| format!("{}: {error}", file.display()))?;
        println!("{response:#}");
        return Ok(());
    }
    let listener = listen(arguments.port, "--port").await?;
    let table = arguments.data.map_or("in memory".to_owned(), |file| format!("in {}", file.display()));
    introduce(listener.local_addr()?, &aws_url, &table);
    axum::serve(listener, gateway::router(app, UNIDENTIFIED).layer(from_fn(show_scope))).await?;
    Ok(())
}

/// Prints what a request is signed for: API Gateway takes it only if the service is `execute-api`. Here anything goes.
async fn show_scope(request: Request, next: Next) -> Response {
    let authorization = request.headers().get("authorization").and_then(|header| header.to_str().ok());
    if let Some((_, credential)) = authorization.and_then(|header| header.split_once("Credential=")) {
        eprintln!("signed for {}", credential.split(',').next().unwrap_or_default());
    }
    next.run(request).await
}

/// The standard output belongs to the answers.
fn to_stderr(line: &[u8]) {
    let _ = std::io::stderr().write_all(line);
}

async fn listen(port: u16, option: &str) -> Result<TcpListener, String> {
    let address = SocketAddr::from(([127, 0, 0, 1], port));
    let listener = TcpListener::bind(address).await;
    listener.map_err(|error| format!("cannot listen on {address}: {error}; choose another port with {option}"))
}

fn introduce(api: SocketAddr, aws_url: &str, table: &str) {
    println!(
        r#"API                           http://{api}
DynamoDB, CloudWatch Logs     {aws_url} (table {table}, logs in memory)

Start a run of the definition `demo`, with the AWS CLI or with curl:

    export AWS_ACCESS_KEY_ID=local AWS_SECRET_ACCESS_KEY=local AWS_DEFAULT_REGION=us-east-1

    aws nova-act create-workflow-run --endpoint-url http://{api} \
        --workflow-definition-name demo --model-id nova-act-latest \
        --client-info compatibilityVersion=1 --log-group-name /workflow-runs/demo

    curl -i -X PUT http://{api}/workflow-definitions/demo/workflow-runs \
        -H 'content-type: application/json' \
        -d '{{"modelId": "nova-act-latest", "clientInfo": {{"compatibilityVersion": 1}}}}'

See what happened:

    aws dynamodb scan --endpoint-url {aws_url} --table-name workflow-runs
    aws logs describe-log-groups --endpoint-url {aws_url}
"#
    );
}
