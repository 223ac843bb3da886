//! `wayside replay`: a recorded drive through real stations, in virtual or in real time.

mod live;
mod numbers;
mod output;
mod page;
mod virtual_time;

use std::{path::PathBuf, process::ExitCode, time::Duration};

use clap::Args;
use page::Seen;
use wayside::{hazards, sim::Placement};

use crate::drive::{Reading, report_cut};

/// What to replay and how.
#[derive(Args, Clone, Debug)]
pub(crate) struct Arguments {
    /// A recording: MCAP, or anything that `wayside drive import` reads.
    file: PathBuf,
    /// Run in real time over QUIC on loopback instead of in virtual time.
    #[arg(long)]
    live: bool,
    /// Speed against the drive's own clock; live only.
    #[arg(long, value_name = "X", default_value_t = 1.0, allow_negative_numbers = true, value_parser = numbers::parse_rate)]
    rate: f64,
    /// Play only the first N vehicles.
    #[arg(long, value_name = "N")]
    vehicles: Option<usize>,
    /// Play only the first S seconds.
    #[arg(long, value_name = "S", allow_negative_numbers = true, value_parser = numbers::parse_seconds)]
    duration: Option<f64>,
    /// Everybody within this distance hears everybody.
    #[arg(long, value_name = "M", default_value_t = 300.0, allow_negative_numbers = true, value_parser = numbers::parse_metres)]
    range_m: f64,
    /// Probability that a telemetry message does not reach one of its receivers.
    ///
    /// Virtual time only, as is --delay-ms: on loopback the network is what it is.
    #[arg(
        long,
        value_name = "P",
        default_value_t = 0.0,
        allow_negative_numbers = true, value_parser = numbers::parse_probability,
        conflicts_with_all = ["live", "serve"]
    )]
    loss: f64,
    /// Time that every message takes.
    #[arg(long, value_name = "N", default_value_t = 0, conflicts_with_all = ["live", "serve"])]
    delay_ms: u64,
    /// Up to so much is added to that by chance, so that messages overtake each other.
    #[arg(long, value_name = "N", default_value_t = 0, conflicts_with_all = ["live", "serve"])]
    jitter_ms: u64,
    /// Put N roadside units along the drive; vehicles hear each other only through them.
    ///
    /// They stand evenly on the longer axis of the box around everywhere that a vehicle is.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1_000), conflicts_with = "serve")]
    units: Option<u16>,
    /// How far each unit serves; as far as the drive needs where it is not given.
    #[arg(long, value_name = "M", value_parser = clap::value_parser!(u32).range(1..=10_000), requires = "units")]
    unit_radius_m: Option<u32>,
    /// Serve this vehicle's agent by gRPC while the others drive; the replay service commands the
    /// clock, which stands still at first. Prints the address as one line of JSON. Implies --live.
    #[arg(long, value_name = "VEHICLE")]
    serve: Option<String>,
    /// Connections that one vehicle keeps at most; live only.
    #[arg(long, value_name = "N", default_value_t = 64)]
    neighbours_max: usize,
    /// What every random choice and every key follows from.
    #[arg(long, value_name = "N", default_value_t = 0)]
    seed: u64,
    /// Send at a fixed rate in hertz instead of by the rule of EN 302 637-2.
    #[arg(long, value_name = "HZ", allow_negative_numbers = true, value_parser = numbers::parse_rate)]
    send_rate: Option<f64>,
    /// A vehicle that stands for so many seconds, as broken down, says so by itself.
    #[arg(long, value_name = "S", default_value_t = 30.0, allow_negative_numbers = true, value_parser = numbers::parse_seconds)]
    stationary_after: f64,
    /// Vehicles report only what the recording's labels say, and no danger that they find by
    /// themselves.
    #[arg(long, conflicts_with = "stationary_after")]
    labels_only: bool,
    #[command(flatten)]
    reading: Reading,
    /// Write every signed message to this MCAP file, with the trust domain.
    #[arg(long, value_name = "OUT.mcap")]
    record: Option<PathBuf>,
    /// Write the report here instead of a summary to the terminal; `-` is standard output.
    #[arg(long, value_name = "OUT.json")]
    report: Option<PathBuf>,
    /// Write a page to look at in a browser: the drive on a map, what one vehicle saw of it, which
    /// claims it held to be implausible and why.
    #[arg(long, value_name = "OUT.html", conflicts_with_all = ["live", "serve"])]
    report_html: Option<PathBuf>,
    /// Whose view the page shows; that of whoever speaks most where it is not given.
    #[arg(long, value_name = "VEHICLE", requires = "report_html")]
    view: Option<String>,
}

impl Arguments {
    /// Where roadside units shall stand.
    fn placement(&self) -> Option<Placement> {
        let count = usize::from(self.units?);
        Some(Placement {
            count,
            radius_m: self.unit_radius_m,
        })
    }

    /// Which dangers the vehicles tell of by themselves.
    fn hazards(&self) -> hazards::Config {
        let stationary_after = Duration::from_secs_f64(self.stationary_after);
        hazards::Config {
            enabled: !self.labels_only,
            stationary_lit_after: stationary_after,
            stationary_unlit_after: stationary_after,
            ..hazards::Config::default()
        }
    }
}

/// Replays; fails if the file cannot be played, and exits with 1 if it was cut.
pub(crate) fn run(arguments: Arguments) -> anyhow::Result<ExitCode> {
    let input = arguments.reading.read(&arguments.file)?;
    let exit = report_cut(&input);
    if arguments.live || arguments.serve.is_some() {
        live::run(&arguments, input)?;
        return Ok(exit);
    }
    let page = match &arguments.report_html {
        Some(path) => {
            let most = arguments.vehicles;
            let viewer = page::viewer(&input.drive, most, arguments.view.as_deref())?;
            // What is recorded does not tell any more what it was made of.
            let lanes = page::lanes(&arguments.file, &input.drive)?;
            Some((path, Seen::by(viewer), lanes))
        }
        None => None,
    };
    let seen = page.as_ref().map(|(_, seen, _)| seen.clone());
    let result = virtual_time::run(&arguments, input, seen)?;
    if let Some((path, seen, lanes)) = page {
        page::write(path, &result.recording, &result.report, (&seen, lanes))?;
    }
    output::write(&arguments, &result.report, &result.recording)?;
    Ok(exit)
}
