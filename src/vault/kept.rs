use std::io;

use borsh::{BorshDeserialize, BorshSerialize};
use thiserror::Error;
use zeroize::Zeroizing;

use super::{
    Deal, RecordName, SignedDeal, SignedReading,
    deal::bound_to_custodian,
    encoding::{decode, encode},
    record::PAYLOAD_LENGTH_MAX,
};
use crate::{
    crypto::{Digest, OpeningKey, Purpose, Seal, SealingKey, SigningKey},
    ledger::{AccountKey, AttachRecord},
};

/// The sealed bytes of a record, as a unit keeps them.
#[derive(BorshDeserialize, BorshSerialize, Clone, Debug, Eq, PartialEq)]
pub struct KeptPayload {
    version: u8,
    /// What the ledger says of it.
    pub attached: AttachRecord,
    /// The sealed bytes.
    pub payload: Vec<u8>,
}

/// A custodian's shares of a record's key: one, and two while they are dealt anew.
#[derive(BorshDeserialize, BorshSerialize, Clone, Debug, Eq, PartialEq)]
pub struct KeptShares {
    version: u8,
    /// What the ledger says of the record.
    pub attached: AttachRecord,
    /// In the order of their deals' numbers.
    shares: Vec<KeptShare>,
}

/// A custodian's share of a record's key, still sealed.
#[derive(BorshDeserialize, BorshSerialize, Clone, Debug, Eq, PartialEq)]
pub struct KeptShare {
    /// Who keeps which share.
    pub deal: SignedDeal,
    sealed: Vec<u8>,
}

/// Why a custodian does not take a share, or cannot release it.
#[derive(Clone, Copy, Debug, Eq, Error, PartialEq)]
pub enum ShareError {
    /// The deal is of another record.
    #[error("a deal of another record")]
    OtherRecord,
    /// The deal has no share for this custodian.
    #[error("a deal without a share for this custodian")]
    NotDealt,
    /// It was sealed to another key, or for another deal.
    #[error("a share that this custodian cannot open")]
    Sealed,
    /// It is not the one that the deal names.
    #[error("not the share that the deal names")]
    OtherShare,
    /// One with this number, or a later one, is kept already.
    #[error("a deal that is not newer than the one that is kept")]
    Old,
    /// Nothing can be sealed to the reader's key.
    #[error("nothing can be sealed to the reader's key")]
    ReaderKey,
}

impl KeptPayload {
    /// Sealed bytes of an attached record.
    pub fn new(attached: AttachRecord, payload: Vec<u8>) -> Self {
        Self {
            version: VERSION,
            attached,
            payload,
        }
    }

    /// The bytes to store.
    pub fn to_bytes(&self) -> Vec<u8> {
        encode(self)
    }

    /// Reads what was stored.
    pub fn from_bytes(bytes: &[u8]) -> io::Result<Self> {
        let kept: Self = decode(bytes, PAYLOAD_LENGTH_MAX + HEADER_LENGTH_MAX)?;
        known_version(kept.version)?;
        Ok(kept)
    }
}

impl KeptShares {
    /// The first share of an attached record.
    pub fn new(attached: AttachRecord, share: KeptShare) -> Result<Self, ShareError> {
        let kept = Self {
            version: VERSION,
            attached,
            shares: vec![share],
        };
        let is_own = |share: &KeptShare| share.deal.deal.name() == RecordName::of(&kept.attached);
        let is_own = kept.shares.iter().all(is_own);
        is_own.then_some(kept).ok_or(ShareError::OtherRecord)
    }

    /// The shares, the oldest deal first.
    pub fn shares(&self) -> &[KeptShare] {
        &self.shares
    }

    /// The share of a deal.
    pub fn share(&self, deal: Digest) -> Option<&KeptShare> {
        self.shares.iter().find(|it| it.deal.deal.digest() == deal)
    }

    /// Takes the share of a later deal besides the one that was first; a later one of an attempt that
    /// was given up makes room. Returns whether that is news.
    pub fn add(&mut self, share: KeptShare) -> Result<bool, ShareError> {
        if share.deal.deal.name() != RecordName::of(&self.attached) {
            return Err(ShareError::OtherRecord);
        }
        if self.shares.iter().any(|it| it.deal == share.deal) {
            return Ok(false);
        }
        let newest = self.shares.iter().map(|it| it.deal.deal.number).max();
        if newest.is_some_and(|newest| share.deal.deal.number <= newest) {
            return Err(ShareError::Old);
        }
        self.shares.truncate(1);
        self.shares.push(share);
        Ok(true)
    }

    /// Keeps the share of one deal alone; returns whether there is one, and forgets nothing otherwise.
    pub fn settle(&mut self, deal: Digest) -> bool {
        let is_kept = self.share(deal).is_some();
        if is_kept {
            self.shares.retain(|it| it.deal.deal.digest() == deal);
        }
        is_kept
    }

    /// The bytes to store.
    pub fn to_bytes(&self) -> Vec<u8> {
        encode(self)
    }

    /// Reads what was stored.
    pub fn from_bytes(bytes: &[u8]) -> io::Result<Self> {
        let kept: Self = decode(bytes, HEADER_LENGTH_MAX)?;
        known_version(kept.version)?;
        Ok(kept)
    }
}

impl KeptShare {
    /// Takes a share, if it opens and is the one that the deal names.
    pub fn admit(
        deal: SignedDeal,
        sealed: Vec<u8>,
        custodian: &SigningKey,
    ) -> Result<Self, ShareError> {
        let share = Self { deal, sealed };
        share.open(custodian)?;
        Ok(share)
    }

    /// Seals the share to a reader. Whether they may have it was judged before.
    pub fn release(
        &self,
        custodian: &SigningKey,
        reading: &SignedReading,
    ) -> Result<Vec<u8>, ShareError> {
        let share = self.open(custodian)?;
        let custodian = custodian.verifying_key().into();
        let bound = bound_to_reader(&self.deal.deal, custodian, reading);
        SealingKey::from_bytes(*reading.key())
            .seal(Seal::VaultRelease, &bound, &share)
            .map_err(|_| ShareError::ReaderKey)
    }

    fn open(&self, custodian: &SigningKey) -> Result<Zeroizing<Vec<u8>>, ShareError> {
        let deal = &self.deal.deal;
        let account = custodian.verifying_key().into();
        let (place, digest) = deal.share(account).ok_or(ShareError::NotDealt)?;
        let bound = bound_to_custodian(deal, account);
        let share = OpeningKey::of(custodian).open(Seal::VaultShare, &bound, &self.sealed);
        let share = share.map_err(|_| ShareError::Sealed)?;
        let is_named =
            share.first() == Some(&place) && Digest::of(Purpose::VaultShare, &[&share]) == digest;
        is_named.then_some(share).ok_or(ShareError::OtherShare)
    }
}

/// What a share sealed to a reader is bound to.
pub(super) fn bound_to_reader(
    deal: &Deal,
    custodian: AccountKey,
    reading: &SignedReading,
) -> Vec<u8> {
    encode(&(deal.digest(), custodian, reading.reader(), reading.key()))
}

fn known_version(version: u8) -> io::Result<()> {
    let unknown = || io::Error::new(io::ErrorKind::InvalidData, "another version");
    (version == VERSION).then_some(()).ok_or_else(unknown)
}

const VERSION: u8 = 1;
/// What the ledger says of a record, and two shares.
const HEADER_LENGTH_MAX: usize = 32 * 1024;
