use std::{fmt, ops::RangeInclusive, time::Duration};

use thiserror::Error;

use crate::{
    crypto::{Context, Signature, SigningKey, VerifyingKey},
    id::ChainId,
    time::Timestamp,
};

/// An operator's word that a key belongs to one of its units, for one ledger and until a time;
/// parsed but not yet believed.
///
/// 177 bytes, big-endian: version 1, ledger 32, the operator's cold key 32, the unit's key 32,
/// valid from 8, valid until 8 (Unix ms), the cold key's signature 64 over all before it. The cold
/// key itself never stands at the road.
#[derive(Clone, Eq, PartialEq)]
pub struct UnitCertificate {
    bytes: [u8; UNIT_CERTIFICATE_LEN],
    valid_from: Timestamp,
    valid_until: Timestamp,
}

/// What an operator certifies.
#[derive(Clone, Copy, Debug)]
pub struct UnitOrder {
    /// The ledger that the unit keeps.
    pub chain: ChainId,
    /// The key that the unit shows to whoever connects to it.
    pub key: VerifyingKey,
    /// When it begins to count.
    pub valid_from: Timestamp,
    /// When it ends to count.
    pub valid_until: Timestamp,
}

/// Why a unit is not believed.
#[derive(Clone, Copy, Debug, Eq, Error, PartialEq)]
pub enum UnitCertificateError {
    /// Not 177 bytes of the only version, or times that do not exist.
    #[error("not a unit's certificate")]
    Malformed,
    /// For another ledger.
    #[error("the unit's certificate is for another ledger")]
    WrongChain,
    /// No operator of the ledger has this cold key.
    #[error("no operator of the ledger certified the unit")]
    UnknownOperator,
    /// For another key than the one that the unit proved.
    #[error("the unit's certificate is for another key")]
    WrongKey,
    /// Not yet, or no longer.
    #[error("the unit's certificate does not count at this time")]
    OutOfTime,
    /// The operator did not sign it.
    #[error("the signature of the unit's certificate does not match")]
    BadSignature,
}

impl UnitCertificate {
    /// Certifies a unit with an operator's cold key.
    pub fn issue(cold_key: &SigningKey, order: &UnitOrder) -> Self {
        let mut bytes = Vec::with_capacity(UNIT_CERTIFICATE_LEN);
        bytes.push(VERSION);
        bytes.extend_from_slice(order.chain.as_bytes());
        bytes.extend_from_slice(cold_key.verifying_key().as_bytes());
        bytes.extend_from_slice(order.key.as_bytes());
        bytes.extend_from_slice(&order.valid_from.unix_ms().to_be_bytes());
        bytes.extend_from_slice(&order.valid_until.unix_ms().to_be_bytes());
        let signature = cold_key.sign(Context::UnitCertificate, &[&bytes]);
        bytes.extend_from_slice(signature.as_bytes());
        Self::from_bytes(&bytes).expect("all parts have their lengths")
    }

    /// Parses a certificate; believing it is left to [`Self::verify`].
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, UnitCertificateError> {
        let malformed = UnitCertificateError::Malformed;
        let bytes: [u8; UNIT_CERTIFICATE_LEN] = bytes.try_into().map_err(|_| malformed)?;
        if bytes.first() != Some(&VERSION) {
            return Err(malformed);
        }
        let time = |from| {
            let ms = u64::from_be_bytes(part(&bytes, from));
            Timestamp::from_unix_ms(ms).ok_or(malformed)
        };
        Ok(Self {
            valid_from: time(FROM_AT)?,
            valid_until: time(UNTIL_AT)?,
            bytes,
        })
    }

    /// All its bytes.
    pub fn as_bytes(&self) -> &[u8; UNIT_CERTIFICATE_LEN] {
        &self.bytes
    }

    /// The key that it is for, not yet admitted.
    pub fn key_bytes(&self) -> [u8; 32] {
        part(&self.bytes, KEY_AT)
    }

    /// When it begins to count.
    pub fn valid_from(&self) -> Timestamp {
        self.valid_from
    }

    /// When it ends to count.
    pub fn valid_until(&self) -> Timestamp {
        self.valid_until
    }

    /// Its time, `CLOCK_DOUBT` wider on both sides, since a car's clock may be wrong.
    pub(super) fn counts(&self) -> RangeInclusive<Timestamp> {
        self.valid_from.saturating_sub(CLOCK_DOUBT)..=self.valid_until.saturating_add(CLOCK_DOUBT)
    }

    /// Whether it is for this ledger and names one of these operators, and which.
    pub(super) fn names(
        &self,
        chain: ChainId,
        operators: &[VerifyingKey],
    ) -> Result<usize, UnitCertificateError> {
        if part::<32>(&self.bytes, CHAIN_AT) != *chain.as_bytes() {
            return Err(UnitCertificateError::WrongChain);
        }
        let cold_key = part::<32>(&self.bytes, COLD_KEY_AT);
        operators
            .iter()
            .position(|known| *known.as_bytes() == cold_key)
            .ok_or(UnitCertificateError::UnknownOperator)
    }

    /// Checks that one of a ledger's operators, given by their cold keys, certified `key`.
    ///
    /// Returns which of them, as its place among `operators`. Both ends of its time are taken
    /// `CLOCK_DOUBT` wider, since a car's clock may be wrong.
    pub fn verify(
        &self,
        chain: ChainId,
        operators: &[VerifyingKey],
        key: &VerifyingKey,
        now: Timestamp,
    ) -> Result<usize, UnitCertificateError> {
        let operator = self.names(chain, operators)?;
        let cold_key = operators
            .get(operator)
            .ok_or(UnitCertificateError::UnknownOperator)?;
        if self.key_bytes() != *key.as_bytes() {
            return Err(UnitCertificateError::WrongKey);
        }
        if !self.counts().contains(&now) {
            return Err(UnitCertificateError::OutOfTime);
        }
        let (signed, _) = self.bytes.split_at(SIGNATURE_AT);
        let signature = Signature::from_bytes(part(&self.bytes, SIGNATURE_AT));
        cold_key
            .verify(Context::UnitCertificate, &[signed], &signature)
            .map_err(|_| UnitCertificateError::BadSignature)?;
        Ok(operator)
    }
}

impl fmt::Debug for UnitCertificate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("UnitCertificate")
            .field("valid_from", &self.valid_from)
            .field("valid_until", &self.valid_until)
            .finish_non_exhaustive()
    }
}

/// The `LEN` bytes from `from` on; both are constants of the format.
fn part<const LEN: usize>(bytes: &[u8; UNIT_CERTIFICATE_LEN], from: usize) -> [u8; LEN] {
    std::array::from_fn(|index| bytes.get(from + index).copied().unwrap_or_default())
}

/// Bytes of a unit's certificate.
pub const UNIT_CERTIFICATE_LEN: usize = SIGNATURE_AT + 64;

/// How far a clock may be off before a certificate that counts is refused: five minutes.
const CLOCK_DOUBT: Duration = Duration::from_secs(5 * 60);
const VERSION: u8 = 1;
const CHAIN_AT: usize = 1;
const COLD_KEY_AT: usize = CHAIN_AT + 32;
const KEY_AT: usize = COLD_KEY_AT + 32;
const FROM_AT: usize = KEY_AT + 32;
const UNTIL_AT: usize = FROM_AT + 8;
const SIGNATURE_AT: usize = UNTIL_AT + 8;
