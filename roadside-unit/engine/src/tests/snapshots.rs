use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use commonware_p2p::{Receiver as _, Recipients, Sender as _, utils::mux::Muxer};
use commonware_runtime::{
    Clock as _, IoBuf, Runner as _, Spawner as _, Supervisor as _, deterministic::Runner,
};
use wayside::{crypto::Digest, id::ShardId, ledger::SnapshotManifest};

use super::{Committee, crashes::ALL, genesis::reading};
use crate::{
    gossip::Told,
    handovers::Handovers,
    shard::{Standing, VotesSeen},
    snapshots::Snapshots,
    storage::Stores,
    sync::NEWEST,
};

const SHARD: ShardId = ShardId(1);
/// Comes first among the members, and so is asked first.
const LIAR: usize = 0;
const WIPED: usize = 3;
const PATIENCE: Duration = Duration::from_secs(60);

/// What a member hands out in place of a part of its snapshot.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Lie {
    /// A manifest with one bit changed.
    MutatedManifest,
    /// A manifest with another state's root under the committee's votes.
    ForeignRoot,
    /// The manifest of the other shard's snapshot, which holds there.
    OtherShard,
    /// A manifest that is said to be of another height.
    OtherHeight,
    /// A manifest that lacks a chunk.
    FewerChunks,
    /// A chunk with one bit changed.
    MutatedChunk,
    /// A chunk with an entry more than it should have.
    ExtraKey,
    /// A chunk of as many bytes as go over the wire, which claims to be many entries.
    Bomb,
    /// No chunk at all.
    NoChunk,
}

const LIES: [Lie; 9] = [
    Lie::MutatedManifest,
    Lie::ForeignRoot,
    Lie::OtherShard,
    Lie::OtherHeight,
    Lie::FewerChunks,
    Lie::MutatedChunk,
    Lie::ExtraKey,
    Lie::Bomb,
    Lie::NoChunk,
];

/// The parts of a member's newest snapshots, as it has them on disk.
struct Parts {
    height: u64,
    own: Vec<Vec<u8>>,
    of_other_shard: Vec<u8>,
}

#[test]
fn l9_whatever_a_member_makes_of_its_snapshot_is_refused_and_another_ones_taken() {
    for lie in LIES {
        Runner::timed(Duration::from_secs(900)).start(move |context| async move {
            let mut committee = Committee::new(context, 4).await;
            committee.start_all().await;
            committee.pass(Duration::from_secs(2)).await;
            // Two snapshots of the one shard, and one of the other.
            for (shard, blocks) in [(ShardId(0), 17), (SHARD, 34)] {
                for nonce in 0..blocks {
                    let transaction = reading(&committee.genesis, shard, nonce);
                    committee.settle(1, transaction).await;
                }
                committee.reach(shard, blocks, PATIENCE).await;
            }
            committee.pass(Duration::from_secs(1)).await;
            committee.kill(LIAR).await;
            committee.kill(WIPED).await;
            committee.wipe(WIPED, &ALL).await;
            let told = tell_lies(&committee, lie).await;

            committee.start(WIPED).await;

            let height = committee.height(1, SHARD);
            committee.reach(SHARD, height, PATIENCE).await;
            assert!(told.load(Ordering::SeqCst) > 0, "{lie:?} was never told");
            let wiped = committee.handle(WIPED);
            assert!(
                wiped.past(SHARD).is_some(),
                "{lie:?}: it did not begin with a snapshot"
            );
            let roots = [1, 2, WIPED].map(|index| {
                let tip = committee.handle(index).tip(SHARD).unwrap();
                (tip.header.digest(), tip.state.root())
            });
            assert!(roots.windows(2).all(|pair| pair[0] == pair[1]), "{lie:?}");
        });
    }
}

