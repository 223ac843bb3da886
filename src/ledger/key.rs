use super::bytes::some_bytes;
use crate::crypto::{KeyError, VerifyingKey};

some_bytes! {
    /// Whoever signs on the ledger, named by an Ed25519 public key that is not admitted yet.
    ///
    /// Two are the same account if the bytes are the same.
    AccountKey 32
}

some_bytes! {
    /// A part of a vehicle, named by a keyed digest of its maker and serial number.
    ///
    /// Who holds the tag issuer's key could guess serial numbers from it.
    PartTag 32
}

some_bytes! {
    /// A vehicle identification number, as a digest under the tag issuer's key.
    ///
    /// The same number always gives the same tag, so that a vehicle cannot be born twice; who holds
    /// the tag issuer's key could guess numbers from it.
    VinTag 32
}

some_bytes! {
    /// A salted digest of a record whose plain text is kept off the ledger.
    ///
    /// Once the salt is destroyed it says nothing about the record any more.
    RecordCommitment 32
}

some_bytes! {
    /// A warranty, named by whoever gives it; at random, so that nobody else takes the name.
    PolicyId 32
}

some_bytes! {
    /// A claim under a warranty, named by whoever makes it, at random.
    ClaimId 32
}

impl AccountKey {
    /// Admits the key, or says why nobody may sign with it.
    pub fn admit(&self) -> Result<VerifyingKey, KeyError> {
        VerifyingKey::from_bytes(&self.0)
    }
}

impl From<VerifyingKey> for AccountKey {
    fn from(key: VerifyingKey) -> Self {
        Self(*key.as_bytes())
    }
}
