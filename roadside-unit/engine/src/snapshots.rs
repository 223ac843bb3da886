use std::collections::BTreeMap;

use commonware_runtime::{Blob as _, ReadOptions, WriteOptions};
use tracing::warn;
use wayside::{
    id::ShardId,
    ledger::{Header, Key, Snapshot, SnapshotManifest, State, Value},
};

use crate::{handovers::Handovers, runtime::Runtime, sync::NEWEST};

/// The newest snapshots of a shard's state on disk, one file each, named by their heights.
///
/// A file holds the manifest and then the chunks, each behind its length. Nothing in it is
/// believed: the manifest is held against the committee's votes, each chunk against the manifest.
/// So a file that was torn, altered or brought from elsewhere is passed over, and the one before it
/// is used.
pub(crate) struct Snapshots<E: Runtime> {
    runtime: E,
    partition: String,
    /// Those that can be handed out, by their heights.
    stored: BTreeMap<u64, Stored<E::Blob>>,
}

/// A snapshot that is on disk.
struct Stored<B> {
    blob: B,
    /// Where the manifest and the chunks begin, and how long they are.
    parts: Vec<(u64, usize)>,
}

/// A state that a committee made final, with what shows it.
pub(crate) struct Restored {
    /// What shows it.
    pub(crate) manifest: SnapshotManifest,
    /// The header whose state it is.
    pub(crate) base: Header,
    /// The state after that header's block.
    pub(crate) state: State,
}

impl<E: Runtime> Snapshots<E> {
    /// The snapshots in a partition.
    pub(crate) fn new(runtime: E, partition: String) -> Self {
        Self {
            runtime,
            partition,
            stored: BTreeMap::new(),
        }
    }

    /// The newest one that holds, if there is one.
    pub(crate) async fn restore(
        &mut self,
        handovers: &Handovers,
        shard: ShardId,
    ) -> Option<Restored> {
        // A file is open once.
        self.stored.clear();
        for height in self.heights().await.into_iter().rev() {
            let Some((blob, bytes)) = self.read(height).await else {
                continue;
            };
            let restored = parts(&bytes).and_then(|parts| {
                let restored = restore(&bytes, &parts, handovers, shard)?;
                Some((parts, restored))
            });
            let Some((parts, restored)) = restored else {
                warn!(%shard, height, "passed over a broken snapshot");
                continue;
            };
            self.stored.insert(height, Stored { blob, parts });
            return Some(restored);
        }
        None
    }

    /// Writes a snapshot to disk and forgets all but the last few.
    pub(crate) async fn write(&mut self, manifest: &SnapshotManifest, chunks: Vec<Vec<u8>>) {
        let height = manifest.finalized.header.height;
        // A file is open once.
        self.stored.remove(&height);
        let name = height.to_be_bytes();
        let mut bytes = Vec::new();
        for part in [manifest.to_bytes()].iter().chain(&chunks) {
            let length = u32::try_from(part.len()).expect("a part of a snapshot is bounded");
            bytes.extend_from_slice(&length.to_le_bytes());
            bytes.extend_from_slice(part);
        }
        let parts = parts(&bytes).expect("what was just put together can be taken apart");
        let opened = self.runtime.open(&self.partition, &name).await;
        let (blob, _) = opened.expect("a snapshot can be opened");
        let cleared = blob.resize(0).await;
        cleared.expect("a snapshot can be written");
        let written = blob.write_at(0, bytes, WriteOptions::default()).await;
        written.expect("a snapshot can be written");
        blob.sync().await.expect("a snapshot can be written");
        self.stored.insert(height, Stored { blob, parts });
        let heights = self.heights().await;
        for height in heights.iter().rev().skip(KEPT) {
            self.stored.remove(height);
            let name = height.to_be_bytes();
            let removed = self.runtime.remove(&self.partition, Some(&name)).await;
            removed.expect("a snapshot can be removed");
        }
    }

    /// A part of the one at a height, with that height: 0 is its manifest, then come its chunks.
    pub(crate) async fn part(&self, height: u64, index: usize) -> Option<(u64, Vec<u8>)> {
        let (height, Stored { blob, parts }) = match height {
            NEWEST => self.stored.last_key_value(),
            height => self.stored.get_key_value(&height),
        }?;
        let (offset, length) = *parts.get(index)?;
        let read = blob.read_at(offset, length, ReadOptions::DONT_CACHE).await;
        Some((*height, read.ok()?.coalesce().as_ref().to_vec()))
    }

    async fn heights(&self) -> Vec<u64> {
        let names = self.runtime.scan(&self.partition).await.unwrap_or_default();
        let heights = names.iter().filter_map(|name| {
            let bytes = <[u8; 8]>::try_from(name.as_slice()).ok()?;
            Some(u64::from_be_bytes(bytes))
        });
        let mut heights: Vec<_> = heights.collect();
        heights.sort_unstable();
        heights
    }

    async fn read(&self, height: u64) -> Option<(E::Blob, Vec<u8>)> {
        let name = height.to_be_bytes();
        let (blob, length) = self.runtime.open(&self.partition, &name).await.ok()?;
        let length = usize::try_from(length).ok()?;
        let read = blob.read_at(0, length, ReadOptions::DONT_CACHE).await;
        let bytes = read.ok()?.coalesce().as_ref().to_vec();
        Some((blob, bytes))
    }
}

fn restore(
    bytes: &[u8],
    parts: &[(u64, usize)],
    handovers: &Handovers,
    shard: ShardId,
) -> Option<Restored> {
    let part = |(offset, length): &(u64, usize)| {
        let begin = usize::try_from(*offset).ok()?;
        bytes.get(begin..begin + length)
    };
    let (first, chunks) = parts.split_first()?;
    let manifest = SnapshotManifest::from_bytes(part(first)?).ok()?;
    let committee = handovers.committee(manifest.finalized.header.epoch)?;
    let chain = handovers.chain();
    let snapshot = Snapshot::<Key, Value>::new(manifest.clone(), &committee, chain, shard);
    let mut snapshot = snapshot.ok()?;
    for (index, chunk) in chunks.iter().enumerate() {
        snapshot.add(index, part(chunk)?).ok()?;
    }
    let (state, base) = snapshot.install().ok()?;
    Some(Restored {
        manifest,
        base,
        state,
    })
}

/// Where the parts of a file are; `None` if it ends within one.
fn parts(bytes: &[u8]) -> Option<Vec<(u64, usize)>> {
    let mut parts = Vec::new();
    let mut begin = 0;
    while begin < bytes.len() {
        let (length, rest) = bytes.get(begin..)?.split_first_chunk::<4>()?;
        let length = usize::try_from(u32::from_le_bytes(*length)).ok()?;
        rest.get(..length)?;
        begin += size_of::<u32>();
        parts.push((u64::try_from(begin).ok()?, length));
        begin += length;
    }
    Some(parts)
}

/// The newest, and one in case that is broken, or is just being handed out.
const KEPT: usize = 2;
