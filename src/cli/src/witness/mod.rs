//! `wayside witness`: somebody outside the ledger who sees that everybody is shown the same past.
//!
//! A witness asks units for their newest headers, checks that a committee made them final and that
//! they continue what it signed before, and hands its cosignature back for the units to hand out.
//! What it signs is on disk before anybody gets it, so that it never signs two pasts, and may be
//! killed at any time.

mod book;
mod key;
mod watch;

use std::process::ExitCode;

use anyhow::Context as _;
use clap::{Args, Subcommand};

/// Arguments of `wayside witness`.
#[derive(Args, Debug)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Makes a witness' key, or prints its public half, by which units and readers know it.
    Key(key::Arguments),
    /// Watches units, and cosigns what continues what it signed before.
    Run(watch::Arguments),
}

pub(crate) fn run(arguments: Arguments) -> anyhow::Result<ExitCode> {
    match arguments.command {
        Command::Key(arguments) => arguments.run(),
        Command::Run(arguments) => tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .context("cannot start the runtime")?
            .block_on(watch::run(arguments)),
    }
}
