use std::{
    collections::BTreeMap,
    panic::{self, AssertUnwindSafe},
    time::Duration,
};

use commonware_runtime::{
    Clock as _, Runner as _, Supervisor as _,
    deterministic::{Config, Context, FaultConfig, PartialWriteMode, Runner, WriteConfig},
};
use commonware_utils::probability;
use rand_core::Rng as _;
use wayside::{
    crypto::Digest,
    id::ShardId,
    ledger::{Audit, Auditor, Entry, StateView as _, TransactionId},
};

use super::{
    Committee,
    committee::{BAD, GOOD, NONE},
    genesis::{part, reading},
};
use crate::Tip;

const SHARDS: [ShardId; 2] = [ShardId(0), ShardId(1)];

/// What was seen to be final, which must stay so whatever happens.
#[derive(Default)]
struct Seen {
    /// The header's digest of each block.
    blocks: BTreeMap<(ShardId, u64), Digest>,
    /// Where each transaction is.
    transactions: BTreeMap<(ShardId, TransactionId), u64>,
    /// The next nonce for each shard.
    nonces: BTreeMap<ShardId, u64>,
    /// Holds the shards' states against each other.
    auditor: Auditor,
    /// The height of the state that it saw last of each shard.
    audited: BTreeMap<ShardId, u64>,
}

#[test]
fn committee_agrees_and_forgets_nothing_whatever_fails() {
    let seeds = std::env::var("WAYSIDE_SEEDS").map_or(3, |it| it.parse().unwrap());
    let first = std::env::var("WAYSIDE_SEED").map_or(0, |it| it.parse().unwrap());
    let failed: Vec<u64> = (first..first + seeds)
        .filter(|seed| panic::catch_unwind(AssertUnwindSafe(|| simulate(*seed))).is_err())
        .collect();
    assert!(
        failed.is_empty(),
        "failed with WAYSIDE_SEED={failed:?} WAYSIDE_SEEDS=1"
    );
}

/// A minute of faults, in the middle of which the power of all members fails.
fn simulate(seed: u64) {
    let faults = FaultConfig::default().write(WriteConfig {
        failure_rate: probability!(0.0),
        retention_rate: probability!(0.5),
        mode: PartialWriteMode::Subset,
    });
    let config = Config::default()
        .with_seed(seed)
        .with_timeout(Some(Duration::from_secs(900)))
        .with_storage_fault_config(faults);
    let (seen, checkpoint) = Runner::new(config).start_and_recover(|context| async move {
        let mut seen = Seen::default();
        misuse(context, &mut seen).await;
        seen
    });
    Runner::from(checkpoint).start(|context| async move {
        let mut seen = seen;
        let committee = misuse(context, &mut seen).await;
        settle(committee, &mut seen).await;
    });
}

/// Lets half a minute of faults pass.
async fn misuse(mut context: Context, seen: &mut Seen) -> Committee {
    let mut committee = Committee::new(context.child("committee"), 4).await;
    committee.start_all().await;
    let end = context.current() + Duration::from_secs(20);
    while context.current() < end {
        let index = usize::try_from(context.next_u32() % 4).unwrap();
        match context.next_u32() % 8 {
            0 | 1 if committee.running() > 2 && committee.runs(index) => {
                committee.kill(index).await
            }
            0..=3 if !committee.runs(index) => committee.start(index).await,
            4 => committee.link_all(index, &NONE).await,
            5 => committee.link_all(index, &BAD).await,
            _ => committee.link_all(index, &GOOD).await,
        }
        for _ in 0..context.next_u32() % 6 {
            submit(&mut context, &committee, seen).await;
            committee
                .pass(Duration::from_millis(u64::from(context.next_u32() % 200)))
                .await;
        }
        observe(&committee, seen).await;
    }
    committee
}

