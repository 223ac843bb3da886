use std::{
    fs,
    io::{self, Read},
    path::{Path, PathBuf},
    sync::Arc,
    thread,
};

use commonware_consensus::simplex::types::Finalization;
use commonware_cryptography::certificate::Verifier as _;
use commonware_runtime::{Runner as _, tokio as runtime};
use commonware_storage::archive::{Archive as _, prunable};
use thiserror::Error;
use tracing::info;
use wayside::{
    crypto::Digest,
    id::{ChainId, ShardId},
    ledger::{
        AccountKey, Block, Certificate, FinalizedHeader, Genesis, Handover, MempoolConfig,
        SnapshotManifest, StateView as _,
    },
};

use super::file::{Part, PartReader};
use crate::{
    Application, StartError,
    block::{OrderedBlock, Payload},
    certificate::finalization,
    disk::ENGINE_FOLDER,
    handovers::Record,
    keeper::Border,
    runtime::Runtime,
    scheme::VoteScheme,
    shard::{Node, Shard},
    snapshots::Snapshots,
    start::{folder, lock},
    storage::{self, Stores},
};

/// What was restored of a shard.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct RestoredShard {
    /// The shard.
    pub shard: ShardId,
    /// The height of the first block that is there.
    pub from: u64,
    /// The height of the last one.
    pub height: u64,
    /// The root of the state after it.
    pub state_root: Digest,
    /// How many entries that state has.
    pub entries: usize,
}

