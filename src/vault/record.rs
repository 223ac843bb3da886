use thiserror::Error;
use zeroize::Zeroizing;

use super::{
    Deal, DealError, Dealt, RecordName, deal::DealtShare, deal::bound_to_custodian,
    encoding::encode,
};
use crate::{
    crypto::{DataKey, Digest, OpenError, Purpose, Seal, SealingKey, SecretShare, SigningKey},
    id::{ChainId, VehicleId},
    ledger::{AccountKey, AttachRecord, RecordClass, RecordCommitment},
};

/// A record as it leaves the hands of whoever wrote it: what the ledger is told, and the sealed bytes.
///
/// Its key exists here alone until it is dealt; dropped undealt, the record can never be read.
pub struct SealedRecord {
    attached: AttachRecord,
    payload: Vec<u8>,
    key: DataKey,
}

/// The text is longer than [`PLAIN_LENGTH_MAX`].
#[derive(Clone, Copy, Debug, Eq, Error, PartialEq)]
#[error("{0} bytes are more than the {PLAIN_LENGTH_MAX} that a record holds")]
pub struct TooLong(pub usize);

impl SealedRecord {
    /// Seals a text under a fresh key, and commits to it with a fresh salt.
    pub fn seal(vehicle: VehicleId, class: RecordClass, text: &[u8]) -> Result<Self, TooLong> {
        Self::seal_with(DataKey::generate(), vehicle, class, text)
    }

    /// Seals a text under a key that was never used before, and commits to it with the key's salt.
    pub fn seal_with(
        key: DataKey,
        vehicle: VehicleId,
        class: RecordClass,
        text: &[u8],
    ) -> Result<Self, TooLong> {
        if text.len() > PLAIN_LENGTH_MAX {
            return Err(TooLong(text.len()));
        }
        let record = RecordCommitment::of(key.salt(), text);
        let mut payload = vec![PAYLOAD_VERSION];
        payload.extend(key.seal(&bound_to_payload(vehicle, class, record), text));
        let attached = AttachRecord {
            vehicle,
            class,
            record,
            ciphertext: Digest::of(Purpose::VaultPayload, &[&payload]),
            length_bytes: u32::try_from(payload.len()).map_err(|_| TooLong(text.len()))?,
        };
        Ok(Self {
            attached,
            payload,
            key,
        })
    }

    /// What the ledger is told of it.
    pub fn attached(&self) -> &AttachRecord {
        &self.attached
    }

    /// The sealed bytes.
    pub fn payload(&self) -> &[u8] {
        &self.payload
    }

    /// Splits the key among custodians.
    pub fn deal(
        &self,
        chain: ChainId,
        custodians: &[AccountKey],
        dealer: &SigningKey,
    ) -> Result<Dealt, DealError> {
        let of = DealOf {
            chain,
            name: RecordName::of(&self.attached),
            class: self.attached.class,
            number: 0,
        };
        deal_key(&self.key, of, custodians, dealer)
    }
}

/// What a deal is of.
pub(super) struct DealOf {
    pub(super) chain: ChainId,
    pub(super) name: RecordName,
    pub(super) class: RecordClass,
    pub(super) number: u64,
}

/// Splits a record's key among custodians.
pub(super) fn deal_key(
    key: &DataKey,
    of: DealOf,
    custodians: &[AccountKey],
    dealer: &SigningKey,
) -> Result<Dealt, DealError> {
    let mut custodians = custodians.to_vec();
    custodians.sort_unstable();
    let count = u8::try_from(custodians.len()).map_err(|_| DealError::Custodians)?;
    let threshold = super::threshold(count).ok_or(DealError::Custodians)?;
    let shares = SecretShare::split(key.as_bytes(), threshold, count);
    let mut deal = Deal {
        version: Deal::VERSION,
        chain: of.chain,
        vehicle: of.name.vehicle,
        class: of.class,
        record: of.name.record,
        number: of.number,
        threshold,
        shares: Vec::new(),
        dealer: dealer.verifying_key().into(),
    };
    let mut sealed = Vec::new();
    for (custodian, share) in custodians.into_iter().zip(&shares) {
        let admitted = custodian.admit().map_err(|_| DealError::Key(custodian))?;
        let bound = bound_to_custodian(&deal, custodian);
        let share_sealed = SealingKey::of(&admitted)
            .seal(Seal::VaultShare, &bound, share.as_bytes())
            .map_err(|_| DealError::Key(custodian))?;
        sealed.push((custodian, share_sealed));
        deal.shares.push(DealtShare {
            custodian,
            digest: Digest::of(Purpose::VaultShare, &[share.as_bytes()]),
        });
    }
    let deal = deal.sign(dealer);
    deal.check(of.chain)?;
    Ok(Dealt {
        deal,
        shares: sealed,
    })
}

/// Whether these are the sealed bytes that the ledger names.
pub fn is_payload_of(attached: &AttachRecord, payload: &[u8]) -> bool {
    u32::try_from(payload.len()) == Ok(attached.length_bytes)
        && Digest::of(Purpose::VaultPayload, &[payload]) == attached.ciphertext
}

/// Opens the sealed bytes of a record, and checks the text against its commitment.
pub(super) fn open_payload(
    key: &DataKey,
    name: RecordName,
    class: RecordClass,
    payload: &[u8],
) -> Result<Zeroizing<Vec<u8>>, OpenError> {
    let (version, sealed) = payload.split_first().ok_or(OpenError)?;
    if *version != PAYLOAD_VERSION {
        return Err(OpenError);
    }
    let text = key.open(&bound_to_payload(name.vehicle, class, name.record), sealed)?;
    // The cipher does not commit to its key; the commitment on the ledger does.
    if RecordCommitment::of(key.salt(), &text) != name.record {
        return Err(OpenError);
    }
    Ok(text)
}

fn bound_to_payload(vehicle: VehicleId, class: RecordClass, record: RecordCommitment) -> Vec<u8> {
    encode(&(PAYLOAD_VERSION, vehicle, class, record))
}

/// The longest text of a record; its sealed form fits into one message to a unit.
pub const PLAIN_LENGTH_MAX: usize = 512 * 1024;
/// The longest sealed form.
pub(super) const PAYLOAD_LENGTH_MAX: usize = 1 + DataKey::OVERHEAD + PLAIN_LENGTH_MAX;
const PAYLOAD_VERSION: u8 = 1;
