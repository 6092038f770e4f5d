//! The API on this machine, with DynamoDB and CloudWatch Logs embedded: nothing to install, no AWS account.

#![allow(clippy::print_stdout, clippy::print_stderr, reason = "it talks to a terminal")]

use std::fs;
use std::io::Write as _;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::middleware::from_fn_with_state;
use clap::Parser;
use console_page::guard::{self, Guard};
use dynoxide::Database;
use local::Result;
use local::embedded::{self, Embedded, TABLE_NAME};
use local::gateway::{self, LOCAL_ACCOUNT};
use local::notes::{self, Notes};
use local::stream;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::sync::watch;
use workflow_runs::model::{RunRetention, RunTimeout};
use workflow_runs::{Function, Sources, config, logging};

/// The cleanup's timeout. A large deletion puts itself behind others ten seconds before its end: with the stack's 300
/// seconds, others would wait for it.
const CLEANUP_TIMEOUT: Duration = Duration::from_secs(20);

/// How often expired items are deleted.
const EXPIRY: Duration = Duration::from_mins(1);

/// Serves the API on this machine, with DynamoDB and CloudWatch Logs embedded.
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
    /// Prints the function's own log lines in place of short ones.
    #[arg(long)]
    json_log: bool,
    /// How long a run may be `RUNNING` before it counts as `TIMED_OUT`: the stack's `RunTimeoutInHours`.
    #[arg(long, value_name = "HOURS", value_parser = run_timeout)]
    run_timeout_hours: Option<RunTimeout>,
    /// After how many days runs are deleted: the stack's `RunRetentionInDays`.
    #[arg(long, value_name = "DAYS", value_parser = run_retention)]
    run_retention_days: Option<RunRetention>,
    /// The retention of the log groups that runs name: the stack's `RunLogRetentionInDays`.
    #[arg(long, value_name = "DAYS", value_parser = retention)]
    run_log_retention_days: Option<i32>,
}

fn run_timeout(hours: &str) -> std::result::Result<RunTimeout, &'static str> {
    config::timeout_hours(hours).map(|hours| RunTimeout(Some(hours))).ok_or(config::NO_TIMEOUT)
}

fn retention(days: &str) -> std::result::Result<i32, &'static str> {
    config::retention_days(days).ok_or(config::NO_RETENTION)
}

fn run_retention(days: &str) -> std::result::Result<RunRetention, &'static str> {
    config::run_retention_days(days).map(|days| RunRetention(Some(days))).ok_or(config::NO_RUN_RETENTION)
}

#[tokio::main]
async fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let filter = config::log_filter().unwrap_or(logging::DEFAULT_FILTER.to_owned());
    logging::init(std::io::stderr, Some(&filter));
    match run(arguments).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn run(arguments: Arguments) -> Result<()> {
    // An event has services of its own: those on the usual port may be in use, by this very program.
    let aws_port = if arguments.event.is_some() { 0 } else { arguments.aws_port };
    let aws = listen(aws_port, "--aws-port").await?;
    let aws_url = format!("http://{}", aws.local_addr()?);
    let embedded = Embedded::open(arguments.data.as_deref())?;
    let database = embedded.database.clone();
    // It is stopped after the API, which uses it.
    let (stop_aws, mut aws_is_stopped) = watch::channel(());
    let aws = tokio::spawn(serve(aws, embedded.router(), async move { _ = aws_is_stopped.changed().await }));

    let mut config = embedded::config(&aws_url);
    config.run_timeout = arguments.run_timeout_hours.unwrap_or_default();
    config.run_retention = arguments.run_retention_days.unwrap_or_default();
    config.run_log_retention_days = arguments.run_log_retention_days;
    define(&Function::new(config.clone(), Sources::default(), Arc::new(|_: &[u8]| ())), "demo").await?;
    let log = if arguments.json_log { write_line } else { write_short_line };
    let function = Arc::new(Function::new(config, Sources::default(), Arc::new(log)));

    if let Some(file) = arguments.event {
        let name = file.display();
        let event = fs::read(&file).map_err(|error| format!("{name} cannot be read: {error}"))?;
        let event: Value = serde_json::from_slice(&event).map_err(|error| format!("{name} is not JSON: {error}"))?;
        let response = gateway::invoke(&function, event.to_string().as_bytes(), gateway::TIMEOUT).await;
        println!("{:#}", response.map_err(|error| format!("{name}: {error}"))?);
        return Ok(());
    }
    let listener = listen(arguments.port, "--port").await?;
    tokio::spawn(expire(database.clone()));
    tokio::spawn(clean_up(database, Arc::clone(&function)));
    let table = arguments.data.map_or("in memory".to_owned(), |file| format!("in {}", file.display()));
    introduce(listener.local_addr()?, &aws_url, &table);
    // For a browser, the console's page; the function knows nothing of it.
    let page = from_fn_with_state(console_page::Settings::new(None, None), console_page::serve);
    let notes = from_fn_with_state(Notes::new(|note| eprintln!("note: {note}")), notes::observe);
    let api = gateway::router(function, LOCAL_ACCOUNT).layer(notes).layer(page);
    let interrupt = async || _ = tokio::signal::ctrl_c().await;
    tokio::select! {
        served = async {
            serve(listener, api, interrupt()).await?;
            drop(stop_aws);
            aws.await?
        } => served,
        () = async { interrupt().await; interrupt().await } => Err("interrupted while requests were in flight".into()),
    }
}

