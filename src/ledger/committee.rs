use std::io;

use borsh::{BorshDeserialize, BorshSerialize};

use super::{AccountKey, encoding::malformed};

/// Whose votes make a block final during one epoch: one key for each operator, in every shard.
///
/// The keys are sorted by their bytes, which is also the consensus engine's order: a key's index is
/// its operator's name in certificates.
#[derive(BorshSerialize, Clone, Debug, Eq, PartialEq)]
pub struct Committee {
    epoch: u64,
    keys: Vec<AccountKey>,
}

impl Committee {
    /// The committee of an epoch, in whatever order its keys are given; a key given twice has one
    /// vote.
    pub fn new(epoch: u64, keys: impl IntoIterator<Item = AccountKey>) -> Self {
        let mut keys: Vec<_> = keys.into_iter().collect();
        keys.sort_unstable();
        keys.dedup();
        Self { epoch, keys }
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
        Ok(Self { epoch, keys })
    }
}
