use super::Verdict;
use crate::security::Verified;

/// A verified message and what the checks say about it. Only `plausibility` makes one.
#[derive(Debug)]
pub struct Judged<M> {
    pub(super) verified: Verified<M>,
    pub(super) verdict: Verdict,
}

impl<M> Judged<M> {
    /// The message, its bytes and its sender.
    pub fn verified(&self) -> &Verified<M> {
        &self.verified
    }

    /// What the checks found.
    pub fn verdict(&self) -> &Verdict {
        &self.verdict
    }
}
