use std::time::Duration;

use super::Rate;
use crate::time::Instant;

/// A token bucket, kept as the moment at which it will be full again.
#[derive(Debug)]
pub(super) struct Budget {
    interval: Duration,
    depth: Duration,
    full_at: Instant,
}

impl Budget {
    pub(super) fn new(rate: Rate, now: Instant) -> Self {
        let interval = Duration::from_secs(1) / rate.per_s.get();
        Self {
            interval,
            depth: interval * rate.burst.get(),
            full_at: now,
        }
    }

    /// One token every `interval`, and `burst` of them after a rest.
    pub(super) fn slow(interval: Duration, burst: u32, now: Instant) -> Self {
        Self {
            interval,
            depth: interval * burst,
            full_at: now,
        }
    }

    /// When there is a token again.
    pub(super) fn next(&self, now: Instant) -> Instant {
        let full_at = self.full_at.max(now) + self.interval;
        now + full_at.since(now).saturating_sub(self.depth)
    }

    /// Takes one token; `false` if there is none.
    pub(super) fn take(&mut self, now: Instant) -> bool {
        let full_at = self.full_at.max(now) + self.interval;
        let granted = full_at.since(now) <= self.depth;
        if granted {
            self.full_at = full_at;
        }
        granted
    }
}
