use std::time::Duration;

use super::config::Config;
use crate::time::{Now, Timestamp};

/// Compares the wall clock with the monotonic one and with references, and says when to doubt it.
///
/// Before a reference comes, the first reading is taken for right. A step that no reference has
/// confirmed or denied for a minute is believed: then it was the operating system's correction.
#[derive(Clone, Debug)]
pub struct ClockMonitor {
    doubt_min: Duration,
    /// A moment of the monotonic clock with what the time was then.
    anchor: Now,
    /// When the wall clock was first seen to differ from the anchor.
    differs_since: Option<Now>,
}

impl ClockMonitor {
    /// Starts from a reading that nothing speaks against.
    pub fn new(config: &Config, now: Now) -> Self {
        Self {
            doubt_min: config.clock_doubt_max,
            anchor: now,
            differs_since: None,
        }
    }

    /// Takes in a trusted time, for instance of the driving stack's satellite receiver, read at
    /// `now`.
    pub fn handle_reference(&mut self, reference: Timestamp, now: Now) {
        self.anchor = Now {
            instant: now.instant,
            timestamp: reference,
        };
        self.differs_since = None;
        self.handle_time(now);
    }

    /// Takes in a reading of both clocks; call it at least every few seconds.
    pub fn handle_time(&mut self, now: Now) {
        if self.doubt(now).is_none() {
            self.differs_since = None;
            return;
        }
        let since = *self.differs_since.get_or_insert(now);
        if now.instant.since(since.instant) >= STEP_SETTLES {
            self.anchor = now;
            self.differs_since = None;
        }
    }

    /// By how much the wall clock may be wrong, if that is more than allowed.
    pub fn doubt(&self, now: Now) -> Option<Duration> {
        let expected = self
            .anchor
            .timestamp
            .saturating_add(now.instant.since(self.anchor.instant));
        let error = now
            .timestamp
            .since(expected)
            .max(expected.since(now.timestamp));
        (error > self.doubt_min).then_some(error)
    }
}

const STEP_SETTLES: Duration = Duration::from_secs(60);
