use std::{collections::VecDeque, time::Duration};

use wayside::{issuing::Record, time::Instant};
use zeroize::Zeroizing;

use super::{JournalError, journal::Journal};

/// Leaves only what still matters in the journal, a little at a time: whoever waits for an answer waits
/// for one part of it at most.
#[derive(Default)]
pub(super) struct Compacter {
    /// What still matters, as of when it was begun, and is not written yet.
    left: Option<VecDeque<Record>>,
    is_trimming: bool,
    /// When it was begun last, or might have been.
    begun: Option<Instant>,
    /// When a part was written last.
    stepped: Option<Instant>,
}

impl Compacter {
    /// Whether it is time to begin anew.
    pub(super) fn is_due(&mut self, now: Instant) -> bool {
        let begun = *self.begun.get_or_insert(now);
        let is_due = now.since(begun) >= EVERY && self.left.is_none() && !self.is_trimming;
        if is_due {
            self.begun = Some(now);
        }
        is_due
    }

    /// Begins: these records stand for all that the journal has.
    pub(super) fn begin(
        &mut self,
        records: Vec<Record>,
        journal: &mut Journal,
    ) -> Result<(), JournalError> {
        journal.begin_compaction()?;
        self.left = Some(records.into());
        Ok(())
    }

    /// Writes one part, if the last one was a while ago.
    pub(super) fn go_on(
        &mut self,
        journal: &mut Journal,
        now: Instant,
    ) -> Result<(), JournalError> {
        let has_paused = self.stepped.is_none_or(|at| now.since(at) >= PAUSE);
        if !has_paused {
            return Ok(());
        }
        if let Some(left) = &mut self.left {
            self.stepped = Some(now);
            let part = next_part(left);
            if !part.is_empty() {
                return journal.compact(&part);
            }
            self.left = None;
            self.is_trimming = true;
            return journal.end_compaction();
        }
        if self.is_trimming {
            self.stepped = Some(now);
            self.is_trimming = journal.trim()?;
        }
        Ok(())
    }

    /// How long it may be left alone.
    pub(super) fn pause(&self) -> Duration {
        if self.left.is_some() || self.is_trimming {
            PAUSE
        } else {
            Duration::MAX
        }
    }
}

/// Some records, not many bytes in all.
fn next_part(left: &mut VecDeque<Record>) -> Vec<Zeroizing<Vec<u8>>> {
    let (mut part, mut length) = (Vec::new(), 0);
    while length < PART_LENGTH {
        let Some(record) = left.pop_front() else {
            break;
        };
        let bytes = record.to_bytes();
        length += bytes.len();
        part.push(bytes);
    }
    part
}

const EVERY: Duration = Duration::from_secs(300);
/// Between two parts, so that others come first.
const PAUSE: Duration = Duration::from_millis(50);
/// Some milliseconds of a disk.
const PART_LENGTH: usize = 256 << 10;
