use std::{collections::BTreeMap, time::Duration};

use commonware_runtime::{
    Blob as _, Clock as _, ReadOptions, Runner as _, Storage as _, Supervisor as _, WriteOptions,
    deterministic::{
        Config, Context, FaultConfig, PartialWriteMode, ResizeConfig, Runner, WriteConfig,
    },
};
use commonware_utils::probability;
use rand_core::Rng as _;
use wayside::{
    crypto::Digest,
    id::ShardId,
    ledger::{Outcome, StateView as _},
};

use super::{
    Committee,
    crashes::ALL,
    genesis::{MAKER, Nonces, read},
    seeds,
};

const SHARDS: [ShardId; 2] = [ShardId(0), ShardId(1)];

/// Runs a test in which parts of members may panic, as they do when they cannot go on; on the road,
/// that ends the engine of the one member.
fn run<F: Future<Output = ()>>(seed: u64, test: impl FnOnce(Context) -> F) {
    let config = Config::default()
        .with_seed(seed)
        .with_timeout(Some(Duration::from_secs(900)))
        .with_catch_panics(true);
    Runner::new(config).start(test);
}

/// Has some transactions made final in both shards by members that run.
async fn work(committee: &Committee, nonces: &mut Nonces, count: u32) {
    for _ in 0..count {
        for shard in SHARDS {
            let transaction = nonces.sign((&committee.genesis, shard), &[MAKER], read(shard));
            let index = committee.members().find(|it| committee.runs(*it)).unwrap();
            let (_, outcome) = committee.settle(index, transaction).await;
            assert!(matches!(outcome, Outcome::Refused(_)));
        }
    }
}

/// The header's digest of each final block that was seen.
type Blocks = BTreeMap<(ShardId, u64), Digest>;

/// Holds that all members that run agree, that nobody has anything against anybody, and that all
/// `blocks` are still what they were.
async fn agree(committee: &Committee, blocks: &mut Blocks) {
    for shard in SHARDS {
        let indices = committee.members().filter(|it| committee.runs(*it));
        let heights = indices.map(|it| committee.height(it, shard));
        let height = heights.max().unwrap();
        committee
            .reach(shard, height, Duration::from_secs(30))
            .await;
        for handle in committee.handles() {
            for height in 1..=height {
                if let Some(block) = handle.block(shard, height).await {
                    let digest = block.block.header.digest();
                    let known = *blocks.entry((shard, height)).or_insert(digest);
                    assert_eq!(known, digest, "shard {shard} at {height}");
                }
            }
            let tip = handle.tip(shard).unwrap();
            assert_eq!(tip.state.root(), tip.header.state_root);
            let operators = committee.members().map(|it| u16::try_from(it).unwrap());
            let accused = operators
                .filter_map(|it| tip.state.operator(it))
                .filter(|it| it.misconduct > 0);
            assert_eq!(accused.count(), 0);
        }
        assert!((1..=height).all(|it| blocks.contains_key(&(shard, it))));
    }
    assert_eq!(committee.blocked().await, []);
}

#[test]
fn l13_members_whose_disks_are_full_stop_and_forget_nothing() {
    seeds::each(1, fill);
}

fn fill(seed: u64) {
    let full = WriteConfig {
        failure_rate: probability!(0.02),
        retention_rate: probability!(0.5),
        mode: PartialWriteMode::Prefix,
    };
    let shrunk = ResizeConfig {
        failure_rate: probability!(0.02),
        partial_rate: probability!(0.5),
    };
    let broken = FaultConfig::default().sync(probability!(0.02));
    let faults = [
        FaultConfig::default().write(full),
        broken.clone(),
        broken.write(full).resize(shrunk),
    ];
    run(seed, |context| async move {
        let mut committee = Committee::new(context.child("committee"), 4).await;
        committee.start_all().await;
        committee.pass(Duration::from_secs(2)).await;
        let (mut nonces, mut blocks) = (Nonces::default(), Blocks::new());
        work(&committee, &mut nonces, 3).await;
        for fault in faults {
            *context.storage_fault_config().write() = fault;
            for shard in SHARDS {
                let transaction = nonces.sign((&committee.genesis, shard), &[MAKER], read(shard));
                let submitted = committee.handle(0).submit(shard, transaction).await;
                submitted.unwrap();
            }
            let end = context.current() + Duration::from_secs(60);
            while committee.ended().is_empty() {
                assert!(context.current() < end, "nobody minds");
                committee.pass(Duration::from_millis(1)).await;
            }
            *context.storage_fault_config().write() = FaultConfig::default();
            // Others may be hit as well, and of some only parts have ended here, where on the road
            // the first part that fails takes the engine with it; so all begin again.
            for index in committee.members() {
                if committee.runs(index) {
                    committee.kill(index).await;
                }
            }
            committee.start_all().await;
            work(&committee, &mut nonces, 3).await;
            agree(&committee, &mut blocks).await;
        }
    });
}

/// Flips one bit of what a member stored under a name; whether there was any.
async fn rot(context: &mut Context, partition: &str) -> bool {
    let names = context.scan(partition).await.unwrap_or_default();
    for name in names.iter().rev() {
        let (blob, length) = context.open(partition, name).await.unwrap();
        if length > 0 {
            let offset = u64::from(context.next_u32()) % length;
            let read = blob.read_at(offset, 1, ReadOptions::default()).await;
            let byte = read.unwrap().coalesce().as_ref()[0];
            let byte = byte ^ 1 << (context.next_u32() % 8);
            let written = blob.write_at(offset, vec![byte], WriteOptions::default());
            written.await.unwrap();
            blob.sync().await.unwrap();
            return true;
        }
    }
    false
}

#[test]
fn l13_a_member_whose_disk_rots_stops_or_recovers_and_the_others_go_on() {
    seeds::each(1, spoil);
}

fn spoil(seed: u64) {
    const ROTTEN: usize = 3;
    run(seed, |mut context| async move {
        let mut committee = Committee::new(context.child("committee"), 4).await;
        committee.start_all().await;
        committee.pass(Duration::from_secs(2)).await;
        let (mut nonces, mut blocks) = (Nonces::default(), Blocks::new());
        work(&committee, &mut nonces, 20).await;
        let (mut stopped, mut recovered) = (Vec::new(), Vec::new());
        for (word, shard) in ALL.iter().zip(SHARDS.iter().cycle()) {
            committee.kill(ROTTEN).await;
            let partition = format!("{}s{shard}-{word}", committee.stores(ROTTEN));
            if !rot(&mut context, &partition).await {
                committee.start(ROTTEN).await;
                continue;
            }
            committee.start(ROTTEN).await;
            work(&committee, &mut nonces, 1).await;
            committee.pass(Duration::from_secs(1)).await;
            let mut ended = committee.ended();
            agree(&committee, &mut blocks).await;
            // Some damage is found only when what it hit is read.
            ended.extend(committee.ended());
            if ended.is_empty() {
                recovered.push(*word);
            } else {
                stopped.push(*word);
            }
            // Whatever is on it is not to be trusted any more.
            if committee.runs(ROTTEN) {
                committee.kill(ROTTEN).await;
            }
            committee.wipe(ROTTEN, &ALL).await;
            committee.start(ROTTEN).await;
            work(&committee, &mut nonces, 1).await;
            agree(&committee, &mut blocks).await;
        }
        println!("stopped by {stopped:?}, recovered from {recovered:?}");
        assert!(stopped.len() + recovered.len() >= 10);
    });
}
