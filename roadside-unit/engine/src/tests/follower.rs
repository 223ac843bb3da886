use std::time::Duration;

use commonware_runtime::{Runner as _, deterministic::Runner};
use wayside::id::ShardId;

use super::{
    Committee,
    committee::{GOOD, NONE},
    genesis::reading,
};

#[test]
fn follower_executes_what_is_final_and_has_what_it_takes_made_final() {
    Runner::timed(Duration::from_secs(300)).start(|context| async move {
        let mut committee = Committee::with_follower(context, 4).await;
        committee.start_all().await;
        committee.start(FOLLOWER).await;
        committee.pass(Duration::from_secs(3)).await;

        let transaction = reading(&committee.genesis, SHARD, 0);
        let (height, _) = committee.settle(FOLLOWER, transaction).await;

        let follower = committee.handle(FOLLOWER);
        let certified = follower.certified(SHARD, height).await.unwrap();
        let (voters, chain) = (committee.genesis.committee(), committee.genesis.chain());
        certified.verify(voters, chain).unwrap();
        assert!(!follower.status(SHARD).unwrap().voting);
        committee.reach(SHARD, height, PATIENCE).await;
        for member in committee.members() {
            let status = committee.handle(member).status(SHARD).unwrap();
            assert_eq!(status.peers, 3, "a follower is no operator");
        }
    });
}

#[test]
fn follower_catches_up_from_one_member_and_hands_in_by_it() {
    Runner::timed(Duration::from_secs(600)).start(|context| async move {
        let mut committee = Committee::with_follower(context, 4).await;
        committee.start_all().await;
        committee.start(FOLLOWER).await;
        committee.pass(Duration::from_secs(3)).await;
        committee.kill(FOLLOWER).await;
        settle(&committee, 0, 0..5).await;
        committee.link_all(FOLLOWER, &NONE).await;
        committee.link(FOLLOWER, 2, GOOD).await;
        committee.link(2, FOLLOWER, GOOD).await;

        committee.start(FOLLOWER).await;

        let height = committee.height(0, SHARD);
        committee.reach(SHARD, height, PATIENCE).await;
        settle(&committee, FOLLOWER, 5..8).await;
        committee.reach(SHARD, height + 3, PATIENCE).await;
    });
}

#[test]
fn follower_that_lost_everything_begins_with_a_snapshot() {
    Runner::timed(Duration::from_secs(600)).start(|context| async move {
        let mut committee = Committee::with_follower(context, 4).await;
        committee.start_all().await;
        committee.pass(Duration::from_secs(3)).await;
        // Two snapshots and some blocks; each waits for the one before.
        settle(&committee, 0, 0..40).await;

        committee.start(FOLLOWER).await;
        committee.pass(Duration::from_secs(3)).await;

        committee
            .reach(SHARD, committee.height(0, SHARD), PATIENCE)
            .await;
        let follower = committee.handle(FOLLOWER);
        let past = follower.past(SHARD).expect("it began with a snapshot");
        assert_eq!(follower.oldest(SHARD), Some(past.count()));
        assert!(follower.block(SHARD, past.count()).await.is_some());
        // Every member keeps what it lacks.
        assert_eq!(
            follower.holders(SHARD, 1),
            committee.genesis.committee().keys()
        );
    });
}

#[test]
fn follower_counts_in_no_quorum() {
    Runner::timed(Duration::from_secs(600)).start(|context| async move {
        let mut committee = Committee::with_follower(context, 4).await;
        committee.start_all().await;
        committee.start(FOLLOWER).await;
        committee.pass(Duration::from_secs(3)).await;
        committee.kill(0).await;
        committee.kill(1).await;
        let before = committee.height(2, SHARD);

        let transaction = reading(&committee.genesis, SHARD, 0);
        let follower = committee.handle(FOLLOWER);
        follower.submit(SHARD, transaction).await.unwrap();
        committee.pass(Duration::from_secs(30)).await;

        assert_eq!(committee.height(2, SHARD), before);
        committee.start(0).await;
        committee.reach(SHARD, before + 1, PATIENCE).await;
    });
}

#[test]
fn absent_follower_costs_nothing() {
    let took = |is_expected: bool| {
        Runner::timed(Duration::from_secs(600)).start(move |context| async move {
            let mut committee = if is_expected {
                Committee::with_follower(context, 4).await
            } else {
                Committee::new(context, 4).await
            };
            committee.start_all().await;
            committee.pass(Duration::from_secs(3)).await;
            let begun = commonware_runtime::Clock::current(&committee.context);
            settle(&committee, 0, 0..30).await;
            let ended = commonware_runtime::Clock::current(&committee.context);
            ended.duration_since(begun).unwrap()
        })
    };

    let (without, with) = (took(false), took(true));

    // Links are jittery; waiting for somebody would cost hundreds of milliseconds at every turn.
    assert!(with < without * 5 / 4, "{with:?} against {without:?}");
}

/// Has readings made final by way of a member or follower, one after the other.
async fn settle(committee: &Committee, by: usize, nonces: std::ops::Range<u64>) {
    for nonce in nonces {
        let transaction = reading(&committee.genesis, SHARD, nonce);
        committee.settle(by, transaction).await;
    }
}

const FOLLOWER: usize = 4;
const SHARD: ShardId = ShardId(1);
const PATIENCE: Duration = Duration::from_secs(60);
