use blahaj::{Share, Sharks};
use getrandom::{SysRng, rand_core::UnwrapErr};
use thiserror::Error;
use zeroize::Zeroizing;

/// One of several pieces of a secret, wiped when dropped.
///
/// So many as the secret was split for give it back; one fewer say nothing at all about it, whatever
/// is computed with them (Shamir, over GF(256)).
pub struct SecretShare {
    /// The place at which the polynomials were taken, from 1, and their values there.
    bytes: Zeroizing<Vec<u8>>,
}

/// The shares do not belong together.
#[derive(Clone, Copy, Debug, Eq, Error, PartialEq)]
#[error("the shares do not belong together")]
pub struct CombineError;

impl SecretShare {
    /// Splits a secret into `count` shares of which any `threshold` give it back.
    ///
    /// # Panics
    ///
    /// Unless `threshold` is between 1 and `count`, or without the operating system's randomness.
    pub fn split(secret: &[u8], threshold: u8, count: u8) -> Vec<Self> {
        assert!(
            (1..=count).contains(&threshold),
            "some of the shares, and not none, give the secret back"
        );
        let mut random = UnwrapErr(SysRng);
        let dealt = Sharks(threshold).dealer_rng(secret, &mut random);
        let shares = dealt.take(count.into()).map(|share| Self {
            bytes: Zeroizing::new(Vec::from(&share)),
        });
        shares.collect()
    }

    /// Puts a secret together again from all the shares that are given.
    ///
    /// Enough shares that belong together give the secret; others give bytes that mean nothing, which
    /// only who can check the secret will notice. Fails for shares of different lengths, and for the same
    /// one twice.
    pub fn combine(shares: &[Self]) -> Result<Zeroizing<Vec<u8>>, CombineError> {
        let parsed: Result<Vec<Share>, _> = shares
            .iter()
            .map(|share| Share::try_from(share.bytes.as_slice()))
            .collect();
        let parsed = parsed.map_err(|_| CombineError)?;
        let mut places: Vec<u8> = shares.iter().filter_map(Self::place).collect();
        places.sort_unstable();
        places.dedup();
        let count = u8::try_from(shares.len()).map_err(|_| CombineError)?;
        if places.len() != shares.len() || places.first() == Some(&0) {
            return Err(CombineError);
        }
        let threshold = Sharks(count);
        let secret = threshold.recover(&parsed);
        secret.map(Zeroizing::new).map_err(|_| CombineError)
    }

    /// The share with these bytes.
    pub fn from_bytes(bytes: Zeroizing<Vec<u8>>) -> Self {
        Self { bytes }
    }

    /// The share's bytes.
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// At which place it was taken, from 1; `None` for no share.
    pub fn place(&self) -> Option<u8> {
        self.bytes.first().copied()
    }
}
