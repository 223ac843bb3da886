use std::collections::BTreeMap;

use serde::Serialize;

use super::{Script, Tally};
use crate::replay::{Cut, Drive};

/// What a replay did, as JSON.
///
/// A virtual replay of the same file with the same options, seed and version gives the same
/// report, byte for byte; so it holds no wall-clock time.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Report {
    /// Version of Wayside that wrote it.
    pub version: &'static str,
    /// Where the drive came from.
    pub source: String,
    /// Whether time was virtual, or QUIC ran in real time.
    pub mode: Mode,
    /// The options that shaped the run.
    pub options: ReportOptions,
    /// Coordinated universal time of the drive's first record, in Unix milliseconds.
    pub start_unix_ms: u64,
    /// Length of the part that was played, in milliseconds of the drive's time.
    pub duration_ms: u64,
    /// How many vehicles took part.
    pub vehicles: usize,
    /// States that the vehicles' driving stacks handed to their agents.
    pub states: u64,
    /// Messages that were signed and sent; the generation rule holds back the rest.
    pub published: u64,
    /// How many receivers took a message into their world, once each.
    pub delivered: u64,
    /// How many receivers were in range when the messages were generated; with roadside units, of
    /// those whose unit serves the sender's place.
    pub expected: u64,
    /// `delivered / expected`, or 1 where nothing was expected.
    pub coverage: f64,
    /// Refused messages, by reason; byte-equal repeats are in [`Self::duplicate`] instead.
    pub refused: BTreeMap<String, u64>,
    /// States that a vehicle's own agent refused to publish, by reason.
    pub unpublished: BTreeMap<String, u64>,
    /// Implausible messages, by the check that says so.
    pub flagged: BTreeMap<String, u64>,
    /// Byte-equal repeats.
    pub duplicate: u64,
    /// From generation to the receiver's world.
    pub latency_us: Latency,
    /// What roadside units did, where vehicles heard each other by them alone.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub roadside: Option<RoadsideReport>,
    /// Every hazard that was reported: by labels of the recording, or by vehicles that found it
    /// themselves.
    pub hazards: Vec<HazardReport>,
    /// Processor time of the whole run per delivered message; live runs only.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cpu_us_per_msg: Option<f64>,
    /// Where the recording was cut, if it was.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cut: Option<String>,
    /// What the importer assumed or left out.
    pub notes: Vec<String>,
    /// Digest over all deliveries in order (time, receiver, message), in hexadecimal.
    pub digest: String,
}

/// How time passed.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Mode {
    /// As fast as the machine allows.
    Virtual,
    /// In real time, over QUIC on loopback.
    Live,
}

/// The options that shaped a run.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ReportOptions {
    /// Seed of all random choices.
    pub seed: u64,
    /// Everybody within this distance hears everybody, in metres.
    pub range_m: f64,
    /// Probability that a telemetry message is lost on its way to one receiver.
    pub loss: f64,
    /// Time that every message takes, in milliseconds.
    pub delay_ms: u64,
    /// Up to so much is added to that by chance, in milliseconds.
    pub jitter_ms: u64,
    /// At most this many vehicles.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub vehicles: Option<usize>,
    /// At most this much of the drive, in seconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub duration_s: Option<f64>,
    /// Speed against the drive's own clock; live runs only.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rate: Option<f64>,
}

/// Roadside units of a run.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
pub struct RoadsideReport {
    /// How many.
    pub units: usize,
    /// How far each serves, in metres.
    pub radius_m: u32,
    /// How often a vehicle went over from one to another.
    pub handovers: u64,
    /// Stations and hazards that a vehicle was told of and that lay outside of what it asked for.
    pub outside: u64,
}

/// Latency in microseconds.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq, Serialize)]
pub struct Latency {
    /// Half of the deliveries took no longer.
    pub p50: u64,
    /// 99 % of the deliveries took no longer.
    pub p99: u64,
    /// The slowest delivery.
    pub max: u64,
}

/// One hazard of a run.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
pub struct HazardReport {
    /// The vehicle that reported it.
    pub vehicle: String,
    /// ETSI TS 102 894-2 cause code.
    pub cause_code: u8,
    /// ETSI TS 102 894-2 sub-cause code.
    pub sub_cause_code: u8,
    /// The standard's name of the cause.
    pub cause: String,
    /// Where it was reported, in 1e-7° north.
    pub latitude_e7: i32,
    /// Where it was reported, in 1e-7° east.
    pub longitude_e7: i32,
    /// When it was reported, in milliseconds from the drive's start.
    pub reported_at_ms: u64,
    /// When its originator cancelled it, in milliseconds from the drive's start.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cancelled_at_ms: Option<u64>,
    /// Vehicles in range when it was reported.
    pub expected: u64,
    /// How many vehicles heard of it, including those that came into range later.
    pub heard_by: u64,
    /// How many of those were told that a second source agrees, so that they may act upon it.
    pub acted_on_by: u64,
    /// From report to the worlds of those in range at that time.
    pub latency_us: Latency,
}

impl Report {
    /// Writes down a run.
    pub fn new(
        (drive, script): (&Drive, &Script),
        (mode, options): (Mode, ReportOptions),
        tally: &Tally,
        cut: Option<&Cut>,
    ) -> Self {
        Self {
            version: env!("CARGO_PKG_VERSION"),
            source: drive.provenance.source.clone(),
            mode,
            options,
            start_unix_ms: script.start.unix_ms(),
            duration_ms: script.end.unix_ms().saturating_sub(script.start.unix_ms()),
            vehicles: script.vehicles.len(),
            states: tally.states,
            published: tally.published,
            delivered: tally.delivered,
            expected: tally.expected,
            coverage: tally.coverage(),
            refused: tally.refused.clone(),
            unpublished: tally.unpublished.clone(),
            flagged: tally.flagged.clone(),
            duplicate: tally.duplicate,
            latency_us: tally.latency_us(),
            roadside: None,
            hazards: tally.hazards(),
            cpu_us_per_msg: None,
            cut: cut.map(Cut::to_string),
            notes: drive.notes.clone(),
            digest: tally.digest(),
        }
    }
}
