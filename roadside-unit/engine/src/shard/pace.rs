use std::time::{Duration, SystemTime};

use crate::block::Payload;

/// How many entries this member puts into a block.
///
/// A block that takes longer to check than a view may take never becomes final, however often it is
/// proposed. So the number grows slowly while this member's blocks become final soon, and shrinks
/// fast when they do not: it finds what the slowest of a quorum can do.
pub(crate) struct Pace {
    entries: usize,
    entries_max: usize,
    /// This member's last block, if it is not known to be final: when it was made, and of how many
    /// entries.
    last: Option<(Payload, SystemTime, usize)>,
}

impl Pace {
    /// Begins with few entries; there will be no more than `entries_max`.
    pub(crate) fn new(entries_max: usize) -> Self {
        Self {
            entries: ENTRIES_FIRST.min(entries_max),
            entries_max,
            last: None,
        }
    }

    /// How many entries the next block may have, where a view takes at most `view`.
    pub(crate) fn entries(&mut self, now: SystemTime, view: Duration) -> usize {
        let is_lost = |(_, made, _): &(_, SystemTime, _)| {
            now.duration_since(*made).is_ok_and(|age| age > view)
        };
        if self.last.as_ref().is_some_and(is_lost) {
            self.last = None;
            self.shrink();
        }
        self.entries
    }

    /// Notes a block that this member made.
    pub(crate) fn made(&mut self, block: Payload, now: SystemTime, entries: usize) {
        self.last = Some((block, now, entries));
    }

    /// Notes that a block is final.
    pub(crate) fn finalized(&mut self, block: &Payload, now: SystemTime, view: Duration) {
        let Some((_, made, entries)) = self.last.take_if(|(last, _, _)| last == block) else {
            return;
        };
        let took = now.duration_since(made).unwrap_or_default();
        if took > view / 2 {
            self.shrink();
        } else if took < view / 4 && entries >= self.entries / 4 * 3 {
            self.entries = (self.entries + self.entries / 4).min(self.entries_max);
        }
    }

    fn shrink(&mut self) {
        self.entries = (self.entries / 2).max(ENTRIES_MIN).min(self.entries_max);
    }
}

const ENTRIES_FIRST: usize = 1_024;

/// Fewer would not be faster.
const ENTRIES_MIN: usize = 64;

#[cfg(test)]
mod tests {
    use super::*;

    const VIEW: Duration = Duration::from_secs(1);

    fn block(number: u8) -> Payload {
        Payload::from([number; 32])
    }

    fn at(ms: u64) -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_millis(ms)
    }

    #[test]
    fn blocks_grow_while_full_ones_become_final_soon() {
        let mut pace = Pace::new(2_000);
        pace.made(block(1), at(0), 1_024);
        pace.finalized(&block(1), at(100), VIEW);
        assert_eq!(pace.entries(at(100), VIEW), 1_280);
        pace.made(block(2), at(100), 10);
        pace.finalized(&block(2), at(200), VIEW);
        assert_eq!(pace.entries(at(200), VIEW), 1_280);
        for number in 3..10 {
            pace.made(block(number), at(200), 2_000);
            pace.finalized(&block(number), at(300), VIEW);
        }
        assert_eq!(pace.entries(at(300), VIEW), 2_000);
    }

    #[test]
    fn blocks_shrink_when_they_come_late_or_never() {
        let mut pace = Pace::new(8_192);
        pace.made(block(1), at(0), 1_024);
        pace.finalized(&block(1), at(600), VIEW);
        assert_eq!(pace.entries(at(600), VIEW), 512);
        pace.made(block(2), at(600), 512);
        assert_eq!(pace.entries(at(1_700), VIEW), 256);
        for number in 3..9 {
            pace.made(block(number), at(0), 256);
            pace.finalized(&block(number), at(600), VIEW);
        }
        assert_eq!(pace.entries(at(1_700), VIEW), 64);
    }
}
