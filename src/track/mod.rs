//! One road user over time: what it last said, where it is probably now, and how sure that is.
//!
//! A message is old when it arrives and older when somebody asks. [`Track::estimate`] carries the
//! last one forward with the turn rate and acceleration that its sender gave, and says by how much
//! the uncertainty has grown meanwhile. What the sender did not give stays missing: no speed is not
//! speed zero.
//!
//! A track also keeps a short, thinned history, because a lie shows in how messages follow each
//! other. Holding them against each other is left to `plausibility`; finding tracks, and
//! forgetting them, to `world`. Floats appear here, in `risk` and in `world` alone: an estimate is
//! never signed and never agreed upon.

mod estimate;
mod sample;

pub use estimate::{Estimate, Motion};
pub use sample::Sample;

#[cfg(test)]
mod tests;

use std::{collections::VecDeque, time::Duration};

use crate::{message::Telemetry, time::Timestamp};

/// What one station said, newest last.
#[derive(Clone, Debug)]
pub struct Track {
    /// Older samples, at least [`HISTORY_STEP_MIN`] apart, oldest first.
    history: VecDeque<Sample>,
    latest: Sample,
}

impl Track {
    /// A track that begins with one message.
    pub fn new(telemetry: &Telemetry, generated: Timestamp) -> Self {
        Self {
            history: VecDeque::new(),
            latest: Sample::of(telemetry, generated),
        }
    }

    /// Adds a message; returns `false`, and changes nothing, if it is not newer than the latest.
    pub fn observe(&mut self, telemetry: &Telemetry, generated: Timestamp) -> bool {
        if generated <= self.latest.generated {
            return false;
        }
        let before = std::mem::replace(&mut self.latest, Sample::of(telemetry, generated));
        let apart = |back: &Sample| before.generated.since(back.generated) >= HISTORY_STEP_MIN;
        if self.history.back().is_none_or(apart) {
            if self.history.len() == HISTORY_LEN_MAX {
                self.history.pop_front();
            }
            self.history.push_back(before);
        }
        true
    }

    /// The newest sample.
    pub fn latest(&self) -> &Sample {
        &self.latest
    }

    /// All samples that are kept, newest first: the latest, then at most [`HISTORY_LEN_MAX`].
    pub fn newest_first(&self) -> impl Iterator<Item = &Sample> {
        std::iter::once(&self.latest).chain(self.history.iter().rev())
    }

    /// Where the road user is at a moment, as far as the newest message at or before it tells.
    ///
    /// Returns `None` more than [`BACKWARD_MAX`] before the oldest message kept: what it did then
    /// is not known. Just before it the estimate runs backward, since clocks differ.
    pub fn estimate(&self, at: Timestamp) -> Option<Estimate> {
        let known = self.newest_first().find(|sample| sample.generated <= at);
        let sample = known.or_else(|| {
            let oldest = self.history.front().unwrap_or(&self.latest);
            (oldest.generated.since(at) <= BACKWARD_MAX).then_some(oldest)
        })?;
        Some(Estimate::of(sample, at))
    }
}

/// Most samples kept besides the latest; the oldest is forgotten first. About 3 s at 10 Hz.
pub const HISTORY_LEN_MAX: usize = 16;

/// How far before its oldest message a track is still extrapolated.
pub const BACKWARD_MAX: Duration = Duration::from_secs(1);

/// Samples closer together than this are thinned out, so that the history spans seconds.
const HISTORY_STEP_MIN: Duration = Duration::from_millis(200);
