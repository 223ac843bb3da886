use zeroize::Zeroizing;

use crate::crypto::{
    Context, OpenError, OpeningKey, Seal, Signature, SigningKey, VerifyingKey, random_bytes,
};

/// The issuing keys of one process: the one that it signs with, and those before, by which it still
/// opens what was sealed to them. All are wiped when dropped.
pub struct IssuingKeys {
    current: SigningKey,
    opening: Vec<OpeningKey>,
}

impl IssuingKeys {
    /// The key that is certified now, and earlier ones that still count.
    pub fn new(current: SigningKey, earlier: Vec<SigningKey>) -> Self {
        let all = [&current].into_iter().chain(&earlier);
        Self {
            opening: all.map(OpeningKey::of).collect(),
            current,
        }
    }

    /// The public half of the key that signs.
    pub fn verifying_key(&self) -> VerifyingKey {
        self.current.verifying_key()
    }

    pub(super) fn sign(&self, parts: &[&[u8]]) -> Signature {
        self.current.sign(Context::IssuingMessage, parts)
    }

    pub(super) fn open(
        &self,
        seal: Seal,
        bound: &[u8],
        sealed: &[u8],
    ) -> Result<Zeroizing<Vec<u8>>, OpenError> {
        let opened = self.opening.iter().map(|key| key.open(seal, bound, sealed));
        opened
            .reduce(|first, next| first.or(next))
            .unwrap_or(Err(OpenError))
    }
}

/// What a linkage authority makes all seeds and handles from, wiped when dropped.
///
/// All processes of an operator have the same one for a group; who has it can follow nobody alone.
pub struct LinkageSecret(Zeroizing<[u8; 32]>);

impl LinkageSecret {
    /// The secret with these bytes.
    pub fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(Zeroizing::new(bytes))
    }

    /// Draws one.
    ///
    /// # Panics
    ///
    /// If the operating system has no randomness to give.
    pub fn generate() -> Self {
        Self(Zeroizing::new(random_bytes()))
    }

    /// Its bytes, to store.
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}
