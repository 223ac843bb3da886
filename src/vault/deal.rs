use std::collections::BTreeSet;

use borsh::{BorshDeserialize, BorshSerialize};
use thiserror::Error;

use super::{
    RecordName,
    encoding::{decode, encode},
};
use crate::{
    crypto::{Context, Digest, Purpose, Signature, SigningKey},
    id::{ChainId, VehicleId},
    ledger::{AccountKey, RecordClass, RecordCommitment},
};

/// Who keeps which share of a record's key.
#[derive(BorshDeserialize, BorshSerialize, Clone, Debug, Eq, PartialEq)]
pub struct Deal {
    /// [`Self::VERSION`].
    pub version: u8,
    /// The ledger.
    pub chain: ChainId,
    /// The vehicle.
    pub vehicle: VehicleId,
    /// What kind of record it is.
    pub class: RecordClass,
    /// Which record.
    pub record: RecordCommitment,
    /// 0 for the first one; whoever deals anew counts on.
    pub number: u64,
    /// How many shares give the key back.
    pub threshold: u8,
    /// The shares, in the order of the custodians' keys.
    pub shares: Vec<DealtShare>,
    /// Who dealt.
    pub dealer: AccountKey,
}

/// One share of a deal.
#[derive(BorshDeserialize, BorshSerialize, Clone, Copy, Debug, Eq, PartialEq)]
pub struct DealtShare {
    /// Who keeps it.
    pub custodian: AccountKey,
    /// A digest of the share, by which a false one is known. It says nothing about the share, which
    /// is as hard to guess as a key.
    pub digest: Digest,
}

/// A deal as its dealer signed it.
#[derive(BorshDeserialize, BorshSerialize, Clone, Debug, Eq, PartialEq)]
pub struct SignedDeal {
    /// What was signed.
    pub deal: Deal,
    signature: Signature,
}

/// A deal, with the shares for its custodians.
#[derive(Debug)]
pub struct Dealt {
    /// Who keeps which share.
    pub deal: SignedDeal,
    /// The shares, each sealed to its custodian.
    pub shares: Vec<(AccountKey, Vec<u8>)>,
}

/// The word of whoever dealt anew that the new shares are in place: those of all other deals are to be
/// destroyed.
#[derive(BorshDeserialize, BorshSerialize, Clone, Debug, Eq, PartialEq)]
pub struct SignedSettlement {
    settlement: Settlement,
    signature: Signature,
}

#[derive(BorshDeserialize, BorshSerialize, Clone, Debug, Eq, PartialEq)]
struct Settlement {
    chain: ChainId,
    name: RecordName,
    deal: Digest,
    dealer: AccountKey,
}

/// Why a deal does not count.
#[derive(Clone, Copy, Debug, Eq, Error, PartialEq)]
pub enum DealError {
    /// The bytes are none.
    #[error("not a deal")]
    Malformed,
    /// It was made by a later release.
    #[error("a deal of version {0}, which is not known here")]
    Version(u8),
    /// It belongs to another ledger.
    #[error("a deal for another ledger")]
    ForeignChain,
    /// There are none, too many, or one of them twice.
    #[error("a deal has between 1 and {CUSTODIANS_MAX} custodians, each once, in order")]
    Custodians,
    /// Too few or too many shares would give the key back.
    #[error("{0} shares would give the key back, which is not what so many custodians need")]
    Threshold(u8),
    /// Nobody can sign or be sealed to with this key.
    #[error("{0} is no key for a custodian or dealer")]
    Key(AccountKey),
    /// Its dealer did not sign it.
    #[error("a deal that its dealer did not sign")]
    BadSignature,
}

impl Deal {
    /// The version of these bytes.
    pub const VERSION: u8 = 1;

    /// The record that it is of.
    pub fn name(&self) -> RecordName {
        RecordName {
            vehicle: self.vehicle,
            record: self.record,
        }
    }

    /// The digest of a custodian's share and its place among the shares, from 1.
    pub fn share(&self, custodian: AccountKey) -> Option<(u8, Digest)> {
        let mut shares = (1..).zip(&self.shares);
        let (place, share) = shares.find(|(_, share)| share.custodian == custodian)?;
        Some((place, share.digest))
    }

    /// Names it.
    pub fn digest(&self) -> Digest {
        Digest::of(Purpose::VaultDeal, &[&encode(self)])
    }

