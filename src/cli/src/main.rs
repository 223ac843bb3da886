//! The command line of Wayside.

mod drive;
mod files;
mod pki;
mod replay;

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
    /// Makes and reads trust domains and tickets, for development.
    Pki(pki::Arguments),
    /// Runs a recorded drive through real stations, in virtual or in real time.
    Replay(replay::Arguments),
}

fn main() -> ExitCode {
    run(Arguments::parse().command).unwrap_or_else(|error| {
        // One line, whatever the environment says of backtraces.
        eprintln!("error: {error:#}");
        ExitCode::FAILURE
    })
}

fn run(command: Command) -> anyhow::Result<ExitCode> {
    match command {
        Command::Drive(arguments) => drive::run(arguments),
        Command::Pki(arguments) => pki::run(arguments),
        Command::Replay(arguments) => replay::run(arguments),
    }
}
