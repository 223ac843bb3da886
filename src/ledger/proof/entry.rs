use borsh::{BorshDeserialize, BorshSerialize};

use super::{Committees, ProofError};
use crate::ledger::{
    Entry, FinalizedHeader, Header, KeyCache, List, Outcome, Path, PathError, merkle::widen,
};

/// That a committee made an entry of a block final, and with which outcome: for a transaction, that it
/// was applied, or which rule refused it.
#[derive(BorshDeserialize, BorshSerialize, Clone, Debug, Eq, PartialEq)]
pub struct EntryProof {
    /// The block's header.
    pub finalized: FinalizedHeader,
    /// The entry.
    pub entry: Entry,
    /// The code of its outcome.
    pub outcome: u16,
    /// Its path to the header's `tx_root`.
    pub path: Path,
}

impl EntryProof {
    /// The header and the outcome, once all of it is seen to hold: the votes, the place in the block,
    /// and every signature of the entry itself.
    pub fn verify(&self, committees: &Committees) -> Result<(&Header, Outcome), ProofError> {
        let header = committees.verify(&self.finalized)?;
        let place = Place {
            header,
            path: &self.path,
            outcome: self.outcome,
        };
        let outcome = place.check(&self.entry, committees, &mut KeyCache::default())?;
        Ok((header, outcome))
    }
}

/// Where an entry is said to stand.
pub(super) struct Place<'a> {
    pub(super) header: &'a Header,
    pub(super) path: &'a Path,
    pub(super) outcome: u16,
}

impl Place<'_> {
    /// The entry's outcome, if it stands there and its own signatures hold.
    pub(super) fn check(
        &self,
        entry: &Entry,
        committees: &Committees,
        keys: &mut KeyCache,
    ) -> Result<Outcome, ProofError> {
        let count = usize::try_from(self.header.entries).map(widen);
        if count != Ok(self.path.count) {
            return Err(ProofError::Path(PathError));
        }
        let leaf = entry.leaf(self.outcome);
        self.path
            .verify(List::Entries, leaf, self.header.tx_root)
            .map_err(ProofError::Path)?;
        let shard = self.header.shard;
        match entry {
            Entry::Transaction(signed) => {
                signed.verify(committees.genesis(), shard, keys)?;
            }
            Entry::Delivery(delivery) => {
                delivery.verify(committees, shard)?;
            }
        }
        Outcome::from_code(self.outcome).ok_or(ProofError::UnknownOutcome(self.outcome))
    }
}
