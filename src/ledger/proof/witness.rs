use std::collections::BTreeMap;

use borsh::{BorshDeserialize, BorshSerialize};
use thiserror::Error;

use super::Committees;
use crate::{
    id::{ChainId, ShardId},
    ledger::{Consistency, FinalityError, FinalizedHeader, List, NoteHead, Path, encoding::encode},
};

/// What a witness has signed, by which it decides what else it may sign.
///
/// It signs only what continues what it signed before. Whoever runs it must have stored the head that
/// [`Self::check`] returns before it signs it, and [note](Self::remember) it.
#[derive(Clone, Debug)]
pub struct Witness {
    chain: ChainId,
    newest: BTreeMap<ShardId, NoteHead>,
}

/// What a unit shows a witness beside the text of a note.
#[derive(BorshDeserialize, BorshSerialize, Clone, Debug, Eq, PartialEq)]
pub struct ShownHead {
    /// The newest header, with a quorum's votes.
    pub newest: FinalizedHeader,
    /// That the note's list ends with it.
    pub path: Path,
    /// That the note's list begins with the one that the witness signed last.
    pub consistency: Consistency,
}

/// Why a witness does not sign.
#[derive(Clone, Debug, Eq, Error, PartialEq)]
pub enum WitnessRefusal {
    /// Of another ledger.
    #[error("of the ledger {0}")]
    ForeignChain(ChainId),
    /// The header shown is not the one that the note ends with.
    #[error("the note does not end with the header that was shown")]
    OtherHeader,
    /// No committee made it final.
    #[error(transparent)]
    Finality(#[from] FinalityError),
    /// Less than was signed before; the unit is behind.
    #[error("{shown} headers of shard {shard}, fewer than the {signed} that were signed before")]
    Behind {
        /// The shard.
        shard: ShardId,
        /// How many were shown.
        shown: u64,
        /// How many were signed.
        signed: u64,
    },
    /// Not a continuation of what was signed before: somebody shows another past, or the proof is
    /// wrong.
    #[error(
        "{shown} headers of shard {shard} do not continue the {signed} that were signed before: \
         another past is shown here"
    )]
    Contradiction {
        /// The shard.
        shard: ShardId,
        /// How many were shown.
        shown: u64,
        /// How many were signed.
        signed: u64,
    },
}

impl Witness {
    /// A witness that has signed nothing of a ledger yet.
    pub fn new(chain: ChainId) -> Self {
        Self {
            chain,
            newest: BTreeMap::new(),
        }
    }

    /// How many headers of a shard it has signed; 0 if none.
    pub fn signed(&self, shard: ShardId) -> u64 {
        self.newest.get(&shard).map_or(0, |head| head.headers.count)
    }

    /// Whether it may sign what is shown.
    pub fn check(
        &self,
        head: &NoteHead,
        shown: &ShownHead,
        committees: &Committees,
    ) -> Result<(), WitnessRefusal> {
        if head.chain != self.chain {
            return Err(WitnessRefusal::ForeignChain(head.chain));
        }
        ends_with(head, &shown.newest, &shown.path)?;
        committees.verify(&shown.newest)?;
        let Some(before) = self.newest.get(&head.shard) else {
            return Ok(());
        };
        let (shard, shown_count, signed) = (head.shard, head.headers.count, before.headers.count);
        if shown_count < signed {
            return Err(WitnessRefusal::Behind {
                shard,
                shown: shown_count,
                signed,
            });
        }
        shown
            .consistency
            .verify(List::History, before.headers, head.headers)
            .map_err(|_| WitnessRefusal::Contradiction {
                shard,
                shown: shown_count,
                signed,
            })
    }

    /// Notes what is signed, or was before a restart.
    pub fn remember(&mut self, head: NoteHead) {
        let newest = self.newest.entry(head.shard).or_insert(head);
        if newest.headers.count <= head.headers.count {
            *newest = head;
        }
    }
}

/// Whether a note's list ends with a header.
pub(super) fn ends_with(
    head: &NoteHead,
    newest: &FinalizedHeader,
    path: &Path,
) -> Result<(), WitnessRefusal> {
    let header = &newest.header;
    let count = head.headers.count;
    let is_last = header.shard == head.shard
        && header.height.checked_add(1) == Some(count)
        && (path.index, path.count) == (header.height, count)
        && path
            .verify(List::History, header.digest(), head.headers.root)
            .is_ok();
    is_last.then_some(()).ok_or(WitnessRefusal::OtherHeader)
}

impl ShownHead {
    /// Its canonical bytes.
    pub fn to_bytes(&self) -> Vec<u8> {
        encode(self)
    }

    /// Reads what [`Self::to_bytes`] writes, and nothing else.
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        borsh::from_slice(bytes).ok()
    }
}
