//! `wayside bench ledger`: what a transaction costs, beside the consensus engine alone.
//!
//! A committee is four members in processes of their own on this machine, which share its cores; so
//! it is the ratio to the bare engine that counts: the same engine, bytes and signature checks in
//! the same run, without rules, state and their roots. What the stages of a transaction cost is
//! measured in one thread of this process. What it costs that a member dies or the committee
//! changes is measured on roadside units as operators run them, if asked for.

mod conductor;
mod domain;
mod live;
mod member;
mod rejoin;
mod stages;
mod year;

use std::{collections::BTreeMap, time::Duration};

use anyhow::ensure;
use clap::Args;
use conductor::Case;
use member::{Load, Part};

use super::{
    machine::Machine,
    meter::median,
    report::{Report, Row},
};

/// Measures all cases, or those named, in rounds, so that a noisy minute is shared by all.
pub(super) fn run(length: Duration, names: &[String], scale: Scale) -> anyhow::Result<Report> {
    for name in names {
        let is_known = [STAGES, OUTAGE, HANDOVER, REJOIN, YEAR].contains(&name.as_str())
            || CASES.iter().any(|case| case.name == name);
        ensure!(is_known, "there is no case {name}");
    }
    let is_wanted = |name: &str| names.is_empty() || names.iter().any(|it| it == name);
    let mut report = Report::new("ledger", Machine::read());
    if is_wanted(STAGES) {
        stages::measure(length, &mut report)?;
    }
    let cases: Vec<_> = CASES.iter().filter(|case| is_wanted(case.name)).collect();
    let mut found: BTreeMap<(&str, &str), Vec<f64>> = BTreeMap::new();
    for _ in 0..ROUNDS {
        for case in &cases {
            for (name, figure) in conductor::run(case, length / ROUNDS)? {
                found.entry((case.name, name)).or_default().push(figure);
            }
        }
    }
    for case in &cases {
        let figures = found
            .iter_mut()
            .filter(|((name, _), _)| *name == case.name)
            .map(|((_, figure), values)| (*figure, median(values)));
        report.rows.push(Row {
            case: case.name,
            note: case.note,
            figures: figures.collect(),
        });
    }
    // These take minutes, so they have to be asked for.
    let is_asked_for = |name: &str| names.iter().any(|it| it == name);
    if is_asked_for(OUTAGE) {
        live::run_outage(length, &mut report)?;
    }
    if is_asked_for(HANDOVER) {
        live::run_handover(&mut report)?;
    }
    if is_asked_for(REJOIN) {
        rejoin::run(scale.vehicles, &mut report)?;
    }
    if is_asked_for(YEAR) {
        year::run(scale.transactions, &mut report)?;
    }
    for (name, case, floor) in RATIOS {
        let ratio = report.figure(case, "tx_per_s") / report.figure(floor, "tx_per_s");
        if ratio.is_finite() {
            report.ratios.insert(name, ratio);
        }
    }
    Ok(report)
}

/// Is one member of a committee.
pub(super) fn run_part(text: &str) -> anyhow::Result<()> {
    let part: Part = serde_json::from_str(text)?;
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?
        .block_on(member::run(part))
}

/// How large a ledger is whose growth is measured.
#[derive(Args, Clone, Copy, Debug)]
pub(super) struct Scale {
    /// How many vehicles the ledger of `rejoin` has.
    #[arg(long, value_name = "N", default_value_t = 10_000)]
    vehicles: u32,
    /// How many transactions `year` makes: a million are a year, fewer a part of it with as many
    /// vehicles fewer.
    #[arg(long, value_name = "N", default_value_t = 20_000)]
    transactions: u64,
}

/// The name of the rows that no committee is needed for.
const STAGES: &str = "stages";
/// The name of the row about units that are killed.
const OUTAGE: &str = "outage";
/// The name of the row about a committee that changes.
const HANDOVER: &str = "handover";
/// The name of the row about a member that lost everything.
const REJOIN: &str = "rejoin";
/// The name of the row about the disk that a year takes.
const YEAR: &str = "year";
/// Two for each case: a noisy moment shows as a difference.
const ROUNDS: u32 = 2;

const fn bare(name: &'static str, shards: u16, batch: u32) -> Case {
    Case {
        name,
        note: "the floor: the engine with one signature check for each transaction",
        bare: true,
        shards,
        batch,
        load: Load::Waiting(waiting(batch)),
    }
}

const fn ledger(name: &'static str, shards: u16, batch: u32) -> Case {
    Case {
        name,
        note: "readings of odometers, each signed by a vehicle's own key",
        bare: false,
        shards,
        batch,
        load: Load::Waiting(waiting(batch)),
    }
}

/// How many of each of four members wait, so that the next block is always there in full.
const fn waiting(batch: u32) -> usize {
    batch as usize
}

const CASES: [Case; 13] = [
    bare("bare_1_shard_batch_100", 1, 100),
    ledger("ledger_1_shard_batch_100", 1, 100),
    bare("bare_1_shard_batch_1000", 1, 1_000),
    ledger("ledger_1_shard_batch_1000", 1, 1_000),
    bare("bare_1_shard_batch_5000", 1, 5_000),
    ledger("ledger_1_shard_batch_5000", 1, 5_000),
    bare("bare_2_shards_batch_100", 2, 100),
    ledger("ledger_2_shards_batch_100", 2, 100),
    bare("bare_2_shards_batch_1000", 2, 1_000),
    ledger("ledger_2_shards_batch_1000", 2, 1_000),
    bare("bare_2_shards_batch_5000", 2, 5_000),
    ledger("ledger_2_shards_batch_5000", 2, 5_000),
    Case {
        name: "ledger_idle",
        note: "eight transactions a second in all: from submission until final where submitted",
        bare: false,
        shards: 1,
        batch: 1_000,
        load: Load::Every(Duration::from_millis(500)),
    },
];

/// Transactions a second, of the ledger for each of the engine alone.
const RATIOS: [(&str, &str, &str); 6] = [
    (
        "ledger_to_bare_1_shard_batch_100",
        "ledger_1_shard_batch_100",
        "bare_1_shard_batch_100",
    ),
    (
        "ledger_to_bare_1_shard_batch_1000",
        "ledger_1_shard_batch_1000",
        "bare_1_shard_batch_1000",
    ),
    (
        "ledger_to_bare_1_shard_batch_5000",
        "ledger_1_shard_batch_5000",
        "bare_1_shard_batch_5000",
    ),
    (
        "ledger_to_bare_2_shards_batch_100",
        "ledger_2_shards_batch_100",
        "bare_2_shards_batch_100",
    ),
    (
        "ledger_to_bare_2_shards_batch_1000",
        "ledger_2_shards_batch_1000",
        "bare_2_shards_batch_1000",
    ),
    (
        "ledger_to_bare_2_shards_batch_5000",
        "ledger_2_shards_batch_5000",
        "bare_2_shards_batch_5000",
    ),
];
