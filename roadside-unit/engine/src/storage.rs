//! Where a shard's blocks, votes and results stand on disk.

use std::{
    num::{NonZeroU16, NonZeroU64, NonZeroUsize},
    sync::Arc,
};

use commonware_codec::RangeCfg;
use commonware_consensus::simplex::types::Finalization;
use commonware_runtime::{
    Blob as _,
    buffer::paged::{self, CacheRef},
};
use commonware_storage::{
    archive::{Archive as _, Identifier, prunable},
    translator::EightCap,
};
use commonware_utils::{NZU64, NZUsize};
use wayside::{id::ShardId, ledger};

use crate::{
    block::{OrderedBlock, Payload},
    runtime::Runtime,
    scheme::VoteScheme,
};

/// Blocks by height and by digest.
pub(crate) type Blocks<E> = prunable::Archive<EightCap, E, Payload, Arc<OrderedBlock>>;

/// Votes that made blocks final, by height and by the block's digest.
pub(crate) type Finalizations<E> =
    prunable::Archive<EightCap, E, Payload, Finalization<VoteScheme, Payload>>;

/// The names of a shard's stores, and what they share.
#[derive(Clone)]
pub(crate) struct Stores {
    prefix: String,
    /// The pages read last.
    pub(crate) cache: CacheRef,
}

impl Stores {
    /// The stores of a shard, whose names begin with `prefix`.
    pub(crate) fn new(prefix: &str, shard: ShardId) -> Self {
        Self {
            prefix: format!("{prefix}s{shard}"),
            cache: CacheRef::new(PAGE_SIZE, PAGES_CACHED),
        }
    }

    /// The name of one of them.
    pub(crate) fn name(&self, of: &str) -> String {
        format!("{}-{of}", self.prefix)
    }

    /// The name of the journal of an epoch's votes.
    pub(crate) fn journal(&self, epoch: u64) -> String {
        match epoch {
            0 => self.name("votes"),
            epoch => self.name(&format!("votes-{epoch}")),
        }
    }

    /// The name of the note of how far votes may reach.
    pub(crate) fn fence(&self) -> String {
        self.name("fence")
    }

    /// Where it is noted that the operators have agreed to begin again without their votes.
    pub(crate) fn agreement(&self) -> String {
        self.name("agreed")
    }

    /// Where snapshots are.
    pub(crate) fn snapshots(&self) -> String {
        self.name("snapshots")
    }

    /// Whether any block is stored.
    pub(crate) async fn has_blocks(&self, runtime: &impl Runtime) -> bool {
        let blobs = runtime.scan(&self.name("blocks-key")).await;
        blobs.is_ok_and(|blobs| !blobs.is_empty())
    }

    /// Notes that the stored blocks, of which marshal knows nothing yet, begin with a snapshot.
    pub(crate) async fn mark_begun_with_snapshot(
        &self,
        runtime: &impl Runtime,
    ) -> Result<(), commonware_runtime::Error> {
        let (blob, _) = runtime.open(&self.name(BEGINNING), BEGINNING_MARK).await?;
        blob.sync().await
    }

    /// Whether that was noted, and marshal still knows nothing of them.
    pub(crate) async fn has_begun_with_snapshot(&self, runtime: &impl Runtime) -> bool {
        let marks = runtime.scan(&self.name(BEGINNING)).await;
        let progress = runtime.scan(&self.name(PROGRESS)).await;
        marks.is_ok_and(|it| !it.is_empty()) && !progress.is_ok_and(|it| !it.is_empty())
    }

    /// How an archive is laid out.
    pub(crate) fn archive<C>(&self, of: &str, codec_config: C) -> prunable::Config<EightCap, C> {
        prunable::Config {
            translator: EightCap,
            metadata_partition: self.name(&format!("{of}-metadata")),
            key_partition: self.name(&format!("{of}-key")),
            key_page_cache: self.cache.clone(),
            value_partition: self.name(&format!("{of}-value")),
            compression: None,
            codec_config,
            items_per_section: ITEMS_PER_SECTION,
            key_write_buffer: BUFFER,
            value_write_buffer: BUFFER,
            replay_buffer: BUFFER,
        }
    }
}

/// What executing each block brought about beside the new state.
///
/// It can always be made again from the blocks, so it is written to disk lazily.
pub(crate) struct Results<E: Runtime> {
    archive: Option<prunable::Archive<EightCap, E, Payload, Vec<u8>>>,
}

impl<E: Runtime> Results<E> {
    /// Opens the results of a shard.
    pub(crate) async fn open(runtime: E, stores: &Stores) -> Self {
        let config = stores.archive("results", (RangeCfg::from(0..=RESULTS_LENGTH_MAX), ()));
        let archive = prunable::Archive::init(runtime, config).await;
        Self {
            archive: Some(archive.expect("the results can be read")),
        }
    }

    /// Stores the results of a block.
    pub(crate) async fn put(&mut self, height: u64, block: Payload, results: &ledger::Results) {
        let archive = self.archive.take().expect(HELD);
        let written = archive.put(height, block, &results.to_bytes()).await;
        self.archive = Some(written.expect("the results can be written"));
    }

    /// The results of a block, if they are there.
    pub(crate) async fn get(&self, height: u64) -> Option<ledger::Results> {
        let archive = self.archive.as_ref().expect(HELD);
        let bytes = archive.get(Identifier::Index(height)).await;
        ledger::Results::from_bytes(&bytes.expect("the results can be read")?)
    }

    /// The lowest height of which results are stored.
    pub(crate) fn oldest(&self) -> Option<u64> {
        self.archive.as_ref().expect(HELD).first_index()
    }

    /// Writes everything to disk.
    pub(crate) async fn sync(&mut self) {
        let archive = self.archive.take().expect(HELD);
        self.archive = Some(archive.sync().await.expect("the results can be written"));
    }

    /// Forgets what is below a height.
    pub(crate) async fn prune(&mut self, height: u64) {
        let archive = self.archive.take().expect(HELD);
        let pruned = archive.prune(height).await;
        self.archive = Some(pruned.expect("the results can be pruned"));
    }
}

/// Where it is noted that restored blocks begin with a snapshot.
const BEGINNING: &str = "restored";
const BEGINNING_MARK: &[u8] = b"snapshot";

/// Where marshal notes how far it has come.
const PROGRESS: &str = "marshal-application-metadata";

const HELD: &str = "the archive is put back after each use";

/// Never changes: stores written with another page size cannot be read.
const PAGE_SIZE: NonZeroU16 = paged::page_size(4_096);

/// 4 MiB for each shard.
const PAGES_CACHED: NonZeroUsize = NZUsize!(1_024);

/// Blocks that are pruned together; never changes either.
const ITEMS_PER_SECTION: NonZeroU64 = NZU64!(1_024);

/// Bytes that are written or read at once.
pub(crate) const BUFFER: NonZeroUsize = NZUsize!(256 * 1024);

/// The results of a block are smaller than the block.
const RESULTS_LENGTH_MAX: usize = 64 << 20;
