//! A unit with many cars, and a unit under junk.

use std::time::Duration;

use wayside::transport::Clock;

use super::{
    conductor::{Figures, TICKETS_TOLD, start},
    part::{Part, Role},
};
use crate::bench::{
    meter::{micros, quantile},
    report::{Report, Row},
    stage::{self, Tally, delays_us},
};

/// Measures those that are named.
pub(super) fn measure(
    length: Duration,
    names: &[String],
    report: &mut Report,
) -> anyhow::Result<()> {
    let is_named = |name: &str| names.iter().any(|it| it == name);
    for (case, cars) in SCALES.into_iter().filter(|(case, _)| is_named(case)) {
        let figures = cars_around(cars, length)?.into_iter().collect();
        report.rows.push(Row {
            case,
            note: "cars that speak 3 times a second and hear 17 others; the unit gathers for 10 ms",
            figures,
        });
    }
    let [small, large] = ["scale_100", "scale_1000"].map(|case| report.figure(case, "rss_mib"));
    let grown_kib = (large - small) * 1_024.0 / 900.0;
    if grown_kib.is_finite() {
        report.ratios.insert("unit_rss_kib_per_car", grown_kib);
    }
    if is_named(JUNK) {
        let [idle, under_junk] = hazards_under_junk(length)?;
        for (case, note, figures) in [
            ("junk_idle", "a hazard each second and nothing else", idle),
            (
                JUNK,
                "the same, 20 cars each saying where they are 1,000 times a second",
                under_junk,
            ),
        ] {
            report.rows.push(Row {
                case,
                note,
                figures: figures.into_iter().collect(),
            });
        }
        let [idle, under_junk] = ["junk_idle", JUNK].map(|case| report.figure(case, "p99_us"));
        let ratio = under_junk / idle;
        if ratio.is_finite() {
            report.ratios.insert("junk_p99_to_idle_p99", ratio);
        }
    }
    Ok(())
}

fn cars_around(cars: usize, length: Duration) -> anyhow::Result<Figures> {
    let mut plan = plan(cars, TICK);
    let (unit, address) = start(&plan, Role::Unit)?;
    plan.unit = address;
    let (rows, _) = start(&plan, Role::Rows)?;
    let mut processes = [unit, rows];
    let ([], [unit, rows]) = stage::measure(&mut processes, (TICKETS_TOLD, length), || Ok([]))?;
    let seconds = length.as_secs_f64();
    let told = rows.counted as f64;
    Ok(vec![
        ("cars", cars as f64),
        ("msgs_per_s", rows.messages as f64 / seconds),
        ("wanted_msgs_per_s", cars as f64 * 3.0),
        ("relayed_msgs_per_s", told / seconds),
        ("told_per_msg", told / rows.messages.max(1) as f64),
        ("unit_cores", unit.cpu_us / micros(length)),
        ("unit_cpu_us_per_msg", unit.cpu_us_per(rows.messages)),
        ("unit_cpu_us_per_relayed_msg", unit.cpu_us / told.max(1.0)),
        ("rss_mib", unit.rss_mib),
    ])
}

/// Without junk, and then with it.
fn hazards_under_junk(length: Duration) -> anyhow::Result<[Figures; 2]> {
    let mut plan = plan(JUNK_CARS, Duration::ZERO);
    let (unit, address) = start(&plan, Role::Unit)?;
    plan.unit = address;
    let (receiver, _) = start(&plan, Role::Receiver)?;
    let (reporter, _) = start(&plan, Role::Hazards)?;
    let mut processes = [unit, receiver, reporter];
    let ([], idle) = stage::measure(&mut processes, (SETTLED, length), || Ok([]))?;
    let [unit, receiver, reporter] = processes;
    // Only now, since connections that are silent for long are closed.
    let (junk, _) = start(&plan, Role::Junk)?;
    let mut processes = [unit, receiver, reporter, junk];
    let ([], [unit, received, sent, junk]) =
        stage::measure(&mut processes, (SETTLED, length), || Ok([]))?;
    let [idle_unit, idle_received, idle_sent] = idle;
    let mut under_junk = hazards([&unit, &received, &sent], length);
    under_junk.push((
        "junk_msgs_per_s",
        junk.counted as f64 / length.as_secs_f64(),
    ));
    let idle = hazards([&idle_unit, &idle_received, &idle_sent], length);
    Ok([idle, under_junk])
}

fn hazards([unit, received, sent]: [&Tally; 3], length: Duration) -> Figures {
    let mut delays_us = delays_us(sent, received);
    let in_time = delays_us.iter().filter(|delay| **delay <= IN_TIME_US);
    let in_time = in_time.count() as f64;
    let sent = sent.messages.max(1) as f64;
    vec![
        ("sent_hazards", sent),
        ("delivered_share", delays_us.len() as f64 / sent),
        ("within_100ms_share", in_time / sent),
        ("p50_us", quantile(&mut delays_us, 0.5)),
        ("p99_us", quantile(&mut delays_us, 0.99)),
        ("unit_cores", unit.cpu_us / micros(length)),
        ("rss_mib", unit.rss_mib),
    ]
}

fn plan(cars: usize, tick: Duration) -> Part {
    Part {
        role: Role::Unit,
        cars,
        tick,
        start_unix_ms: Clock::system().now().timestamp.unix_ms(),
        unit: None,
    }
}

/// Cases that run only if named.
pub(super) const CASES: [&str; 4] = ["scale_10", "scale_100", "scale_1000", JUNK];
const SCALES: [(&str, usize); 3] = [("scale_10", 10), ("scale_100", 100), ("scale_1000", 1_000)];
const JUNK: &str = "junk";
const JUNK_CARS: usize = 20;
const TICK: Duration = Duration::from_millis(10);
const SETTLED: Duration = Duration::from_secs(2);
const IN_TIME_US: f64 = 100_000.0;
