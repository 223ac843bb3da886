use std::time::Duration;

use commonware_runtime::{
    Clock as _, Runner as _, Supervisor as _,
    deterministic::{Context, Runner},
};
use wayside::{
    id::ShardId,
    ledger::{MempoolConfig, StateView as _},
};

use super::{
    Committee,
    committee::{GOOD, NONE},
    crashes::ALL,
    genesis::reading,
};
use crate::{
    Application, RestoreError, RestoredShard,
    backup::{PartReader, forget, restore_shard},
    shard::Shard,
    storage::Stores,
};

const SHARDS: [ShardId; 2] = [ShardId(0), ShardId(1)];
const SHARD: ShardId = ShardId(1);
const PATIENCE: Duration = Duration::from_secs(120);

async fn started(context: Context) -> Committee {
    let mut committee = Committee::new(context, 4).await;
    committee.start_all().await;
    begin(&committee).await;
    committee
}

/// Waits until members are there, and gives the shard that does nothing else a block: a unit that
/// has none asks the others where to begin.
async fn begin(committee: &Committee) {
    committee.pass(Duration::from_secs(2)).await;
    let transaction = reading(&committee.genesis, ShardId(0), 0);
    committee.settle(0, transaction).await;
    committee.reach(ShardId(0), 1, PATIENCE).await;
}

/// Has a member make transactions final, one after the other.
async fn work(committee: &Committee, index: usize, nonces: std::ops::Range<u64>) {
    for nonce in nonces {
        let transaction = reading(&committee.genesis, SHARD, nonce);
        committee.settle(index, transaction).await;
    }
}

/// A backup of each shard, taken from a running member.
async fn back_up(committee: &Committee, index: usize) -> [Vec<u8>; 2] {
    let mut files = SHARDS.map(|_| Vec::new());
    for (shard, file) in SHARDS.iter().zip(&mut files) {
        let mut backup = committee.handle(index).backup(*shard).unwrap();
        while let Some(bytes) = backup.next().await.unwrap() {
            file.extend(bytes);
        }
    }
    files
}

/// Puts a backup of a shard into stores of this name.
async fn restore(
    committee: &Committee,
    name: &str,
    shard: ShardId,
    file: &[u8],
) -> Result<RestoredShard, RestoreError> {
    let mut parts = PartReader::new(file);
    parts.next()?.ok_or(RestoreError::Cut)?;
    let with = (Application::Ledger, MempoolConfig::default());
    let (kept, _) = Shard::new(committee.genesis.clone(), shard, None, with);
    let child = committee.context.child("restore");
    let child = child.with_attribute("name", format!("{name}{shard}"));
    restore_shard(&child, &Stores::new(name, shard), &kept, &mut parts).await
}

/// Takes a member all that it stored, and puts a backup in its place.
async fn replace(committee: &mut Committee, index: usize, files: &[Vec<u8>; 2]) {
    if committee.runs(index) {
        committee.kill(index).await;
    }
    committee.wipe(index, &ALL).await;
    for (shard, file) in SHARDS.iter().zip(files) {
        let name = committee.stores(index);
        restore(committee, &name, *shard, file).await.unwrap();
    }
}

#[test]
fn l7_restored_member_serves_at_once_and_votes_only_when_its_old_votes_are_past() {
    Runner::timed(Duration::from_secs(900)).start(|context| async move {
        let mut committee = started(context).await;
        work(&committee, 0, 0..20).await;
        let height = committee.height(2, SHARD);
        let files = back_up(&committee, 2).await;
        work(&committee, 0, 20..40).await;
        replace(&mut committee, 2, &files).await;
        // Alone, it knows what was in the backup, and does not vote.
        committee.link_all(2, &NONE).await;
        committee.start(2).await;
        let restored = committee.handle(2).clone();
        restored.ready().await.unwrap();
        committee.pass(Duration::from_secs(5)).await;
        let status = restored.status(SHARD).unwrap();
        assert!(status.height >= height, "{status:?}");
        assert!(!status.voting);
        assert!(restored.block(SHARD, 1).await.is_some());
        assert!(restored.certified(SHARD, height).await.is_some());

        // With the others, it applies what came after.
        committee.link_all(2, &GOOD).await;
        let height = committee.height(0, SHARD);
        committee.reach(SHARD, height, PATIENCE).await;
        assert!(!restored.status(SHARD).unwrap().voting);
        let end = committee.context.current() + PATIENCE;
        while !restored.status(SHARD).unwrap().voting {
            assert!(committee.context.current() < end, "it never votes again");
            committee.pass(Duration::from_secs(1)).await;
        }
        work(&committee, 0, 40..44).await;
        committee.pass(Duration::from_secs(5)).await;
        let height = committee.height(0, SHARD);
        committee.reach(SHARD, height, PATIENCE).await;
        for height in 1..=height {
            let theirs = committee.handle(0).block(SHARD, height).await.unwrap();
            let own = restored.block(SHARD, height).await.unwrap();
            assert_eq!(own.block.header, theirs.block.header);
        }
        for handle in committee.handles() {
            let state = handle.tip(ShardId::GOVERNANCE).unwrap().state;
            assert!((0..4).all(|it| state.operator(it).unwrap().misconduct == 0));
        }
    });
}

