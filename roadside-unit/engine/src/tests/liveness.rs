use std::time::Duration;

use commonware_runtime::{Runner as _, deterministic::Runner};
use wayside::{id::ShardId, ledger::Outcome};

use super::{Committee, genesis::reading};

#[test]
fn committee_makes_a_transaction_final_on_every_member() {
    Runner::timed(Duration::from_secs(300)).start(|context| async move {
        let mut committee = Committee::new(context, 4).await;
        committee.start_all().await;
        committee.pass(Duration::from_secs(3)).await;
        let transaction = reading(&committee.genesis, ShardId(1), 0);
        let id = transaction.id();

        let submitted = committee.handle(2).submit(ShardId(1), transaction).await;

        assert_eq!(submitted.unwrap(), id);
        committee.reach(ShardId(1), 1, Duration::from_secs(2)).await;
        for handle in committee.handles() {
            let first = handle.block(ShardId(1), 0).await.unwrap();
            assert_eq!(first.block.header.height, 0);
            let block = handle.block(ShardId(1), 1).await.unwrap();
            assert_eq!(block.block.entries.len(), 1);
            assert!(matches!(block.outcomes[..], [Outcome::Refused(_)]));
            let certified = handle.certified(ShardId(1), 1).await.unwrap();
            let verified =
                certified.verify(committee.genesis.committee(), committee.genesis.chain());
            assert_eq!(verified.unwrap(), &block.block.header);
        }
    });
}

#[test]
fn committee_of_one_needs_no_network() {
    Runner::timed(Duration::from_secs(60)).start(|context| async move {
        let mut committee = Committee::new(context, 1).await;
        committee.start_all().await;
        let transaction = reading(&committee.genesis, ShardId(0), 0);
        committee
            .handle(0)
            .submit(ShardId(0), transaction)
            .await
            .unwrap();
        committee.reach(ShardId(0), 1, Duration::from_secs(2)).await;
    });
}

#[test]
fn idle_committee_makes_a_block_at_each_heartbeat_only() {
    Runner::timed(Duration::from_secs(300)).start(|context| async move {
        let mut committee = Committee::new(context, 4).await;
        committee.start_all().await;
        committee.pass(Duration::from_secs(100)).await;
        let height = committee.handle(0).tip(ShardId(0)).unwrap().header.height;
        assert!((3..=4).contains(&height), "{height} blocks in 100 s");
    });
}
