use std::sync::Arc;

use commonware_actor::Feedback;
use commonware_consensus::{
    Reporter, Viewable as _,
    simplex::types::{
        Activity, Finalization, Finalize, Notarization, Notarize, Nullification, Nullify,
    },
};
use commonware_utils::Participant;
use tokio::sync::mpsc;

use crate::{block::Payload, scheme::VoteScheme, session::Session};

/// Hears of everything that consensus sees, notes how far it is, and passes it on.
#[derive(Clone)]
pub(crate) struct Observer<R> {
    session: Arc<Session>,
    conflicts: mpsc::Sender<Activity<VoteScheme, Payload>>,
    next: R,
}

impl<R> Observer<R> {
    /// Passes everything on to `next`, and contradictory votes to `conflicts` too.
    pub(crate) fn new(
        session: Arc<Session>,
        conflicts: mpsc::Sender<Activity<VoteScheme, Payload>>,
        next: R,
    ) -> Self {
        Self {
            session,
            conflicts,
            next,
        }
    }

    fn saw_votes(&self, signers: impl IntoIterator<Item = Participant>, view: u64) {
        let mut votes = self.session.votes.lock();
        for signer in signers {
            votes.saw(usize::from(signer), view);
        }
    }
}

impl<R: Reporter<Activity = Activity<VoteScheme, Payload>>> Reporter for Observer<R> {
    type Activity = Activity<VoteScheme, Payload>;

    fn report(&mut self, activity: Self::Activity) -> Feedback {
        let view = activity.view().get();
        match &activity {
            Activity::Notarization(Notarization { certificate, .. })
            | Activity::Nullification(Nullification { certificate, .. })
            | Activity::Finalization(Finalization { certificate, .. }) => {
                self.session.saw_view(view);
                self.saw_votes(certificate.signers.iter(), view);
            }
            Activity::ConflictingNotarize(_)
            | Activity::ConflictingFinalize(_)
            | Activity::NullifyFinalize(_) => {
                // A full queue means that there is evidence enough.
                let _ = self.conflicts.try_send(activity.clone());
            }
            Activity::Notarize(Notarize { attestation, .. })
            | Activity::Nullify(Nullify { attestation, .. })
            | Activity::Finalize(Finalize { attestation, .. }) => {
                self.saw_votes([attestation.signer], view);
            }
            Activity::Certification(_) => {}
        }
        self.next.report(activity)
    }
}