#[test]
fn committee_that_lost_more_than_a_third_begins_again_without_its_votes() {
    Runner::timed(Duration::from_secs(900)).start(|context| async move {
        let mut committee = started(context).await;
        let mut files = Vec::new();
        // Of different moments.
        for index in committee.members() {
            let first = u64::try_from(index).unwrap() * 6;
            work(&committee, 0, first..first + 6).await;
            let height = committee.height(0, SHARD);
            committee.reach(SHARD, height, PATIENCE).await;
            committee.pass(Duration::from_secs(1)).await;
            files.push(back_up(&committee, index).await);
        }
        let newest = committee.handle(3).tip(SHARD).unwrap().header;
        for shard in SHARDS {
            let height = committee.height(3, shard);
            committee.reach(shard, height, PATIENCE).await;
        }
        // Two of them have their disks still.
        for (index, files) in files.iter().enumerate().skip(2) {
            replace(&mut committee, index, files).await;
        }
        committee.pass(Duration::from_secs(60)).await;
        for index in committee.members() {
            if committee.runs(index) {
                committee.kill(index).await;
            }
            for shard in SHARDS {
                let stores = Stores::new(&committee.stores(index), shard);
                forget(&committee.context, &stores).await.unwrap();
            }
        }
        // One after the other.
        for index in committee.members() {
            committee.start(index).await;
            committee.pass(Duration::from_secs(3)).await;
        }

        committee.reach(SHARD, newest.height, PATIENCE).await;
        work(&committee, 0, 24..28).await;
        committee.pass(Duration::from_secs(5)).await;
        committee.reach(SHARD, newest.height + 4, PATIENCE).await;
        for handle in committee.handles() {
            let block = handle.block(SHARD, newest.height).await.unwrap();
            assert_eq!(block.block.header, *newest);
        }
    });
}

#[test]
fn backup_of_a_member_that_forgot_old_blocks_begins_with_a_snapshot() {
    Runner::timed(Duration::from_secs(900)).start(|context| async move {
        let mut committee = Committee::new(context, 4).await;
        committee.retention.insert(3, 1);
        committee.start_all().await;
        begin(&committee).await;
        work(&committee, 0, 0..70).await;
        committee.reach(SHARD, 70, PATIENCE).await;
        committee.pass(Duration::from_secs(3)).await;
        assert!(committee.handle(3).oldest(SHARD).unwrap() > 1);
        let height = committee.height(3, SHARD);
        let files = back_up(&committee, 3).await;

        replace(&mut committee, 3, &files).await;
        committee.link_all(3, &NONE).await;
        committee.start(3).await;
        let restored = committee.handle(3).clone();
        restored.ready().await.unwrap();
        committee.pass(Duration::from_secs(5)).await;
        assert_eq!(restored.status(SHARD).unwrap().height, height);
        assert!(restored.block(SHARD, height).await.is_some());
        assert!(restored.oldest(SHARD).unwrap() >= 64);

        committee.link_all(3, &GOOD).await;
        work(&committee, 0, 70..75).await;
        let height = committee.height(0, SHARD);
        committee.reach(SHARD, height, PATIENCE).await;
        // And once more from what is on its disk then.
        committee.kill(3).await;
        committee.start(3).await;
        work(&committee, 0, 75..77).await;
        let height = committee.height(0, SHARD);
        committee.reach(SHARD, height, PATIENCE).await;
    });
}

#[test]
fn altered_or_cut_backup_is_refused() {
    Runner::timed(Duration::from_secs(900)).start(|context| async move {
        let committee = started(context).await;
        work(&committee, 0, 0..6).await;
        let [_, file] = back_up(&committee, 0).await;
        let whole = restore(&committee, "whole-", SHARD, &file).await.unwrap();
        assert_eq!(whole.state_root, {
            let block = committee.handle(0).block(SHARD, whole.height).await;
            block.unwrap().block.header.state_root
        });
        // Behind the beginning, which names the ledger and the shard.
        let begins = PartReader::new(file.as_slice()).next().unwrap().unwrap();
        let begins = begins.to_bytes().len();
        for place in (begins..file.len()).step_by(41) {
            let mut changed = file.clone();
            changed[place] ^= 1;
            let name = format!("changed-{place}-");
            let refused = restore(&committee, &name, SHARD, &changed).await;
            assert!(refused.is_err(), "byte {place} is not checked");
            let name = format!("cut-{place}-");
            let refused = restore(&committee, &name, SHARD, &file[..place]).await;
            assert!(refused.is_err(), "{place} bytes are enough");
        }
        let other = restore(&committee, "other-", ShardId(0), &file).await;
        assert!(matches!(other, Err(RestoreError::Block { .. })));
    });
}
