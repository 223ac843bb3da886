use std::sync::Arc;

use commonware_actor::Feedback;
use commonware_consensus::{Reporter, Viewable as _, simplex::types::Activity};
use tokio::sync::mpsc;

use crate::{block::Payload, scheme::VoteScheme, shard::Shard};

/// Hears of everything that consensus sees, notes how far it is, and passes it on.
#[derive(Clone)]
pub(crate) struct Observer<R> {
    shard: Arc<Shard>,
    conflicts: mpsc::Sender<Activity<VoteScheme, Payload>>,
    next: R,
}

impl<R> Observer<R> {
    /// Passes everything on to `next`, and contradictory votes to `conflicts` too.
    pub(crate) fn new(
        shard: Arc<Shard>,
        conflicts: mpsc::Sender<Activity<VoteScheme, Payload>>,
        next: R,
    ) -> Self {
        Self {
            shard,
            conflicts,
            next,
        }
    }
}

impl<R: Reporter<Activity = Activity<VoteScheme, Payload>>> Reporter for Observer<R> {
    type Activity = Activity<VoteScheme, Payload>;

    fn report(&mut self, activity: Self::Activity) -> Feedback {
        match &activity {
            Activity::Notarization(_) | Activity::Nullification(_) | Activity::Finalization(_) => {
                self.shard.saw_view(activity.view().get());
            }
            Activity::ConflictingNotarize(_)
            | Activity::ConflictingFinalize(_)
            | Activity::NullifyFinalize(_) => {
                // A full queue means that there is evidence enough.
                let _ = self.conflicts.try_send(activity.clone());
            }
            Activity::Notarize(_)
            | Activity::Nullify(_)
            | Activity::Finalize(_)
            | Activity::Certification(_) => {}
        }
        self.next.report(activity)
    }
}
