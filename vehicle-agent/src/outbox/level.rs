use std::time::Duration;

use wayside::time::Timestamp;

use super::{Outbox, machine::Waiting};

/// How full an outbox is.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum Level {
    /// There is room.
    Room,
    /// Four fifths of the records or the bytes that may wait do so.
    NearlyFull,
    /// A record like those that wait is refused.
    Full,
}

impl Outbox {
    /// Their bytes.
    pub fn waiting_bytes(&self) -> usize {
        self.waiting.bytes
    }

    /// How full it is.
    pub fn level(&self) -> Level {
        let Waiting { count, bytes } = self.waiting;
        let (count_max, bytes_max) = (
            self.config.waiting_max.get(),
            self.config.waiting_bytes_max.get(),
        );
        let fills = |count_max: usize, bytes_max: usize| count >= count_max || bytes >= bytes_max;
        // What waits is signed, too, before long; the next one is as long as the mean of them.
        let next = bytes.checked_div(count).unwrap_or(0);
        if fills(count_max, bytes_max.saturating_sub(next)) {
            Level::Full
        } else if fills(four_fifths(count_max), four_fifths(bytes_max)) {
            Level::NearlyFull
        } else {
            Level::Room
        }
    }

    /// How long the oldest of them has waited; `None` if none does.
    pub fn oldest_age(&self, now: Timestamp) -> Option<Duration> {
        self.oldest().map(|taken| now.since(taken))
    }

    /// Since when something waits and nothing was delivered; `None` while nothing waits.
    pub fn undelivered_since(&self) -> Option<Timestamp> {
        self.oldest()
            .max(self.delivered.filter(|_| self.oldest().is_some()))
    }

    fn oldest(&self) -> Option<Timestamp> {
        let mut waiting = self.entries.values().filter(|entry| !entry.is_done());
        waiting.next().map(|entry| entry.taken)
    }
}

fn four_fifths(most: usize) -> usize {
    most - most / 5
}
