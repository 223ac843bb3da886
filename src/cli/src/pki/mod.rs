//! `wayside pki`: trust domains for development and tests.
//!
//! One issuer holds every role here and its key lies in a file, so that none of the promises about
//! tickets hold; everything made says DEVELOPMENT. The formats are the ones of the road.

mod committee;
mod files;
mod inspect;
mod issue;
mod issuing;
mod knows;
mod operator;
mod tls;

use std::{
    path::{Path, PathBuf},
    process::ExitCode,
    time::Duration,
};

use clap::{Args, Subcommand};
pub(crate) use committee::Committee;
use wayside::time::Timestamp;

/// Arguments of `wayside pki`.
#[derive(Args, Debug)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Makes a trust domain with vehicles, their tickets, their agents' configurations, and
    /// certificates for gRPC; with operators also a ledger, a key for each role on it, and the
    /// configurations of its roadside units. DEVELOPMENT only.
    Init(Init),
    /// Makes the folder and the enrolment key of one more vehicle; or, with `--on-ledger`, enrols one on
    /// the domain's ledger, so that its agent gets tickets from the operators. DEVELOPMENT only.
    Enrol(Enrol),
    /// Issues more tickets to a vehicle. DEVELOPMENT only.
    Issue(Issue),
    /// Makes keys and configuration of an operator that joins a ledger which is there.
    Operator(operator::Operator),
    /// Has the operators of a running development ledger issue tickets to the domain's vehicles.
    /// DEVELOPMENT only.
    Issuing(issuing::Issuing),
    /// Says who issues tickets on a ledger, and by which keys.
    Show(issuing::Show),
    /// Says what a stopped unit knows of tickets, by its disk.
    Knows(knows::Knows),
    /// Gives an operator's running unit new keys. DEVELOPMENT only.
    Rotate(issuing::Rotate),
    /// Orders that the tickets of a vehicle count no more. DEVELOPMENT only.
    Revoke(issuing::Revoke),
    /// Takes such an order back. DEVELOPMENT only.
    Lift(issuing::Lift),
    /// Prints the list of revoked tickets.
    List(issuing::List),
    /// Says what is in a ticket, a trust domain, a list of revoked tickets or a signed message.
    Inspect(Inspect),
}

#[derive(Args, Debug)]
struct Init {
    /// The folder to make; it must be empty or not exist.
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// How many vehicles to enrol; 2, or none beside a ledger, unless given.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(0..=1_000))]
    vehicles: Option<u16>,
    #[command(flatten)]
    committee: Committee,
    /// How long one ticket lasts.
    #[arg(long, value_name = "TIME", default_value = "300s", value_parser = humantime::parse_duration)]
    slot_length: Duration,
    #[command(flatten)]
    period: Period,
    /// The QUIC port of the first vehicle; each further one takes the next.
    #[arg(long, value_name = "PORT", default_value_t = QUIC_PORT)]
    quic_port: u16,
    /// The metrics port of the first vehicle; each further one takes the next.
    #[arg(long, value_name = "PORT", default_value_t = METRICS_PORT)]
    metrics_port: u16,
}

#[derive(Args, Debug)]
struct Enrol {
    #[command(flatten)]
    domain: issuing::DomainArguments,
    /// The vehicle's name, which becomes its folder's.
    name: String,
    /// Brings it to the domain's ledger, too, and has the operators give it tickets; after
    /// `wayside pki issuing`.
    #[arg(long)]
    on_ledger: bool,
}

#[derive(Args, Debug)]
struct Issue {
    #[command(flatten)]
    domain: issuing::DomainArguments,
    /// The vehicle's name.
    name: String,
    /// Asks the operators of the domain's ledger for them, as the vehicle's agent would; after
    /// `wayside pki issuing`.
    #[arg(long)]
    from_operators: bool,
    #[command(flatten)]
    period: Period,
}

#[derive(Args, Debug)]
struct Inspect {
    /// A `.ticket` file, a trust domain, a list of revoked tickets, or a ticket or signed message in bytes
    /// or hexadecimal digits.
    file: PathBuf,
    /// Checks what is from a ledger against the ledger's genesis, for as long as its first committee
    /// voted.
    #[arg(long, value_name = "FILE")]
    genesis: Option<PathBuf>,
    /// Prints one JSON object instead of text.
    #[arg(long)]
    json: bool,
}

/// Which slots to issue tickets for.
#[derive(Args, Clone, Copy, Debug)]
struct Period {
    /// How many slots, one ticket each; 48 are four hours of five-minute slots.
    #[arg(long, value_name = "N", default_value_t = 48, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    slots: u32,
    /// A moment in the first slot, as 2026-01-31T12:00:00Z or seconds since 1970; now, if not
    /// given.
    #[arg(long, value_name = "TIME", value_parser = parse_time)]
    start: Option<Timestamp>,
}

/// Runs `wayside pki`.
pub(crate) fn run(arguments: Arguments) -> anyhow::Result<ExitCode> {
    match arguments.command {
        Command::Init(arguments) => arguments.run()?,
        Command::Enrol(arguments) => wait_for(arguments.run())?,
        Command::Issue(arguments) => wait_for(arguments.run())?,
        Command::Operator(arguments) => arguments.run()?,
        Command::Issuing(arguments) => wait_for(arguments.run())?,
        Command::Show(arguments) => wait_for(arguments.run())?,
        Command::Knows(arguments) => arguments.run()?,
        Command::Rotate(arguments) => wait_for(arguments.run())?,
        Command::Revoke(arguments) => wait_for(arguments.run())?,
        Command::Lift(arguments) => wait_for(arguments.run())?,
        Command::List(arguments) => wait_for(arguments.run())?,
        Command::Inspect(arguments) => arguments.run()?,
    }
    Ok(ExitCode::SUCCESS)
}

/// Makes a trust domain as `wayside pki init` does, with agents' ports that callers override.
pub(crate) fn init(
    out: &Path,
    vehicles: u16,
    slot_length: Duration,
    committee: Committee,
) -> anyhow::Result<()> {
    let init = Init {
        out: out.to_owned(),
        vehicles: Some(vehicles),
        committee,
        slot_length,
        period: Period {
            slots: 2,
            start: None,
        },
        quic_port: QUIC_PORT,
        metrics_port: METRICS_PORT,
    };
    init.make()
}

/// Runs what speaks with a roadside unit.
fn wait_for(work: impl Future<Output = anyhow::Result<()>>) -> anyhow::Result<()> {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?
        .block_on(work)
}

impl Period {
    fn start(self) -> Timestamp {
        self.start.unwrap_or_else(now)
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "the command line is where time comes in"
)]
fn now() -> Timestamp {
    let since_epoch = std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .unwrap_or_default();
    Timestamp::EPOCH.saturating_add(since_epoch)
}

/// A moment in the words of the command line.
pub(crate) fn parse_time(text: &str) -> Result<Timestamp, String> {
    let since_epoch = match text.parse() {
        Ok(seconds) => Duration::from_secs(seconds),
        Err(_) => humantime::parse_rfc3339_weak(text)
            .map_err(|error| error.to_string())?
            .duration_since(std::time::UNIX_EPOCH)
            .map_err(|_| "before 1970".to_owned())?,
    };
    since_epoch
        .as_millis()
        .try_into()
        .ok()
        .and_then(Timestamp::from_unix_ms)
        .ok_or_else(|| "out of range".to_owned())
}

const METRICS_PORT: u16 = 9_464;
const QUIC_PORT: u16 = 7_441;
