use std::sync::Arc;

use thiserror::Error;
use tokio::sync::{broadcast, mpsc, oneshot};
use wayside::{
    id::{ShardId, VehicleId},
    ledger::{
        AccountKey, Block, FinalizedHeader, Handover, Header, MempoolRefusal, NextRules, Outcome,
        Peaks, Receipt, SignedTransaction, State, TransactionError, TransactionId,
    },
};

use crate::{Backup, certificate::finalized_header, shard::Shards, start::EngineFailed};

/// A running member of the committee, to talk to.
///
/// May be used from any thread and any runtime.
#[derive(Clone)]
pub struct Handle {
    shards: Arc<Shards>,
    published: broadcast::Sender<Arc<FinalizedBlock>>,
    commands: mpsc::UnboundedSender<Command>,
}

/// What a handle asks of the engine's own thread.
pub(crate) enum Command {
    /// The metrics of all its parts.
    Metrics(oneshot::Sender<String>),
    /// To end.
    Shutdown,
}

/// A block that a quorum has made final, with all that follows from it.
#[derive(Clone, Debug)]
pub struct FinalizedBlock {
    /// The shard.
    pub shard: ShardId,
    /// The block.
    pub block: Block,
    /// What became of each entry.
    pub outcomes: Vec<Outcome>,
    /// What it tells other shards.
    pub receipts: Vec<Receipt>,
    /// For each entry, the vehicles whose history it is part of, and its place there.
    pub touched: Vec<Vec<(VehicleId, u64)>>,
}

/// The newest block that this member has executed after it was made final.
#[derive(Clone)]
pub struct Tip {
    /// Its header.
    pub header: Arc<Header>,
    /// The state after it.
    pub state: State,
}

/// How a shard is doing.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct ShardStatus {
    /// The height of the newest final block that is executed.
    pub height: u64,
    /// The epoch, which changes when the committee does.
    pub epoch: u64,
    /// The newest view of the epoch's consensus that was seen to end.
    pub view: u64,
    /// How many other members have been heard of lately.
    pub peers: usize,
    /// The greatest height that another member claims to have reached.
    pub peer_height: u64,
    /// How many transactions wait.
    pub mempool_len: usize,
    /// Whether this member votes. It does not while it cannot know what it said before.
    pub voting: bool,
    /// Whether stored or missed blocks are still being executed.
    pub catching_up: bool,
    /// Which rules it follows.
    pub rules: RulesStanding,
    /// How many members of the committee keep all blocks for ever and have them all, as far as this
    /// one knows; below [`Handle::archives_required`], nobody forgets a block.
    pub archives: usize,
}

/// Which rules a shard follows, and this process knows.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct RulesStanding {
    /// The version that the next block follows.
    pub followed: u16,
    /// The newest version that this process knows.
    pub supported: u16,
    /// The version that is scheduled after that, and the first height that follows it.
    pub next: Option<NextRules>,
}

impl RulesStanding {
    /// The version for which this process has to be upgraded, and the height before which it stops
    /// otherwise; `None` for the height if it has stopped already.
    pub fn needed(&self) -> Option<(u16, Option<u64>)> {
        if self.followed > self.supported {
            return Some((self.followed, None));
        }
        let next = self.next.filter(|next| next.rules > self.supported)?;
        Some((next.rules, Some(next.height)))
    }

    /// Whether this process has stopped, because the next block follows rules that it does not know.
    pub fn has_stopped(&self) -> bool {
        self.followed > self.supported
    }
}

