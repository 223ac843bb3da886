//! The command line of Wayside.

mod drive;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// Middleware by which automated vehicles share data with each other and with the road.
#[derive(Debug, Parser)]
#[command(name = "wayside", version)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Imports recorded drives, and says what they hold.
    Drive(drive::Arguments),
}

fn main() -> anyhow::Result<ExitCode> {
    match Arguments::parse().command {
        Command::Drive(arguments) => drive::run(arguments),
    }
}
