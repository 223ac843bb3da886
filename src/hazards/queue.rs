use std::time::Duration;

use crate::{time::Timestamp, units::Speed};

use super::neighbour::{Look, Seen};

/// Whether the vehicle has come to the end of a queue from a speed at which that is a danger.
#[derive(Debug, Default)]
pub(super) struct Queue {
    fast_last: Option<Timestamp>,
    is_on: bool,
}

impl Queue {
    /// Takes the next look; returns whether the vehicle is the last of a queue.
    pub(super) fn observe(
        &mut self,
        (measured, speed): (Timestamp, Option<Speed>),
        look: &Look,
    ) -> bool {
        let Some(speed) = speed else {
            return self.is_on;
        };
        if speed.mm_per_s() > FAST_MIN_MM_PER_S {
            self.fast_last = Some(measured);
        }
        let is_slow = speed.mm_per_s() < SLOW_MAX_MM_PER_S;
        let came_fast = self
            .fast_last
            .is_some_and(|fast| measured.since(fast) <= SLOWED_WITHIN);
        let ahead = || look.seen.iter().filter(|it| is_queued(it));
        let is_last = !ahead().any(|it| it.ahead_m < 0.0 && it.is_in_lane());
        let begins = came_fast && ahead().filter(|it| it.ahead_m > 0.0).count() >= QUEUE_MIN;
        self.is_on = is_slow && is_last && (self.is_on || begins);
        self.is_on
    }

    pub(super) fn forget(&mut self) {
        *self = Self::default();
    }
}

/// Whether somebody is slow on the same carriageway.
fn is_queued(it: &Seen) -> bool {
    it.is_on_carriageway()
        && it.speed_mm_per_s < SLOW_MAX_MM_PER_S
        && (-BEHIND_M..=AHEAD_M).contains(&it.ahead_m)
}

/// 80 km/h.
const FAST_MIN_MM_PER_S: u32 = 22_222;
/// 30 km/h.
const SLOW_MAX_MM_PER_S: u32 = 8_333;
/// From 80 to 30 km/h at 1 m/s², as one who saw the queue early.
const SLOWED_WITHIN: Duration = Duration::from_secs(15);
const QUEUE_MIN: usize = 5;
const AHEAD_M: f64 = 150.0;
const BEHIND_M: f64 = 50.0;
