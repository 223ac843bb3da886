use std::time::Duration;

use crate::{track::Sample, units::Speed};

use super::Signals;

/// Whether the vehicle crashed: its airbag says so, or its speed changed as no brake can.
#[derive(Debug, Default)]
pub(super) struct Crash {
    before: Option<Sample>,
    /// The speed before a step that no brake can make, which the next state must bear out.
    stepped_from: Option<Speed>,
    is_on: bool,
}

impl Crash {
    /// Takes the next state; returns whether the vehicle stands crashed.
    pub(super) fn observe(&mut self, own: &Sample, signals: &Signals, has_moved_on: bool) -> bool {
        if self.is_on && has_moved_on {
            self.is_on = false;
        }
        self.is_on |= signals.airbag_deployed == Some(true);
        let before = self.before.replace(*own);
        let (Some(speed), Some(before)) = (own.speed, before) else {
            return self.is_on;
        };
        if let Some(from) = self.stepped_from.take() {
            // A sensor that failed for one value is back where it was, which is no step either.
            self.is_on |= is_step(from, speed);
            return self.is_on;
        }
        if let Some(from) = before.speed
            && own.generated.since(before.generated) <= STEP_WITHIN
            && is_step(from, speed)
            && is_felt(own)
        {
            self.stepped_from = Some(from);
        }
        self.is_on
    }

    /// What was before says nothing about what comes; a crash stays one.
    pub(super) fn forget(&mut self) {
        self.before = None;
        self.stepped_from = None;
    }
}

fn is_step(from: Speed, to: Speed) -> bool {
    from.mm_per_s().abs_diff(to.mm_per_s()) > STEP_MIN_MM_PER_S
}

/// Whether an acceleration sensor, if there is one, feels the blow: speeds that were computed from
/// positions jump by themselves.
fn is_felt(own: &Sample) -> bool {
    let felt = own.longitudinal_acceleration;
    felt.is_none_or(|felt| felt.mm_per_s2().unsigned_abs() >= FELT_MIN_MM_PER_S2)
}

/// 8 km/h within 150 ms, at which event data recorders wake (UN R160).
const STEP_MIN_MM_PER_S: u32 = 2_222;
const STEP_WITHIN: Duration = Duration::from_millis(150);
/// No tyre brakes so hard.
const FELT_MIN_MM_PER_S2: u32 = 12_000;
