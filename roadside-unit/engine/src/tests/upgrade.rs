use std::time::Duration;

use commonware_runtime::{
    Runner as _,
    deterministic::{Context, Runner},
};
use wayside::{
    id::ShardId,
    ledger::{Outcome, Rule, ScheduleRules, StateView as _},
};

use super::{
    Committee,
    genesis::{Nonces, read},
};

const SHARD: ShardId = ShardId::GOVERNANCE;
/// The cold keys of a quorum.
const QUORUM: &[u8] = &[200, 201, 202];
const PATIENCE: Duration = Duration::from_secs(60);
const ACTIVATION: u64 = 8;

/// A committee of four, of which only two know the second version of the rules.
struct Upgrade {
    committee: Committee,
    nonces: Nonces,
}

impl Upgrade {
    async fn new(context: Context) -> Self {
        let mut committee = Committee::new(context, 4).await;
        committee.rules.extend([(2, 1), (3, 1)]);
        committee.start_all().await;
        committee.pass(Duration::from_secs(2)).await;
        Self {
            committee,
            nonces: Nonces::default(),
        }
    }

    async fn schedule(&mut self, rules: u16, height: u64) -> Outcome {
        let action = ScheduleRules {
            shard: SHARD,
            rules,
            height,
        };
        let about = (&*self.committee.genesis, SHARD);
        let transaction = self.nonces.sign(about, QUORUM, action);
        self.committee.settle(0, transaction).await.1
    }

    /// Has transactions made final until a member that knows all rules is at a height.
    async fn work_to(&mut self, height: u64) {
        while self.committee.height(0, SHARD) < height {
            let about = (&*self.committee.genesis, SHARD);
            let transaction = self
                .nonces
                .sign(about, &[super::genesis::MAKER], read(SHARD));
            self.committee.settle(0, transaction).await;
        }
    }

    /// Runs a member again with the newest program.
    async fn upgrade(&mut self, index: usize) {
        self.committee.kill(index).await;
        self.committee.rules.remove(&index);
        self.committee.start(index).await;
    }

    async fn reach(&self, indices: &[usize], height: u64) {
        let is_there = |index: &usize| self.committee.height(*index, SHARD) >= height;
        let mut waited = Duration::ZERO;
        while !indices.iter().all(is_there) {
            assert!(waited < PATIENCE, "stuck below {height}");
            self.committee.pass(Duration::from_millis(50)).await;
            waited += Duration::from_millis(50);
        }
    }

    /// The version of the rules of each block that a member has, up to a height.
    async fn versions(&self, index: usize, height: u64) -> Vec<u16> {
        let mut versions = Vec::new();
        for height in 1..=height {
            let block = self.committee.handle(index).block(SHARD, height).await;
            versions.push(block.unwrap().block.header.rules);
        }
        versions
    }
}

#[test]
fn rules_that_two_of_four_know_begin_at_their_height_for_all() {
    Runner::timed(Duration::from_secs(900)).start(|context| async move {
        let mut upgrade = Upgrade::new(context).await;
        assert_eq!(upgrade.schedule(2, ACTIVATION).await, Outcome::Applied);
        upgrade.work_to(ACTIVATION - 3).await;
        upgrade.reach(&[0, 1, 2, 3], ACTIVATION - 3).await;
        for index in upgrade.committee.members() {
            let status = upgrade.committee.handle(index).status(SHARD).unwrap();
            assert!(status.voting);
            assert_eq!(status.rules.followed, 1);
            let old = index >= 2;
            let needed = old.then_some((2, Some(ACTIVATION)));
            assert_eq!(status.rules.needed(), needed);
        }
        // What version 2 allows is still refused.
        let refused = upgrade.schedule(1, 0).await;
        assert_eq!(refused, Outcome::Refused(Rule::RulesBackward));

        upgrade.upgrade(2).await;
        upgrade.work_to(ACTIVATION + 4).await;
        upgrade.reach(&[0, 1, 2], ACTIVATION + 4).await;

        // The one that was not upgraded stops in time, says so, and still answers.
        upgrade.reach(&[3], ACTIVATION - 1).await;
        upgrade.committee.pass(Duration::from_secs(5)).await;
        let stopped = upgrade.committee.handle(3);
        let status = stopped.status(SHARD).unwrap();
        assert_eq!(status.height, ACTIVATION - 1);
        assert!(status.rules.has_stopped() && !status.voting);
        assert_eq!(status.rules.needed(), Some((2, None)));
        assert!(stopped.block(SHARD, ACTIVATION - 1).await.is_some());
        // Also when it is started again as it is.
        upgrade.committee.kill(3).await;
        upgrade.committee.start(3).await;
        upgrade.committee.handle(3).ready().await.unwrap();
        upgrade.committee.pass(Duration::from_secs(5)).await;
        assert_eq!(upgrade.committee.height(3, SHARD), ACTIVATION - 1);

        upgrade.upgrade(3).await;
        let height = upgrade.committee.height(0, SHARD);
        upgrade.reach(&[0, 1, 2, 3], height).await;
        let before = usize::try_from(ACTIVATION - 1).unwrap();
        for index in upgrade.committee.members() {
            let versions = upgrade.versions(index, height).await;
            let (first, second) = versions.split_at(before);
            assert!(first.iter().all(|it| *it == 1) && second.iter().all(|it| *it == 2));
            let status = upgrade.committee.handle(index).status(SHARD).unwrap();
            assert_eq!((status.rules.followed, status.rules.needed()), (2, None));
        }
        // What version 2 allows is done, and everybody agrees.
        assert_eq!(upgrade.schedule(3, 1_000).await, Outcome::Applied);
        assert_eq!(upgrade.schedule(2, 0).await, Outcome::Applied);
        let height = upgrade.committee.height(0, SHARD);
        upgrade.reach(&[0, 1, 2, 3], height).await;
        for handle in upgrade.committee.handles() {
            let state = handle.tip(SHARD).unwrap().state;
            assert_eq!(state.chain().unwrap().next_rules, None);
        }
        assert_eq!(upgrade.committee.blocked().await, []);
    });
}

