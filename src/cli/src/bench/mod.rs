//! `wayside bench`: what this installation costs, beside a floor measured in the same run.
//!
//! Wall-clock figures move with whatever else the machine does, so the figure to read first is
//! processor time per message, and the ratio to read first is that to the floor's row. No figure
//! passes or fails; a promise that does not hold fails the run.

mod agents;
mod detect;
mod grpc;
mod issuing;
mod ledger;
mod machine;
mod meter;
mod payload;
mod peers;
mod process;
mod relay;
mod report;
mod risk;
mod rounds;
mod stage;
mod station;
mod traffic;
mod verify;

use std::{io::Write as _, path::PathBuf, process::ExitCode, time::Duration};

use clap::{Args, ValueEnum};
use serde::Serialize;

/// What to measure.
#[derive(Args, Clone, Debug)]
pub(crate) struct Arguments {
    /// Which part of Wayside.
    #[arg(value_enum)]
    name: Name,
    /// Recordings that `detect` and `risk` play, in any supported format.
    #[arg(value_name = "FILE")]
    files: Vec<PathBuf>,
    /// Print one JSON object.
    #[arg(long)]
    json: bool,
    /// How long to measure: `verify` in all, the others each of their cases.
    #[arg(long, value_name = "S", default_value_t = 6.0, value_parser = parse_seconds)]
    seconds: f64,
    /// Measure only this case, of a benchmark that has several, and others that are named so. Some run
    /// only if named. Of `ledger`, since they take minutes: `outage` kills roadside units for as long as
    /// it measures, `handover` changes the committee, `rejoin` and `year` make many vehicles first. Of
    /// `relay`, `scale_10`, `scale_100` and `scale_1000` are of a unit with so many cars, `junk` of one
    /// under 20,000 useless messages a second, `flooder` of one under 100,000 of a single car, and
    /// `churn` of one that a hundred other cars a second come to: give that two minutes at least. Of
    /// `detect`, each attack is a case.
    #[arg(long = "case", value_name = "CASE")]
    cases: Vec<String>,
    /// Measure other products in the same rounds, too: the program built in `src/cli/peers`. For
    /// `agents` and `relay`.
    #[arg(long, value_name = "PROGRAM")]
    peers: Option<PathBuf>,
    #[command(flatten)]
    scale: ledger::Scale,
    #[command(flatten)]
    traffic: detect::Lies,
    /// Be one of the processes of a benchmark; it says which, as JSON.
    #[arg(long, hide = true)]
    part: Option<String>,
}

/// A benchmark.
#[derive(Clone, Copy, Debug, Eq, PartialEq, ValueEnum)]
enum Name {
    /// From one vehicle's agent to another's, over QUIC on loopback, beside bare QUIC.
    Agents,
    /// Liars with valid tickets in recorded drives: who is found, and who is accused wrongly, by these
    /// checks and by a published detector.
    Detect,
    /// From one driving stack to another's by way of its agent, beside a relay of tonic alone.
    Grpc,
    /// Tickets: what it costs to issue and to revoke them, and what that gives away.
    Issuing,
    /// Transactions of a committee of four, beside the consensus engine alone; and what the stages
    /// of a transaction cost.
    Ledger,
    /// A roadside unit between a hundred cars and one, beside bare QUIC that passes datagrams on.
    Relay,
    /// Whom the time to collision warns of in recorded drives, with and without their lanes, and what
    /// happened then.
    Risk,
    /// The receive path on one core, beside bare signature verification.
    Verify,
}

/// Measures and prints.
pub(crate) fn run(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    if let Some(part) = &arguments.part {
        match arguments.name {
            Name::Agents => agents::run_part(part)?,
            Name::Grpc => grpc::run_part(part)?,
            Name::Ledger => ledger::run_part(part)?,
            Name::Relay => relay::run_part(part)?,
            Name::Detect | Name::Issuing | Name::Risk | Name::Verify => {
                anyhow::bail!("this benchmark has no parts")
            }
        }
        return Ok(ExitCode::SUCCESS);
    }
    anyhow::ensure!(
        matches!(arguments.name, Name::Detect | Name::Risk) || arguments.files.is_empty(),
        "only detect and risk play recordings"
    );
    let peers = arguments.peers.as_deref();
    let length = Duration::from_secs_f64(arguments.seconds);
    let report = match arguments.name {
        Name::Detect => {
            let report = detect::run(&arguments.files, &arguments.cases, arguments.traffic)?;
            print(&report, arguments.json)?;
            return Ok(ExitCode::SUCCESS);
        }
        Name::Risk => {
            let report = risk::run(&arguments.files)?;
            print(&report, arguments.json)?;
            return Ok(ExitCode::SUCCESS);
        }
        Name::Agents => agents::run(length, &arguments.cases, peers)?,
        Name::Grpc => grpc::run(length, &arguments.cases)?,
        Name::Issuing => issuing::run(&arguments.cases)?,
        Name::Ledger => ledger::run(length, &arguments.cases, arguments.scale)?,
        Name::Relay => relay::run(length, &arguments.cases, peers)?,
        Name::Verify => verify::run(length)?,
    };
    print(&report, arguments.json)?;
    Ok(if report.broken.is_empty() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

fn print(report: &(impl Serialize + std::fmt::Display), json: bool) -> anyhow::Result<()> {
    let mut out = std::io::stdout().lock();
    if json {
        serde_json::to_writer_pretty(&mut out, report)?;
        writeln!(out)?;
    } else {
        write!(out, "{report}")?;
    }
    Ok(())
}

fn parse_seconds(text: &str) -> Result<f64, String> {
    text.parse()
        .ok()
        .filter(|seconds| (0.1..=300.0).contains(seconds))
        .ok_or_else(|| "must be a number between 0.1 and 300".to_owned())
}
