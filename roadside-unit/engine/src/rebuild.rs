use std::{path::Path, sync::Arc, thread};

use commonware_runtime::{Runner as _, tokio as runtime};
use commonware_storage::archive::{Archive as _, Identifier, prunable};
use thiserror::Error;
use wayside::{
    crypto::Digest,
    id::ShardId,
    ledger::{AccountKey, Genesis, MempoolConfig},
};

use crate::{
    Application, StartError,
    disk::ENGINE_FOLDER,
    handovers::Record,
    runtime::Runtime,
    shard::{Node, Shard},
    snapshots::Snapshots,
    start::{folder, lock},
    storage::{self, Stores},
};

/// With what to begin when a state is made again.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum RebuildFrom {
    /// The newest snapshot that holds, or the genesis if there is none.
    Snapshot,
    /// The genesis; all blocks have to be there.
    Genesis,
}

/// A state that was made again from what is stored.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Rebuilt {
    /// The height of the block whose state it was made from.
    pub from: u64,
    /// The height of the last block that was executed.
    pub height: u64,
    /// The root of the state, which is the one that the last block's header has.
    pub state_root: Digest,
    /// How many entries the state has.
    pub entries: usize,
}

/// Why a state was not made again.
#[derive(Debug, Error)]
pub enum RebuildError {
    /// What is stored cannot be used, for instance because a unit is running on it.
    #[error(transparent)]
    Start(#[from] StartError),
    /// A block between the first and the last is not there.
    #[error("block {0} is missing")]
    Missing(u64),
    /// A block's header says something else than what comes of executing it.
    #[error("block {height} does not hold: {reason}")]
    Broken {
        /// Its height.
        height: u64,
        /// What is wrong with it.
        reason: String,
    },
    /// The stores could not be read.
    #[error("the stores cannot be read")]
    Unreadable,
}

/// Makes the state of a shard again from what a member or follower with this key stored below `storage`,
/// and compares every root of every block on the way.
///
/// Blocks until that is done, on a thread of its own. No unit may be running on the same folder.
pub fn rebuild_state(
    storage: &Path,
    genesis: &Arc<Genesis>,
    key: AccountKey,
    shard: ShardId,
    from: RebuildFrom,
) -> Result<Rebuilt, RebuildError> {
    if !genesis.has_shard(shard) {
        return Err(StartError::Shard(shard).into());
    }
    let folder = folder(storage, genesis, key)?;
    let lock = lock(&folder)?;
    let with = (Application::Ledger, MempoolConfig::default());
    let (kept, _) = Shard::new(Arc::clone(genesis), shard, None, with);
    let config = runtime::Config::new().with_storage_directory(folder.join(ENGINE_FOLDER));
    let thread = thread::Builder::new().name("rebuild".to_owned());
    let thread = thread.spawn(move || {
        runtime::Runner::new(config).start(|runtime| async move {
            let stores = Stores::new("", shard);
            rebuild(&runtime, &stores, &kept, from).await
        })
    });
    let rebuilt = thread.map_err(StartError::Thread)?.join();
    drop(lock);
    rebuilt.map_err(|_| RebuildError::Unreadable)?
}

/// Makes the state of `shard` again from its stores.
pub(crate) async fn rebuild<E: Runtime>(
    runtime: &E,
    stores: &Stores,
    shard: &Shard,
    from: RebuildFrom,
) -> Result<Rebuilt, RebuildError> {
    let mut node = shard.tip_node();
    if from == RebuildFrom::Snapshot {
        let handovers = Arc::clone(&shard.handovers);
        Record::open(runtime.child("handovers"), stores, handovers).await;
        let mut snapshots = Snapshots::new(runtime.child("snapshots"), stores.snapshots());
        if let Some(restored) = snapshots.restore(&shard.handovers, shard.id).await {
            node = Arc::new(Node::restored(restored.base, restored.state));
        }
    }
    let from = node.header.height;
    let config = stores.archive("blocks", shard.block_length_max());
    let blocks = prunable::Archive::init(runtime.child("blocks"), config).await;
    let blocks: storage::Blocks<E> = blocks.map_err(|_| RebuildError::Unreadable)?;
    let last = blocks.last_index().unwrap_or(0);
    for height in from + 1..=last {
        let block = blocks.get(Identifier::Index(height)).await;
        let block = block.map_err(|_| RebuildError::Unreadable)?;
        let block = block.ok_or(RebuildError::Missing(height))?;
        let executed = shard.execute(&node, (*block).clone());
        node = executed.map_err(|error| RebuildError::Broken {
            height,
            reason: error.to_string(),
        })?;
    }
    Ok(Rebuilt {
        from,
        height: node.header.height,
        state_root: node.state.root(),
        entries: node.state.len(),
    })
}
