//! `wayside health`: whether a daemon says that it serves.
//!
//! For whoever starts daemons and knows no gRPC: container managers, load balancers, scripts.

use std::{
    io::{self, Write as _},
    process::ExitCode,
    time::Duration,
};

use anyhow::{Context as _, anyhow};
use clap::Args;
use tokio::time::timeout;
use tonic_health::pb::{
    HealthCheckRequest, health_check_response::ServingStatus, health_client::HealthClient,
};

use crate::ledger::TlsArguments;

/// Arguments of `wayside health`.
#[derive(Args, Debug)]
pub(crate) struct Arguments {
    /// Where the daemon serves gRPC: `unix:PATH`, `http://HOST:PORT` or `https://HOST:PORT`.
    #[arg(long, value_name = "ADDRESS", env = "WAYSIDE_ENDPOINT")]
    endpoint: String,
    /// One part of the daemon, by the full name of its service; the whole daemon unless given.
    #[arg(long, value_name = "NAME", default_value = "")]
    service: String,
    /// How long the answer may take.
    #[arg(long, value_name = "TIME", default_value = "3s", value_parser = humantime::parse_duration)]
    timeout: Duration,
    #[command(flatten)]
    tls: TlsArguments,
}

/// Runs `wayside health`.
pub(crate) fn run(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .context("cannot start the runtime")?;
    let asked = async { timeout(arguments.timeout, ask(arguments)).await };
    let status = runtime
        .block_on(asked)
        .map_err(|_| anyhow!("{} did not answer in time", arguments.endpoint))??;
    writeln!(io::stdout(), "{}", status.as_str_name())?;
    Ok(match status {
        ServingStatus::Serving => ExitCode::SUCCESS,
        ServingStatus::Unknown | ServingStatus::NotServing | ServingStatus::ServiceUnknown => {
            ExitCode::FAILURE
        }
    })
}

async fn ask(arguments: &Arguments) -> anyhow::Result<ServingStatus> {
    let endpoint = arguments.tls.endpoint(&arguments.endpoint)?;
    let channel = endpoint.connect().await.map_err(|error| {
        // Each layer below says the same again.
        let error = anyhow::Error::from(error);
        anyhow!(
            "nobody answers at {}: {}",
            arguments.endpoint,
            error.root_cause()
        )
    })?;
    let request = HealthCheckRequest {
        service: arguments.service.clone(),
    };
    let answer = HealthClient::new(channel).check(request).await?;
    Ok(answer.into_inner().status())
}
