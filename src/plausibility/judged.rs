use super::{Tally, Verdict};
use crate::security::Verified;

/// A verified message and what the checks say about it. Only `plausibility` makes one.
#[derive(Debug)]
pub struct Judged<M> {
    pub(super) verified: Verified<M>,
    pub(super) judgement: Judgement,
}

/// What the checks say about one message, and what they count of its station from then on.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Judgement {
    pub(super) verdict: Verdict,
    pub(super) tally: Tally,
}

impl<M> Judged<M> {
    /// The message, its bytes and its sender.
    pub fn verified(&self) -> &Verified<M> {
        &self.verified
    }

    /// What the checks found.
    pub fn verdict(&self) -> &Verdict {
        &self.judgement.verdict
    }

    /// What the checks found, for the station's [`Record`](super::Record).
    pub fn judgement(&self) -> &Judgement {
        &self.judgement
    }
}

impl Judgement {
    /// What the checks found.
    pub fn verdict(&self) -> &Verdict {
        &self.verdict
    }
}
