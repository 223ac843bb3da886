use super::{Sighting, Trust};
use crate::{
    geo::{Cell, Position},
    time::Timestamp,
    units::Speed,
};

/// Where one station is on its way, between two messages.
#[derive(Clone, Copy, Debug)]
pub(super) struct Visit {
    /// From where the present step is measured.
    anchor: Sighting,
    cell: Cell,
    /// When it came into the cell from another one.
    entered: Option<Timestamp>,
    last: Sighting,
    /// What it said that it drove since the anchor; `None` once it said no speed.
    claimed_um: Option<u64>,
    trust: Trust,
    /// When a check found it out last, and what is left of it.
    found_out: Option<(Timestamp, Trust)>,
    /// Where it was first heard.
    first: Position,
    /// Whether it got away from there.
    has_moved: bool,
}

/// A stretch that one station drove within a cell.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Stretch {
    pub(super) cell: Cell,
    /// When it began.
    pub(super) from: Timestamp,
    pub(super) time_ms: u64,
    /// From its first to its last position.
    pub(super) moved_mm: u64,
    /// By the speeds that it said.
    pub(super) claimed_um: Option<u64>,
    /// The least of its messages.
    pub(super) trust: Trust,
    /// How long it took from one side of the cell to another, where it left just now.
    pub(super) transit_ms: Option<u64>,
    /// Whether the station moved since it was first heard.
    pub(super) has_moved: bool,
}

impl Visit {
    pub(super) fn new(sighting: &Sighting) -> Self {
        Self::in_cell(sighting, Cell::at(sighting.position), None)
    }

    fn in_cell(sighting: &Sighting, cell: Cell, entered: Option<Timestamp>) -> Self {
        Self {
            anchor: *sighting,
            cell,
            entered,
            last: *sighting,
            claimed_um: Some(0),
            trust: sighting.trust,
            found_out: found_out(sighting),
            first: sighting.position,
            has_moved: false,
        }
    }

    pub(super) fn heard(&self) -> Timestamp {
        self.last.generated
    }

    /// Goes on to the next message; returns the stretch that is complete with it.
    ///
    /// A stretch is at least [`STRETCH_MS`] long, since noise of positions is all that a shorter one
    /// shows, or ends at the cell's border. After a silence the way in between is not known.
    pub(super) fn go_on(&mut self, sighting: &Sighting) -> Option<Stretch> {
        let step_ms = ms_between(self.last.generated, sighting.generated);
        if step_ms == 0 {
            return None;
        }
        if step_ms > SILENCE_MS {
            *self = self.goes_on_as(Self::new(sighting));
            return None;
        }
        let claimed = self.last.speed.zip(sighting.speed);
        // (mm/s + mm/s) / 2 × ms, of which a thousand are a millimetre.
        let step_um = claimed.map(|(before, now)| (mm_per_s(before) + mm_per_s(now)) * step_ms / 2);
        self.claimed_um = self
            .claimed_um
            .zip(step_um)
            .map(|(so_far, step)| so_far + step);
        self.trust = self.trust.min(sighting.trust);
        if let Some((at, trust)) = found_out(sighting) {
            // Who goes on with it is not believed more for that.
            self.found_out = Some((at, trust.min(self.trust_left(at))));
        }
        self.last = *sighting;
        let cell = Cell::at(sighting.position);
        let has_left = cell != self.cell;
        let time_ms = ms_between(self.anchor.generated, sighting.generated);
        if !has_left && time_ms < STRETCH_MS {
            return None;
        }
        let at = sighting.generated;
        let entered = self.entered;
        self.has_moved |= self.first.distance_m(sighting.position) > MOVED_MIN_M;
        let stretch = Stretch {
            cell: self.cell,
            from: self.anchor.generated,
            time_ms,
            moved_mm: to_mm(self.anchor.position.distance_m(sighting.position)),
            claimed_um: self.claimed_um,
            trust: self.trust.min(self.trust_left(at)),
            transit_ms: entered
                .filter(|_| has_left)
                .map(|entered| ms_between(entered, at)),
            has_moved: self.has_moved,
        };
        let entered = if has_left { Some(at) } else { entered };
        *self = self.goes_on_as(Self::in_cell(sighting, cell, entered));
        Some(stretch)
    }

    /// What begins now, with what is remembered of the station.
    fn goes_on_as(&self, begun: Self) -> Self {
        Self {
            found_out: self.found_out,
            first: self.first,
            has_moved: self.has_moved,
            ..begun
        }
    }

    /// What is left of it for having been found out within the last minute.
    fn trust_left(&self, at: Timestamp) -> Trust {
        self.found_out
            .filter(|(found_out, _)| ms_between(*found_out, at) <= FOUND_OUT_MS)
            .map_or(Trust::Full, |(_, trust)| trust)
    }
}

fn found_out(sighting: &Sighting) -> Option<(Timestamp, Trust)> {
    match sighting.trust {
        Trust::None | Trust::PositionsOnly => Some((sighting.generated, sighting.trust)),
        Trust::Half | Trust::Full => None,
    }
}

fn ms_between(earlier: Timestamp, later: Timestamp) -> u64 {
    later.unix_ms().saturating_sub(earlier.unix_ms())
}

fn mm_per_s(speed: Speed) -> u64 {
    u64::from(speed.mm_per_s())
}

/// A distance on earth.
fn to_mm(metres: f64) -> u64 {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "not below zero and far below 2^53; saturates"
    )]
    let mm = (metres * 1_000.0).round() as u64;
    mm
}

/// Half a metre of noise at both ends is half a metre per second over this time.
const STRETCH_MS: u64 = 2_000;
/// After a longer silence nothing is known of the way.
const SILENCE_MS: u64 = 3_000;
/// How long less counts of whom a check found out.
const FOUND_OUT_MS: u64 = 60_000;
/// Noise of positions moves nobody so far who stands.
const MOVED_MIN_M: f64 = 10.0;
