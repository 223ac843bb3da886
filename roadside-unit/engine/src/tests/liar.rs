use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use commonware_codec::{Decode as _, Encode as _};
use commonware_consensus::simplex::types::{Notarize, Proposal, Vote};
use commonware_p2p::{
    Receiver as _, Recipients, Sender as _, simulated::SplitTarget, utils::mux::Muxer,
};
use commonware_runtime::{
    IoBuf, Runner as _, Spawner as _, Supervisor as _, deterministic::Runner,
};
use wayside::{
    id::ShardId,
    ledger::{self, StateView as _, vote_namespace},
};

use super::{
    Committee,
    committee::GOOD,
    genesis::{MAKER, Nonces, read, reading},
    wires::votes,
};
use crate::{
    block::Payload,
    scheme::{VoteGate, VoteScheme},
    session::participants,
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
        let members = participants(committee.genesis.committee());
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

#[test]
fn l5_leader_that_proposes_two_blocks_is_named_on_the_ledger_and_forks_nothing() {
    const LIAR: usize = 3;
    const SHARD: ShardId = ShardId(0);
    Runner::timed(Duration::from_secs(300)).start(|context| async move {
        let mut committee = Committee::new(context, 4).await;
        for index in 0..LIAR {
            committee.start(index).await;
        }
        let (one, other) = (SplitTarget::Primary, SplitTarget::Secondary);
        let halves = [one, other, SplitTarget::Both, SplitTarget::None];
        committee.wires.divide(LIAR, halves);
        committee.wires.record();
        committee.start_twins(LIAR).await;
        committee.pass(Duration::from_secs(2)).await;
        let mut nonces = Nonces::default();
        for _ in 0..20 {
            // One that only the first twin hears of, and one that only the second does.
            let about = (&*committee.genesis, SHARD);
            let sent = [0, 1].map(|index| {
                let transaction = nonces.sign(about, &[MAKER], read(SHARD));
                (index, transaction.id(), transaction)
            });
            let ids = sent.each_ref().map(|(index, id, _)| (*index, *id));
            for (index, _, transaction) in sent {
                let submitted = committee.handle(index).submit(SHARD, transaction).await;
                submitted.unwrap();
            }
            for (index, id) in ids {
                committee.settled(index, SHARD, id).await;
            }
            // Those who have caught it let it in again.
            committee.link_all(LIAR, &GOOD).await;
        }
        committee.pass(Duration::from_secs(10)).await;

        let recorded = committee.wires.recorded();
        // In the order of their views: who supports which blocks; a leader's support comes first.
        let mut supported: BTreeMap<_, Vec<_>> = BTreeMap::new();
        for vote in votes(&recorded, SHARD) {
            if let ledger::Vote::Notarize(proposal) = vote.vote {
                let blocks = supported.entry(proposal.view).or_default();
                blocks.push((vote.signer, proposal.payload));
            }
        }
        let proposed_twice = supported.values().filter(|votes| {
            let is_liar = |signer: u16| usize::from(signer) == LIAR;
            let own = votes.iter().filter(|(signer, _)| is_liar(*signer));
            let own: BTreeSet<_> = own.map(|(_, payload)| payload).collect();
            is_liar(votes[0].0) && own.len() == 2
        });
        assert!(proposed_twice.count() > 0, "it never proposed two blocks");
        let height = committee.height(0, SHARD);
        committee
            .reach(SHARD, height, Duration::from_secs(10))
            .await;
        for handle in committee.handles() {
            for height in 1..=height {
                let block = handle.block(SHARD, height).await.unwrap();
                let first = committee.handle(0).block(SHARD, height).await.unwrap();
                assert_eq!(block.block.header, first.block.header);
            }
            let state = handle.tip(SHARD).unwrap().state;
            let named = [0, 1, 2, 3].map(|it| state.operator(it).unwrap().misconduct > 0);
            assert_eq!(named, [false, false, false, true]);
        }
    });
}