/// Why a transaction was not taken.
#[derive(Debug, Error)]
pub enum SubmitError {
    /// This process does not keep the shard.
    #[error("shard {0} is not kept here")]
    UnknownShard(ShardId),
    /// It can never be executed.
    #[error(transparent)]
    Transaction(#[from] TransactionError),
    /// There is no room for it, or it is there already.
    #[error(transparent)]
    Mempool(#[from] MempoolRefusal),
}

impl Handle {
    pub(crate) fn new(
        shards: Arc<Shards>,
        published: broadcast::Sender<Arc<FinalizedBlock>>,
        commands: mpsc::UnboundedSender<Command>,
    ) -> Self {
        Self {
            shards,
            published,
            commands,
        }
    }

    /// Waits until all shards have executed the blocks that were stored before this process began.
    /// Fails if the engine ends before that.
    pub async fn ready(&self) -> Result<(), EngineFailed> {
        for shard in self.shards.values() {
            let mut recovered = shard.recovered().subscribe();
            tokio::select! {
                biased;
                // The sender lives as long as the shard.
                _ = recovered.wait_for(|it| *it) => {}
                () = self.commands.closed() => return Err(EngineFailed),
            }
        }
        Ok(())
    }

    /// The shards that this process keeps, in order.
    pub fn shards(&self) -> Vec<ShardId> {
        self.shards.keys().copied().collect()
    }

    /// The headers of a shard before the first block that follows the snapshot with which this process
    /// began; `None` if it began with the genesis.
    pub fn past(&self, shard: ShardId) -> Option<Peaks> {
        self.shards.get(&shard)?.past().cloned()
    }

    /// The vote keys of the other members that say they keep a block.
    pub fn holders(&self, shard: ShardId, height: u64) -> Vec<AccountKey> {
        let shard = self.shards.get(&shard);
        shard.map_or_else(Vec::new, |shard| shard.holders(height))
    }

    /// How committees followed each other since the genesis, as far as this process can show it.
    pub fn handovers(&self) -> Arc<Vec<Handover>> {
        let all = self.shards.values().map(|shard| shard.handovers.all());
        all.max_by_key(|it| it.len()).unwrap_or_default()
    }

    /// Takes a transaction, and tells the other members. What it says is done only when a block
    /// with it is final.
    #[expect(
        clippy::unused_async,
        reason = "checking signatures may move to other threads"
    )]
    pub async fn submit(
        &self,
        shard: ShardId,
        transaction: SignedTransaction,
    ) -> Result<TransactionId, SubmitError> {
        let kept = self.shards.get(&shard).map(Arc::clone);
        let kept = kept.ok_or(SubmitError::UnknownShard(shard))?;
        kept.submit(transaction)
    }

    /// The newest final block of a shard; `None` if the shard is not kept here.
    pub fn tip(&self, shard: ShardId) -> Option<Tip> {
        self.shards.get(&shard).map(|it| it.tip())
    }

    /// The final block at a height; `None` if there is none, or it is not stored any more.
    pub async fn block(&self, shard: ShardId, height: u64) -> Option<Arc<FinalizedBlock>> {
        self.shards.get(&shard)?.block(height).await
    }

    /// The header at a height with proof that it is final; `None` if there is none, or its votes
    /// are not stored any more.
    pub async fn certified(&self, shard: ShardId, height: u64) -> Option<FinalizedHeader> {
        let shard = self.shards.get(&shard)?;
        let tip = shard.tip_node().header.height;
        finalized_header(shard.marshal()?, height, tip).await
    }

    /// Begins a backup of a shard, while the unit goes on; `None` if the shard is not kept here.
    pub fn backup(&self, shard: ShardId) -> Option<Backup> {
        self.shards
            .get(&shard)
            .map(|it| Backup::new(Arc::clone(it)))
    }

    /// The lowest height whose block is stored; `None` if the shard is not kept here.
    pub fn oldest(&self, shard: ShardId) -> Option<u64> {
        self.shards.get(&shard).map(|it| it.oldest())
    }

    /// How many archives the committee must have before any member forgets a block.
    pub fn archives_required(&self) -> usize {
        let required = self.shards.values().map(|it| it.archives_required());
        required.max().unwrap_or(0)
    }

    /// Whether a transaction waits to be put into a block.
    pub fn pending(&self, shard: ShardId, transaction: &TransactionId) -> bool {
        let shard = self.shards.get(&shard);
        shard.is_some_and(|it| it.waits(transaction))
    }

    /// Every block that becomes final from now on, in order for each shard. A receiver that falls
    /// behind by more than [`Self::SUBSCRIPTION_LAG_MAX`] misses blocks, and is told so.
    pub fn subscribe(&self) -> broadcast::Receiver<Arc<FinalizedBlock>> {
        self.published.subscribe()
    }

    /// How many blocks a subscriber may be behind.
    pub const SUBSCRIPTION_LAG_MAX: usize = 1_024;

    /// How a shard is doing; `None` if it is not kept here.
    pub fn status(&self, shard: ShardId) -> Option<ShardStatus> {
        self.shards.get(&shard).map(|it| it.status())
    }

    /// The metrics of consensus, storage and network, as OpenMetrics text; `None` if the engine has
    /// stopped.
    pub async fn metrics(&self) -> Option<String> {
        let (answer, answered) = oneshot::channel();
        self.commands.send(Command::Metrics(answer)).ok()?;
        answered.await.ok()
    }

    /// Lets the engine end; [`Running::join`](crate::Running::join) waits for it. It also ends when
    /// the last handle is dropped.
    pub fn shutdown(&self) {
        // It may have ended already.
        let _ = self.commands.send(Command::Shutdown);
    }
}
