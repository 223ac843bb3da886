use std::{collections::BTreeMap, sync::Arc};

use borsh::{BorshDeserialize, BorshSerialize};
use thiserror::Error;

use super::{
    Tree,
    node::{Leaf, place_of},
};
use crate::{
    crypto::Digest,
    id::{ChainId, ShardId},
    ledger::{
        Committee, FinalityError, FinalizedHeader, Header, List,
        encoding::encode,
        merkle::{top, widen},
    },
};

/// What a state's snapshot consists of, and all that it takes to see that a committee made it final.
///
/// A snapshot is the state's entries in the order of the digests of their keys, in chunks of 256, so
/// that every chunk can be checked by itself before anything of it is kept. The state is the one before
/// the block whose header has the `snapshot_root`.
#[derive(BorshDeserialize, BorshSerialize, Clone, Debug, Eq, PartialEq)]
pub struct SnapshotManifest {
    /// The version of this layout, [`Self::VERSION`].
    pub version: u16,
    /// The header that has the snapshot's root.
    pub finalized: FinalizedHeader,
    /// The header before it, which has the state's root: the one to go on from.
    pub base: Header,
    /// How many entries there are.
    pub count: u64,
    /// The digests of the chunks, in order.
    pub chunks: Vec<Digest>,
}

/// A snapshot on its way in: a chunk is kept once it is seen to be the manifest's, in whatever order
/// they come.
#[derive(Debug)]
pub struct Snapshot<K, V> {
    manifest: SnapshotManifest,
    chunks: BTreeMap<usize, Vec<Arc<Leaf<K, V>>>>,
}

/// Why a snapshot, or a part of it, is not the state that a committee made final.
#[derive(Clone, Debug, Eq, Error, PartialEq)]
pub enum SnapshotError {
    /// More bytes than any manifest or chunk has.
    #[error("{0} bytes are more than a part of a snapshot may have")]
    TooLong(usize),
    /// Not the canonical form of a manifest or chunk.
    #[error("not a part of a snapshot: {0}")]
    Malformed(String),
    /// Of a version that this one does not know.
    #[error("unknown snapshot version {0}")]
    Version(u16),
    /// Not final.
    #[error(transparent)]
    Finality(#[from] FinalityError),
    /// Of another shard.
    #[error("a snapshot of shard {0}")]
    ForeignShard(ShardId),
    /// The header has no snapshot.
    #[error("the header at height {0} has no snapshot")]
    NoSnapshot(u64),
    /// The header with the state's root is not the one before that with the snapshot's.
    #[error("the base is not the header before")]
    OtherBase,
    /// The chunks are not those that the header stands for.
    #[error("the chunks are not the header's")]
    OtherChunks,
    /// The manifest has no chunk with this number.
    #[error("there is no chunk {0}")]
    UnknownChunk(usize),
    /// The chunk is not the manifest's.
    #[error("chunk {0} is not the manifest's")]
    OtherChunk(usize),
    /// A chunk has not come yet.
    #[error("chunk {0} is missing")]
    Missing(usize),
    /// The entries are not those of a state.
    #[error("the entries make another state than the header's")]
    OtherState,
}

impl<K: BorshSerialize, V: BorshSerialize> Tree<K, V> {
    /// The root of its snapshot, as a header has it.
    pub fn snapshot_root(&self) -> Digest {
        List::Snapshot.root(self.leaf_digests())
    }

    /// The chunks of its snapshot, in order.
    pub fn snapshot_chunks(&self) -> impl Iterator<Item = Vec<u8>> {
        let mut entries = self.iter().peekable();
        std::iter::from_fn(move || {
            entries.peek()?;
            let chunk: Vec<_> = entries.by_ref().take(CHUNK_ENTRIES).collect();
            Some(encode(&chunk))
        })
    }
}

impl SnapshotManifest {
    /// The only version so far.
    pub const VERSION: u16 = 1;

    /// Describes a state's snapshot, for whoever wants to check and install it.
    ///
    /// `state` is the one after `base`; [`Self::verify`] holds if it is.
    pub fn new<K: BorshSerialize, V: BorshSerialize>(
        state: &Tree<K, V>,
        base: Header,
        finalized: FinalizedHeader,
    ) -> Self {
        let leaves: Vec<_> = state.leaf_digests().collect();
        Self {
            version: Self::VERSION,
            finalized,
            base,
            count: widen(leaves.len()),
            chunks: leaves.chunks(CHUNK_ENTRIES).map(top).collect(),
        }
    }

    /// Its canonical bytes.
    pub fn to_bytes(&self) -> Vec<u8> {
        encode(self)
    }