/// Hands a transaction to some member, which may lose it.
async fn submit(context: &mut Context, committee: &Committee, seen: &mut Seen) {
    let running: Vec<_> = committee
        .members()
        .filter(|it| committee.runs(*it))
        .collect();
    let index = running[usize::try_from(context.next_u32()).unwrap() % running.len()];
    let shard = SHARDS[usize::try_from(context.next_u32() % 2).unwrap()];
    let nonce = seen.nonces.entry(shard).or_default();
    let genesis = &committee.genesis;
    // Few numbers, so that some parts are made twice.
    let transaction = match context.next_u32() % 64 {
        number @ 0..32 => part(genesis, shard, *nonce, u8::try_from(number).unwrap()),
        _ => reading(genesis, shard, *nonce),
    };
    *nonce += 1;
    // A member that has just begun may not know the sender yet.
    let _ = committee.handle(index).submit(shard, transaction).await;
}

/// Holds what every member has against what was seen before.
async fn observe(committee: &Committee, seen: &mut Seen) {
    for handle in committee.handles() {
        for shard in SHARDS {
            let tip = handle.tip(shard).unwrap();
            audit(committee, seen, shard, &tip);
            let tip = tip.header;
            for height in 1..=tip.height {
                if height == tip.height {
                    check_block(seen, shard, height, tip.digest());
                }
                if !seen.blocks.contains_key(&(shard, height))
                    && let Some(block) = handle.block(shard, height).await
                {
                    check_block(seen, shard, height, block.block.header.digest());
                    for entry in &block.block.entries {
                        if let Entry::Transaction(signed) = entry {
                            let before = seen.transactions.insert((shard, signed.id()), height);
                            assert_eq!(before, None, "a transaction is final twice");
                        }
                    }
                }
            }
        }
    }
}

/// Each part has to be there exactly once, and nothing may be taken back.
fn audit(committee: &Committee, seen: &mut Seen, shard: ShardId, tip: &Tip) {
    let audited = seen.audited.entry(shard).or_default();
    if tip.header.height > *audited {
        *audited = tip.header.height;
        assert_eq!(seen.auditor.observe(shard, tip.state.clone()), []);
    }
    if let Audit::Done(violations) = seen.auditor.check(&committee.genesis) {
        assert_eq!(violations, []);
    }
}

fn check_block(seen: &mut Seen, shard: ShardId, height: u64, digest: Digest) {
    let known = seen.blocks.entry((shard, height)).or_insert(digest);
    assert_eq!(
        *known, digest,
        "two blocks of shard {shard} at {height} are final"
    );
}

/// Ends all faults: every member has to get to the same state with everything that was ever final.
async fn settle(mut committee: Committee, seen: &mut Seen) {
    for index in committee.members() {
        committee.link_all(index, &GOOD).await;
    }
    committee.start_all().await;
    committee.pass(Duration::from_secs(5)).await;
    for shard in SHARDS {
        let nonce = seen.nonces.entry(shard).or_default();
        let transaction = reading(&committee.genesis, shard, *nonce);
        let id = transaction.id();
        committee
            .handle(0)
            .submit(shard, transaction)
            .await
            .unwrap();
        let end = committee.context.current() + Duration::from_secs(60);
        while committee.handle(0).pending(shard, &id) {
            assert!(committee.context.current() < end, "shard {shard} is stuck");
            committee.pass(Duration::from_millis(100)).await;
        }
        committee.pass(Duration::from_secs(1)).await;
        let heights = committee.members().map(|it| committee.height(it, shard));
        let height = heights.max().unwrap();
        committee
            .reach(shard, height, Duration::from_secs(30))
            .await;
    }
    committee.pass(Duration::from_secs(10)).await;
    for handle in committee.handles() {
        for ((shard, height), digest) in &seen.blocks {
            let block = handle.block(*shard, *height).await;
            let is_older = *height < handle.oldest(*shard).unwrap();
            let same = block.is_some_and(|it| it.block.header.digest() == *digest);
            assert!(same || is_older, "block {height} of shard {shard} is gone");
        }
    }
    observe(&committee, seen).await;
    // Nothing is under way between the shards any more.
    let states = SHARDS.map(|shard| committee.handle(0).tip(shard).unwrap().state);
    for (from, to) in [(0, 1), (1, 0)] {
        let sent = states[from].sent(SHARDS[to]);
        assert_eq!(sent, states[to].received(SHARDS[from]));
    }
    assert!(matches!(
        seen.auditor.check(&committee.genesis),
        Audit::Done(_)
    ));
}
