use std::{sync::Arc, time::SystemTime};

use commonware_p2p::{LimitedSender, Recipients};

use crate::session::Session;

/// A sender that says nothing while this member does not vote.
///
/// Others skip the turns of a member from which they hear nothing. One that passes on what others
/// voted, but may not vote itself, would be waited for at every turn.
#[derive(Clone)]
pub(crate) struct Muted<S> {
    inner: S,
    session: Arc<Session>,
}

impl<S> Muted<S> {
    /// Sends by `inner` while this member votes in an epoch.
    pub(crate) fn new(inner: S, session: Arc<Session>) -> Self {
        Self { inner, session }
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
        if !self.session.is_voting() {
            return Err(SystemTime::UNIX_EPOCH);
        }
        self.inner.check(recipients)
    }
}
