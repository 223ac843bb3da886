//! `wayside sim`: simulated roads with faults and liars, held against what must always be true.

use std::{
    io::Write as _,
    process::ExitCode,
    sync::{
        Mutex,
        atomic::{AtomicU64, Ordering},
    },
    thread,
};

use clap::Args;
use indicatif::{ProgressBar, ProgressStyle};
use wayside::sim::{Scenario, Seed, Trial, TrialReport};

/// Which roads to run.
#[derive(Args, Clone, Debug)]
pub(crate) struct Arguments {
    /// Runs the seeds from 0 up to this many.
    #[arg(long, value_name = "N", default_value_t = 20, conflicts_with = "seed")]
    seeds: u64,
    /// Runs this seed alone, and says what happens in it.
    #[arg(long, value_name = "N")]
    seed: Option<u64>,
    /// Prints one JSON object with every seed's figures.
    #[arg(long)]
    json: bool,
}

/// Runs seeds; exits with 1 if an invariant was broken in one of them.
pub(crate) fn run(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let seeds = match arguments.seed {
        Some(seed) => vec![seed],
        None => (0..arguments.seeds).collect(),
    };
    let reports = run_all(&seeds);
    let failed = reports
        .iter()
        .filter(|report| !report.broken.is_empty())
        .count();
    let mut out = std::io::stdout().lock();
    if arguments.json {
        let whole = serde_json::json!({
            "version": env!("CARGO_PKG_VERSION"),
            "seeds": reports.len(),
            "failed": failed,
            "reports": reports,
        });
        serde_json::to_writer_pretty(&mut out, &whole)?;
        writeln!(out)?;
    } else {
        if let (Some(seed), [report]) = (arguments.seed, reports.as_slice()) {
            describe(&mut out, seed, report)?;
        }
        summarise(&mut out, &reports, failed)?;
    }
    Ok(if failed == 0 {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

/// Runs the seeds on every processor; the reports come in the order of the seeds.
fn run_all(seeds: &[u64]) -> Vec<TrialReport> {
    let bar = ProgressBar::new(seeds.len() as u64).with_style(
        ProgressStyle::with_template("{wide_bar} {pos} of {len} seeds, {elapsed} passed")
            .unwrap_or_else(|_| ProgressStyle::default_bar()),
    );
    let next = AtomicU64::new(0);
    let reports = Mutex::new(Vec::new());
    let work = || {
        while let Some(seed) = usize::try_from(next.fetch_add(1, Ordering::Relaxed))
            .ok()
            .and_then(|index| seeds.get(index))
        {
            let report = Trial::run(&Scenario::of(Seed(*seed)));
            reports
                .lock()
                .expect("nobody panics while holding it")
                .push(report);
            bar.inc(1);
        }
    };
    let workers = thread::available_parallelism().map_or(1, usize::from);
    thread::scope(|scope| {
        for _ in 0..workers.min(seeds.len()) {
            scope.spawn(work);
        }
    });
    bar.finish_and_clear();
    let mut reports = reports
        .into_inner()
        .expect("nobody panics while holding it");
    reports.sort_by_key(|report| report.seed);
    reports
}

fn summarise(
    out: &mut impl std::io::Write,
    reports: &[TrialReport],
    failed: usize,
) -> std::io::Result<()> {
    for report in reports {
        for broken in &report.broken {
            writeln!(
                out,
                "seed {}: {} broken after {} ms: {}",
                report.seed,
                broken.invariant.name(),
                broken.at_ms,
                broken.detail
            )?;
        }
    }
    writeln!(
        out,
        "{} seeds, {failed} failed: {} messages published, {} taken, {} lies told, {} messages refused",
        reports.len(),
        sum(reports, |report| report.published),
        sum(reports, |report| report.delivered),
        sum(reports, |report| report.lies.values().sum()),
        sum(reports, |report| report.refused.values().sum()),
    )
}

/// Says of one seed what its road is like.
fn describe(out: &mut impl std::io::Write, seed: u64, report: &TrialReport) -> std::io::Result<()> {
    let scenario = Scenario::of(Seed(seed));
    let conditions = scenario.conditions;
    writeln!(
        out,
        "seed {seed}: {} stations, slots of {} s, loss {}, delay {:?} to {:?}",
        scenario.stations,
        scenario.slot_s,
        conditions.loss,
        conditions.delay,
        conditions.delay + conditions.jitter,
    )?;
    for fault in &scenario.faults {
        writeln!(
            out,
            "fault: {:?} from {} ms to {} ms",
            fault.kind,
            u64::from(fault.from) * 100,
            u64::from(fault.until) * 100
        )?;
    }
    for (liar, lies) in &report.lies {
        writeln!(out, "liar: {liar} spoke {lies} times")?;
    }
    for (reason, count) in &report.refused {
        writeln!(out, "refused: {count} {reason}")?;
    }
    writeln!(
        out,
        "{} hazards, {} proofs of equivocation",
        report.hazards, report.equivocations
    )
}

fn sum(reports: &[TrialReport], of: impl Fn(&TrialReport) -> u64) -> u64 {
    reports.iter().map(of).sum()
}
