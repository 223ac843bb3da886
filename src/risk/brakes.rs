use std::time::Duration;

use crate::{message::Telemetry, time::Timestamp, track::Sample};

/// When one road user braked hard last, for a minute.
///
/// It belongs to a ticket: whoever forgets the station forgets this, so that nobody's driving is
/// kept beyond the name that it was done under.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct HardBrakes {
    before: Option<Sample>,
    last: Option<Timestamp>,
}

impl HardBrakes {
    /// Takes the next message; an older one changes nothing.
    pub fn observe(&mut self, telemetry: &Telemetry, generated: Timestamp) {
        let sample = Sample::of(telemetry, generated);
        if self
            .before
            .is_some_and(|before| generated <= before.generated)
        {
            return;
        }
        let said = sample.acceleration_along_mm_per_s2();
        let braking = said
            .map(i64::from)
            .or_else(|| self.slowed_mm_per_s2(&sample));
        if braking.is_some_and(|braking| braking <= -HARD_BRAKE_MM_PER_S2) {
            self.last = Some(generated);
        }
        self.before = Some(sample);
    }

    /// When it braked hard last; `None` more than a minute later.
    pub fn last(&self, at: Timestamp) -> Option<Timestamp> {
        self.last.filter(|last| at.since(*last) <= MEMORY)
    }

    /// How its speed changed since the message before, for those who do not say.
    fn slowed_mm_per_s2(&self, now: &Sample) -> Option<i64> {
        let before = self.before.as_ref()?;
        let elapsed = now.generated.since(before.generated);
        if !(STEP_MIN..=STEP_MAX).contains(&elapsed) {
            return None;
        }
        let change = i64::from(now.speed?.mm_per_s()) - i64::from(before.speed?.mm_per_s());
        let elapsed_ms = i64::try_from(elapsed.as_millis()).ok()?;
        Some(change * 1_000 / elapsed_ms)
    }
}

/// 0.4 g, as in SAE J2735, `eventHardBraking`.
const HARD_BRAKE_MM_PER_S2: i64 = 3_920;
/// How long it is remembered.
pub(super) const MEMORY: Duration = Duration::from_secs(60);
/// Over a shorter time, noise of the speed looks like braking.
const STEP_MIN: Duration = Duration::from_millis(90);
const STEP_MAX: Duration = Duration::from_millis(1_500);
