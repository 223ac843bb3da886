use std::collections::{BTreeMap, BTreeSet};

use super::{KnownHazard, Level};
use crate::{
    geo::Position,
    id::ActionId,
    message::{Cause, Hazard},
    plausibility::Verdict,
    security::{Holder, Slot},
    units::{Acceleration, Heading, Speed},
};

/// Something that the own vehicle's sensors see; `None` is not known.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Sighted {
    /// Where it is.
    pub position: Position,
    /// Which way it goes.
    pub heading: Option<Heading>,
    /// How fast.
    pub speed: Option<Speed>,
    /// Along its direction; negative where it brakes.
    pub acceleration: Option<Acceleration>,
}

/// What kinds of events are one and the same, however they are called.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Family {
    /// Something stands on the road.
    Standing,
    /// Vehicles stand or creep.
    Queue,
    /// The road is slippery.
    Slippery,
    /// Only its own name says what it is.
    Other(Cause),
}

/// What all reports of one event come to, as one of them is told.
#[derive(Debug, Eq, PartialEq)]
pub(super) struct Agreement {
    pub(super) level: Level,
    pub(super) sources: u32,
    pub(super) merged: Vec<ActionId>,
    pub(super) leading: ActionId,
}

/// Whether two reports speak of one event, as far as kind, place and direction tell.
pub fn is_same_event(one: &Hazard, other: &Hazard) -> bool {
    let family = Family::of(one.cause);
    family == Family::of(other.cause)
        && is_near(one.position, other.position, family.reach_m())
        && (family == Family::Slippery || is_one_way(one.heading, other.heading))
}

impl Agreement {
    /// Counts who says the same as `known` does, itself included.
    pub(super) fn of<'a>(
        known: &KnownHazard,
        others: impl Iterator<Item = &'a KnownHazard>,
    ) -> Self {
        let mut voices = Voices::default();
        voices.add(known);
        let mut merged = Vec::new();
        let mut leading = (known.first_heard().instant, known.action());
        for other in others {
            let is_other = other.action() != known.action();
            if is_other && is_believed(other) && is_same_event(known.hazard(), other.hazard()) {
                voices.add(other);
                leading = leading.min((other.first_heard().instant, other.action()));
                if merged.len() < MERGED_MAX {
                    merged.push(other.action());
                }
            }
        }
        let sources = voices.count();
        let suffices = sources >= voices.needed_for(known.hazard().cause);
        Self {
            level: if suffices && is_believed(known) {
                Level::Act
            } else {
                Level::Inform
            },
            sources,
            merged,
            leading: leading.1,
        }
    }

    pub(super) fn is_told_by(&self, known: &KnownHazard) -> bool {
        self.level == known.level
            && self.sources == known.sources
            && self.merged == known.merged
            && self.leading == known.leading
    }
}

impl Sighted {
    /// Whether what is seen bears out a report.
    pub(super) fn bears_out(all: &[Self], hazard: &Hazard) -> bool {
        let near = |within_m: f64| {
            let is_near = move |it: &&Self| is_near(it.position, hazard.position, within_m);
            all.iter().filter(is_near)
        };
        let slower = |it: &&Self, than_mm_per_s: u32| {
            it.speed
                .is_some_and(|speed| speed.mm_per_s() < than_mm_per_s)
        };
        match Family::of(hazard.cause) {
            Family::Standing => near(SEEN_WITHIN_M).any(|it| slower(&it, STANDING_MAX_MM_PER_S)),
            Family::Queue => {
                let queued = near(QUEUE_WITHIN_M).filter(|it| slower(it, QUEUED_MAX_MM_PER_S));
                queued.count() >= QUEUED_MIN
            }
            // Nobody sees how slippery a road is.
            Family::Slippery => false,
            Family::Other(cause) if cause == Cause::EMERGENCY_BRAKE_LIGHT => near(SEEN_WITHIN_M)
                .any(|it| {
                    it.acceleration
                        .is_some_and(|along| along.mm_per_s2() <= -BRAKING_MIN_MM_PER_S2)
                }),
            Family::Other(cause) if cause.code() == Cause::SLOW_VEHICLE.code() => {
                near(SEEN_WITHIN_M).any(|it| slower(&it, SLOW_MAX_MM_PER_S))
            }
            Family::Other(cause) if cause.code() == Cause::WRONG_WAY.code() => near(SEEN_WITHIN_M)
                .any(|it| {
                    !slower(&it, DRIVING_MIN_MM_PER_S)
                        && it.speed.is_some()
                        && it.heading.is_some()
                        && hazard.heading.is_some()
                        && is_one_way(it.heading, hazard.heading)
                }),
            Family::Other(_) => false,
        }
    }
}

