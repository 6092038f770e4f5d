//! The life of a run with `aws-sdk-novaact`, through API Gateway.
//!
//! API Gateway requires requests signed for the service `execute-api`; the client would sign for `nova-act`. The endpoint
//! resolver changes that.

#![allow(clippy::print_stdout, reason = "it talks to a terminal")]

use std::collections::HashMap;

use aws_config::BehaviorVersion;
use aws_sdk_novaact::config::endpoint::{Endpoint, EndpointFuture, Params, ResolveEndpoint};
use aws_sdk_novaact::types::{ClientInfo, WorkflowRunStatus};
use aws_sdk_novaact::{Client, Config};
use clap::{Parser, Subcommand};

/// Starts, ends and lists runs of a workflow definition.
#[derive(Parser)]
struct Arguments {
    /// The endpoint of the API, with its stage.
    endpoint: String,
    /// The name of the workflow definition.
    definition: String,
    #[command(subcommand)]
    action: Action,
}

#[derive(Subcommand)]
enum Action {
    /// Starts a run and prints its id.
    Start,
    /// Ends a run.
    End {
        /// The id of the run.
        run: String,
        /// `SUCCEEDED`, `FAILED` or `TIMED_OUT`.
        #[arg(default_value = "SUCCEEDED")]
        status: WorkflowRunStatus,
    },
    /// Lists all runs, the newest first.
    List,
}

/// An endpoint behind API Gateway.
#[derive(Debug)]
struct ApiGateway {
    url: String,
}

impl ResolveEndpoint for ApiGateway {
    fn resolve_endpoint<'a>(&'a self, _: &'a Params) -> EndpointFuture<'a> {
        let sign = [("name", "sigv4"), ("signingName", "execute-api")];
        let sign: HashMap<String, _> = sign.map(|(name, value)| (name.to_owned(), value.into())).into();
        EndpointFuture::ready(Ok(Endpoint::builder()
            .url(self.url.clone())
            .property("authSchemes", vec![sign.into()])
            .build()))
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let Arguments { endpoint, definition, action } = Arguments::parse();
    let shared = aws_config::load_defaults(BehaviorVersion::latest()).await;
    let config = Config::from(&shared).to_builder().endpoint_resolver(ApiGateway { url: endpoint }).build();
    let client = Client::from_conf(config);
    match action {
        Action::Start => {
            let run = client
                .create_workflow_run()
                .workflow_definition_name(definition)
                .model_id("nova-act-latest")
                .client_info(ClientInfo::builder().compatibility_version(1).build()?)
                .send()
                .await?;
            println!("{}", run.workflow_run_id);
        }
        Action::End { run, status } => {
            let update = client.update_workflow_run().workflow_definition_name(definition);
            update.workflow_run_id(run).status(status).send().await?;
        }
        Action::List => {
            let list = client.list_workflow_runs().workflow_definition_name(definition);
            let mut runs = list.into_paginator().items().send();
            while let Some(run) = runs.next().await {
                let run = run?;
                println!("{} {} {}", run.workflow_run_id, run.started_at, run.status);
            }
        }
    }
    Ok(())
}