/// Why a backup was not restored.
#[derive(Debug, Error)]
pub enum RestoreError {
    /// The folder cannot be used, for instance because a unit is running on it.
    #[error(transparent)]
    Start(#[from] StartError),
    /// Something is there already: a unit with a past of its own is not to be given another.
    #[error("{0} is not empty")]
    NotEmpty(PathBuf),
    /// The file cannot be read.
    #[error("cannot read the backup: {0}")]
    Read(#[from] io::Error),
    /// The file ends too early.
    #[error("the backup was cut")]
    Cut,
    /// Not a backup, or of a version that is not known.
    #[error("not a backup that this version knows")]
    Malformed,
    /// Of another ledger.
    #[error("a backup of the ledger {0}")]
    ForeignChain(ChainId),
    /// A shard that the ledger does not have, or that is there twice.
    #[error("shard {0} is not one of the ledger's, or there twice")]
    Shard(ShardId),
    /// A committee did not follow the one before it in this way.
    #[error("shard {0}: a hand-over to the next committee does not hold")]
    Handover(ShardId),
    /// The snapshot is not one that the committee made final.
    #[error("shard {0}: the snapshot does not hold")]
    Snapshot(ShardId),
    /// A block does not follow from those before it.
    #[error("shard {shard}: block {height} does not hold: {reason}")]
    Block {
        /// Its shard.
        shard: ShardId,
        /// The height that it should have.
        height: u64,
        /// What is wrong with it.
        reason: String,
    },
    /// Votes do not make the block final that they are for.
    #[error("shard {shard}: block {height} is not final: {reason}")]
    Votes {
        /// The block's shard.
        shard: ShardId,
        /// Its height.
        height: u64,
        /// What is wrong with them.
        reason: String,
    },
    /// The disk does not take what is restored.
    #[error("the stores cannot be written")]
    Unwritable,
}

/// Puts a backup back below `storage`, for the unit with this key, where nothing may be yet.
///
/// Blocks until that is done, on a thread of its own. If it fails, nothing is left.
pub fn restore(
    storage: &Path,
    genesis: &Arc<Genesis>,
    key: AccountKey,
    backup: impl Read + Send + 'static,
) -> Result<Vec<RestoredShard>, RestoreError> {
    let folder = folder(storage, genesis, key)?;
    let lock = lock(&folder)?;
    let stores = folder.join(ENGINE_FOLDER);
    if fs::read_dir(&stores).is_ok_and(|mut entries| entries.next().is_some()) {
        return Err(RestoreError::NotEmpty(stores));
    }
    let config = runtime::Config::new().with_storage_directory(&stores);
    let (genesis, thread) = (Arc::clone(genesis), thread::Builder::new());
    let thread = thread.name("restore".to_owned()).spawn(move || {
        let runner = runtime::Runner::new(config);
        runner.start(|runtime| async move { restore_all(&runtime, &genesis, backup).await })
    });
    let restored = thread.map_err(StartError::Thread)?.join();
    let restored = restored.unwrap_or(Err(RestoreError::Unwritable));
    if restored.is_err() {
        // What is left of it says the rest.
        let _ = fs::remove_dir_all(&stores);
    }
    drop(lock);
    restored
}

async fn restore_all<E: Runtime>(
    runtime: &E,
    genesis: &Arc<Genesis>,
    backup: impl Read,
) -> Result<Vec<RestoredShard>, RestoreError> {
    let mut parts = PartReader::new(backup);
    let mut restored: Vec<RestoredShard> = Vec::new();
    while let Some(part) = parts.next()? {
        let Part::Begin(chain, id) = part else {
            return Err(RestoreError::Malformed);
        };
        if chain != genesis.chain() {
            return Err(RestoreError::ForeignChain(chain));
        }
        if !genesis.has_shard(id) || restored.iter().any(|it| it.shard == id) {
            return Err(RestoreError::Shard(id));
        }
        let child = runtime.child("restore").with_attribute("shard", id);
        let with = (Application::Ledger, MempoolConfig::default());
        let (shard, _) = Shard::new(Arc::clone(genesis), id, None, with);
        let stores = Stores::new("", id);
        restored.push(restore_shard(&child, &stores, &shard, &mut parts).await?);
    }
    if restored.is_empty() {
        return Err(RestoreError::Cut);
    }
    Ok(restored)
}

/// Restores one shard from the parts after its beginning, up to its end.
pub(crate) async fn restore_shard<E: Runtime>(
    runtime: &E,
    stores: &Stores,
    shard: &Shard,
    parts: &mut PartReader<impl Read>,
) -> Result<RestoredShard, RestoreError> {
    let mut restoring = Restoring::open(runtime, stores, shard).await?;
    let mut snapshot: Option<(SnapshotManifest, Vec<Vec<u8>>)> = None;
    loop {
        match parts.next()?.ok_or(RestoreError::Cut)? {
            Part::Begin(..) => return Err(RestoreError::Malformed),
            Part::Handover(bytes) => restoring.follow(&bytes).await?,
            Part::Manifest(bytes) if restoring.is_new() => {
                let manifest = SnapshotManifest::from_bytes(&bytes);
                let manifest = manifest.map_err(|_| RestoreError::Snapshot(shard.id))?;
                snapshot = Some((manifest, Vec::new()));
            }
            Part::Manifest(_) => return Err(RestoreError::Malformed),
            Part::Chunk(bytes) => {
                let (_, chunks) = snapshot.as_mut().ok_or(RestoreError::Malformed)?;
                chunks.push(bytes);
            }
            Part::Block(bytes) => {
                if let Some((manifest, chunks)) = snapshot.take() {
                    restoring.begin_with(stores, &manifest, chunks).await?;
                }
                restoring.add(&bytes)?;
            }
            Part::Votes(bytes) => restoring = restoring.confirm(&bytes).await?,
            Part::End(count) => return restoring.finish(count).await,
        }
    }
}

/// A shard that is being restored.
struct Restoring<'a, E: Runtime> {
    runtime: &'a E,
    shard: &'a Shard,
    blocks: storage::Blocks<E>,
    finalizations: storage::Finalizations<E>,
    results: storage::Results<E>,
    snapshots: Snapshots<E>,
    handovers: Record<E>,
    /// The newest block that is final.
    tip: Arc<Node>,
    /// The blocks above it, whose votes come later.
    above: Vec<Arc<Node>>,
    /// The newest state that a snapshot can be made of.
    border: Option<Border>,
    from: u64,
    count: u64,
}

impl<'a, E: Runtime> Restoring<'a, E> {
    async fn open(runtime: &'a E, stores: &Stores, shard: &'a Shard) -> Result<Self, RestoreError> {
        let votes = VoteScheme::certificate_codec_config_unbounded();
        let archive = stores.archive("finalizations", votes);
        let child = runtime.child("finalizations");
        let finalizations = prunable::Archive::init(child, archive).await;
        let archive = stores.archive("blocks", shard.block_length_max());
        let blocks = prunable::Archive::init(runtime.child("blocks"), archive).await;
        let known = Arc::clone(&shard.handovers);
        let handovers = Record::open(runtime.child("handovers"), stores, known).await;
        let tip = shard.tip_node();
        Ok(Self {
            runtime,
            shard,
            blocks: blocks.map_err(|_| RestoreError::Unwritable)?,
            finalizations: finalizations.map_err(|_| RestoreError::Unwritable)?,
            results: storage::Results::open(runtime.child("results"), stores).await,
            snapshots: Snapshots::new(runtime.child("snapshots"), stores.snapshots()),
            handovers,
            from: tip.header.height + 1,
            tip,
            above: Vec::new(),
            border: None,
            count: 0,
        })
    }

    fn is_new(&self) -> bool {
        self.count == 0
    }

    /// Follows a committee to the next one.
    async fn follow(&mut self, bytes: &[u8]) -> Result<(), RestoreError> {
        let refused = || RestoreError::Handover(self.shard.id);
        let handover = Handover::from_bytes(bytes).ok_or_else(refused)?;
        let followed = self.shard.handovers.add(&handover);
        followed.map_err(|_| refused())?;
        self.handovers.save().await;
        Ok(())
    }

