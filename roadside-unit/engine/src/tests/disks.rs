use std::time::Duration;

use commonware_runtime::{
    Blob as _, ReadOptions, Runner as _, Storage as _, Supervisor as _, WriteOptions,
    deterministic::{
        Config, Context, FaultConfig, PartialWriteMode, ResizeConfig, Runner, WriteConfig,
    },
};
use commonware_utils::probability;
use rand_core::Rng as _;
use wayside::{
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

/// Holds that all members that run agree, and that nobody has anything against anybody.
async fn agree(committee: &Committee) {
    for shard in SHARDS {
        let indices = committee.members().filter(|it| committee.runs(*it));
        let indices: Vec<_> = indices.collect();
        let heights = indices.iter().map(|it| committee.height(*it, shard));
        let height = heights.max().unwrap();
        committee
            .reach(shard, height, Duration::from_secs(30))
            .await;
        for height in 1..=height {
            let mut digests = Vec::new();
            for handle in committee.handles() {
                if let Some(block) = handle.block(shard, height).await {
                    digests.push(block.block.header.digest());
                }
            }
            digests.dedup();
            assert_eq!(digests.len(), 1, "shard {shard} at {height}");
        }
        for handle in committee.handles() {
            let tip = handle.tip(shard).unwrap();
            assert_eq!(tip.state.root(), tip.header.state_root);
            let operators = 0..u16::try_from(indices.len()).unwrap();
            let accused = operators
                .filter_map(|it| tip.state.operator(it))
                .filter(|it| it.misconduct > 0);
            assert_eq!(accused.count(), 0);
        }
    }
    assert_eq!(committee.blocked().await, []);
}

#[test]
fn l13_a_member_whose_disk_is_full_stops_and_the_others_go_on() {
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
    let faults = [
        FaultConfig::default().write(full),
        FaultConfig::default().sync(probability!(0.02)),
        FaultConfig::default()
            .write(full)
            .resize(shrunk)
            .sync(probability!(0.02)),
    ];
    run(seed, |context| async move {
        let mut committee = Committee::new(context.child("committee"), 4).await;
        committee.start_all().await;
        committee.pass(Duration::from_secs(2)).await;
        let mut nonces = Nonces::default();
        work(&committee, &mut nonces, 3).await;
        for fault in faults {
            // Whose disk it is, chance decides: the first that fails.
            *context.storage_fault_config().write() = fault;
            let mut stopped = Vec::new();
            for shard in SHARDS {
                let transaction = nonces.sign((&committee.genesis, shard), &[MAKER], read(shard));
                let submitted = committee.handle(0).submit(shard, transaction).await;
                submitted.unwrap();
            }
            while stopped.is_empty() {
                committee.pass(Duration::from_millis(1)).await;
                stopped = committee.ended();
            }
            *context.storage_fault_config().write() = FaultConfig::default();
            assert_eq!(stopped.len(), 1, "{stopped:?} failed at once");
            committee.pass(Duration::from_secs(2)).await;
            assert!(committee.ended().is_empty());
            work(&committee, &mut nonces, 3).await;
            agree(&committee).await;
            // Somebody has made room.
            committee.start(stopped[0]).await;
            committee.handle(stopped[0]).ready().await;
            work(&committee, &mut nonces, 3).await;
            agree(&committee).await;
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
        let mut nonces = Nonces::default();
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
            agree(&committee).await;
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
            agree(&committee).await;
        }
        println!("stopped by {stopped:?}, recovered from {recovered:?}");
        assert!(stopped.len() + recovered.len() >= 10);
    });
}
