use std::time::Duration;

use crate::time::Instant;

/// A token bucket, kept as the moment at which it will be full again.
#[derive(Debug)]
pub(super) struct Bucket {
    interval: Duration,
    depth: Duration,
    full_at: Instant,
}

impl Bucket {
    /// One token every `interval`; full, it holds those of `depth`, and at least one.
    pub(super) fn new(interval: Duration, depth: Duration, now: Instant) -> Self {
        Self {
            interval,
            depth: depth.max(interval),
            full_at: now,
        }
    }

    /// Whether there is a token.
    pub(super) fn affords(&self, now: Instant) -> bool {
        self.after_one(now).since(now) <= self.depth
    }

    /// Takes one token; `false` if there is none.
    pub(super) fn take(&mut self, now: Instant) -> bool {
        let granted = self.affords(now);
        if granted {
            self.full_at = self.after_one(now);
        }
        granted
    }

    /// Takes one token for what has happened already, down to none.
    pub(super) fn spend(&mut self, now: Instant) {
        let empty = now + self.depth;
        self.full_at = self.after_one(now).min(empty);
    }

    fn after_one(&self, now: Instant) -> Instant {
        self.full_at.max(now) + self.interval
    }

    /// What is left, of 100.
    pub(super) fn left_percent(&self, now: Instant) -> u128 {
        let missing = self.full_at.since(now).as_nanos();
        let depth = self.depth.as_nanos();
        100 * depth.saturating_sub(missing) / depth.max(1)
    }
}
