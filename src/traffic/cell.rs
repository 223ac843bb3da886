use std::{
    collections::{BTreeMap, btree_map::Entry},
    time::Duration,
};

use super::{
    Trust,
    robust::{Weighted, deviation, median},
    visit::Stretch,
};
use crate::{geo::Cell, id::StationId, security::Slot, time::Timestamp, units::Speed};

/// How traffic flowed in one interval.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Interval {
    /// When it began.
    pub from: Timestamp,
    /// When it ended.
    pub until: Timestamp,
    /// The cells of which enough was heard, in the order of their indices.
    pub cells: Vec<CellTraffic>,
}

/// How traffic flowed in one cell over one interval.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct CellTraffic {
    /// Where.
    pub cell: Cell,
    /// How many vehicles counted by all they said, at least [`REPORTERS_MIN`]; fewer than there were,
    /// where a slot ended meanwhile.
    pub reporters: u32,
    /// How many did not: those that contradict themselves or were found out in their speed, of which
    /// the positions alone count, and those that do not count at all: found out in their positions,
    /// far faster than the others, or parked.
    pub set_aside: u32,
    /// All ways of those that counted by all their times; a queue shows here.
    pub speed: Speed,
    /// The median of each reporter's own mean; a minority that says it stands does not move it.
    pub speed_median: Speed,
    /// The median of how far they are from that.
    pub speed_deviation: Speed,
    /// How many of those that counted were there at one time, on average, in thousandths.
    pub present_milli: u32,
    /// The same by area, in thousandths of a vehicle per square kilometre.
    pub density_milli_per_km2: u32,
    /// The median of the times from one side of the cell to another; `None` of fewer than
    /// [`REPORTERS_MIN`].
    pub travel_time: Option<Duration>,
}

/// What is known so far of one cell.
#[derive(Debug, Default)]
pub(super) struct Tally {
    reporters: BTreeMap<StationId, Reporter>,
}

/// What one station did in one cell.
#[derive(Clone, Copy, Debug)]
struct Reporter {
    slot: Slot,
    time_ms: u64,
    moved_mm: u64,
    claimed_um: Option<u64>,
    trust: Trust,
    transit_ms: Option<u64>,
    /// Whether it moved since it was first heard.
    has_moved: bool,
}

/// A reporter that can be held against others.
#[derive(Clone, Copy)]
struct Fit {
    reporter: Reporter,
    mm_per_s: u64,
    weight: u64,
    /// Whether all that it said fits, not its positions alone.
    is_sound: bool,
}

impl Tally {
    pub(super) fn add(&mut self, (station, slot): (StationId, Slot), stretch: &Stretch) {
        let len = self.reporters.len();
        match self.reporters.entry(station) {
            Entry::Occupied(mut known) => known.get_mut().add(stretch),
            Entry::Vacant(vacant) if len < REPORTERS_MAX => {
                vacant.insert(Reporter::new(slot, stretch));
            }
            Entry::Vacant(_) => {}
        }
    }

    /// What of it can be told; `None` of too few.
    pub(super) fn close(&self, cell: Cell, interval_ms: u64) -> Option<CellTraffic> {
        let heard = self
            .reporters
            .values()
            .filter(|it| it.time_ms >= TIME_MIN_MS);
        let heard: Vec<Reporter> = heard.copied().collect();
        let fit = on_the_road(heard.iter().filter_map(Reporter::fit).collect());
        let speeds: Vec<Weighted> = sound(&fit).iter().map(Fit::weighted).collect();
        let middle = median(speeds.clone())?;
        let spread = deviation(&speeds, middle)?;
        let limit = middle + OUTLIER_SLACK_MM_PER_S + spread * OUTLIER_MILLI / 1_000;
        let limit = limit.max(USUAL_MM_PER_S);
        // Who stands may wait at a light: half of a street is always slower than the other.
        let counted = fit.into_iter().filter(|it| it.mm_per_s <= limit);
        let counted: Vec<Fit> = counted.collect();
        let sound = sound(&counted);
        let reporters = independent(&sound);
        if reporters < REPORTERS_MIN {
            return None;
        }
        let weighted = |of: fn(&Fit) -> u64| counted.iter().map(|it| it.weight * of(it)).sum();
        let (way, time): (u64, u64) = (
            weighted(|it| it.mm_per_s * it.reporter.time_ms),
            weighted(|it| it.reporter.time_ms),
        );
        let present_ms: u64 = counted.iter().map(|it| it.reporter.time_ms).sum();
        let present_milli = present_ms * 1_000 / interval_ms.max(1);
        Some(CellTraffic {
            cell,
            reporters: number(reporters),
            set_aside: number(heard.len() - sound.len()),
            speed: speed(way / time.max(1)),
            speed_median: speed(middle),
            speed_deviation: speed(spread),
            present_milli: u32::try_from(present_milli).unwrap_or(u32::MAX),
            density_milli_per_km2: density(present_milli, cell),
            travel_time: travel_time(&sound),
        })
    }
}

