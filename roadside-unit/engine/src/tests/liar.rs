use std::time::Duration;

use commonware_codec::{Decode as _, Encode as _};
use commonware_consensus::simplex::types::{Notarize, Proposal, Vote};
use commonware_p2p::{Receiver as _, Recipients, Sender as _, utils::mux::Muxer};
use commonware_runtime::{
    IoBuf, Runner as _, Spawner as _, Supervisor as _, deterministic::Runner,
};
use wayside::{
    id::ShardId,
    ledger::{StateView as _, vote_namespace},
};

use super::{Committee, genesis::reading};
use crate::{
    block::Payload,
    member::participants,
    scheme::{VoteGate, VoteScheme},
};

/// Votes in every view for what others vote for, and for something else.
pub(super) async fn lie(committee: &Committee, index: usize) {
    let (votes, receiver) = committee.channels(index).await.swap_remove(0);
    let (muxer, mut handle) = Muxer::new(committee.context.child("liar"), votes, receiver);
    muxer.start();
    for shard in [ShardId(0), ShardId(1)] {
        let (mut sender, mut receiver) = handle.register(u64::from(shard.0)).await.unwrap();
        let gate = std::sync::Arc::new(VoteGate::closed());
        gate.silence_through(0);
        gate.reserve_through(u64::MAX);
        let namespace = vote_namespace(committee.genesis.chain(), shard);
        let members = participants(&committee.genesis);
        let key = committee.vote_key(index);
        let scheme = VoteScheme::new(&namespace, members, key, gate).unwrap();
        committee.context.child("lies").spawn(move |_| async move {
            while let Ok((_, bytes)) = receiver.recv().await {
                let vote = Vote::<VoteScheme, Payload>::decode_cfg(bytes, &());
                let Ok(Vote::Notarize(vote)) = vote else {
                    continue;
                };
                let said = vote.proposal;
                let other = Payload::from([13; 32]);
                let other = Proposal::new(said.round, said.parent, other);
                for proposal in [said, other] {
                    let vote = Notarize::sign(&scheme, proposal).unwrap();
                    let bytes = Vote::Notarize(vote).encode();
                    let _ = sender.send(Recipients::All, IoBuf::from(bytes), true);
                }
            }
        });
    }
}

#[test]
fn l5_liar_is_named_on_the_ledger_and_changes_nothing() {
    Runner::timed(Duration::from_secs(300)).start(|context| async move {
        let mut committee = Committee::new(context, 4).await;
        for index in 0..3 {
            committee.start(index).await;
        }
        lie(&committee, 3).await;
        committee.pass(Duration::from_secs(2)).await;
        for nonce in 0..5 {
            let transaction = reading(&committee.genesis, ShardId(1), nonce);
            committee
                .handle(0)
                .submit(ShardId(1), transaction)
                .await
                .unwrap();
            committee.pass(Duration::from_millis(500)).await;
        }
        committee
            .reach(ShardId(1), 1, Duration::from_secs(10))
            .await;
        committee.pass(Duration::from_secs(10)).await;

        for handle in committee.handles() {
            let state = handle.tip(ShardId(0)).unwrap().state;
            assert!(state.operator(3).unwrap().misconduct > 0);
            assert!((0..3).all(|honest| state.operator(honest).unwrap().misconduct == 0));
        }
    });
}
