use crate::{
    crypto::Digest,
    id::{ChainId, ShardId, VehicleId},
    ledger::{AccountKey, Completeness, Entry, Header, Outcome, Vehicle},
    time::Timestamp,
};

/// What a bundle proves.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Report {
    /// Whether the ledger is for development only, so that nothing here is promised by anybody.
    pub development: bool,
    /// The ledger, by its id, which whoever reads this must know from elsewhere.
    pub chain: ChainId,
    /// What its genesis calls it.
    pub ledger: String,
    /// How many operators voted for the newest block.
    pub operators: usize,
    /// How many of them had to.
    pub quorum: usize,
    /// The vehicle.
    pub vehicle: VehicleId,
    /// What the ledger says of it as of [`Self::as_of`].
    pub state: Vehicle,
    /// All of its records, from its birth on: none is missing, and none is in another order.
    pub records: Vec<ProvenRecord>,
    /// The last block for which they are known to be all.
    pub as_of: Point,
    /// By which root they are known to be all.
    pub completeness: Completeness,
    /// Whether that is the past of a recent checkpoint.
    pub anchor: Anchor,
}

/// A record of a vehicle that a committee made final.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct ProvenRecord {
    /// Its place in the vehicle's history, from 0.
    pub sequence: u64,
    /// The block that holds it.
    pub block: Point,
    /// What happened.
    pub entry: Entry,
    /// What became of it.
    pub outcome: Outcome,
    /// Who signed it, the sender first; nobody, if another shard told it.
    pub signers: Vec<AccountKey>,
}

/// A block of a shard.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Point {
    /// The shard.
    pub shard: ShardId,
    /// The block's height.
    pub height: u64,
    /// The proposer's time.
    pub time: Timestamp,
    /// The digest of the block's header.
    pub header: Digest,
}

/// How a bundle stands to a checkpoint.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Anchor {
    /// It is the past of the checkpoint, or the other way round; here are the checkpoint's blocks.
    Anchored(Vec<Point>),
    /// It does not contradict itself, and no more is known: it might be a past that retired keys made
    /// up.
    Unanchored(Unanchored),
}

/// Why it is not known whether a bundle is the past of a checkpoint.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Unanchored {
    /// None was given.
    NoCheckpoint,
    /// The checkpoint says nothing of a shard.
    NoShard(ShardId),
    /// Neither leads to the other's newest block of a shard; whoever hands out the newer of the two can
    /// be asked for a path to the older.
    NotLinked {
        /// The shard.
        shard: ShardId,
        /// The height of the bundle's newest block.
        bundle: u64,
        /// The height of the checkpoint's.
        checkpoint: u64,
    },
}

impl Report {
    /// Whether it is the past of a recent checkpoint.
    pub fn is_anchored(&self) -> bool {
        matches!(self.anchor, Anchor::Anchored(_))
    }
}

impl Point {
    pub(super) fn of(header: &Header) -> Self {
        Self {
            shard: header.shard,
            height: header.height,
            time: header.time,
            header: header.digest(),
        }
    }
}