impl Family {
    fn of(cause: Cause) -> Self {
        match cause.code() {
            // Accident, obstacle, breakdown, after a crash, stationary vehicle.
            2 | 10 | 91 | 92 | 94 => Self::Standing,
            // Traffic condition, dangerous end of queue.
            1 | 27 => Self::Queue,
            // Adhesion, aquaplaning, surface condition.
            6 | 7 | 9 => Self::Slippery,
            _ => Self::Other(cause),
        }
    }

    /// How far apart two places of one event may be told, in metres.
    fn reach_m(self) -> f64 {
        match self {
            Self::Standing => 25.0,
            Self::Queue | Self::Slippery => 100.0,
            // Two in one line of cars, a moment apart.
            Self::Other(_) => 50.0,
        }
    }
}

/// Who says the same.
#[derive(Default)]
struct Voices {
    /// By slot: nobody can tell whether tickets of two slots are two vehicles'.
    vehicles: BTreeMap<Slot, BTreeSet<Holder>>,
    units: BTreeSet<Holder>,
    is_sensed: bool,
}

impl Voices {
    fn add(&mut self, known: &KnownHazard) {
        let ticket = known.verified().ticket();
        match ticket.holder() {
            holder @ Holder::Vehicle(_) => {
                let slot = ticket.ticket().slot();
                self.vehicles.entry(slot).or_default().insert(holder);
            }
            holder @ Holder::Unit(_) => {
                self.units.insert(holder);
            }
        }
        self.is_sensed |= known.is_sensed();
    }

    fn count(&self) -> u32 {
        let vehicles = self.vehicles.values().map(BTreeSet::len).max().unwrap_or(0);
        let all = vehicles + self.units.len() + usize::from(self.is_sensed);
        u32::try_from(all).unwrap_or(u32::MAX)
    }

    /// How many must agree before a driving stack may act. A slippery road and a queue are nobody's own
    /// doing: three must have met them, but for a queue that a unit sees.
    fn needed_for(&self, cause: Cause) -> u32 {
        match Family::of(cause) {
            Family::Standing | Family::Other(_) => 2,
            Family::Queue if !self.units.is_empty() => 2,
            Family::Queue | Family::Slippery => 3,
        }
    }
}

fn is_believed(known: &KnownHazard) -> bool {
    match known.verdict() {
        Verdict::NotJudged | Verdict::Plausible => true,
        Verdict::Implausible(_) => false,
    }
}

fn is_near(one: Position, other: Position, within_m: f64) -> bool {
    // Most lie far apart, and a degree of latitude is as long everywhere.
    let north_e7 = one.latitude_e7().abs_diff(other.latitude_e7());
    north_e7 <= NEAR_MAX_E7 && one.distance_m(other) <= within_m
}

fn is_one_way(one: Option<Heading>, other: Option<Heading>) -> bool {
    match (one, other) {
        (Some(one), Some(other)) => one.difference_centideg(other) <= ONE_WAY_MAX_CENTIDEG,
        (None, _) | (_, None) => true,
    }
}

/// Reports told beside another one; more change nothing.
const MERGED_MAX: usize = 16;
/// 111 m, more than anything here reaches.
const NEAR_MAX_E7: u32 = 10_000;
const ONE_WAY_MAX_CENTIDEG: u16 = 4_500;
/// A car's length, and the errors of two positions.
const SEEN_WITHIN_M: f64 = 15.0;
const STANDING_MAX_MM_PER_S: u32 = 500;
/// Two thirds of what makes an emergency brake: sensors that look on see less.
const BRAKING_MIN_MM_PER_S2: i32 = 4_000;
/// 50 km/h.
const SLOW_MAX_MM_PER_S: u32 = 13_889;
const DRIVING_MIN_MM_PER_S: u32 = 3_000;
/// 30 km/h.
const QUEUED_MAX_MM_PER_S: u32 = 8_333;
const QUEUED_MIN: usize = 3;
const QUEUE_WITHIN_M: f64 = 50.0;
