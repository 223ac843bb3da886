use std::{collections::BTreeMap, sync::Arc, time::Duration};

use tokio::{sync::broadcast, task::spawn_blocking, time::timeout};
use tracing::warn;
use wayside::{
    id::ShardId,
    ledger::{AccountKey, Action, Block, Entry, Outcome, StateView as _},
    telemetry::LedgerMetrics,
    transport::Clock,
    vault::RecordName,
};
use wayside_engine::{FinalizedBlock, Handle};

use super::Followed;
use crate::index::{Entered, IndexError, Indexed};

/// The one who follows.
pub(crate) struct Follower {
    /// What is followed.
    pub(crate) engine: Handle,
    /// Where that is noted.
    pub(crate) followed: Arc<Followed>,
    /// Where it is counted.
    pub(crate) metrics: Arc<LedgerMetrics>,
    /// When it was.
    pub(crate) clock: Clock,
}

/// A block that is followed next.
enum Next {
    Block(Arc<FinalizedBlock>),
    /// Nothing newer is final.
    Nothing,
    /// Blocks below this height are not kept any more.
    Pruned(u64),
}

impl Follower {
    /// Follows until the engine ends. Fails if the index cannot be written.
    pub(crate) async fn run(self) -> Result<(), IndexError> {
        let mut news = self.engine.subscribe();
        self.followed.find_role_holders();
        self.load_headers()?;
        let mut announced = BTreeMap::new();
        let mut rounds = 0_u64;
        loop {
            for shard in self.engine.shards() {
                while self.follow(shard, &mut announced, &mut rounds).await? {}
            }
            announced.clear();
            self.followed.pending().expire(self.clock.now().instant);
            // Woken now and then also without news, in case some were missed.
            match timeout(LOOK_INTERVAL, news.recv()).await {
                Ok(Ok(block)) => {
                    announced.insert((block.shard, block.block.header.height), block);
                    while let Ok(block) = news.try_recv() {
                        announced.insert((block.shard, block.block.header.height), block);
                    }
                }
                Ok(Err(broadcast::error::RecvError::Lagged(_))) | Err(_) => {}
                Ok(Err(broadcast::error::RecvError::Closed)) => return Ok(()),
            }
        }
    }

    /// Reads back the headers that were followed before.
    fn load_headers(&self) -> Result<(), IndexError> {
        let index = self.followed.index();
        for shard in self.engine.shards() {
            let Some(height) = index.height(shard)? else {
                continue;
            };
            let mut first = 0;
            if let Some((begins, past)) = index.beginning(shard)? {
                self.followed.skip_to(shard, begins, &past);
                first = begins;
            }
            let headers = index.headers(shard, first..height + 1)?;
            for (height, digest) in (first..).zip(headers) {
                self.followed.append(shard, height, digest);
            }
        }
        Ok(())
    }

    /// Follows some more blocks of a shard; returns whether there may be further ones.
    async fn follow(
        &self,
        shard: ShardId,
        announced: &mut BTreeMap<(ShardId, u64), Arc<FinalizedBlock>>,
        rounds: &mut u64,
    ) -> Result<bool, IndexError> {
        let mut blocks = Vec::new();
        let first = self.followed.next_height(shard);
        let mut pruned = None;
        for height in first..first + BATCH_MAX {
            let known = announced.remove(&(shard, height)).map(Next::Block);
            let next = match known {
                Some(known) => known,
                None => self.read(shard, height).await,
            };
            match next {
                Next::Block(block) => blocks.push(block),
                Next::Nothing => break,
                Next::Pruned(oldest) => {
                    pruned = Some(oldest);
                    break;
                }
            }
        }
        if let (Some(oldest), true) = (pruned, blocks.is_empty()) {
            return self.skip_to(shard, oldest);
        }
        if blocks.is_empty() {
            return Ok(false);
        }
        *rounds += 1;
        let is_durable = rounds.is_multiple_of(DURABLE_EVERY);
        self.enter(blocks, is_durable).await?;
        Ok(true)
    }

    /// Passes over blocks that are not kept here; returns whether that worked.
    fn skip_to(&self, shard: ShardId, height: u64) -> Result<bool, IndexError> {
        let began = self.engine.past(shard);
        let began = began.filter(|past| past.count() >= height);
        // Where the snapshot is older than the blocks, the newest state knows of more headers.
        let newest = || self.engine.tip(shard)?.state.past().cloned();
        let Some(past) = began.or_else(newest) else {
            return Ok(false);
        };
        warn!(%shard, height, "earlier blocks are not kept here: their records cannot be told");
        self.followed.index().skip_to(shard, height, &past)?;
        self.followed.skip_to(shard, height, &past);
        Ok(true)
    }

