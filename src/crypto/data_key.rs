use chacha20poly1305::{
    KeyInit as _, XChaCha20Poly1305,
    aead::{Aead as _, Payload},
};
use thiserror::Error;
use zeroize::Zeroizing;

use super::random::fill_random;

/// A key that encrypts one record, wiped when dropped; and the salt of its commitment, which is as
/// secret, since who has it can try out what the record says.
///
/// Both are 32 bytes from the operating system's randomness, and go the same ways together.
pub struct DataKey {
    bytes: Zeroizing<[u8; Self::LENGTH]>,
}

/// The bytes were changed, or they belong to another key or another record.
#[derive(Clone, Copy, Debug, Eq, Error, PartialEq)]
#[error("the sealed bytes do not open")]
pub struct OpenError;

impl DataKey {
    /// How many bytes key and salt have.
    pub const LENGTH: usize = 64;
    /// How many bytes more a sealed text has: the nonce and the check value.
    pub const OVERHEAD: usize = NONCE_LENGTH + 16;

    /// Draws a key and a salt.
    ///
    /// # Panics
    ///
    /// If the operating system has no randomness to give, since no key may be made then.
    pub fn generate() -> Self {
        let mut bytes = Zeroizing::new([0; Self::LENGTH]);
        fill_random(bytes.as_mut());
        Self { bytes }
    }

    /// The key and the salt with these bytes; `None` for another number of them.
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let bytes = <[u8; Self::LENGTH]>::try_from(bytes).ok()?;
        Some(Self {
            bytes: Zeroizing::new(bytes),
        })
    }

    /// The key, then the salt.
    pub fn as_bytes(&self) -> &[u8; Self::LENGTH] {
        &self.bytes
    }

    /// The salt.
    pub fn salt(&self) -> &[u8; 32] {
        let [_, salt] = self.halves();
        salt
    }

    /// Encrypts a text (XChaCha20-Poly1305); `bound` has to be the same when it is opened.
    ///
    /// # Panics
    ///
    /// For 256 GiB and more, which the cipher cannot take.
    pub fn seal(&self, bound: &[u8], text: &[u8]) -> Vec<u8> {
        let mut nonce = [0; NONCE_LENGTH];
        fill_random(&mut nonce);
        let payload = Payload {
            msg: text,
            aad: bound,
        };
        let sealed = self.cipher().encrypt(&nonce.into(), payload);
        [nonce.as_slice(), &sealed.expect("the text is short enough")].concat()
    }

    /// Decrypts what [`Self::seal`] made.
    pub fn open(&self, bound: &[u8], sealed: &[u8]) -> Result<Zeroizing<Vec<u8>>, OpenError> {
        let (nonce, msg) = sealed
            .split_first_chunk::<NONCE_LENGTH>()
            .ok_or(OpenError)?;
        let payload = Payload { msg, aad: bound };
        let text = self.cipher().decrypt(nonce.into(), payload);
        text.map(Zeroizing::new).map_err(|_| OpenError)
    }

    fn cipher(&self) -> XChaCha20Poly1305 {
        let [key, _] = self.halves();
        XChaCha20Poly1305::new(key.into())
    }

    fn halves(&self) -> [&[u8; 32]; 2] {
        let (halves, _) = self.bytes.as_chunks::<32>();
        let [key, salt] = halves else {
            panic!("64 bytes are twice 32");
        };
        [key, salt]
    }
}

/// 24 bytes, so that nonces drawn at random never meet.
const NONCE_LENGTH: usize = 24;
