//! The daemon at the road.

use std::process::ExitCode;

use clap::Parser;
use roadside_unit::daemon::{UnitArguments, run_from_arguments};

/// Keeps the ledger for one operator, and takes records from clients and vehicles.
#[derive(Parser)]
#[command(version)]
struct Arguments {
    #[command(flatten)]
    unit: UnitArguments,
}

fn main() -> ExitCode {
    match run_from_arguments(&Arguments::parse().unit) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}