    /// Begins with a snapshot instead of the genesis.
    async fn begin_with(
        &mut self,
        stores: &Stores,
        manifest: &SnapshotManifest,
        chunks: Vec<Vec<u8>>,
    ) -> Result<(), RestoreError> {
        // What is on disk is held against the committee's votes when it is read.
        self.snapshots.write(manifest, chunks).await;
        let handovers = Arc::clone(&self.shard.handovers);
        let restored = self.snapshots.restore(&handovers, self.shard.id).await;
        let restored = restored.ok_or(RestoreError::Snapshot(self.shard.id))?;
        let marked = stores.mark_begun_with_snapshot(self.runtime).await;
        marked.map_err(|_| RestoreError::Unwritable)?;
        self.tip = Arc::new(Node::restored(restored.base, restored.state));
        self.from = self.tip.header.height + 1;
        Ok(())
    }

    /// Executes the next block.
    fn add(&mut self, bytes: &[u8]) -> Result<(), RestoreError> {
        let parent = self.above.last().unwrap_or(&self.tip);
        let height = parent.header.height + 1;
        let refused = |reason: String| RestoreError::Block {
            shard: self.shard.id,
            height,
            reason,
        };
        if self.above.len() >= ABOVE_MAX {
            return Err(refused(
                "too many blocks without votes are below it".to_owned(),
            ));
        }
        let block = Block::from_bytes(bytes, self.shard.block_length_max());
        let block = block.map_err(|error| refused(error.to_string()))?;
        let executed = self.shard.execute(parent, OrderedBlock::new(block));
        let node = executed.map_err(|error| refused(error.to_string()))?;
        self.above.push(node);
        Ok(())
    }

    /// Keeps the blocks that votes have made final.
    async fn confirm(mut self, bytes: &[u8]) -> Result<Self, RestoreError> {
        let finalization = self.check(bytes)?;
        let nodes = std::mem::take(&mut self.above);
        for node in nodes {
            let (height, payload) = (node.header.height, node.payload);
            let block = node
                .block
                .clone()
                .expect("it was executed, and so is there");
            let written = self.blocks.put(height, payload, &Arc::new(block)).await;
            self.blocks = written.map_err(|_| RestoreError::Unwritable)?;
            self.results.put(height, payload, &node.results).await;
            self.tip = node;
            self.count += 1;
        }
        let (height, payload) = (self.tip.header.height, self.tip.payload);
        let written = self.finalizations.put(height, payload, &finalization).await;
        self.finalizations = written.map_err(|_| RestoreError::Unwritable)?;
        Ok(self)
    }

    /// Holds votes against the committee that had to give them.
    fn check(&mut self, bytes: &[u8]) -> Result<Finalization<VoteScheme, Payload>, RestoreError> {
        let (top, below) = match self.above.as_slice() {
            [] => return Err(RestoreError::Malformed),
            [top] => (top, &self.tip),
            [.., below, top] => (top, below),
        };
        let refused = |reason: &str| RestoreError::Votes {
            shard: self.shard.id,
            height: top.header.height,
            reason: reason.to_owned(),
        };
        let genesis = &self.shard.genesis;
        let certificate = Certificate::from_bytes(bytes);
        let certificate = certificate.ok_or_else(|| refused("they are malformed"))?;
        let epochs = below.state.epoch_state(genesis);
        let (_, committee) = epochs.at(top.header.height);
        let votes = finalization(&certificate, committee);
        let finalized = FinalizedHeader {
            header: top.header.clone(),
            link: Vec::new(),
            certificate,
        };
        let verified = finalized.verify(committee, genesis.chain());
        verified.map_err(|error| refused(&error.to_string()))?;
        if finalized.header.snapshot_root.is_some() {
            self.border = Some(Border {
                base: below.header.clone(),
                state: below.state.clone(),
                finalized,
            });
        }
        votes.ok_or_else(|| refused("the engine could not have made them"))
    }

    /// Makes everything durable, once all blocks are there that were in the backup.
    async fn finish(mut self, count: u64) -> Result<RestoredShard, RestoreError> {
        if !self.above.is_empty() || self.count != count {
            return Err(RestoreError::Cut);
        }
        let blocks = self.blocks.sync().await;
        blocks.map_err(|_| RestoreError::Unwritable)?;
        let finalizations = self.finalizations.sync().await;
        finalizations.map_err(|_| RestoreError::Unwritable)?;
        self.results.sync().await;
        if let Some(border) = self.border {
            let manifest = SnapshotManifest::new(&border.state, border.base, border.finalized);
            let chunks = border.state.snapshot_chunks().collect();
            self.snapshots.write(&manifest, chunks).await;
        }
        let restored = RestoredShard {
            shard: self.shard.id,
            from: self.from,
            height: self.tip.header.height,
            state_root: self.tip.state.root(),
            entries: self.tip.state.len(),
        };
        info!(shard = %restored.shard, height = restored.height, "restored");
        Ok(restored)
    }
}

/// A unit certifies every few blocks at least.
const ABOVE_MAX: usize = 4_096;
