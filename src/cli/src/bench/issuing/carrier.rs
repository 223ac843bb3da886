use wayside::sim::{Choices, Seed};

use crate::bench::report::{Report, Row};

/// How often a unit that sees vehicles' tickets on the road and visits at its door tells under which
/// ticket a visitor spoke, from the time of the visit alone.
///
/// A vehicle that ends a trip has a record of it to hand in, and visits the door up to the jitter later,
/// at random. The unit takes the visitor for one of those that fell silent within that time, of which
/// none is likelier than another.
pub(super) fn run(report: &mut Report) {
    for (case, ends_per_minute) in DENSITIES {
        let told = JITTERS.map(|(name, jitter_ms)| {
            let mut choices = Seed(5).choices(&format!("{case} {name}"));
            (name, told(&mut choices, ends_per_minute, jitter_ms))
        });
        report.rows.push(Row {
            case,
            note: "of visits at a trip's end, how many the time alone ties to a ticket; a source address \
                   of its own ties all of a vehicle's",
            figures: told.into_iter().collect(),
        });
    }
}

/// The share of visits that are taken for the right vehicle's.
fn told(choices: &mut Choices, ends_per_minute: u64, jitter_ms: u64) -> f64 {
    let period_ms = VISITS * 60_000 / ends_per_minute;
    let mut ends: Vec<u64> = (0..VISITS).map(|_| choices.below(period_ms)).collect();
    ends.sort_unstable();
    let before = |time: u64| ends.partition_point(|end| *end < time);
    let right = ends.iter().filter(|end| {
        let visit = **end + choices.below(jitter_ms);
        let fits = before(visit + 1) - before(visit.saturating_sub(jitter_ms));
        choices.below(fits as u64) == 0
    });
    right.count() as f64 / VISITS as f64
}

/// Trips that end within a unit's reach, in a minute.
const DENSITIES: [(&str, u64); 3] = [("carrier_1", 1), ("carrier_10", 10), ("carrier_60", 60)];
const JITTERS: [(&str, u64); 3] = [
    ("told_10_s", 10_000),
    ("told_60_s", 60_000),
    ("told_600_s", 600_000),
];
const VISITS: u64 = 20_000;
