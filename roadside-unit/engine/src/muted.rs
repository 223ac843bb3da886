use std::{sync::Arc, time::SystemTime};

use commonware_p2p::{LimitedSender, Recipients};

use crate::shard::Shard;

/// A sender that says nothing while this member does not vote.
///
/// Others skip the turns of a member from which they hear nothing. One that passes on what others
/// voted, but may not vote itself, would be waited for at every turn.
#[derive(Clone)]
pub(crate) struct Muted<S> {
    inner: S,
    shard: Arc<Shard>,
}

impl<S> Muted<S> {
    /// Sends by `inner` while this member votes on `shard`.
    pub(crate) fn new(inner: S, shard: Arc<Shard>) -> Self {
        Self { inner, shard }
    }
}

impl<S: LimitedSender> LimitedSender for Muted<S> {
    type PublicKey = S::PublicKey;
    type Checked<'a>
        = S::Checked<'a>
    where
        Self: 'a;

    fn check(
        &mut self,
        recipients: Recipients<Self::PublicKey>,
    ) -> Result<Self::Checked<'_>, SystemTime> {
        if !self.shard.is_voting() {
            return Err(SystemTime::UNIX_EPOCH);
        }
        self.inner.check(recipients)
    }
}
