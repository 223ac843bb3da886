use std::{net::SocketAddr, time::Duration};

use wayside::{geo::Position, time::Instant};

/// Who is at an address that is dialled.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Answer {
    /// Nobody said hello yet, or any more.
    Nobody,
    /// A unit of an operator that counts.
    Unit,
    /// Somebody who is no such unit.
    Vehicle,
}

/// What is to be done with an address.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Order {
    /// Be connected to it.
    Dial(SocketAddr),
    /// Be no longer connected to it.
    Part(SocketAddr),
}

/// What is known of one unit.
#[derive(Clone, Debug, Default)]
pub(super) struct Unit {
    /// Where it stands and how far it reaches; `None` until somebody said so.
    pub(super) place: Option<Place>,
    /// Which of the configured ones it is.
    pub(super) configured: Option<usize>,
    /// The address by which it calls itself, if another.
    pub(super) alias: Option<SocketAddr>,
    pub(super) dialled: Option<Dialled>,
    /// Times in a row that it did not answer.
    failures: u32,
    /// Until when it is left alone.
    pub(super) rests_until: Option<Instant>,
}

/// Where a unit stands, and who said so.
#[derive(Clone, Copy, Debug)]
pub(super) struct Place {
    pub(super) position: Position,
    pub(super) radius_m: f64,
    pub(super) teller: SocketAddr,
    pub(super) told: Instant,
}

/// How it is with a unit that is dialled.
#[derive(Clone, Copy, Debug)]
pub(super) struct Dialled {
    /// Since when it answers, or does not.
    pub(super) since: Instant,
    pub(super) answers: bool,
}

impl Unit {
    pub(super) fn answers(&self) -> bool {
        self.dialled.is_some_and(|dialled| dialled.answers)
    }

    pub(super) fn rests(&self) -> bool {
        self.rests_until.is_some()
    }

    /// Times in a row that it did not answer.
    pub(super) fn failures(&self) -> u32 {
        self.failures
    }

    /// How far away it is; `None` if nobody said where.
    pub(super) fn distance_m(&self, own: Position) -> Option<f64> {
        Some(self.place?.position.distance_m(own))
    }

    pub(super) fn dial(&mut self, now: Instant) {
        self.dialled = Some(Dialled {
            since: now,
            answers: false,
        });
    }

    /// Takes in whether it answers; returns whether it hung up as soon as it had answered.
    pub(super) fn handle_answer(&mut self, answers: bool, now: Instant) -> bool {
        let Some(dialled) = &mut self.dialled else {
            return false;
        };
        let has_stayed = dialled.answers && now.since(dialled.since) >= STAYS_AFTER;
        if has_stayed {
            self.failures = 0;
        }
        if dialled.answers == answers {
            return false;
        }
        *dialled = Dialled {
            since: now,
            answers,
        };
        !answers && !has_stayed
    }

    /// Leaves it alone for a while, longer each time; `seed` keeps vehicles from coming back in step.
    pub(super) fn handle_failure(&mut self, now: Instant, seed: u64) {
        let doubled = PAUSE_MIN.saturating_mul(1 << self.failures.min(8));
        let spread = u32::try_from(seed % 512).unwrap_or_default();
        // Up to half as long again.
        self.rests_until = Some(now + doubled.min(PAUSE_MAX) * (1_024 + spread) / 1_024);
        self.failures = self.failures.saturating_add(1);
        self.dialled = None;
    }

    /// Leaves it alone for long, since who is there is no unit.
    pub(super) fn handle_stranger(&mut self, now: Instant) {
        self.rests_until = Some(now + STRANGER_PAUSE);
        self.dialled = None;
    }
}

/// So long a unit must answer before its silence is forgiven.
const STAYS_AFTER: Duration = Duration::from_secs(3);
const PAUSE_MIN: Duration = Duration::from_secs(1);
/// Short, since a unit that comes back should be found within seconds.
const PAUSE_MAX: Duration = Duration::from_secs(8);
const STRANGER_PAUSE: Duration = Duration::from_secs(600);