impl Reporter {
    fn new(slot: Slot, stretch: &Stretch) -> Self {
        Self {
            slot,
            time_ms: stretch.time_ms,
            moved_mm: stretch.moved_mm,
            claimed_um: stretch.claimed_um,
            trust: stretch.trust,
            transit_ms: stretch.transit_ms,
            has_moved: stretch.has_moved,
        }
    }

    fn add(&mut self, stretch: &Stretch) {
        self.time_ms += stretch.time_ms;
        self.moved_mm += stretch.moved_mm;
        let claimed = self.claimed_um.zip(stretch.claimed_um);
        self.claimed_um = claimed.map(|(so_far, more)| so_far + more);
        // A first message cannot be judged; one that was found out stays so.
        self.trust = match (self.trust, stretch.trust) {
            (Trust::None, _) | (_, Trust::None) => Trust::None,
            (Trust::PositionsOnly, _) | (_, Trust::PositionsOnly) => Trust::PositionsOnly,
            (Trust::Half, other) | (other, Trust::Half | Trust::Full) => other,
        };
        self.transit_ms = stretch.transit_ms.or(self.transit_ms);
        self.has_moved |= stretch.has_moved;
    }

    /// Holds it against itself: where its speed does not fit its positions, they alone are taken.
    fn fit(&self) -> Option<Fit> {
        let (weight, is_believed) = match self.trust {
            Trust::None => return None,
            Trust::PositionsOnly => (2, false),
            Trust::Half => (1, true),
            Trust::Full => (2, true),
        };
        let moved = self.moved_mm * 1_000 / self.time_ms;
        let tolerance = SELF_SLACK_MM_PER_S + moved / 5;
        let claimed = self.claimed_um.map(|claimed_um| claimed_um / self.time_ms);
        let fits = claimed.is_none_or(|claimed| claimed.abs_diff(moved) <= tolerance);
        let is_sound = is_believed && fits;
        let mm_per_s = claimed.filter(|_| is_sound).unwrap_or(moved);
        // Positions may move faster than any speed can be said.
        try_speed(mm_per_s).map(|_| Fit {
            reporter: *self,
            mm_per_s,
            weight,
            is_sound,
        })
    }
}

impl Fit {
    fn weighted(&self) -> Weighted {
        Weighted {
            value: self.mm_per_s,
            weight: self.weight,
        }
    }
}

/// Those that are no parked vehicles: where anybody moves, whoever has not moved since it was first
/// heard is taken for one. Where nobody moves, the road stands.
fn on_the_road(mut fit: Vec<Fit>) -> Vec<Fit> {
    if fit.iter().any(|it| it.is_sound && it.reporter.has_moved) {
        fit.retain(|it| it.reporter.has_moved);
    }
    fit
}

fn sound(fit: &[Fit]) -> Vec<Fit> {
    fit.iter().filter(|it| it.is_sound).copied().collect()
}

/// How many vehicles these are for sure: those of the slot with the most.
fn independent(counted: &[Fit]) -> usize {
    let mut slots: BTreeMap<Slot, usize> = BTreeMap::new();
    for it in counted {
        *slots.entry(it.reporter.slot).or_default() += 1;
    }
    slots.into_values().max().unwrap_or(0)
}

fn travel_time(counted: &[Fit]) -> Option<Duration> {
    let crossed = counted.iter().filter(|it| it.reporter.transit_ms.is_some());
    let crossed: Vec<Fit> = crossed.copied().collect();
    if independent(&crossed) < REPORTERS_MIN {
        return None;
    }
    let times = crossed.iter().filter_map(|it| {
        Some(Weighted {
            value: it.reporter.transit_ms?,
            weight: it.weight,
        })
    });
    median(times.collect()).map(Duration::from_millis)
}

fn density(present_milli: u64, cell: Cell) -> u32 {
    let area_m2 = u64::from(cell.area_m2()).max(1);
    u32::try_from(present_milli * 1_000_000 / area_m2).unwrap_or(u32::MAX)
}

fn speed(mm_per_s: u64) -> Speed {
    try_speed(mm_per_s)
        .expect("no mean, median or deviation of speeds is above the highest of them")
}

fn try_speed(mm_per_s: u64) -> Option<Speed> {
    u32::try_from(mm_per_s).ok().and_then(Speed::from_mm_per_s)
}

fn number(count: usize) -> u32 {
    u32::try_from(count).unwrap_or(u32::MAX)
}

/// Of fewer vehicles nothing is told: neither can one of them be followed, nor one liar be the road.
pub const REPORTERS_MIN: usize = 3;
/// More in one cell of 0.1 km² are not counted.
const REPORTERS_MAX: usize = 512;
/// Who was there for less says little.
const TIME_MIN_MS: u64 = 1_000;
/// How far a speed may be from what the positions show, besides a fifth of that.
const SELF_SLACK_MM_PER_S: u64 = 2_000;
/// By how much a reporter may be faster than the median: three standard deviations, of which a
/// median deviation is 0.6745 where values are spread normally.
const OUTLIER_MILLI: u64 = 4_448;
const OUTLIER_SLACK_MM_PER_S: u64 = 2_000;
/// 50 km/h: nobody is too fast for a street who drives no faster, while most of the others wait.
const USUAL_MM_PER_S: u64 = 14_000;
