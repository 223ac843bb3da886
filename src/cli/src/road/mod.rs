//! `wayside road`: has a roadside unit tell vehicles of roadworks, closures and other dangers, and shows
//! what it relays.

mod hazard;
mod show;
mod traffic;

use std::process::ExitCode;

use clap::{Args, Subcommand};

use crate::ledger::UnitArguments;

/// Arguments of `wayside road`.
#[derive(Args, Debug)]
pub(crate) struct Arguments {
    #[command(flatten)]
    unit: UnitArguments,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Has vehicles told of a hazard, until it is over or cancelled; or of something else about it, with
    /// `--update`.
    Hazard(hazard::Publish),
    /// Has vehicles told that a hazard is over.
    Cancel(hazard::Cancel),
    /// Lists the hazards that the unit knows of.
    List(hazard::List),
    /// Says whether and how the unit relays.
    Show(show::Show),
    /// Says how traffic flows where the unit hears it.
    Traffic(traffic::Show),
}

/// Runs `wayside road`.
pub(crate) fn run(arguments: Arguments) -> anyhow::Result<ExitCode> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    runtime.block_on(async {
        let unit = arguments.unit.connect().await?;
        match arguments.command {
            Command::Hazard(hazard) => hazard.run(unit).await,
            Command::Cancel(cancel) => cancel.run(unit).await,
            Command::List(list) => list.run(unit).await,
            Command::Show(show) => show.run(unit).await,
            Command::Traffic(traffic) => traffic.run(unit).await,
        }
    })?;
    Ok(ExitCode::SUCCESS)
}
