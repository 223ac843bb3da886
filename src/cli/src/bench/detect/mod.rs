//! `wayside bench detect`: who finds liars, and whom it accuses wrongly.
//!
//! Recorded drives become traffic with noise, loss and a share of liars of one kind at a time
//! ([`wayside::sim::Traffic`]); Wayside's checks and a published detector ([`catch`]) hear the same
//! messages. What is counted is a sender's ten seconds: they are lying if half a second of messages
//! lies, and found if any of them is flagged. Ten seconds in which a liar hardly lies count for
//! nobody. What a lie is can be told in three ways ([`Falsity`]), and each is reported. What is older
//! than the verifier takes counts as found by Wayside, whose checks never see it: a station whose
//! messages are refused is not believed either.
//!
//! A recording that tells of each message whether it is true ([`LabelledRow`]) is heard as it is,
//! and counted label by label.

mod catch;
mod counts;
mod detector;
mod evasive;
mod labelled;
mod report;
mod score;

use std::path::PathBuf;

use anyhow::{Context as _, bail, ensure};
use clap::Args;
use wayside::{
    replay::{Drive, Options, import, import_labelled},
    sim::{Attack, Falsity, Seed, Traffic, TrafficOptions},
    time::Timestamp,
};

use self::{
    catch::Catch,
    counts::Counts,
    detector::Wayside,
    evasive::Evasion,
    labelled::LabelledRow,
    score::{Flagging, Heard, Score},
};
pub(super) use report::Report;
use report::{AttackRow, DriveRow};

#[cfg(test)]
mod tests;

/// What traffic to make.
#[derive(Args, Clone, Copy, Debug)]
pub(super) struct Lies {
    /// Seeds of noise for the honest drives of `detect`; each attack is told under the first.
    #[arg(long, value_name = "N", default_value_t = 3)]
    seeds: u64,
    /// The first seed of `detect`.
    #[arg(long, value_name = "N", default_value_t = 1)]
    first_seed: u64,
    /// Leave out the attacks of `detect`.
    #[arg(long)]
    honest_only: bool,
    /// Find out in `detect` what liars may do unseen who stay below each threshold.
    #[arg(long)]
    evasive: bool,
}

/// Plays all attacks, or those named, on each recording.
pub(super) fn run(files: &[PathBuf], names: &[String], lies: Lies) -> anyhow::Result<Report> {
    ensure!(!files.is_empty(), "name at least one recording");
    for name in names {
        let is_known = Attack::ALL.iter().any(|attack| attack.name() == name);
        ensure!(is_known, "there is no attack {name}");
    }
    let is_wanted = |attack: &Attack| {
        !lies.honest_only && (names.is_empty() || names.iter().any(|it| it == attack.name()))
    };
    let attacks: Vec<_> = Attack::ALL.into_iter().filter(is_wanted).collect();
    let mut report = Report::new(lies.first_seed);
    for file in files {
        let bytes =
            std::fs::read(file).with_context(|| format!("cannot read {}", file.display()))?;
        let name = file.file_name().unwrap_or(file.as_os_str());
        let name = name.to_string_lossy();
        if let Some(heard) = import_labelled(&name, &bytes)? {
            report.add_labelled(LabelledRow::of(&name, heard));
            continue;
        }
        let drive = import(&name, &bytes, &Options::default())?.drive;
        if drive.vehicles.is_empty() {
            bail!("{name} holds no vehicle");
        }
        report.add(row(&name, &drive, &attacks, lies));
    }
    report.conclude();
    Ok(report)
}

fn row(name: &str, drive: &Drive, attacks: &[Attack], lies: Lies) -> DriveRow {
    let honest = |seed: u64, noise: bool| TrafficOptions {
        seed: Seed(seed),
        attack: None,
        liars: 0.0,
        loss: if noise { LOSS } else { 0.0 },
        noise,
    };
    let as_recorded = play(drive, &honest(lies.first_seed, false));
    let mut noisy = [Score::default(), Score::default()];
    for seed in lies.first_seed..lies.first_seed.saturating_add(lies.seeds) {
        let scores = play(drive, &honest(seed, true));
        for (sum, more) in noisy.iter_mut().zip(&scores) {
            sum.add(more);
        }
    }
    let attacks = attacks.iter().map(|attack| {
        let options = TrafficOptions {
            attack: Some(*attack),
            liars: LIARS,
            ..honest(lies.first_seed, true)
        };
        let traffic = Traffic::of(drive, &options);
        let flaggings = hear(&traffic);
        let score = |lie| score(drive.start, &traffic, &flaggings, lie);
        AttackRow::new(*attack, Counts::of(score))
    });
    let attacks = attacks.collect();
    let mut row = DriveRow::new((name, drive), (as_recorded, noisy), attacks);
    if lies.evasive {
        let traffic = Traffic::of(drive, &honest(lies.first_seed, true));
        let score = |told: &Traffic| {
            let flagging = Flagging::of(told, Wayside::default());
            Heard::new(drive.start, told, Falsity::Changed).score(told, &flagging)
        };
        row.evasions = Evasion::ALL
            .into_iter()
            .map(|evasion| evasion.row(&traffic, score))
            .collect();
    }
    row
}

/// What both detectors make of traffic in which nobody lies: Wayside's first.
fn play(drive: &Drive, options: &TrafficOptions) -> [Score; 2] {
    let traffic = Traffic::of(drive, options);
    score(drive.start, &traffic, &hear(&traffic), Falsity::Changed)
}

/// What both detectors flag: Wayside's first.
fn hear(traffic: &Traffic) -> [Flagging; 2] {
    [
        Flagging::of(traffic, Wayside::default()),
        Flagging::of(traffic, Catch::default()),
    ]
}

/// The same held against the truth, by windows from a start.
fn score(
    start: Timestamp,
    traffic: &Traffic,
    flaggings: &[Flagging; 2],
    lie: Falsity,
) -> [Score; 2] {
    let heard = Heard::new(start, traffic, lie);
    flaggings.each_ref().map(|it| heard.score(traffic, it))
}

/// As VeReMi NextGen.
const LIARS: f64 = 0.2;
const LOSS: f64 = 0.05;
