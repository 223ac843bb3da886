use std::path::{Path, PathBuf};

use wayside::{
    crypto::SigningKey,
    issuing::{IssuingKeys, LinkageSecret, Seat},
    ledger::{AccountKey, IssuingFacts},
    serve::{KeyFileError, read_key, write_key},
    time::Timestamp,
};

/// The issuing keys that the operator gave this unit, of which the ledger says which count. All are wiped
/// when dropped.
pub(crate) struct KeyRing(Vec<SigningKey>);

/// Which of the keys count now.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Certified {
    /// Whose part the unit has.
    pub(super) seat: Seat,
    /// The key to sign with.
    pub(super) current: AccountKey,
    /// Others by which something may still be opened.
    pub(super) earlier: Vec<AccountKey>,
}

impl KeyRing {
    /// Reads the keys' files.
    pub(crate) fn read(paths: &[PathBuf]) -> Result<Self, KeyFileError> {
        let keys = paths.iter().map(|path| read_key(path));
        Ok(Self(keys.collect::<Result<_, _>>()?))
    }

    /// Which of them count at a moment, and for which seat; `None` if none does.
    ///
    /// Should they be of several seats, which nobody intends, the first one's counts.
    pub(super) fn certified(&self, facts: &IssuingFacts, now: Timestamp) -> Option<Certified> {
        let accounts: Vec<AccountKey> = self.0.iter().map(account).collect();
        let mut places = accounts.iter().filter_map(|key| facts.speaker(*key, now));
        let (operator, replica) = places.next()?;
        let seat = facts.seat(operator, replica)?;
        let counting = |key: &&AccountKey| seat.counts_at(**key, now);
        let newest = seat.key_at(now).filter(|key| accounts.contains(key));
        let mut counting = accounts.iter().filter(counting).copied();
        let current = newest.or_else(|| counting.clone().next())?;
        Some(Certified {
            seat: Seat { operator, replica },
            current,
            earlier: counting.by_ref().filter(|key| *key != current).collect(),
        })
    }

    /// Copies of these keys, for who signs and opens.
    pub(super) fn issuing_keys(&self, certified: &Certified) -> Option<IssuingKeys> {
        let earlier = certified.earlier.iter().filter_map(|key| self.copy(*key));
        Some(IssuingKeys::new(
            self.copy(certified.current)?,
            earlier.collect(),
        ))
    }

    /// A copy of one of the keys.
    pub(super) fn copy(&self, wanted: AccountKey) -> Option<SigningKey> {
        let found = self.0.iter().find(|key| account(key) == wanted)?;
        Some(SigningKey::from_seed(&found.to_seed()))
    }
}

/// Reads the secret from which linkage chains are made, and makes it first if there is none.
pub(crate) fn read_or_make_secret(path: &Path) -> Result<LinkageSecret, KeyFileError> {
    if !path.exists() {
        write_key(path, &SigningKey::generate(), SECRET_NOTE)?;
    }
    Ok(LinkageSecret::from_bytes(*read_key(path)?.to_seed()))
}

fn account(key: &SigningKey) -> AccountKey {
    key.verifying_key().into()
}

const SECRET_NOTE: &str = "the secret of the linkage chains: all units with which the operator enrols \
                           vehicles need the same, and nobody else may have it";