/// Serves pages of this server's own and programs of this machine, until `stopped`. Then it finishes the requests in flight.
async fn serve(
    listener: TcpListener,
    router: Router,
    stopped: impl Future<Output = ()> + Send + 'static,
) -> Result<()> {
    let guard = Guard(listener.local_addr()?.port());
    let router = router.layer(from_fn_with_state(guard, guard::check));
    Ok(axum::serve(listener, router).with_graceful_shutdown(stopped).await?)
}

/// Hands the records of the table's stream to the function, which deletes the runs of deleted definitions.
async fn clean_up(database: Database, function: Arc<Function>) {
    let invoke = move |event: Value| {
        let function = Arc::clone(&function);
        async move { gateway::invoke(&function, event.to_string().as_bytes(), CLEANUP_TIMEOUT).await.map(drop) }
    };
    if let Err(error) = stream::deliver(database, invoke).await {
        eprintln!("error: the table's stream cannot be read: {error}");
    }
}

/// Deletes expired items, as the table's time to live does.
async fn expire(database: Database) {
    loop {
        tokio::time::sleep(EXPIRY).await;
        let database = database.clone();
        if let Ok(Err(error)) = tokio::task::spawn_blocking(move || database.sweep_ttl()).await {
            eprintln!("error: expired items cannot be deleted: {error}");
        }
    }
}

/// Creates a definition through the function, unless it exists or has been deleted.
async fn define(function: &Function, name: &str) -> Result<()> {
    // An equal request is a replay.
    let body = json!({"name": name, "clientToken": format!("local-server-definition-{name:0>16}")}).to_string();
    let request = axum::http::Request::put("/workflow-definitions").body(())?;
    let event = gateway::rest_event(LOCAL_ACCOUNT, &request.into_parts().0, body.as_bytes());
    let response = gateway::invoke(function, event.to_string().as_bytes(), gateway::TIMEOUT).await?;
    match response["statusCode"].as_u64() {
        Some(201 | 409) => Ok(()),
        _ => Err(response["body"].to_string().into()),
    }
}

/// Prints a request's line as the function writes it. Standard output is for the responses.
fn write_line(line: &[u8]) {
    let _ = std::io::stderr().write_all(line);
}

/// Prints of a request's line what a person looks for.
fn write_short_line(line: &[u8]) {
    let line: Value = serde_json::from_slice(line).unwrap_or_default();
    let text = |member: &str| line[member].as_str().unwrap_or_default();
    if text("message") == "cleanup" {
        let of = line["workflow_definition_name"].as_str().unwrap_or("a deleted definition");
        let (outcome, runs, detail) = (text("outcome"), &line["runs_deleted"], text("detail"));
        return if outcome != "stale" {
            eprintln!("cleanup of {of} {outcome}, {runs} runs deleted {detail}");
        };
    }
    let id = text("workflow_run_id").get(..8).map(|id| format!(" {id}…")).unwrap_or_default();
    let detail = line["detail"].as_str().map(|detail| format!(" – {detail}")).unwrap_or_default();
    let duration = line["duration_ms"].as_f64().unwrap_or_default();
    eprintln!("{} {} {}{id} {duration:.1} ms{detail}", line["status"], text("operation"), text("outcome"));
}

async fn listen(port: u16, option: &str) -> std::result::Result<TcpListener, String> {
    let address = SocketAddr::from(([127, 0, 0, 1], port));
    let listener = TcpListener::bind(address).await;
    listener.map_err(|error| format!("cannot listen on {address}: {error}; choose another port with {option}"))
}

fn introduce(api: SocketAddr, aws_url: &str, table: &str) {
    println!(
        r#"API                           http://{api}
DynamoDB, CloudWatch Logs     {aws_url} (table {TABLE_NAME} {table}, logs in memory)

The life of a run of the definition `demo`, with the AWS CLI:

    export AWS_ACCESS_KEY_ID=local AWS_SECRET_ACCESS_KEY=local AWS_DEFAULT_REGION=us-east-1
    export AWS_ENDPOINT_URL_NOVA_ACT=http://{api}

    RUN=$(aws nova-act create-workflow-run --workflow-definition-name demo --model-id nova-act-latest \
        --client-info compatibilityVersion=1 --log-group-name /workflow-runs/demo --query workflowRunId --output text)
    aws nova-act list-workflow-runs --workflow-definition-name demo
    aws nova-act get-workflow-run --workflow-definition-name demo --workflow-run-id $RUN
    aws nova-act update-workflow-run --workflow-definition-name demo --workflow-run-id $RUN --status SUCCEEDED

Or start one with curl:

    curl -i -X PUT http://{api}/workflow-definitions/demo/workflow-runs \
        -H 'content-type: application/json' \
        -d '{{"modelId": "nova-act-latest", "clientInfo": {{"compatibilityVersion": 1}}}}'

Open http://{api} in a browser to see your runs.
"#
    );
}
