use std::time::Duration;

use serde::Serialize;

use super::{Choices, Conditions, LiarKind, Seed};
use crate::pipeline::GenerationRule;

/// Everything that will happen to the stations of one seed, before it happens.
///
/// Time is counted in ticks of [`TICK`]; at each tick every driving stack knows a new state.
#[derive(Clone, Debug)]
pub struct Scenario {
    /// What all of it follows from.
    pub seed: Seed,
    /// Honest stations, each in reach of all others unless a fault says otherwise.
    pub stations: usize,
    /// Who lies; each has a ticket and a connection to everybody.
    pub liars: Vec<LiarKind>,
    /// What the network does to everybody at all times.
    pub conditions: Conditions,
    /// Length of a ticket's slot in seconds.
    pub slot_s: u32,
    /// When stations send.
    pub generation: GenerationRule,
    /// How long everybody drives, in ticks.
    pub ticks: u32,
    /// What goes wrong and heals again before the end.
    pub faults: Vec<Fault>,
    /// Hazards that honest stations report.
    pub hazards: Vec<HazardPlan>,
}

/// Something goes wrong from one tick up to, but not including, another.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize)]
pub struct Fault {
    /// What.
    pub kind: FaultKind,
    /// The first tick of it.
    pub from: u32,
    /// The first tick after it.
    pub until: u32,
}

/// What can go wrong with honest stations, named by their number.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum FaultKind {
    /// Two stations do not hear each other.
    Partition(usize, usize),
    /// A station is dead, and begins anew from its disk at the end.
    Crash(usize),
    /// A clock is off by so many milliseconds, which is little enough to be of no matter.
    ClockOff(usize, i64),
    /// A clock is off by so many milliseconds, which is too much to be trusted.
    ClockWrong(usize, i64),
}

/// A hazard that an honest station will report.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize)]
pub struct HazardPlan {
    /// Who.
    pub station: usize,
    /// At which tick.
    pub at: u32,
    /// How many ticks it holds.
    pub holds: u32,
    /// At which tick it is cancelled, if it is.
    pub cancelled_at: Option<u32>,
}

impl Scenario {
    /// What follows from a seed.
    pub fn of(seed: Seed) -> Self {
        let mut choices = seed.choices("scenario");
        let stations = 3 + index(&mut choices, 4);
        let conditions = Conditions {
            loss: pick(&mut choices, [0.0, 0.1, 0.3]),
            delay: Duration::from_millis(choices.below(40)),
            jitter: Duration::from_millis(pick(&mut choices, [0, 20, 150])),
        };
        let generation = if choices.happens(0.5) {
            GenerationRule::Etsi
        } else {
            GenerationRule::Fixed { interval: TICK }
        };
        let mut scenario = Self {
            seed,
            stations,
            liars: liars(seed),
            conditions,
            slot_s: pick(&mut choices, [10, 20, 300]),
            generation,
            ticks: TICKS,
            faults: Vec::new(),
            hazards: Vec::new(),
        };
        for _ in 0..choices.below(6) {
            let fault = scenario.fault(&mut choices);
            // Two faults of one kind at one place at one time would heal each other.
            if !scenario.faults.iter().any(|other| other.meets(&fault)) {
                scenario.faults.push(fault);
            }
        }
        for _ in 0..=choices.below(4) {
            let plan = scenario.hazard(&mut choices);
            scenario.hazards.push(plan);
        }
        scenario
    }

    fn fault(&self, choices: &mut Choices) -> Fault {
        let a = index(choices, self.stations);
        let b = (a + 1 + index(choices, self.stations - 1)) % self.stations;
        let sign = if choices.happens(0.5) { 1 } else { -1 };
        let kind = match choices.below(4) {
            0 => FaultKind::Partition(a, b),
            1 => FaultKind::Crash(a),
            2 => FaultKind::ClockOff(a, sign * 90),
            _ => FaultKind::ClockWrong(a, sign * 1_000),
        };
        let from = tick(choices, QUIET_FROM / 2);
        let until = (from + 10 + tick(choices, 80)).min(QUIET_FROM);
        Fault { kind, from, until }
    }

    fn hazard(&self, choices: &mut Choices) -> HazardPlan {
        let at = 5 + tick(choices, QUIET_FROM);
        HazardPlan {
            station: index(choices, self.stations),
            at,
            holds: 80 + tick(choices, 200),
            cancelled_at: choices
                .happens(0.5)
                .then(|| at + 10 + tick(choices, 60))
                .filter(|cancelled_at| *cancelled_at < self.ticks),
        }
    }
}

impl Fault {
    /// Whether it goes on at this tick.
    pub fn is_on(&self, tick: u32) -> bool {
        (self.from..self.until).contains(&tick)
    }

    /// Whether it touches any moment from one tick to another, both included.
    pub fn overlaps(&self, from: u32, to: u32) -> bool {
        self.from <= to && from <= self.until
    }

    /// Whether it goes on all the time from one tick to another, both included.
    pub fn covers(&self, from: u32, to: u32) -> bool {
        self.from <= from && to < self.until
    }

    fn meets(&self, other: &Self) -> bool {
        let mine = self.kind.stations();
        self.overlaps(other.from, other.until)
            && other
                .kind
                .stations()
                .iter()
                .any(|station| mine.contains(station))
    }
}

impl FaultKind {
    /// Whom it touches.
    pub fn stations(self) -> Vec<usize> {
        match self {
            Self::Partition(a, b) => vec![a, b],
            Self::Crash(a) | Self::ClockOff(a, _) | Self::ClockWrong(a, _) => vec![a],
        }
    }
}

/// One to three kinds of liar; over ten seeds in a row, each kind comes up.
fn liars(seed: Seed) -> Vec<LiarKind> {
    let mut choices = seed.choices("liars");
    let first = usize::try_from(seed.0 % 10).unwrap_or(0);
    let mut liars: Vec<_> = LiarKind::ALL.into_iter().skip(first).take(1).collect();
    for _ in 0..choices.below(3) {
        let another = pick(&mut choices, LiarKind::ALL);
        if !liars.contains(&another) {
            liars.push(another);
        }
    }
    liars
}

fn pick<T, const N: usize>(choices: &mut Choices, options: [T; N]) -> T {
    let chosen = options.into_iter().nth(index(choices, N));
    chosen.expect("the index is below the length")
}

fn index(choices: &mut Choices, bound: usize) -> usize {
    usize::try_from(choices.below(bound as u64)).unwrap_or(0)
}

fn tick(choices: &mut Choices, bound: u32) -> u32 {
    u32::try_from(choices.below(u64::from(bound))).unwrap_or(0)
}

/// How often driving stacks know a new state.
pub const TICK: Duration = Duration::from_millis(100);
/// 18 s, of which the last 6 s are without faults.
const TICKS: u32 = 180;
const QUIET_FROM: u32 = TICKS - 60;
