use std::{sync::Arc, time::Duration};

use commonware_runtime::{
    Blob as _, Runner as _, Storage as _, WriteOptions,
    deterministic::{Context, Runner},
};
use wayside::{id::ShardId, ledger::MempoolConfig};

use super::{Committee, genesis::reading};
use crate::{Application, RebuildFrom, rebuild::rebuild, shard::Shard, storage::Stores};

const SHARD: ShardId = ShardId(0);

/// Submits one transaction after the other and waits for each.
async fn work(committee: &Committee, nonces: std::ops::Range<u64>) {
    for nonce in nonces {
        let transaction = reading(&committee.genesis, SHARD, nonce);
        let id = transaction.id();
        let handle = committee.handles().next().unwrap();
        handle.submit(SHARD, transaction).await.unwrap();
        while handle.pending(SHARD, &id) {
            committee.pass(Duration::from_millis(10)).await;
        }
    }
}

async fn started(context: Context) -> Committee {
    let mut committee = Committee::new(context, 4).await;
    committee.start_all().await;
    committee.pass(Duration::from_secs(2)).await;
    committee
}

fn run<F: Future<Output = ()>>(test: impl FnOnce(Context) -> F) {
    Runner::timed(Duration::from_secs(600)).start(test);
}

#[test]
fn committee_goes_on_without_one_member_and_takes_it_back() {
    run(|context| async move {
        let mut committee = started(context).await;
        work(&committee, 0..5).await;
        committee.kill(3).await;
        work(&committee, 5..10).await;
        committee.start(3).await;
        work(&committee, 10..12).await;
        let height = committee.height(0, SHARD);
        committee.reach(SHARD, height, Duration::from_secs(5)).await;
        committee.pass(Duration::from_secs(2)).await;
        assert!(committee.handle(3).status(SHARD).unwrap().voting);
    });
}

#[test]
fn idle_member_catches_up_before_the_next_block() {
    run(|context| async move {
        let mut committee = started(context).await;
        committee.kill(3).await;
        work(&committee, 0..5).await;
        committee.start(3).await;
        let height = committee.height(0, SHARD);
        committee.reach(SHARD, height, Duration::from_secs(5)).await;
        assert_eq!(committee.height(0, SHARD), height);
    });
}

#[test]
fn whoever_waits_for_a_member_is_told_that_it_has_ended() {
    run(|context| async move {
        let mut committee = Committee::new(context, 4).await;
        committee.start(0).await;
        let handle = committee.handle(0).clone();
        committee.kill(0).await;
        assert!(handle.ready().await.is_err());
    });
}

#[test]
fn committee_begins_although_all_members_crashed_before_they_voted() {
    run(|context| async move {
        let mut committee = Committee::new(context, 4).await;
        for ms in [150, 250, 350, 450] {
            committee.start_all().await;
            committee.pass(Duration::from_millis(ms)).await;
            for index in committee.members() {
                committee.kill(index).await;
            }
        }
        committee.start_all().await;
        committee.pass(Duration::from_secs(2)).await;
        work(&committee, 0..2).await;
    });
}

#[test]
fn l7_member_without_its_journal_stays_silent_until_its_votes_are_past() {
    run(|context| async move {
        let mut committee = started(context).await;
        work(&committee, 0..3).await;
        committee.kill(3).await;
        committee.wipe(3, &["votes"]).await;
        committee.start(3).await;
        committee.handle(3).ready().await.unwrap();
        committee.pass(Duration::from_secs(2)).await;

        let before = committee.handle(3).status(SHARD).unwrap();
        assert!(!before.voting);
        // It was killed again before its votes were past, and has a new journal now.
        committee.kill(3).await;
        committee.start(3).await;
        committee.pass(Duration::from_secs(2)).await;
        assert!(!committee.handle(3).status(SHARD).unwrap().voting);
        committee.pass(Duration::from_secs(150)).await;
        assert!(committee.handle(3).status(SHARD).unwrap().voting);
    });
}

#[test]
fn l7_member_with_an_old_disk_stays_silent_until_its_votes_are_past() {
    run(|context| async move {
        const VOTES: [&str; 2] = ["votes", "fence"];
        let mut committee = started(context).await;
        work(&committee, 0..3).await;
        committee.kill(3).await;
        let image = committee.image(3, &VOTES).await;
        committee.start(3).await;
        work(&committee, 3..9).await;
        committee.kill(3).await;
        committee.wipe(3, &VOTES).await;
        committee.restore(image).await;
        committee.start(3).await;
        committee.handle(3).ready().await.unwrap();
        committee.pass(Duration::from_secs(2)).await;

        assert!(!committee.handle(3).status(SHARD).unwrap().voting);
        work(&committee, 9..30).await;
        committee.pass(Duration::from_secs(2)).await;
        assert!(committee.handle(3).status(SHARD).unwrap().voting);
    });
}

