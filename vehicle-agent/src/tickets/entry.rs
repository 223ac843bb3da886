use std::{collections::BTreeSet, sync::Arc, time::Duration};

use wayside::time::{Instant, Now};

use super::TicketRequest;

/// One request under way.
pub(super) struct Entry {
    pub(super) request: Arc<TicketRequest>,
    pub(super) stage: Stage,
    /// Whether its operator may have it: an answer to it was lost, or it was there before.
    pub(super) may_be_taken: bool,
    /// Since the last step forward.
    pub(super) failures: u32,
    /// Its operator said that it has it.
    pub(super) is_accepted: bool,
    /// Whose units said that its operator does not know it.
    pub(super) unknown: BTreeSet<usize>,
    /// Whose units said that it is sealed to an old key.
    pub(super) stale: BTreeSet<usize>,
    pub(super) due: Instant,
    pub(super) is_out: bool,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Stage {
    /// On its way to the disk.
    Drafted,
    /// The disk has it; whether its operator has, is not known.
    Kept,
    /// Its operator has it.
    Taken,
    /// Its tickets are on their way to the disk.
    Received,
    /// Done with, and on its way off the disk.
    Over,
}

impl Entry {
    pub(super) fn new(request: TicketRequest, stage: Stage, due: Instant) -> Self {
        Self {
            request: Arc::new(request),
            stage,
            may_be_taken: stage == Stage::Taken,
            failures: 0,
            is_accepted: false,
            unknown: BTreeSet::new(),
            stale: BTreeSet::new(),
            due,
            is_out: false,
        }
    }

    /// What was asked last has no answer of its operator. Tickets may be there, which are fetched before
    /// anything is sent again: what is sent late is refused for its age alone.
    pub(super) fn doubt(&mut self) {
        if self.stage == Stage::Kept {
            self.stage = Stage::Taken;
            self.may_be_taken = true;
        }
    }

    /// Its operator has it.
    pub(super) fn accept(&mut self) {
        self.may_be_taken = true;
        self.is_accepted = true;
    }

    /// Whether enough say that its operator cannot read it. One unit's word is not enough: tickets may
    /// be there whose keys are in here. No word is, once its operator said that it has it.
    pub(super) fn is_stale(&self) -> bool {
        !self.is_accepted && self.stale.len() >= SAID_BY_MIN
    }

    /// Whether tickets may be there, though sending it again is refused; by the same measure.
    pub(super) fn may_have_tickets(&self) -> bool {
        self.may_be_taken && (self.is_accepted || self.unknown.len() < SAID_BY_MIN)
    }

    pub(super) fn is_due(&self, now: Now) -> bool {
        let is_waiting = matches!(self.stage, Stage::Kept | Stage::Taken);
        is_waiting && !self.is_out && self.due <= now.instant
    }

    pub(super) fn pause(&self, shortest: Duration, longest: Duration) -> Duration {
        doubled(shortest, self.failures).min(longest)
    }
}

pub(super) fn doubled(pause: Duration, times: u32) -> Duration {
    pause.saturating_mul(2_u32.saturating_pow(times.min(20)))
}

/// How many operators' units have to say something that its operator did not sign.
const SAID_BY_MIN: usize = 3;