/// Answers for a member that does not run; counts the lies.
async fn tell_lies(committee: &Committee, lie: Lie) -> Arc<AtomicUsize> {
    let parts = stored(committee).await;
    let (gossip, receiver) = committee.channels(LIAR).await.pop().unwrap();
    let (muxer, mut handle) = Muxer::new(committee.context.child("liar"), gossip, receiver);
    muxer.start();
    let (mut sender, mut receiver) = handle.register(u64::from(SHARD.0)).await.unwrap();
    let told = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&told);
    committee
        .context
        .child("lies")
        .spawn(move |context| async move {
            loop {
                let standing = Standing {
                    epoch: 0,
                    votes: VotesSeen::none(4),
                    view: 1,
                    height: parts.height + 16,
                    oldest: 0,
                    is_archive: true,
                };
                let hello = Told::Hello(standing);
                let bytes = IoBuf::from(hello.to_bytes());
                let _ = sender.send(Recipients::All, bytes, false);
                let deadline = context.current() + Duration::from_millis(200);
                loop {
                    let message = commonware_macros::select! {
                        message = receiver.recv() => message,
                        _ = context.sleep_until(deadline) => break,
                    };
                    let Ok((peer, bytes)) = message else { return };
                    let Some(Told::WantsPart { height, index }) = Told::from_bytes(bytes.as_ref())
                    else {
                        continue;
                    };
                    let (part, is_lie) = match height {
                        NEWEST => parts.answer(lie, index),
                        height if height == parts.height => parts.answer(lie, index),
                        // Of other snapshots, or something else than a snapshot, it has nothing.
                        _ => (Vec::new(), false),
                    };
                    count.fetch_add(usize::from(is_lie), Ordering::SeqCst);
                    let answer = Told::Part {
                        height: if part.is_empty() { 0 } else { parts.height },
                        index,
                        bytes: part,
                    };
                    let bytes = IoBuf::from(answer.to_bytes());
                    let _ = sender.send(Recipients::One(peer), bytes, false);
                }
            }
        });
    told
}

/// What the liar had stored before.
async fn stored(committee: &Committee) -> Parts {
    let mut all = Vec::new();
    for shard in [SHARD, ShardId(0)] {
        let stores = Stores::new(&committee.stores(LIAR), shard);
        let child = committee.context.child("stolen");
        let child = child.with_attribute("shard", shard);
        let mut snapshots = Snapshots::new(child, stores.snapshots());
        let restored = snapshots
            .restore(&Handovers::new(&committee.genesis), shard)
            .await
            .unwrap();
        let mut parts = Vec::new();
        let mut height = 0;
        for index in 0..=restored.manifest.chunks.len() {
            let (of, part) = snapshots.part(NEWEST, index).await.unwrap();
            height = of;
            parts.push(part);
        }
        all.push((height, parts));
    }
    let (_, of_other_shard) = all.pop().unwrap();
    let (height, own) = all.pop().unwrap();
    Parts {
        height,
        own,
        of_other_shard: of_other_shard[0].clone(),
    }
}

impl Parts {
    /// What is said to be a part, and whether that is a lie.
    fn answer(&self, lie: Lie, index: u32) -> (Vec<u8>, bool) {
        let honest = self.own[usize::try_from(index).unwrap()].clone();
        if index == 0 {
            let answer = self.manifest(lie, &honest);
            let is_lie = answer != honest;
            return (answer, is_lie);
        }
        let answer = match lie {
            Lie::MutatedChunk => flipped(honest.clone()),
            Lie::ExtraKey => with_entry_twice(&honest),
            Lie::Bomb => vec![0xff; 4 << 20],
            Lie::NoChunk => Vec::new(),
            Lie::MutatedManifest
            | Lie::ForeignRoot
            | Lie::OtherShard
            | Lie::OtherHeight
            | Lie::FewerChunks => honest.clone(),
        };
        let is_lie = answer != honest;
        (answer, is_lie)
    }

    fn manifest(&self, lie: Lie, honest: &[u8]) -> Vec<u8> {
        let mut manifest = SnapshotManifest::from_bytes(honest).unwrap();
        let header = &mut manifest.finalized.header;
        match lie {
            Lie::MutatedManifest => return flipped(honest.to_vec()),
            Lie::OtherShard => return self.of_other_shard.clone(),
            Lie::ForeignRoot => header.snapshot_root = Some(Digest::from_bytes([1; 32])),
            Lie::OtherHeight => header.height += 16,
            Lie::FewerChunks => drop(manifest.chunks.pop()),
            Lie::MutatedChunk | Lie::ExtraKey | Lie::Bomb | Lie::NoChunk => {}
        }
        manifest.to_bytes()
    }
}

fn flipped(mut bytes: Vec<u8>) -> Vec<u8> {
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    bytes
}

/// A chunk that says that it has an entry more, and has all its entries once again behind.
fn with_entry_twice(chunk: &[u8]) -> Vec<u8> {
    let (count, entries) = chunk.split_first_chunk::<4>().unwrap();
    let count = 2 * u32::from_le_bytes(*count);
    [&count.to_le_bytes(), entries, entries].concat()
}
