use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::{message::Telemetry, time::Instant};

/// When a station's own state is worth sending.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case", tag = "rule", deny_unknown_fields)]
pub enum GenerationRule {
    /// When the vehicle has moved, turned or changed speed enough, at most every 100 ms and at
    /// least every second (EN 302 637-2 §6.1.3).
    ///
    /// In town this sends three messages a second on average, 70 % fewer than every 100 ms.
    #[default]
    Etsi,
    /// At most once per interval, whatever the vehicle does.
    Fixed {
        /// The shortest time between two messages, at least 50 ms.
        #[serde(with = "humantime_serde")]
        interval: Duration,
    },
}

/// Applies a [`GenerationRule`] to one station's states.
#[derive(Debug)]
pub(super) struct Generation {
    rule: GenerationRule,
    last: Option<(Telemetry, Instant)>,
    /// EN 302 637-2 §6.1.3, `T_GenCam`: the time after which a message is due without a reason.
    idle_interval: Duration,
    /// Messages sent in a row because [`Self::idle_interval`] had passed.
    idle_count: u32,
}

impl Generation {
    pub(super) fn new(rule: GenerationRule) -> Self {
        Self {
            rule,
            last: None,
            idle_interval: INTERVAL_MAX,
            idle_count: 0,
        }
    }

    /// Whether this state should be sent now.
    pub(super) fn is_due(&self, state: &Telemetry, now: Instant) -> bool {
        let Some((last, sent)) = &self.last else {
            return true;
        };
        let elapsed = now.since(*sent);
        match self.rule {
            GenerationRule::Fixed { interval } => elapsed >= interval.max(FIXED_INTERVAL_MIN),
            GenerationRule::Etsi => {
                elapsed >= INTERVAL_MIN
                    && (elapsed >= self.idle_interval || changed_enough(last, state))
            }
        }
    }

    /// Notes that this state was sent.
    pub(super) fn handle_sent(&mut self, state: &Telemetry, now: Instant) {
        if let Some((last, sent)) = &self.last {
            if changed_enough(last, state) {
                self.idle_interval = now.since(*sent).clamp(INTERVAL_MIN, INTERVAL_MAX);
                self.idle_count = 0;
            } else {
                self.idle_count += 1;
                if self.idle_count >= IDLE_COUNT_MAX {
                    self.idle_interval = INTERVAL_MAX;
                }
            }
        }
        self.last = Some((state.clone(), now));
    }

    /// Forgets what was sent, so that the next state is due.
    pub(super) fn reset(&mut self) {
        self.last = None;
    }
}

// EN 302 637-2 §6.1.3, condition 1.
fn changed_enough(last: &Telemetry, state: &Telemetry) -> bool {
    let turned = match (last.heading, state.heading) {
        (Some(before), Some(after)) => {
            before.difference_centideg(after) > HEADING_CHANGE_MIN_CENTIDEG
        }
        (before, after) => before.is_some() != after.is_some(),
    };
    let changed_speed = match (last.speed, state.speed) {
        (Some(before), Some(after)) => {
            before.mm_per_s().abs_diff(after.mm_per_s()) > SPEED_CHANGE_MIN_MM_PER_S
        }
        (before, after) => before.is_some() != after.is_some(),
    };
    turned || changed_speed || last.position.distance_m(state.position) > POSITION_CHANGE_MIN_M
}

// EN 302 637-2 §6.1.3: T_GenCamMin, T_GenCamMax, N_GenCam and the three thresholds.
const INTERVAL_MIN: Duration = Duration::from_millis(100);
const INTERVAL_MAX: Duration = Duration::from_secs(1);
const IDLE_COUNT_MAX: u32 = 3;
const HEADING_CHANGE_MIN_CENTIDEG: u16 = 400;
const SPEED_CHANGE_MIN_MM_PER_S: u32 = 500;
const POSITION_CHANGE_MIN_M: f64 = 4.0;

const FIXED_INTERVAL_MIN: Duration = Duration::from_millis(50);
