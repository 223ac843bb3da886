//! The daemon in the car.

use std::process::ExitCode;

use clap::Parser;
use vehicle_agent::daemon::{AgentArguments, run_from_arguments};

/// Speaks and listens for one vehicle; its driving stack talks to it by gRPC.
#[derive(Parser)]
#[command(version)]
struct Arguments {
    #[command(flatten)]
    agent: AgentArguments,
}

fn main() -> ExitCode {
    match run_from_arguments(&Arguments::parse().agent) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}