    /// Reads what [`Self::to_bytes`] writes, and nothing else.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, SnapshotError> {
        if bytes.len() > MANIFEST_BYTES_MAX {
            return Err(SnapshotError::TooLong(bytes.len()));
        }
        if let Some((version, _)) = bytes.split_first_chunk() {
            let version = u16::from_le_bytes(*version);
            if version != Self::VERSION {
                return Err(SnapshotError::Version(version));
            }
        }
        borsh::from_slice(bytes).map_err(|error| SnapshotError::Malformed(error.to_string()))
    }

    /// Whether a committee made this snapshot of its shard final; nothing of it may be believed, or
    /// even fetched, before.
    pub fn verify(
        &self,
        committee: &Committee,
        chain: ChainId,
        shard: ShardId,
    ) -> Result<(), SnapshotError> {
        let header = self.finalized.verify(committee, chain)?;
        if header.shard != shard {
            return Err(SnapshotError::ForeignShard(header.shard));
        }
        let root = header.snapshot_root;
        let root = root.ok_or(SnapshotError::NoSnapshot(header.height))?;
        if header.parent != self.base.digest() {
            return Err(SnapshotError::OtherBase);
        }
        let is_complete = widen(self.chunks.len()) == self.count.div_ceil(widen(CHUNK_ENTRIES));
        if !is_complete || List::Snapshot.seal(self.count, top(&self.chunks)) != root {
            return Err(SnapshotError::OtherChunks);
        }
        Ok(())
    }
}

impl<K, V> Snapshot<K, V>
where
    K: BorshDeserialize + BorshSerialize,
    V: BorshDeserialize + BorshSerialize,
{
    /// Expects the chunks of a manifest, once that is seen to be final.
    pub fn new(
        manifest: SnapshotManifest,
        committee: &Committee,
        chain: ChainId,
        shard: ShardId,
    ) -> Result<Self, SnapshotError> {
        manifest.verify(committee, chain, shard)?;
        Ok(Self {
            manifest,
            chunks: BTreeMap::new(),
        })
    }

    /// What it consists of.
    pub fn manifest(&self) -> &SnapshotManifest {
        &self.manifest
    }

    /// The first chunk that has not come yet.
    pub fn missing(&self) -> Option<usize> {
        (0..self.manifest.chunks.len()).find(|index| !self.chunks.contains_key(index))
    }

    /// Takes a chunk, if it is the manifest's.
    pub fn add(&mut self, index: usize, bytes: &[u8]) -> Result<(), SnapshotError> {
        let chunk = self.manifest.chunks.get(index);
        let chunk = chunk.ok_or(SnapshotError::UnknownChunk(index))?;
        if bytes.len() > CHUNK_BYTES_MAX {
            return Err(SnapshotError::TooLong(bytes.len()));
        }
        let entries: Vec<(K, V)> = borsh::from_slice(bytes)
            .map_err(|error| SnapshotError::Malformed(error.to_string()))?;
        let leaves: Vec<_> = entries
            .into_iter()
            .map(|(key, value)| Arc::new(Leaf::new(place_of(&key), key, value)))
            .collect();
        let digests: Vec<_> = leaves.iter().map(|leaf| leaf.digest).collect();
        if digests.len() > CHUNK_ENTRIES || top(&digests) != *chunk {
            return Err(SnapshotError::OtherChunk(index));
        }
        self.chunks.insert(index, leaves);
        Ok(())
    }

    /// The state, once all chunks have come, and the header to go on from.
    pub fn install(self) -> Result<(Tree<K, V>, Header), SnapshotError> {
        if let Some(index) = self.missing() {
            return Err(SnapshotError::Missing(index));
        }
        let leaves: Vec<_> = self.chunks.into_values().flatten().collect();
        let is_state = widen(leaves.len()) == self.manifest.count
            && leaves.is_sorted_by(|a, b| a.place < b.place);
        if !is_state {
            return Err(SnapshotError::OtherState);
        }
        let state = Tree::of(&leaves);
        if state.root() != self.manifest.base.state_root {
            return Err(SnapshotError::OtherState);
        }
        Ok((state, self.manifest.base))
    }
}

/// Entries of a chunk; a power of two, so that a chunk is a whole subtree of the snapshot's list.
const CHUNK_ENTRIES: usize = 256;
/// Entries are never longer than the transactions that make them.
const CHUNK_BYTES_MAX: usize = 32 << 20;
/// Enough for a state of 200 million entries.
const MANIFEST_BYTES_MAX: usize = 32 << 20;
