use borsh::{BorshDeserialize, BorshSerialize};
use thiserror::Error;

use super::{
    Committees, ProofError, StateEntryProof,
    file::{self, FileError, Kind},
};
use crate::{
    id::ShardId,
    ledger::{
        FinalityError, FinalizedHeader, Key, Peaks, RevocationEntry, RevocationHead, State,
        StateView, Value,
    },
    time::Timestamp,
};

/// What is new on the list of revoked tickets since an entry, as units and cars hand it on.
///
/// It proves itself to whoever knows the committees: the state names the tops over the whole list, and
/// only the true entries lead from tops to tops.
#[derive(BorshDeserialize, BorshSerialize, Clone, Debug, Eq, PartialEq)]
pub struct RevocationUpdate {
    /// How far the list goes, by a header of shard 0.
    pub head: StateEntryProof,
    /// The tops over the entries before those that follow.
    pub before: Peaks,
    /// The entries up to the newest.
    pub entries: Vec<RevocationEntry>,
}

/// A [`RevocationUpdate`] that was seen to hold.
#[derive(Clone, Debug)]
pub struct VerifiedRevocations {
    update: RevocationUpdate,
    head: RevocationHead,
}

/// Why bytes say nothing about revoked tickets.
#[derive(Clone, Debug, Eq, Error, PartialEq)]
pub enum RevocationUpdateError {
    /// The bytes are no such update.
    #[error(transparent)]
    File(#[from] FileError),
    /// The head is not in a final state.
    #[error(transparent)]
    Head(#[from] ProofError),
    /// Only shard 0 keeps the list.
    #[error("a header of shard {0}")]
    ForeignShard(ShardId),
    /// The proof is about something else than the head of the list.
    #[error("the proof is not about the list's head")]
    OtherKey,
    /// It begins before the first entry that anybody still keeps.
    #[error("begins with entry {0}, which is over")]
    TooEarly(u64),
    /// The entries are not those that lead to the head.
    #[error("the entries are not those of the list")]
    OtherEntries,
}

impl RevocationUpdate {
    /// What a state of shard 0 has that a receiver with the first `have` entries has not, under the
    /// header that signs the state; everything that still means anything, for a receiver that has less
    /// or anything else. `None` if that is another header.
    pub fn of_state(state: &State, finalized: FinalizedHeader, have: u64) -> Option<Self> {
        let header = &finalized.header;
        if header.shard != ShardId::GOVERNANCE || header.state_root != state.root() {
            return None;
        }
        let head = state.revocation_head().cloned().unwrap_or_default();
        let key = Key::RevocationHead;
        let entries: Option<Vec<_>> = (head.first..head.next)
            .map(|number| state.revocation(number).copied())
            .collect();
        let proof = StateEntryProof {
            finalized,
            value: state.get(&key).cloned(),
            proof: state.prove(&key),
            key,
        };
        Some(Self::since(proof, &head, &entries?, have))
    }

    /// The same from all entries that still mean anything.
    pub(in crate::ledger) fn since(
        proof: StateEntryProof,
        head: &RevocationHead,
        entries: &[RevocationEntry],
        have: u64,
    ) -> Self {
        let is_known = (head.first..=head.next).contains(&have);
        let known = if is_known { have - head.first } else { 0 };
        let known = usize::try_from(known).unwrap_or(entries.len());
        let (old, new) = entries.split_at(known.min(entries.len()));
        let mut before = head.first_peaks.clone();
        old.iter().for_each(|entry| before.append(entry.leaf()));
        Self {
            head: proof,
            before,
            entries: new.to_vec(),
        }
    }

    /// Its canonical bytes.
    pub fn to_bytes(&self) -> Vec<u8> {
        file::write(Kind::Revocations, self)
    }

    /// Reads what [`Self::to_bytes`] writes, and nothing else.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, RevocationUpdateError> {
        Ok(file::read(Kind::Revocations, bytes)?)
    }

    /// The number of its first entry.
    pub fn from(&self) -> u64 {
        self.before.count()
    }

    /// Checks all of it; costs the votes for a header, and two digests for each entry.
    pub fn verify(
        self,
        committees: &Committees,
    ) -> Result<VerifiedRevocations, RevocationUpdateError> {
        let header = self.head.verify(committees)?;
        if header.shard != ShardId::GOVERNANCE {
            return Err(RevocationUpdateError::ForeignShard(header.shard));
        }
        let head = match (&self.head.key, &self.head.value) {
            (Key::RevocationHead, None) => RevocationHead::default(),
            (Key::RevocationHead, Some(Value::RevocationHead(head))) => head.clone(),
            _ => return Err(RevocationUpdateError::OtherKey),
        };
        if self.from() < head.first {
            return Err(RevocationUpdateError::TooEarly(self.from()));
        }
        let mut peaks = self.before.clone();
        self.entries
            .iter()
            .for_each(|entry| peaks.append(entry.leaf()));
        if peaks != head.peaks {
            return Err(RevocationUpdateError::OtherEntries);
        }
        Ok(VerifiedRevocations { update: self, head })
    }
}

impl RevocationUpdateError {
    /// Whether it is not known yet whose votes count in the proof's epoch; a newer checkpoint says.
    pub fn is_of_unknown_epoch(&self) -> bool {
        matches!(
            self,
            Self::Head(ProofError::Finality(FinalityError::Epoch(_)))
        )
    }
}

impl VerifiedRevocations {
    /// The number of the first entry that it tells.
    pub fn from(&self) -> u64 {
        self.update.from()
    }

    /// The number of the next entry that there will be.
    pub fn next(&self) -> u64 {
        self.head.next
    }

    /// When the list was so.
    pub fn time(&self) -> Timestamp {
        self.update.head.finalized.header.time
    }

    /// The height at which the list was so.
    pub fn height(&self) -> u64 {
        self.update.head.finalized.header.height
    }

    /// The entries, by their numbers.
    pub fn entries(&self) -> impl Iterator<Item = (u64, &RevocationEntry)> {
        (self.from()..).zip(&self.update.entries)
    }

    pub(in crate::ledger) fn head(&self) -> &RevocationHead {
        &self.head
    }

    pub(in crate::ledger) fn update(&self) -> &RevocationUpdate {
        &self.update
    }
}