    pub(super) fn sign(self, dealer: &SigningKey) -> SignedDeal {
        SignedDeal {
            signature: dealer.sign(Context::VaultDeal, &[&encode(&self)]),
            deal: self,
        }
    }
}

impl SignedDeal {
    /// Its canonical bytes.
    pub fn to_bytes(&self) -> Vec<u8> {
        encode(self)
    }

    /// Reads it. Nothing of it is checked yet.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, DealError> {
        decode(bytes, DEAL_LENGTH_MAX).map_err(|_| DealError::Malformed)
    }

    /// Checks that it is a deal for this ledger, as its dealer signed it.
    pub fn check(&self, chain: ChainId) -> Result<(), DealError> {
        let deal = &self.deal;
        if deal.version != Deal::VERSION {
            return Err(DealError::Version(deal.version));
        }
        if deal.chain != chain {
            return Err(DealError::ForeignChain);
        }
        let custodians: Vec<_> = deal.shares.iter().map(|share| share.custodian).collect();
        let distinct: BTreeSet<_> = custodians.iter().collect();
        if distinct.len() != custodians.len() || !custodians.is_sorted() {
            return Err(DealError::Custodians);
        }
        let count = u8::try_from(custodians.len()).map_err(|_| DealError::Custodians)?;
        let wanted = threshold(count).ok_or(DealError::Custodians)?;
        if deal.threshold != wanted {
            return Err(DealError::Threshold(deal.threshold));
        }
        let dealer = deal.dealer.admit();
        let dealer = dealer.map_err(|_| DealError::Key(deal.dealer))?;
        dealer
            .verify(Context::VaultDeal, &[&encode(deal)], &self.signature)
            .map_err(|_| DealError::BadSignature)
    }
}

impl SignedSettlement {
    /// Says that the shares of a deal are in place.
    pub fn sign(deal: &Deal, dealer: &SigningKey) -> Self {
        let settlement = Settlement {
            chain: deal.chain,
            name: deal.name(),
            deal: deal.digest(),
            dealer: dealer.verifying_key().into(),
        };
        let signature = dealer.sign(Context::VaultSettlement, &[&encode(&settlement)]);
        Self {
            settlement,
            signature,
        }
    }

    /// Its canonical bytes.
    pub fn to_bytes(&self) -> Vec<u8> {
        encode(self)
    }

    /// Reads it. Nothing of it is checked yet.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, DealError> {
        decode(bytes, DEAL_LENGTH_MAX).map_err(|_| DealError::Malformed)
    }

    /// Which record.
    pub fn name(&self) -> RecordName {
        self.settlement.name
    }

    /// Which deal stays, by its digest.
    pub fn deal(&self) -> Digest {
        self.settlement.deal
    }

    /// Checks that it is of this ledger and signed; returns who signed it.
    pub fn check(&self, chain: ChainId) -> Result<AccountKey, DealError> {
        let Settlement {
            chain: own, dealer, ..
        } = self.settlement;
        if own != chain {
            return Err(DealError::ForeignChain);
        }
        let key = dealer.admit().map_err(|_| DealError::Key(dealer))?;
        let bytes = encode(&self.settlement);
        key.verify(Context::VaultSettlement, &[&bytes], &self.signature)
            .map_err(|_| DealError::BadSignature)?;
        Ok(dealer)
    }
}

/// How many of so many shares give a record back: all but a third of them, as for the committee's
/// quorum. `None` for no custodian, and for more than the ledger lets confirm an erasure.
pub fn threshold(custodians: u8) -> Option<u8> {
    let is_possible = (1..=CUSTODIANS_MAX).contains(&custodians);
    is_possible.then(|| custodians - (custodians - 1) / 3)
}

/// What a share sealed to its custodian is bound to.
pub(super) fn bound_to_custodian(deal: &Deal, custodian: AccountKey) -> Vec<u8> {
    let Deal {
        version,
        chain,
        vehicle,
        class,
        record,
        number,
        threshold,
        dealer,
        ..
    } = deal;
    encode(&(
        (version, chain, vehicle, class, record),
        (number, threshold, dealer, custodian),
    ))
}

/// As many as the ledger lets confirm an erasure.
const CUSTODIANS_MAX: u8 = 64;
const DEAL_LENGTH_MAX: usize = 8 * 1024;
