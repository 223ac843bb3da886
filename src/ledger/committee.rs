use std::{fmt, io, sync::OnceLock};

use borsh::{BorshDeserialize, BorshSerialize};
use serde::Serialize;

use super::{AccountKey, encoding::malformed};
use crate::crypto::{KeyError, VerifyingKey};

/// Whose votes make a block final during one epoch: one key for each operator, in every shard.
///
/// The keys are sorted by their bytes, which is also the consensus engine's order: a key's index is
/// its operator's name in certificates.
#[derive(BorshSerialize, Clone, Serialize)]
pub struct Committee {
    epoch: u64,
    keys: Vec<AccountKey>,
    /// The same keys, once they are needed, since admitting one costs as much as a vote to check.
    #[borsh(skip)]
    #[serde(skip)]
    admitted: OnceLock<Vec<Result<VerifyingKey, KeyError>>>,
}

impl Committee {
    /// The committee of an epoch, in whatever order its keys are given; a key given twice has one
    /// vote.
    pub fn new(epoch: u64, keys: impl IntoIterator<Item = AccountKey>) -> Self {
        let mut keys: Vec<_> = keys.into_iter().collect();
        keys.sort_unstable();
        keys.dedup();
        Self::of_sorted(epoch, keys)
    }

    fn of_sorted(epoch: u64, keys: Vec<AccountKey>) -> Self {
        Self {
            epoch,
            keys,
            admitted: OnceLock::new(),
        }
    }

    /// The epoch during which it votes.
    pub fn epoch(&self) -> u64 {
        self.epoch
    }

    /// Its keys, sorted by their bytes.
    pub fn keys(&self) -> &[AccountKey] {
        &self.keys
    }

    /// The key with this index.
    pub fn key(&self, index: u16) -> Option<AccountKey> {
        self.keys.get(usize::from(index)).copied()
    }

    /// The key with this index, to check votes with; or why nobody may vote with it.
    pub fn admitted(&self, index: u16) -> Option<Result<VerifyingKey, KeyError>> {
        let admit = || self.keys.iter().map(AccountKey::admit).collect();
        let admitted = self.admitted.get_or_init(admit);
        admitted.get(usize::from(index)).copied()
    }

    /// The index of a key.
    pub fn index(&self, key: &AccountKey) -> Option<u16> {
        let index = self.keys.binary_search(key).ok()?;
        u16::try_from(index).ok()
    }

    /// How many votes make a block final: all but a third, rounded down, of all but one.
    ///
    /// One more than half of any two such sets is honest while fewer than a third are not.
    pub fn quorum(&self) -> usize {
        let members = self.keys.len();
        members - members.saturating_sub(1) / 3
    }
}

impl BorshDeserialize for Committee {
    fn deserialize_reader<R: io::Read>(reader: &mut R) -> io::Result<Self> {
        let epoch = u64::deserialize_reader(reader)?;
        let keys: Vec<AccountKey> = Vec::deserialize_reader(reader)?;
        if keys.is_empty() || !keys.is_sorted_by(|a, b| a < b) {
            return Err(malformed(
                "members are missing, out of order or there twice",
            ));
        }
        Ok(Self::of_sorted(epoch, keys))
    }
}

impl PartialEq for Committee {
    fn eq(&self, other: &Self) -> bool {
        (self.epoch, &self.keys) == (other.epoch, &other.keys)
    }
}

impl Eq for Committee {}

impl fmt::Debug for Committee {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Committee")
            .field("epoch", &self.epoch)
            .field("keys", &self.keys)
            .finish_non_exhaustive()
    }
}
