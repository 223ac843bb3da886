use std::{collections::BTreeSet, time::Duration};

use commonware_runtime::{Runner as _, Supervisor as _, deterministic::Runner};
use wayside::{
    id::ShardId,
    ledger::{FinalizedHeader, StateView as _, culprits},
};

use super::{
    Committee,
    committee::GOOD,
    genesis::{MAKER, Nonces, WORKSHOP, genesis, read},
    wires::votes,
};

const SHARD: ShardId = ShardId(1);

/// What one half of the network has made final.
async fn certified(half: &Committee, honest: usize) -> Vec<FinalizedHeader> {
    let mut headers = Vec::new();
    for height in 1..=half.height(honest, SHARD) {
        let certified = half.handle(honest).certified(SHARD, height).await;
        headers.extend(certified);
    }
    headers
}

#[test]
fn l6_two_liars_of_four_can_fork_a_shard_and_are_named_for_it() {
    Runner::timed(Duration::from_secs(600)).start(|context| async move {
        // Members 2 and 3 run in both halves of a broken network, with one key each.
        let genesis = genesis(4);
        let mut halves = [
            Committee::of(context.child("one"), genesis.clone(), "one-").await,
            Committee::of(context.child("other"), genesis.clone(), "other-").await,
        ];
        for (honest, half) in halves.iter_mut().enumerate() {
            half.wires.record();
            for index in [honest, 2, 3] {
                half.start(index).await;
            }
        }
        halves[0].pass(Duration::from_secs(2)).await;
        for (honest, sender) in [(0, MAKER), (1, WORKSHOP)] {
            let (half, mut nonces) = (&halves[honest], Nonces::default());
            for _ in 0..10 {
                let transaction = nonces.sign((&genesis, SHARD), &[sender], read(SHARD));
                half.settle(honest, transaction).await;
            }
        }

        // Both halves can show that their first block is final, and it is not the same.
        let (committee, chain) = (genesis.committee(), genesis.chain());
        let one = certified(&halves[0], 0).await;
        let other = certified(&halves[1], 1).await;
        for header in one.iter().chain(&other) {
            header.verify(committee, chain).unwrap();
        }
        assert_eq!(one[0].header.height, other[0].header.height);
        assert_ne!(one[0].header.digest(), other[0].header.digest());

        // Their votes, laid side by side, name both liars and nobody else.
        let recorded = halves.each_ref().map(|half| half.wires.recorded());
        let certificates = one.iter().chain(&other).map(|it| &it.certificate);
        let certificates = certificates.flat_map(|it| it.votes().collect::<Vec<_>>());
        let all = recorded.iter().flat_map(|it| votes(it, SHARD));
        let named = culprits(SHARD, all.chain(certificates), committee, chain);
        assert_eq!(named.keys().copied().collect::<Vec<_>>(), [2, 3]);
        for (liar, proof) in &named {
            assert_eq!(proof.verify(committee, chain), Ok(*liar));
        }

        // A half that hears what the liars said in the other one names them on its own ledger, and
        // goes no further with them until they are let in again.
        let [mut half, _] = halves;
        let [_, recorded] = recorded;
        let said = recorded.into_iter();
        let said = said.filter(|it| it.channel == 0 && it.from >= 2);
        for (number, message) in said.enumerate() {
            half.inject(message);
            if number % 8 == 0 {
                half.pass(Duration::from_millis(10)).await;
            }
        }
        half.pass(Duration::from_secs(1)).await;
        let blocked: BTreeSet<_> = half.blocked().await.into_iter().collect();
        assert_eq!(
            blocked.iter().map(|it| it.1).collect::<BTreeSet<_>>(),
            [2, 3].into()
        );
        let is_named = |half: &Committee, index| {
            let state = half.handle(0).tip(ShardId::GOVERNANCE).unwrap().state;
            state.operator(index).unwrap().misconduct > 0
        };
        for _ in 0..60 {
            for liar in [2, 3] {
                half.link_all(liar, &GOOD).await;
            }
            half.pass(Duration::from_secs(1)).await;
        }
        assert_eq!(
            [0, 1, 2, 3].map(|it| is_named(&half, it)),
            [false, false, true, true]
        );
    });
}
