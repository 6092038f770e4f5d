//! The console: a page that shows an account's workflow definitions and runs, and an address that forwards other
//! clients' requests to the API, signed for API Gateway.
//!
//! It listens on 127.0.0.1 and signs with the AWS credentials of whoever starts it; IAM decides what they may do.

#![allow(clippy::print_stdout, clippy::print_stderr, reason = "it talks to a terminal")]

use std::error::Error;
use std::net::{Ipv4Addr, SocketAddr};
use std::process::{Command, ExitCode, Stdio};

use aws_config::{BehaviorVersion, Region};
use clap::{Parser, Subcommand};
use console_page::Settings;
use console_server::door::{self, Door};
use console_server::{Endpoint, Forwarder, Secret, app, http_client};
use tokio::net::TcpListener;

/// Shows workflow definitions and runs in the browser, and signs other clients' requests for API Gateway.
#[derive(Parser)]
#[command(args_conflicts_with_subcommands = true, subcommand_negates_reqs = true)]
struct Arguments {
    #[command(subcommand)]
    command: Option<Action>,
    /// The endpoint of the API, with its stage: `https://….execute-api.us-east-1.amazonaws.com/prod`.
    #[arg(required = true)]
    endpoint: Option<Endpoint>,
    /// The port on 127.0.0.1; 0 picks a free one.
    #[arg(long, default_value_t = 8080)]
    port: u16,
    /// The Region to sign for. Defaults to the endpoint's, then to that of your AWS configuration.
    #[arg(long)]
    region: Option<String>,
    /// Opens the page in the browser.
    #[arg(long)]
    open: bool,
}

#[derive(Subcommand)]
enum Action {
    /// Opens the running console in the browser, at a run or a definition.
    Open {
        /// A run's ARN or id or the beginning of its id, a definition's ARN, or a link that the page has copied.
        reference: String,
    },
}

#[tokio::main]
async fn main() -> ExitCode {
    let ended = tokio::select! {
        ended = run(Arguments::parse()) => ended,
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
    let (endpoint, port, region, open) = match arguments {
        Arguments { command: Some(Action::Open { reference }), .. } => {
            open_in_browser(&door::find(Door::path().as_deref(), &reference)?);
            return Ok(());
        }
        Arguments { endpoint, port, region, open, .. } => (endpoint.ok_or("name an endpoint")?, port, region, open),
    };
    let logs = endpoint.logs_url(region.as_deref());
    let region = region.or_else(|| endpoint.region()).map(Region::new);
    let aws = aws_config::defaults(BehaviorVersion::latest()).http_client(http_client());
    let aws = if let Some(region) = region { aws.region(region) } else { aws }.load().await;
    let region = aws.region().ok_or("the endpoint does not show its Region; set --region")?.to_string();
    let credentials = aws.credentials_provider().ok_or("no credentials provider is configured")?;

    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    let listener = TcpListener::bind(address).await;
    let listener =
        listener.map_err(|error| format!("cannot listen on {address}: {error}; choose another port with --port"))?;
    let secret = Secret::new(listener.local_addr()?.port());
    let settings = Settings::new(Some(&endpoint.to_string()), logs.as_deref());
    introduce(&secret.url(), &endpoint, &region);
    if let Some(Err(error)) = Door::path().map(|path| secret.open_door(path)) {
        eprintln!("`console open` will not find this console, since its file cannot be written: {error}");
    }
    if open {
        open_in_browser(&secret.url_for_once());
    }
    axum::serve(listener, app(secret, settings, Forwarder::new(endpoint, region, credentials))).await?;
    Ok(())
}

fn introduce(url: &str, endpoint: &Endpoint, region: &str) {
    let address = url.trim_end_matches('/');
    println!(
        r#"Console                       {url}
API                           {endpoint} (signed for execute-api in {region})

Keep the address to yourself: until you end the console with Ctrl-C, it acts with your AWS credentials. Other users of
this machine can read the arguments of your commands, so give it to clients in the environment:

    export AWS_ENDPOINT_URL_NOVA_ACT={address}

    aws nova-act list-workflow-definitions

and to curl, which has no variable for it, in a configuration on its standard input:

    echo "url = $AWS_ENDPOINT_URL_NOVA_ACT/workflow-definitions" | curl --config - -X POST
"#
    );
}

/// Asks the desktop to open the page. Without a desktop, the printed address remains.
fn open_in_browser(url: &str) {
    let (program, arguments): (_, &[&str]) = match std::env::consts::OS {
        "macos" => ("open", &[]),
        "windows" => ("rundll32", &["url.dll,FileProtocolHandler"]),
        _ => ("xdg-open", &[]),
    };
    let mut command = Command::new(program);
    command.args(arguments).arg(url).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    if let Err(error) = command.spawn() {
        eprintln!("cannot open a browser ({program}: {error}); open the address above");
    }
}