    async fn read(&self, shard: ShardId, height: u64) -> Next {
        let Some(tip) = self.engine.tip(shard) else {
            return Next::Nothing;
        };
        if height > tip.header.height {
            return Next::Nothing;
        }
        match self.engine.block(shard, height).await {
            Some(block) => Next::Block(block),
            None => {
                let oldest = self.engine.oldest(shard).unwrap_or_default();
                if oldest > height {
                    Next::Pruned(oldest)
                } else {
                    // It is stored, and will be there at the next look.
                    Next::Nothing
                }
            }
        }
    }

    /// Takes blocks of one shard into the index, and tells whoever waits for them.
    async fn enter(
        &self,
        blocks: Vec<Arc<FinalizedBlock>>,
        is_durable: bool,
    ) -> Result<(), IndexError> {
        let indexed: Vec<Indexed> = blocks.iter().map(|block| to_indexed(block)).collect();
        for holder in blocks.iter().flat_map(|block| granted(block)) {
            self.followed.add_role_holder(holder);
        }
        let followed = Arc::clone(&self.followed);
        let written = spawn_blocking(move || {
            followed.index().add(&indexed, is_durable)?;
            for block in &indexed {
                followed.append(block.shard, block.height, block.digest);
            }
            Ok::<_, IndexError>(())
        });
        written
            .await
            .map_err(|_| IndexError::Storage("writing it panicked".to_owned()))??;
        for name in blocks.iter().flat_map(|block| erased(block)) {
            self.followed.add_erasure(name);
        }
        let now = self.clock.now();
        for block in &blocks {
            self.count(block, now);
        }
        self.followed.turn();
        Ok(())
    }

    fn count(&self, block: &FinalizedBlock, now: wayside::time::Now) {
        let shard = block.shard.0;
        for (entry, outcome) in block.block.entries.iter().zip(&block.outcomes) {
            let kind = match (entry, outcome) {
                (Entry::Delivery(_), _) => "delivered",
                (Entry::Transaction(_), Outcome::Applied) => "applied",
                (Entry::Transaction(_), Outcome::Refused(_)) => "refused",
            };
            self.metrics.count_entry(shard, kind);
            if let Entry::Transaction(signed) = entry
                && let Some(since) = self.followed.pending().forget(&signed.id())
            {
                let took = now.instant.since(since);
                self.metrics.observe_append(shard, took);
            }
        }
        self.metrics.set_tip(
            shard,
            block.block.header.height,
            now.timestamp.since(block.block.header.time),
        );
    }
}

/// Who was granted a role by a block of the shard that governs.
fn granted(finalized: &FinalizedBlock) -> impl Iterator<Item = AccountKey> {
    let governs = finalized.shard == ShardId::GOVERNANCE;
    applied(finalized).filter_map(move |action| {
        if let (true, Action::GrantRole(granted)) = (governs, action) {
            Some(granted.key)
        } else {
            None
        }
    })
}

/// The records that a block erased.
fn erased(finalized: &FinalizedBlock) -> impl Iterator<Item = RecordName> {
    applied(finalized).filter_map(|action| {
        if let Action::EraseRecord(erased) = action {
            Some(RecordName {
                vehicle: erased.vehicle,
                record: erased.record,
            })
        } else {
            None
        }
    })
}

/// What a block's transactions did, but for those that a rule refused.
fn applied(finalized: &FinalizedBlock) -> impl Iterator<Item = &Action> {
    let entries = finalized.block.entries.iter().zip(&finalized.outcomes);
    entries.filter_map(|(entry, outcome)| match (entry, outcome) {
        (Entry::Transaction(signed), Outcome::Applied) => Some(&signed.transaction.action),
        (Entry::Transaction(_), Outcome::Refused(_)) | (Entry::Delivery(_), _) => None,
    })
}

fn to_indexed(finalized: &FinalizedBlock) -> Indexed {
    let Block {
        header, entries, ..
    } = &finalized.block;
    let touched = finalized.touched.iter();
    let entries = entries.iter().zip(&finalized.outcomes).zip(touched);
    Indexed {
        shard: finalized.shard,
        height: header.height,
        digest: header.digest(),
        entries: entries
            .map(|((entry, outcome), touched)| Entered {
                transaction: match entry {
                    Entry::Transaction(signed) => Some(signed.id()),
                    Entry::Delivery(_) => None,
                },
                outcome: outcome.code(),
                records: touched.clone(),
            })
            .collect(),
    }
}

/// Blocks that are entered at once.
const BATCH_MAX: u64 = 64;
/// Of so many rounds one is made durable; what a crash forgets is read from the blocks again.
const DURABLE_EVERY: u64 = 32;
const LOOK_INTERVAL: Duration = Duration::from_secs(1);
