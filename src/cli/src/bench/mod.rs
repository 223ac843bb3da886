//! `wayside bench`: what this installation costs, beside a floor measured in the same run.
//!
//! Wall-clock figures move with whatever else the machine does, so the figure to read first is
//! processor time per message, and the ratio to read first is that to the floor's row. No figure
//! passes or fails; a promise that does not hold fails the run.

mod agents;
mod issuing;
mod ledger;
mod machine;
mod meter;
mod process;
mod report;
mod rounds;
mod traffic;
mod verify;

use std::{io::Write as _, process::ExitCode, time::Duration};

use clap::{Args, ValueEnum};

/// What to measure.
#[derive(Args, Clone, Debug)]
pub(crate) struct Arguments {
    /// Which part of Wayside.
    #[arg(value_enum)]
    name: Name,
    /// Print one JSON object.
    #[arg(long)]
    json: bool,
    /// How long to measure: `verify` in all, `agents` and `ledger` each of their cases.
    #[arg(long, value_name = "S", default_value_t = 6.0, value_parser = parse_seconds)]
    seconds: f64,
    /// Measure only this case of `agents`, `issuing` or `ledger`, and others that are named so. Four of `ledger`
    /// run only if named, since they take minutes: `outage` kills roadside units for as long as it
    /// measures, `handover` changes the committee, `rejoin` and `year` make many vehicles first.
    #[arg(long = "case", value_name = "CASE")]
    cases: Vec<String>,
    #[command(flatten)]
    scale: ledger::Scale,
    /// Be one of the processes of a benchmark; it says which, as JSON.
    #[arg(long, hide = true)]
    part: Option<String>,
}

/// A benchmark.
#[derive(Clone, Copy, Debug, Eq, PartialEq, ValueEnum)]
enum Name {
    /// From one vehicle's agent to another's, over QUIC on loopback, beside bare QUIC.
    Agents,
    /// Tickets: what it costs to issue and to revoke them, and what that gives away.
    Issuing,
    /// Transactions of a committee of four, beside the consensus engine alone; and what the stages
    /// of a transaction cost.
    Ledger,
    /// The receive path on one core, beside bare signature verification.
    Verify,
}

/// Measures and prints.
pub(crate) fn run(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    if let Some(part) = &arguments.part {
        match arguments.name {
            Name::Agents => agents::run_part(part)?,
            Name::Ledger => ledger::run_part(part)?,
            Name::Issuing | Name::Verify => anyhow::bail!("this benchmark has no parts"),
        }
        return Ok(ExitCode::SUCCESS);
    }
    let length = Duration::from_secs_f64(arguments.seconds);
    let report = match arguments.name {
        Name::Agents => agents::run(length, &arguments.cases)?,
        Name::Issuing => issuing::run(&arguments.cases)?,
        Name::Ledger => ledger::run(length, &arguments.cases, arguments.scale)?,
        Name::Verify => verify::run(length)?,
    };
    let mut out = std::io::stdout().lock();
    if arguments.json {
        serde_json::to_writer_pretty(&mut out, &report)?;
        writeln!(out)?;
    } else {
        write!(out, "{report}")?;
    }
    Ok(if report.broken.is_empty() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

fn parse_seconds(text: &str) -> Result<f64, String> {
    text.parse()
        .ok()
        .filter(|seconds| (0.1..=300.0).contains(seconds))
        .ok_or_else(|| "must be a number between 0.1 and 300".to_owned())
}
