use borsh::{BorshDeserialize, BorshSerialize};
use thiserror::Error;

use super::{
    Checkpoint, CheckpointError, Point,
    file::{self, FileError, Kind},
    witness::ends_with,
};
use crate::{
    id::ShardId,
    ledger::{Genesis, Note, NoteError, NoteHead, NoteKey, Path},
};

/// A checkpoint with what witnesses say of it, so that whoever trusts them knows that everybody is
/// shown the same.
#[derive(BorshDeserialize, BorshSerialize, Clone, Debug, Eq, PartialEq)]
pub struct CosignedCheckpoint {
    /// The headers.
    pub checkpoint: Checkpoint,
    /// A note for each of its shards, in the same order.
    pub heads: Vec<CosignedHead>,
}

/// What witnesses signed of a shard.
#[derive(BorshDeserialize, BorshSerialize, Clone, Debug, Eq, PartialEq)]
pub struct CosignedHead {
    /// The signed note, whose list of headers ends with the checkpoint's newest of the shard.
    pub note: String,
    /// That it does.
    pub path: Path,
}

/// Witnesses, of whom some have to have signed.
#[derive(Clone, Debug)]
pub struct Witnesses {
    /// Their keys.
    pub keys: Vec<NoteKey>,
    /// How many of them are enough.
    pub needed: usize,
}

/// Why a checkpoint is not witnessed.
#[derive(Clone, Debug, Eq, Error, PartialEq)]
pub enum CosignedError {
    /// The checkpoint itself is false.
    #[error(transparent)]
    Checkpoint(#[from] CheckpointError),
    /// A shard has no note, or there are others.
    #[error("{0} notes for {1} shards")]
    Heads(usize, usize),
    /// A note is none.
    #[error("shard {0}: {1}")]
    Note(ShardId, NoteError),
    /// A note says something else than the checkpoint.
    #[error("shard {0}: the note is not of the checkpoint's newest header")]
    OtherHead(ShardId),
    /// Too few witnesses signed: perhaps others are shown another past.
    #[error("shard {shard}: {signed} of the {known} witnesses signed, {needed} have to")]
    NotWitnessed {
        /// The shard.
        shard: ShardId,
        /// How many signed.
        signed: usize,
        /// How many are known.
        known: usize,
        /// How many have to.
        needed: usize,
    },
}

impl CosignedCheckpoint {
    /// Its canonical bytes.
    pub fn to_bytes(&self) -> Vec<u8> {
        file::write(Kind::CosignedCheckpoint, self)
    }

    /// Reads what [`Self::to_bytes`] writes, and nothing else.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, FileError> {
        file::read(Kind::CosignedCheckpoint, bytes)
    }

    /// Its newest blocks, once committees that follow from the genesis are seen to have made them
    /// final, and enough witnesses to have seen them.
    pub fn verify(
        &self,
        genesis: &Genesis,
        witnesses: &Witnesses,
    ) -> Result<Vec<Point>, CosignedError> {
        let points = self.checkpoint.verify(genesis)?;
        let shards = &self.checkpoint.shards;
        if self.heads.len() != shards.len() {
            return Err(CosignedError::Heads(self.heads.len(), shards.len()));
        }
        for (cosigned, trunk) in self.heads.iter().zip(shards) {
            let shard = trunk.newest.header.shard;
            let note: Result<Note, _> = cosigned.note.parse();
            let note = note.map_err(|error| CosignedError::Note(shard, error))?;
            let head = NoteHead::of(&note).filter(|head| head.chain == genesis.chain());
            let ends = head.map(|head| ends_with(&head, &trunk.newest, &cosigned.path));
            if !matches!(ends, Some(Ok(()))) {
                return Err(CosignedError::OtherHead(shard));
            }
            let signed = witnesses.signed(&note);
            if signed < witnesses.needed {
                return Err(CosignedError::NotWitnessed {
                    shard,
                    signed,
                    known: witnesses.keys.len(),
                    needed: witnesses.needed,
                });
            }
        }
        Ok(points)
    }
}

impl Witnesses {
    /// How many of them signed a note.
    pub fn signed(&self, note: &Note) -> usize {
        let keys = self.keys.iter();
        keys.filter(|key| note.is_signed_by(key)).count()
    }
}
