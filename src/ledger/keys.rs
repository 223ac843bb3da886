use std::collections::BTreeMap;

use super::AccountKey;
use crate::crypto::{KeyError, VerifyingKey};

/// Keys that were admitted lately, since admitting one costs as much as a signature check.
///
/// Holds no state that changes an answer: only the time that the answer takes.
#[derive(Debug, Default)]
pub struct KeyCache {
    admitted: BTreeMap<AccountKey, VerifyingKey>,
}

impl KeyCache {
    /// Admits a key, or says why nobody may sign with it; refused ones are not kept.
    pub fn admit(&mut self, key: AccountKey) -> Result<VerifyingKey, KeyError> {
        if let Some(admitted) = self.admitted.get(&key) {
            return Ok(*admitted);
        }
        let admitted = key.admit()?;
        if self.admitted.len() >= KEYS_MAX {
            self.admitted.clear();
        }
        self.admitted.insert(key, admitted);
        Ok(admitted)
    }
}

/// About 6 MiB; at the end of it the cache begins anew.
const KEYS_MAX: usize = 16_384;