#[test]
fn ledger_waits_for_a_quorum_that_knows_its_rules_and_loses_nothing() {
    Runner::timed(Duration::from_secs(900)).start(|context| async move {
        let mut upgrade = Upgrade::new(context).await;
        assert_eq!(upgrade.schedule(2, ACTIVATION).await, Outcome::Applied);
        upgrade.work_to(ACTIVATION - 1).await;
        let about = (&*upgrade.committee.genesis, SHARD);
        let transaction = upgrade
            .nonces
            .sign(about, &[super::genesis::MAKER], read(SHARD));
        let id = transaction.id();
        let submitted = upgrade.committee.handle(0).submit(SHARD, transaction).await;
        submitted.unwrap();
        upgrade.committee.pass(Duration::from_secs(20)).await;
        for index in upgrade.committee.members() {
            assert_eq!(upgrade.committee.height(index, SHARD), ACTIVATION - 1);
        }

        upgrade.upgrade(3).await;
        let (height, outcome) = upgrade.committee.settled(0, SHARD, id).await;
        assert!(height >= ACTIVATION);
        assert_eq!(outcome, Outcome::Refused(Rule::VehicleUnknown));
        upgrade.upgrade(2).await;
        upgrade.reach(&[0, 1, 2, 3], height).await;
        assert_eq!(upgrade.committee.blocked().await, []);
    });
}

#[test]
fn blocks_are_forgotten_only_while_enough_archives_have_them() {
    Runner::timed(Duration::from_secs(900)).start(|context| async move {
        let mut committee = Committee::new(context, 4).await;
        committee.retention.extend([(0, 1), (3, 1)]);
        committee.start_all().await;
        committee.pass(Duration::from_secs(2)).await;
        let mut upgrade = Upgrade {
            committee,
            nonces: Nonces::default(),
        };
        let snapshots = 16;
        upgrade.work_to(5 * snapshots).await;
        upgrade.reach(&[0, 1, 2, 3], 5 * snapshots).await;
        upgrade.committee.pass(Duration::from_secs(5)).await;
        for handle in upgrade.committee.handles() {
            assert_eq!(handle.status(SHARD).unwrap().archives, 2);
            assert_eq!(handle.oldest(SHARD), Some(0), "two archives are too few");
        }

        // Another one becomes an archive; it has everything still.
        upgrade.committee.kill(0).await;
        upgrade.committee.retention.remove(&0);
        upgrade.committee.start(0).await;
        upgrade.committee.pass(Duration::from_secs(5)).await;
        upgrade.work_to(8 * snapshots).await;
        upgrade.reach(&[0, 1, 2, 3], 8 * snapshots).await;
        upgrade.committee.pass(Duration::from_secs(5)).await;
        let pruned = upgrade.committee.handle(3);
        assert_eq!(pruned.status(SHARD).unwrap().archives, 3);
        let oldest = pruned.oldest(SHARD).unwrap();
        assert!(oldest >= 4 * snapshots, "it keeps blocks from {oldest} on");
        for index in 0..3 {
            let archive = upgrade.committee.handle(index);
            assert!(archive.block(SHARD, 1).await.is_some());
        }
        let keys = upgrade.committee.genesis.committee().keys();
        assert_eq!(pruned.holders(SHARD, 1), keys[..3]);
    });
}
