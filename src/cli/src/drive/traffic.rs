use std::{io::Write as _, path::PathBuf, process::ExitCode};

use clap::{Args, ValueEnum};
use serde_json::json;
use wayside::sim::{Seed, TrafficLie, TrafficOutcome, TrafficTrial};

use super::{Reading, report_cut};

/// What to try.
#[derive(Args, Debug)]
pub(super) struct Traffic {
    /// The recording.
    file: PathBuf,
    /// Which share of the vehicles lies, 0 to 1.
    #[arg(long, value_name = "SHARE", default_value_t = 0.0, value_parser = parse_share)]
    liars: f64,
    /// What they say.
    #[arg(long, value_enum, default_value_t = Lie::Speed)]
    lie: Lie,
    /// Who lies follows from it.
    #[arg(long, value_name = "N", default_value_t = 0)]
    seed: u64,
    /// Prints one JSON object instead of text.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    reading: Reading,
}

/// What liars say.
#[derive(Clone, Copy, Debug, Eq, PartialEq, ValueEnum)]
enum Lie {
    /// A speed that is not theirs.
    Speed,
    /// That they stand where they were first.
    Standing,
    /// Nothing at all: how good the traffic of the others is, which is the best that anybody can tell.
    Silent,
}

impl Traffic {
    pub(super) fn run(self) -> anyhow::Result<ExitCode> {
        let imported = self.reading.read(&self.file)?;
        let trial = TrafficTrial {
            liars: self.liars,
            lie: match self.lie {
                Lie::Speed => TrafficLie::Speed,
                Lie::Standing => TrafficLie::Standing,
                Lie::Silent => TrafficLie::Silent,
            },
            seed: Seed(self.seed),
        };
        let outcome = trial.run(&imported.drive, |_| {});
        let mut out = std::io::stdout().lock();
        if self.json {
            writeln!(out, "{:#}", json_of(&outcome))?;
        } else {
            write!(out, "{}", text_of(&outcome))?;
        }
        Ok(report_cut(&imported))
    }
}

fn text_of(outcome: &TrafficOutcome) -> String {
    let mut text = format!(
        "{} of {} vehicles lie; {} messages heard, {} intervals, {} cells\n",
        outcome.liars,
        outcome.vehicles,
        outcome.heard,
        outcome.intervals,
        outcome.cells.len()
    );
    for cell in &outcome.cells {
        text.push_str(&format!(
            "  {:x}  told {:5.1} m/s, true {:5.1} m/s ({:4.1} % off) over {:.0} vehicle seconds\n",
            cell.cell.h3(),
            cell.told_m_per_s,
            cell.true_m_per_s,
            100.0 * cell.error(),
            cell.vehicle_s
        ));
    }
    text.push_str(&format!(
        "within 10 %: {:.1} % of cells; the worst is {:.1} % off\n",
        100.0 * outcome.within(0.1),
        100.0 * outcome.worst()
    ));
    text
}

fn json_of(outcome: &TrafficOutcome) -> serde_json::Value {
    let cells = outcome.cells.iter().map(|cell| {
        json!({
            "cell": format!("{:x}", cell.cell.h3()),
            "told_m_per_s": cell.told_m_per_s,
            "true_m_per_s": cell.true_m_per_s,
            "error": cell.error(),
            "vehicle_s": cell.vehicle_s,
        })
    });
    json!({
        "vehicles": outcome.vehicles,
        "liars": outcome.liars,
        "heard": outcome.heard,
        "intervals": outcome.intervals,
        "cells": cells.collect::<Vec<_>>(),
        "within_10_percent": outcome.within(0.1),
        "worst_error": outcome.worst(),
    })
}

fn parse_share(text: &str) -> Result<f64, String> {
    let share: Option<f64> = text.parse().ok();
    share
        .filter(|share| (0.0..=1.0).contains(share))
        .ok_or_else(|| "expected a share from 0 to 1".to_owned())
}