#[test]
fn member_that_comes_late_and_is_new_votes_at_once() {
    run(|context| async move {
        let mut committee = Committee::new(context, 4).await;
        for index in 0..3 {
            committee.start(index).await;
        }
        committee.pass(Duration::from_secs(2)).await;
        work(&committee, 0..3).await;
        committee.start(3).await;
        committee.pass(Duration::from_secs(2)).await;

        assert!(committee.handle(3).status(SHARD).unwrap().voting);
        // With one gone, the others need its votes.
        committee.kill(0).await;
        work(&committee, 3..6).await;
    });
}

#[test]
fn wiped_member_begins_with_the_state_of_others() {
    run(|context| async move {
        let mut committee = started(context).await;
        work(&committee, 0..40).await;
        committee.kill(3).await;
        committee.wipe(3, &ALL).await;
        committee.start(3).await;
        work(&committee, 40..45).await;
        let height = committee.height(0, SHARD);
        committee
            .reach(SHARD, height, Duration::from_secs(10))
            .await;

        let oldest = committee.handle(3).oldest(SHARD).unwrap();
        assert!(oldest >= 16, "it fetched blocks from {oldest} on");
        let tips = committee
            .handles()
            .map(|it| it.tip(SHARD).unwrap().state.root());
        let tips: Vec<_> = tips.collect();
        assert!(tips.windows(2).all(|pair| pair[0] == pair[1]));
        // What it begins with outlasts another crash.
        committee.kill(3).await;
        committee.start(3).await;
        work(&committee, 45..50).await;
        let height = committee.height(0, SHARD);
        committee
            .reach(SHARD, height, Duration::from_secs(10))
            .await;
    });
}

#[test]
fn member_begins_with_its_own_snapshot() {
    run(|context| async move {
        let mut committee = started(context).await;
        work(&committee, 0..40).await;
        committee.pass(Duration::from_secs(1)).await;
        let (state, height) = (
            committee.handle(1).tip(SHARD).unwrap().state.root(),
            committee.height(1, SHARD),
        );
        committee.kill(1).await;
        committee.start(1).await;
        committee.handle(1).ready().await.unwrap();
        assert_eq!(committee.height(1, SHARD), height);
        assert_eq!(committee.handle(1).tip(SHARD).unwrap().state.root(), state);
        // Blocks from before the snapshot are still answered.
        let block = committee.handle(1).block(SHARD, 2).await.unwrap();
        assert_eq!(block.block.header.height, 2);
    });
}

#[test]
fn state_is_made_again_from_a_snapshot_and_from_the_beginning() {
    run(|context| async move {
        let mut committee = started(context).await;
        work(&committee, 0..40).await;
        committee.pass(Duration::from_secs(1)).await;
        let tip = committee.handle(2).tip(SHARD).unwrap();
        committee.kill(2).await;

        let stores = Stores::new("m2-", SHARD);
        let genesis = Arc::clone(&committee.genesis);
        let with = (Application::Ledger, MempoolConfig::default());
        let (shard, _) = Shard::new(genesis, SHARD, None, with);
        for from in [RebuildFrom::Snapshot, RebuildFrom::Genesis] {
            let rebuilt = rebuild(&committee.context, &stores, &shard, from)
                .await
                .unwrap();
            assert_eq!(rebuilt.height, tip.header.height);
            assert_eq!(rebuilt.state_root, tip.header.state_root);
            assert_eq!(rebuilt.from > 0, from == RebuildFrom::Snapshot);
        }
    });
}

#[test]
fn broken_snapshot_is_passed_over() {
    run(|context| async move {
        let mut committee = started(context).await;
        work(&committee, 0..40).await;
        committee.pass(Duration::from_secs(1)).await;
        let state = committee.handle(1).tip(SHARD).unwrap().state.root();
        committee.kill(1).await;
        let partition = Stores::new("m1-", SHARD).snapshots();
        let names = committee.context.scan(&partition).await.unwrap();
        let newest = names.iter().max().unwrap();
        let (blob, length) = committee.context.open(&partition, newest).await.unwrap();
        blob.write_at(length / 2, vec![0xff; 40], WriteOptions::default())
            .await
            .unwrap();
        blob.sync().await.unwrap();
        drop(blob);
        committee.start(1).await;
        committee.handle(1).ready().await.unwrap();
        assert_eq!(committee.handle(1).tip(SHARD).unwrap().state.root(), state);
    });
}

/// All that a member stores of a shard.
pub(super) const ALL: [&str; 18] = [
    "restored",
    "votes",
    "votes-1",
    "votes-2",
    "fence",
    "handovers",
    "snapshots",
    "blocks-key",
    "blocks-value",
    "blocks-metadata",
    "finalizations-key",
    "finalizations-value",
    "finalizations-metadata",
    "results-key",
    "results-value",
    "results-metadata",
    "marshal-application-metadata",
    "marshal-cache",
];
