use std::collections::BTreeMap;

use super::Overflow;

/// A bounded queue of changes that remembers where it had to drop some.
#[derive(Debug)]
pub(super) struct Queue<K, C> {
    config: QueueConfig,
    /// Waiting changes and gaps, by a count that grows.
    entries: BTreeMap<u64, Waiting<K, C>>,
    /// Where each key's change waits, if only the latest is kept.
    latest: BTreeMap<K, u64>,
    changes_len: usize,
    next: u64,
}

#[derive(Clone, Copy, Debug)]
pub(super) struct QueueConfig {
    /// Most waiting changes.
    pub(super) len_max: usize,
    /// A newer change of the same key takes the place of the one that waits.
    pub(super) latest_only: bool,
    /// What happens at the bound.
    pub(super) overflow: Overflow,
}

#[derive(Debug)]
enum Waiting<K, C> {
    Change(K, C),
    Gap { dropped: u64, reason: GapReason },
}

/// What comes out of a [`Queue`].
#[derive(Debug)]
pub(super) enum Popped<C> {
    Change(C),
    Gap { dropped: u64, reason: GapReason },
}

/// Why a subscriber missed changes.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum GapReason {
    /// It took them more slowly than they came.
    SlowReader,
    /// They were lost before they reached its feed.
    Overload,
}

/// The bound was reached, and the queue's owner wants no gaps.
#[derive(Debug, Eq, PartialEq)]
pub(super) struct Overflowed;

impl<K: Copy + Ord, C> Queue<K, C> {
    pub(super) fn new(config: QueueConfig) -> Self {
        Self {
            config,
            entries: BTreeMap::new(),
            latest: BTreeMap::new(),
            changes_len: 0,
            next: 0,
        }
    }

    pub(super) fn push(&mut self, key: K, change: C) -> Result<(), Overflowed> {
        if self.config.latest_only
            && let Some(at) = self.latest.get(&key)
        {
            self.entries.insert(*at, Waiting::Change(key, change));
            return Ok(());
        }
        if self.changes_len >= self.config.len_max {
            match self.config.overflow {
                Overflow::DropOldest => self.drop_oldest(),
                Overflow::DropNewest => {
                    self.push_gap(1, GapReason::SlowReader);
                    return Ok(());
                }
                Overflow::Close => return Err(Overflowed),
            }
        }
        if self.config.latest_only {
            self.latest.insert(key, self.next);
        }
        self.entries.insert(self.next, Waiting::Change(key, change));
        self.changes_len += 1;
        self.next += 1;
        Ok(())
    }

    /// Tells, after all that waits now, that changes were lost.
    pub(super) fn push_gap(&mut self, lost: u64, because: GapReason) {
        if let Some(mut last) = self.entries.last_entry()
            && let Waiting::Gap { dropped, reason } = last.get_mut()
            && *reason == because
        {
            *dropped += lost;
            return;
        }
        let gap = Waiting::Gap {
            dropped: lost,
            reason: because,
        };
        self.entries.insert(self.next, gap);
        self.next += 1;
    }

    pub(super) fn pop(&mut self) -> Option<Popped<C>> {
        let (_, waiting) = self.entries.pop_first()?;
        Some(match waiting {
            Waiting::Change(key, change) => {
                self.latest.remove(&key);
                self.changes_len -= 1;
                Popped::Change(change)
            }
            Waiting::Gap { dropped, reason } => Popped::Gap { dropped, reason },
        })
    }

    /// Puts a gap where the oldest change was, with all that was missed before it.
    fn drop_oldest(&mut self) {
        let mut missed = 0;
        while let Some((at, waiting)) = self.entries.pop_first() {
            match waiting {
                Waiting::Gap { dropped, .. } => missed += dropped,
                Waiting::Change(key, _) => {
                    self.latest.remove(&key);
                    self.changes_len -= 1;
                    let gap = Waiting::Gap {
                        dropped: missed + 1,
                        reason: GapReason::SlowReader,
                    };
                    self.entries.insert(at, gap);
                    return;
                }
            }
        }
    }
}
