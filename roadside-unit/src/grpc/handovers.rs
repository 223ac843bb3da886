use tokio::time::sleep;
use tonic::Status;
use wayside::{
    id::ShardId,
    ledger::{FinalizedHeader, Handover},
};
use wayside_engine::Tip;

use super::{
    desk::Desk,
    proof::{LOOK_PAUSE, LOOKS_MAX},
};

/// The newest block of the governing shard, with how committees followed each other up to it.
pub(super) struct Governance {
    pub(super) tip: Tip,
    pub(super) newest: FinalizedHeader,
    /// Up to the committee that the block's state names as the next one, if it names any.
    pub(super) handovers: Vec<Handover>,
}

impl Desk {
    /// Where the governing shard stands, once it shows who votes in an epoch.
    ///
    /// Another shard may be in the next epoch already while this unit has yet to execute the block by
    /// which the governing shard decided on it; that takes a few looks.
    pub(super) async fn governance(&self, epoch: u64) -> Result<Governance, Status> {
        for _ in 0..LOOKS_MAX {
            let (tip, newest) = self.certified_tip(ShardId::GOVERNANCE).await?;
            let handovers = self.handovers(&tip, &newest);
            let shown = handovers.last().map_or(0, |it| it.committee.epoch());
            if shown >= epoch.max(newest.header.epoch) {
                return Ok(Governance {
                    tip,
                    newest,
                    handovers,
                });
            }
            sleep(LOOK_PAUSE).await;
        }
        Err(self.no_proof(ShardId::GOVERNANCE))
    }

    /// How committees followed each other up to a block of the governing shard.
    ///
    /// The engine keeps the hand-overs of the epochs that have ended there. While the next one is only
    /// decided on, the block's own state names it.
    fn handovers(&self, tip: &Tip, newest: &FinalizedHeader) -> Vec<Handover> {
        let height = newest.header.height;
        let kept = self.engine.handovers();
        let kept = kept
            .iter()
            .filter(|it| it.finalized.header.height <= height);
        let next = Handover::of(newest.clone(), &tip.state);
        let mut handovers = Vec::new();
        for handover in kept.cloned().chain(next) {
            let known = handovers
                .last()
                .map_or(0, |it: &Handover| it.committee.epoch());
            if handover.committee.epoch() == known + 1 {
                handovers.push(handover);
            }
        }
        handovers
    }
}
