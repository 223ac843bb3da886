use crate::{time::Timestamp, units::Speed};

use super::{Config, neighbour::Look};

/// Whether the vehicle is slow where others are fast.
///
/// No map says what is usual here: it is what at least two others of the same direction drive.
#[derive(Debug, Default)]
pub(super) struct Slow {
    since: Option<Timestamp>,
    is_on: bool,
}

impl Slow {
    /// Takes the next look; returns whether the vehicle is in the others' way.
    pub(super) fn observe(
        &mut self,
        (measured, speed): (Timestamp, Option<Speed>),
        look: &Look,
        config: &Config,
    ) -> bool {
        let speed = speed.map(Speed::mm_per_s);
        let is_slow = speed.is_some_and(|speed| {
            let most = if self.is_on {
                ENDS_MM_PER_S
            } else {
                SLOW_MAX_MM_PER_S
            };
            (CREEP_MAX_MM_PER_S..most).contains(&speed)
        });
        let fast = look
            .seen
            .iter()
            .filter(|it| it.is_on_carriageway() && it.speed_mm_per_s >= FAST_MIN_MM_PER_S);
        // Nobody near says nothing: who is told of stays told of until it is fast or stands.
        let has_fast_others = fast.count() >= OTHERS_MIN;
        if !is_slow || (!has_fast_others && !self.is_on) {
            *self = Self::default();
            return false;
        }
        let since = *self.since.get_or_insert(measured);
        self.is_on |= measured.since(since) >= config.slow_after;
        self.is_on
    }

    pub(super) fn forget(&mut self) {
        *self = Self::default();
    }
}

/// 40 km/h.
const SLOW_MAX_MM_PER_S: u32 = 11_111;
/// 50 km/h: who drives so fast is slow no more.
const ENDS_MM_PER_S: u32 = 13_889;
/// Who hardly moves stands, or is in a queue.
const CREEP_MAX_MM_PER_S: u32 = 1_000;
/// 80 km/h.
const FAST_MIN_MM_PER_S: u32 = 22_222;
const OTHERS_MIN: usize = 2;
