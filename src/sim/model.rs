use super::{Fault, FaultKind, Scenario};

/// Who must know what of whom: set arithmetic over a [`Scenario`], without a message or a clock.
///
/// It says nothing about moments at which a fault has only just begun or ended, since what holds
/// then depends on the network.
#[derive(Debug)]
pub struct Model<'a> {
    scenario: &'a Scenario,
}

/// What the model says of one fact.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Expected {
    /// It must be known.
    Known,
    /// It must not be known.
    Unknown,
    /// Either is right.
    Either,
}

impl<'a> Model<'a> {
    /// The model of a scenario.
    pub fn new(scenario: &'a Scenario) -> Self {
        Self { scenario }
    }

    /// Whether one honest station must have another in its picture at the end of a tick.
    pub fn sees(&self, viewer: usize, seen: usize, tick: u32) -> Expected {
        let Some(from) = tick.checked_sub(SETTLED) else {
            return Expected::Either;
        };
        if self.is_fine(viewer, seen, from, tick) {
            return Expected::Known;
        }
        if self.any_covers(from, tick, |kind| parts(kind, viewer, seen)) {
            return Expected::Unknown;
        }
        Expected::Either
    }

    /// Whether one honest station must know the hazard that another reported at `reported` and
    /// that it cancelled or that ends at `over`.
    pub fn knows_hazard(
        &self,
        (viewer, reporter): (usize, usize),
        reported: u32,
        over: HazardEnd,
        tick: u32,
    ) -> Expected {
        let crashed = |fault: &Fault| {
            fault.kind == FaultKind::Crash(reporter) && fault.overlaps(reported, tick)
        };
        let settled_from = tick.saturating_sub(SETTLED);
        if tick > over.expires + SETTLED
            && !self.any_overlaps(
                settled_from,
                tick,
                |kind| matches!(kind, FaultKind::ClockWrong(station, _) if station == viewer),
            )
        {
            return Expected::Unknown;
        }
        // Who forgot its own hazards tells nobody of them, and nobody that they are over.
        if self.scenario.faults.iter().any(crashed)
            || !self.is_fine(viewer, reporter, settled_from, tick)
        {
            return Expected::Either;
        }
        match over.cancelled {
            Some(cancelled) if cancelled <= settled_from => Expected::Unknown,
            Some(cancelled) if cancelled <= tick => Expected::Either,
            _ if reported <= settled_from && tick + EXPIRY_MARGIN < over.expires => Expected::Known,
            _ => Expected::Either,
        }
    }

    /// Whether nothing kept two stations apart from one tick to another.
    fn is_fine(&self, a: usize, b: usize, from: u32, to: u32) -> bool {
        !self.any_overlaps(from, to, |kind| match kind {
            FaultKind::Partition(..) => parts(kind, a, b),
            FaultKind::Crash(station) | FaultKind::ClockWrong(station, _) => {
                station == a || station == b
            }
            FaultKind::ClockOff(..) => false,
        })
    }

    fn any_overlaps(&self, from: u32, to: u32, is_meant: impl Fn(FaultKind) -> bool) -> bool {
        let mut faults = self.scenario.faults.iter();
        faults.any(|fault| fault.overlaps(from, to) && is_meant(fault.kind))
    }

    fn any_covers(&self, from: u32, to: u32, is_meant: impl Fn(FaultKind) -> bool) -> bool {
        let mut faults = self.scenario.faults.iter();
        faults.any(|fault| fault.covers(from, to) && is_meant(fault.kind))
    }
}

/// When a hazard is over.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct HazardEnd {
    /// The tick at which its validity ends.
    pub expires: u32,
    /// The tick at which it was cancelled.
    pub cancelled: Option<u32>,
}

/// Whether a fault keeps one station's words from another.
fn parts(kind: FaultKind, viewer: usize, seen: usize) -> bool {
    match kind {
        FaultKind::Partition(a, b) => (a, b) == (viewer, seen) || (b, a) == (viewer, seen),
        FaultKind::Crash(station) => station == viewer || station == seen,
        // It signs nothing, but it hears.
        FaultKind::ClockWrong(station, _) => station == seen,
        FaultKind::ClockOff(..) => false,
    }
}

/// After 4.5 s of the same conditions they show: a silent station is forgotten after 3 s, and a
/// hazard's retransmissions take 3 s at most.
const SETTLED: u32 = 45;
/// Clocks may differ by a tick or two.
const EXPIRY_MARGIN: u32 = 20;
