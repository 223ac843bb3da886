use std::collections::BTreeMap;

use borsh::{BorshDeserialize, BorshSerialize};
use thiserror::Error;

use super::{
    Committees, Handover, HandoverError, Trunk, TrunkError,
    file::{self, FileError, Kind},
    report::Point,
};
use crate::{
    id::{ChainId, ShardId},
    ledger::Genesis,
};

/// Recent headers, to hold what others show against.
///
/// Its worth is in where it comes from: a witness, or an operator that whoever checks has reason to
/// believe, not the one who shows the bundle.
#[derive(BorshDeserialize, BorshSerialize, Clone, Debug, Eq, PartialEq)]
pub struct Checkpoint {
    /// The ledger.
    pub chain: ChainId,
    /// How committees followed each other since the genesis.
    pub handovers: Vec<Handover>,
    /// One for each shard, by shard; the earlier headers are those that somebody asked for.
    pub shards: Vec<Trunk>,
}

/// Why a checkpoint is none.
#[derive(Clone, Debug, Eq, Error, PartialEq)]
pub enum CheckpointError {
    /// The bytes are no checkpoint.
    #[error(transparent)]
    File(#[from] FileError),
    /// Of another ledger.
    #[error("of the ledger {0}")]
    ForeignChain(ChainId),
    /// A committee does not follow another.
    #[error(transparent)]
    Handover(#[from] HandoverError),
    /// Not sorted by shard, or one of them twice.
    #[error("shards are not sorted, or one of them is there twice")]
    Order,
    /// Headers that are not final.
    #[error("shard {0}: {1}")]
    Trunk(ShardId, TrunkError),
}

/// How the past of a shard that one checkpoint shows stands to the one that another shows.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Relation {
    /// One leads to the other: it is one past.
    OnePast,
    /// A block of one is not in the past of the other: a quorum made one of the two up.
    Contradiction,
    /// Neither leads to the other's newest block, so nothing is known; whoever has the newer of the
    /// two can be asked for a path to the older.
    NotLinked,
}

impl Checkpoint {
    /// Its canonical bytes.
    pub fn to_bytes(&self) -> Vec<u8> {
        file::write(Kind::Checkpoint, self)
    }

    /// Reads what [`Self::to_bytes`] writes, and nothing else.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, CheckpointError> {
        Ok(file::read(Kind::Checkpoint, bytes)?)
    }

    /// Its newest blocks, once committees that follow from the genesis are seen to have made them
    /// final.
    pub fn verify(&self, genesis: &Genesis) -> Result<Vec<Point>, CheckpointError> {
        self.verify_with(&self.committees(genesis)?)
    }

    /// The committees that it shows to follow from the genesis.
    pub fn committees(&self, genesis: &Genesis) -> Result<Committees, CheckpointError> {
        let mut committees = Committees::of(genesis);
        self.follow(&mut committees)?;
        Ok(committees)
    }

    /// How it stands to another one, for every shard that both show, once the headers of both are
    /// seen to be final.
    pub fn relations(
        &self,
        other: &Self,
        genesis: &Genesis,
    ) -> Result<BTreeMap<ShardId, Relation>, CheckpointError> {
        let mut committees = self.committees(genesis)?;
        other.follow(&mut committees)?;
        let mut relations = BTreeMap::new();
        for trunk in &self.shards {
            let shard = trunk.newest.header.shard;
            let Some(others) = other.trunk(shard) else {
                continue;
            };
            let wrong = |error| CheckpointError::Trunk(shard, error);
            let trunk = trunk.verify(&committees, shard).map_err(wrong)?;
            let others = others.verify(&committees, shard).map_err(wrong)?;
            let relation = match trunk.agrees_with(&others) {
                Some(true) => Relation::OnePast,
                Some(false) => Relation::Contradiction,
                None => Relation::NotLinked,
            };
            relations.insert(shard, relation);
        }
        Ok(relations)
    }

    /// The headers of a shard.
    pub(super) fn trunk(&self, shard: ShardId) -> Option<&Trunk> {
        let mut trunks = self.shards.iter();
        trunks.find(|trunk| trunk.newest.header.shard == shard)
    }

    pub(super) fn follow(&self, committees: &mut Committees) -> Result<(), CheckpointError> {
        if self.chain != committees.chain() {
            return Err(CheckpointError::ForeignChain(self.chain));
        }
        let mut handovers = self.handovers.iter();
        Ok(handovers.try_for_each(|handover| committees.follow(handover))?)
    }

    pub(super) fn verify_with(
        &self,
        committees: &Committees,
    ) -> Result<Vec<Point>, CheckpointError> {
        let shard = |trunk: &Trunk| trunk.newest.header.shard;
        if !self.shards.is_sorted_by(|a, b| shard(a) < shard(b)) {
            return Err(CheckpointError::Order);
        }
        let mut points = Vec::new();
        for trunk in &self.shards {
            trunk
                .verify(committees, shard(trunk))
                .map_err(|error| CheckpointError::Trunk(shard(trunk), error))?;
            points.push(Point::of(&trunk.newest.header));
        }
        Ok(points)
    }
}
