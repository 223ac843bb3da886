use std::sync::Arc;

use commonware_consensus::types::Height;
use thiserror::Error;
use tokio::sync::oneshot;
use wayside::ledger::SnapshotManifest;

use super::file::Part;
use crate::{
    certificate::certificate,
    keeper::Order,
    shard::{Marshal, Shard},
    sync::NEWEST,
};

/// A backup of one shard that is being taken, while the unit goes on.
///
/// Its parts, one after the other, are what has to be written to a file; those of several shards may
/// stand in one file behind each other.
pub struct Backup {
    shard: Arc<Shard>,
    next: Next,
    blocks: u64,
}

/// What comes next.
enum Next {
    Begin,
    /// The hand-over with this index.
    Handover(usize),
    /// A part of the snapshot at a height, of so many.
    Snapshot {
        height: u64,
        index: usize,
        count: usize,
    },
    /// A block; up to the last one that the backup has.
    Block {
        height: u64,
        last: u64,
    },
    /// The votes for a block, if it has some of its own.
    Votes {
        height: u64,
        last: u64,
    },
    Over,
}

/// Why a backup was not finished.
#[derive(Clone, Copy, Debug, Eq, Error, PartialEq)]
pub enum BackupError {
    /// The unit has just begun, or ends.
    #[error("the unit does not keep blocks now")]
    NotRunning,
    /// The first blocks are pruned, and the snapshot that stands in for them was replaced meanwhile:
    /// begin anew.
    #[error("the snapshot at height {0} was replaced meanwhile")]
    SnapshotGone(u64),
    /// A block was pruned meanwhile: begin anew.
    #[error("block {0} was pruned meanwhile")]
    BlockGone(u64),
}

impl Backup {
    pub(crate) fn new(shard: Arc<Shard>) -> Self {
        Self {
            shard,
            next: Next::Begin,
            blocks: 0,
        }
    }

    /// The next bytes of the file; `None` after the last.
    pub async fn next(&mut self) -> Result<Option<Vec<u8>>, BackupError> {
        let part = loop {
            let (part, next) = match self.next {
                Next::Begin => {
                    let begin = Part::Begin(self.shard.genesis.chain(), self.shard.id);
                    (Some(begin), Next::Handover(0))
                }
                Next::Handover(index) => self.handover(index).await?,
                Next::Snapshot {
                    height,
                    index,
                    count,
                } => self.snapshot(height, index, count).await?,
                Next::Block { height, last } => self.block(height, last).await?,
                Next::Votes { height, last } => self.votes(height, last).await?,
                Next::Over => return Ok(None),
            };
            self.next = next;
            if let Some(part) = part {
                break part;
            }
        };
        Ok(Some(part.to_bytes()))
    }

    async fn handover(&self, index: usize) -> Result<(Option<Part>, Next), BackupError> {
        let handovers = self.shard.handovers.all();
        if let Some(handover) = handovers.get(index) {
            let part = Part::Handover(handover.to_bytes());
            return Ok((Some(part), Next::Handover(index + 1)));
        }
        let next = if self.shard.oldest() <= 1 {
            Next::Block {
                height: 1,
                last: self.last().await?,
            }
        } else {
            let (height, manifest) = self.part(NEWEST, 0).await?;
            let gone = BackupError::SnapshotGone(height);
            let manifest = SnapshotManifest::from_bytes(&manifest).map_err(|_| gone)?;
            Next::Snapshot {
                height,
                index: 0,
                count: manifest.chunks.len() + 1,
            }
        };
        Ok((None, next))
    }

    async fn snapshot(
        &self,
        height: u64,
        index: usize,
        count: usize,
    ) -> Result<(Option<Part>, Next), BackupError> {
        if index == count {
            let last = self.last().await?;
            return Ok((None, Next::Block { height, last }));
        }
        let (_, bytes) = self.part(height, index).await?;
        let part = match index {
            0 => Part::Manifest(bytes),
            _ => Part::Chunk(bytes),
        };
        let next = Next::Snapshot {
            height,
            index: index + 1,
            count,
        };
        Ok((Some(part), next))
    }

    async fn block(&mut self, height: u64, last: u64) -> Result<(Option<Part>, Next), BackupError> {
        if height > last {
            return Ok((Some(Part::End(self.blocks)), Next::Over));
        }
        let block = self.marshal()?.get_block(Height::new(height)).await;
        let block = block.ok_or(BackupError::BlockGone(height))?;
        self.blocks += 1;
        let part = Part::Block(block.inner().block().to_bytes());
        Ok((Some(part), Next::Votes { height, last }))
    }

    async fn votes(&self, height: u64, last: u64) -> Result<(Option<Part>, Next), BackupError> {
        let votes = self.marshal()?.get_finalization(Height::new(height)).await;
        let part = votes.and_then(|votes| Some(Part::Votes(certificate(&votes)?.to_bytes())));
        let height = height + 1;
        Ok((part, Next::Block { height, last }))
    }

    /// The newest block that has votes of its own; what is above it could not be shown to be final.
    async fn last(&self) -> Result<u64, BackupError> {
        let marshal = self.marshal()?;
        let mut height = self.shard.tip_node().header.height;
        while height > 0
            && marshal
                .get_finalization(Height::new(height))
                .await
                .is_none()
        {
            height -= 1;
        }
        Ok(height)
    }

    fn marshal(&self) -> Result<&Marshal, BackupError> {
        self.shard.marshal().ok_or(BackupError::NotRunning)
    }

    /// A part of a snapshot that is on disk, and the snapshot's height.
    async fn part(&self, height: u64, index: usize) -> Result<(u64, Vec<u8>), BackupError> {
        let keeper = self.shard.keeper().ok_or(BackupError::NotRunning)?;
        let (answer, answered) = oneshot::channel();
        let order = Order::Part {
            height,
            index,
            answer,
        };
        let sent = keeper.send(order).await;
        sent.map_err(|_| BackupError::NotRunning)?;
        let part = answered.await.map_err(|_| BackupError::NotRunning)?;
        part.ok_or(BackupError::SnapshotGone(height))
    }
}
