use std::{collections::BTreeMap, sync::PoisonError, time::Duration};

use anyhow::Context as _;
use tokio::time::sleep;

use super::{
    log::Log,
    stage::{Stage, under_load},
};
use crate::bench::{
    meter::{median, monotonic},
    report::{Report, Row},
};

/// One unit's death and return.
struct Outage {
    killed: Duration,
    restarted: Duration,
    /// It votes again and has what the others have.
    rejoined: Duration,
    wiped: bool,
    /// Its blocks begin with another's snapshot.
    synced: bool,
}

/// Kills units for `length`, and adds to the report what came of it.
pub(in super::super) fn run(length: Duration, report: &mut Report) -> anyhow::Result<()> {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?
        .block_on(kill_units(length, report))
}

async fn kill_units(length: Duration, report: &mut Report) -> anyhow::Result<()> {
    let (outages, ending) = under_load(SNAPSHOT_INTERVAL, async |stage, _| {
        Ok((stage.outages(length).await?, stage.clients.clone()))
    })
    .await?;
    let log = ending.log.lock().unwrap_or_else(PoisonError::into_inner);
    let mut figures = stage_figures(&outages, &log);
    figures.extend(ending.figures);
    report.rows.push(Row {
        case: super::super::OUTAGE,
        note: "four roadside units in processes of their own, one killed again and again",
        figures,
    });
    report.broken.extend(ending.broken);
    Ok(())
}

impl Stage {
    async fn outages(&mut self, length: Duration) -> anyhow::Result<Vec<Outage>> {
        let end = monotonic() + length;
        let mut outages = Vec::new();
        loop {
            sleep(BEFORE + between(Duration::ZERO, UP_SPREAD)?).await;
            let unit = usize::try_from(random()?)? % self.units.len();
            let outage = self.outage(unit, outages.len() % 3 == 2).await?;
            self.tell(unit, &outage);
            outages.push(outage);
            if monotonic() >= end {
                // What its return does to the others shows a while later.
                sleep(AFTER_RETURN).await;
                return Ok(outages);
            }
        }
    }

    async fn outage(&mut self, unit: usize, wiped: bool) -> anyhow::Result<Outage> {
        let killed = monotonic();
        self.units.kill(unit).await?;
        sleep(between(DOWN_MIN, DOWN_MAX)?).await;
        if wiped {
            self.units.wipe(unit)?;
        }
        let restarted = monotonic();
        self.units.restart(unit).await?;
        let synced = self.await_return(unit).await?;
        Ok(Outage {
            killed,
            restarted,
            rejoined: monotonic(),
            wiped,
            synced,
        })
    }

    fn tell(&self, unit: usize, outage: &Outage) {
        let seconds = |from: Duration, to: Duration| to.saturating_sub(from).as_secs_f64();
        let (killed, restarted) = (outage.killed, outage.restarted);
        self.locked(|log| {
            eprintln!(
                "unit {unit}{}: {:.0}/s before, {:.0}/s with three, longest gaps {:.2} s without it \
                 and {:.2} s on its return; away for {:.1} s, back after {:.1} s{}",
                if outage.wiped { ", wiped" } else { "" },
                log.rate(killed.saturating_sub(BEFORE), killed),
                log.rate(killed + SLUMP_MAX, restarted),
                log.gap(killed, restarted).as_secs_f64(),
                log.gap(restarted, outage.rejoined).as_secs_f64(),
                seconds(killed, restarted),
                seconds(restarted, outage.rejoined),
                if outage.synced { ", by a snapshot" } else { "" },
            );
        });
    }
}

fn stage_figures(outages: &[Outage], log: &Log) -> BTreeMap<&'static str, f64> {
    let each = |of: &dyn Fn(&Outage) -> f64| outages.iter().map(of).collect::<Vec<f64>>();
    let most = |values: Vec<f64>| values.into_iter().fold(0.0, f64::max);
    let before = |it: &Outage| log.rate(it.killed.saturating_sub(BEFORE), it.killed);
    let with_three = |it: &Outage| log.rate(it.killed + SLUMP_MAX, it.restarted);
    let ratio = |it: &Outage| with_three(it) / before(it).max(f64::MIN_POSITIVE);
    let slump = |it: &Outage| {
        let wanted = ENOUGH * before(it);
        log.slump(it.killed, it.restarted, wanted).as_secs_f64()
    };
    let gap = |from, to| log.gap(from, to).as_secs_f64() * 1e3;
    let back = |it: &Outage| it.rejoined.saturating_sub(it.restarted).as_secs_f64();
    let returns = |synced| {
        let those = outages.iter().filter(move |it| it.synced == synced);
        those.map(back).collect::<Vec<f64>>()
    };
    let count = |holds: &dyn Fn(&Outage) -> bool| outages.iter().filter(|it| holds(it)).count();
    [
        ("kills", outages.len() as f64),
        ("wipes", count(&|it| it.wiped) as f64),
        ("state_syncs", count(&|it| it.wiped && it.synced) as f64),
        ("tx_per_s_before", median(&mut each(&before))),
        ("tx_per_s_with_three", median(&mut each(&with_three))),
        ("ratio_with_three", median(&mut each(&ratio))),
        (
            "ratio_with_three_min",
            each(&ratio).into_iter().fold(f64::INFINITY, f64::min),
        ),
        ("slump_s_p50", median(&mut each(&slump))),
        ("slump_s_max", most(each(&slump))),
        (
            "gap_before_ms_max",
            most(each(&|it| gap(it.killed.saturating_sub(BEFORE), it.killed))),
        ),
        (
            "gap_down_ms_p50",
            median(&mut each(&|it| gap(it.killed, it.restarted))),
        ),
        (
            "gap_down_ms_max",
            most(each(&|it| gap(it.killed, it.restarted))),
        ),
        (
            "gap_return_ms_max",
            most(each(&|it| gap(it.restarted, it.rejoined + AFTER_RETURN))),
        ),
        ("rejoin_s_p50", median(&mut returns(false))),
        ("rejoin_s_max", most(returns(false))),
        ("rejoin_by_snapshot_s_max", most(returns(true))),
    ]
    .into()
}

fn random() -> anyhow::Result<u32> {
    let mut bytes = [0; 4];
    getrandom::fill(&mut bytes).context("no randomness")?;
    Ok(u32::from_le_bytes(bytes))
}

fn between(least: Duration, most: Duration) -> anyhow::Result<Duration> {
    let share = f64::from(random()?) / f64::from(u32::MAX);
    Ok(least + (most.saturating_sub(least)).mul_f64(share))
}

/// What is compared with, before each kill.
const BEFORE: Duration = Duration::from_secs(4);
const UP_SPREAD: Duration = Duration::from_secs(4);
const DOWN_MIN: Duration = Duration::from_secs(6);
const DOWN_MAX: Duration = Duration::from_secs(11);
/// From when on the rate with three counts.
const SLUMP_MAX: Duration = Duration::from_secs(3);
const AFTER_RETURN: Duration = Duration::from_secs(3);
const ENOUGH: f64 = 0.7;
/// Short, so that a wiped unit meets snapshots.
const SNAPSHOT_INTERVAL: u64 = 128;
