use crate::{time::Timestamp, track::Sample};

use super::Config;

/// Whether the vehicle brakes in an emergency (C2C-CC RS 2003).
///
/// One value of an acceleration sensor may be a pothole: it counts once the speed falls as well, or
/// the next value says so again.
#[derive(Debug, Default)]
pub(super) struct Brake {
    before: Option<Sample>,
    was_hard: bool,
    is_on: bool,
}

impl Brake {
    /// Takes the next state; returns whether it brakes in an emergency now.
    pub(super) fn observe(&mut self, own: &Sample, config: &Config) -> bool {
        let said = own
            .acceleration_along_mm_per_s2()
            .map(|forward| -i64::from(forward));
        let slowed = self.slowed_mm_per_s2(own);
        self.before = Some(*own);
        let Some(braking) = said.or(slowed) else {
            self.is_on = false;
            return false;
        };
        let is_hard = braking >= i64::from(config.brake_begins_mm_per_s2);
        if self.is_on {
            self.is_on = braking >= i64::from(config.brake_ends_mm_per_s2);
        } else {
            let ends = i64::from(config.brake_ends_mm_per_s2);
            let is_felt = slowed.is_some_and(|slowed| slowed >= ends);
            self.is_on = is_hard && is_fast(own) && (is_felt || self.was_hard);
        }
        self.was_hard = is_hard;
        self.is_on
    }

    pub(super) fn forget(&mut self) {
        *self = Self::default();
    }

    /// How fast the speed fell since the state before; `None` where that says nothing.
    fn slowed_mm_per_s2(&self, own: &Sample) -> Option<i64> {
        let before = self.before.as_ref()?;
        let elapsed_ms = elapsed_ms(before.generated, own.generated)?;
        let fallen = i64::from(before.speed?.mm_per_s()) - i64::from(own.speed?.mm_per_s());
        Some(fallen * 1_000 / elapsed_ms).filter(|slowed| *slowed <= BRAKE_MAX_MM_PER_S2)
    }
}

fn is_fast(own: &Sample) -> bool {
    own.speed
        .is_some_and(|speed| speed.mm_per_s() >= SPEED_MIN_MM_PER_S)
}

fn elapsed_ms(from: Timestamp, until: Timestamp) -> Option<i64> {
    let elapsed_ms = i64::try_from(until.since(from).as_millis()).ok()?;
    (STEP_MIN_MS..=STEP_MAX_MS)
        .contains(&elapsed_ms)
        .then_some(elapsed_ms)
}

/// Who brakes at walking pace endangers nobody behind.
const SPEED_MIN_MM_PER_S: u32 = 5_000;
/// No brake is harder: that is a crash, or a sensor that failed.
const BRAKE_MAX_MM_PER_S2: i64 = 15_000;
/// Over a shorter time, the noise of a speed looks like braking.
const STEP_MIN_MS: i64 = 40;
const STEP_MAX_MS: i64 = 1_000;
