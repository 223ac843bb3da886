//! A unit under the flood of one car that may be there, and a unit that cars come to and leave.

use std::time::Duration;

use wayside::transport::Clock;

use super::{
    conductor::{Figures, TICKETS_TOLD, figures, start},
    part::{Part, Role},
};
use crate::bench::{
    meter::{files_of, micros, rss_kib_of},
    process::{Process, pause},
    report::{Report, Row},
    stage::{self, Order, Tally, done},
};

/// Measures those that are named.
pub(super) fn measure(
    length: Duration,
    names: &[String],
    report: &mut Report,
) -> anyhow::Result<()> {
    let is_named = |name: &str| names.iter().any(|it| it == name);
    if is_named(FLOODER) {
        let [idle, flooded] = under_flood(length)?;
        for (case, note, figures) in [
            ("flooder_idle", "20 cars and a receiver", idle),
            (
                FLOODER,
                "the same, and another car that sends as much as 100,000 datagrams a second",
                flooded,
            ),
        ] {
            report.rows.push(Row {
                case,
                note,
                figures: figures.into_iter().collect(),
            });
        }
        for (name, figure) in [
            ("flooder_p50_to_idle_p50", "p50_us"),
            ("flooder_p99_to_idle_p99", "p99_us"),
        ] {
            let ratio = report.figure(FLOODER, figure) / report.figure("flooder_idle", figure);
            if ratio.is_finite() {
                report.ratios.insert(name, ratio);
            }
        }
    }
    if is_named(CHURN) {
        report.rows.push(Row {
            case: CHURN,
            note: "100 cars a second come, speak for a second and go; slopes of the later half",
            figures: churn(length)?.into_iter().collect(),
        });
    }
    Ok(())
}

/// What others hear of each other without the flood, and then with it.
fn under_flood(length: Duration) -> anyhow::Result<[Figures; 2]> {
    let mut plan = plan(HONEST_CARS);
    let (unit, address) = start(&plan, Role::Unit)?;
    plan.unit = address;
    let (receiver, _) = start(&plan, Role::Receiver)?;
    let (cars, _) = start(&plan, Role::Cars)?;
    let mut processes = [unit, receiver, cars];
    let ([], idle) = stage::measure(&mut processes, (TICKETS_TOLD, length), || Ok([]))?;
    let [unit, receiver, cars] = processes;
    // Only now, since connections that are silent for long are closed.
    plan.cars = 1;
    let (flooder, _) = start(&plan, Role::Flooder)?;
    let mut processes = [unit, receiver, cars, flooder];
    let ([], [unit, received, sent, flood]) =
        stage::measure(&mut processes, (SETTLED, length), || Ok([]))?;
    let mut flooded = of_others(&[unit, received, sent], length);
    let seconds = length.as_secs_f64();
    flooded.extend([
        ("flood_datagrams_per_s", flood.counted as f64 / seconds),
        ("flooder_cores", flood.cpu_us / micros(length)),
    ]);
    Ok([of_others(&idle, length), flooded])
}

fn of_others(tallies: &[Tally; 3], length: Duration) -> Figures {
    let [unit, _, sent] = tallies;
    let mut found = figures(tallies);
    let delivered = found.iter().find(|(name, _)| *name == "delivered_msgs");
    let delivered = delivered.map_or(0.0, |(_, count)| *count);
    found.extend([
        ("delivered_share", delivered / sent.messages.max(1) as f64),
        ("unit_cores", unit.cpu_us / micros(length)),
    ]);
    found
}

/// What is left in a unit of cars that were there.
fn churn(length: Duration) -> anyhow::Result<Figures> {
    let mut plan = plan(LANES);
    let (unit, address) = start(&plan, Role::Unit)?;
    plan.unit = address;
    let (visitors, _) = start(&plan, Role::Churn)?;
    let mut processes = [unit, visitors];
    let first = Sample::of(&processes, Duration::ZERO);
    for process in &mut processes {
        process.order(&Order::Start)?;
        process.order(&Order::Begin)?;
    }
    let mut samples = Vec::new();
    for number in 1..=SAMPLES {
        pause(length / SAMPLES);
        samples.push(Sample::of(&processes, length / SAMPLES * number));
    }
    let last_busy = samples.last().copied().unwrap_or(first);
    let mut tallies = [Tally::NONE, Tally::NONE];
    for (tally, process) in tallies.iter_mut().zip(&mut processes) {
        process.order(&Order::End)?;
        *tally = done(process)?;
    }
    let later = samples.split_off(samples.len() / 2);
    let [unit, visitors] = tallies;
    let rss: Vec<_> = later.iter().map(|it| (it.at_s, it.rss_kib)).collect();
    let files: Vec<_> = later.iter().map(|it| (it.at_s, it.files)).collect();
    Ok(vec![
        ("visits", visitors.counted as f64),
        (
            "visits_per_s",
            visitors.counted as f64 / length.as_secs_f64(),
        ),
        ("rss_kib_first", first.rss_kib),
        ("rss_kib_half", later.first().map_or(0.0, |it| it.rss_kib)),
        ("rss_kib_last", last_busy.rss_kib),
        ("rss_kib_per_min", slope(&rss) * 60.0),
        ("files_first", first.files),
        ("files_last", last_busy.files),
        ("files_per_min", slope(&files) * 60.0),
        ("unit_cores", unit.cpu_us / micros(length)),
    ])
}

/// What a unit holds at a moment.
#[derive(Clone, Copy)]
struct Sample {
    at_s: f64,
    rss_kib: f64,
    files: f64,
}

impl Sample {
    /// Of the first of these processes.
    fn of([unit, _]: &[Process; 2], at: Duration) -> Self {
        Self {
            at_s: at.as_secs_f64(),
            rss_kib: rss_kib_of(unit.id()),
            files: files_of(unit.id()),
        }
    }
}

/// By how much it grows each second, by least squares; 0 of less than two.
fn slope(points: &[(f64, f64)]) -> f64 {
    let count = points.len() as f64;
    let mean = |of: fn(&(f64, f64)) -> f64| points.iter().map(of).sum::<f64>() / count;
    let (mean_x, mean_y) = (mean(|it| it.0), mean(|it| it.1));
    let (mut product, mut square) = (0.0, 0.0);
    for (x, y) in points {
        product += (x - mean_x) * (y - mean_y);
        square += (x - mean_x) * (x - mean_x);
    }
    if square > 0.0 { product / square } else { 0.0 }
}

fn plan(cars: usize) -> Part {
    Part {
        role: Role::Unit,
        cars,
        tick: Duration::ZERO,
        start_unix_ms: Clock::system().now().timestamp.unix_ms(),
        unit: None,
    }
}

/// Cases that run only if named.
pub(super) const CASES: [&str; 2] = [FLOODER, CHURN];
const FLOODER: &str = "flooder";
const CHURN: &str = "churn";
const HONEST_CARS: usize = 20;
/// So many places do those who come have; the unit has room for as many at one time.
const LANES: usize = 1_000;
const SAMPLES: u32 = 40;
const SETTLED: Duration = Duration::from_secs(2);
