use bytes::{BufMut as _, Bytes};

use super::EvidenceError;
use crate::{
    crypto::{Context, Signature, SigningKey},
    plausibility::Check,
    security::{AdmittedTicket, Envelope, TICKET_LEN, Ticket},
    time::Timestamp,
};

/// What one station saw and another said that cannot both be true, by the word of the first.
///
/// Big-endian: version 1; the witness's ticket, 120; the check, 1; the accused's ticket, 120; the message
/// in question as [`Envelope::to_unnamed`] writes it; the signature of the witness's ticket key over
/// all before, 64. It convicts nobody: the witness has to be believed, so the ledger wants three.
#[derive(Clone, Debug)]
pub struct Testimony {
    witness: Ticket,
    accused: Ticket,
    check: Check,
    said: Envelope,
    signed: Bytes,
    signature: Signature,
}

impl Testimony {
    /// The testimony of the holder of a ticket and its key about a message; `None` if nobody may testify
    /// by that check, or the message is too long.
    pub fn new(
        (witness, key): (&Ticket, &SigningKey),
        accused: &Ticket,
        check: Check,
        said: &Bytes,
    ) -> Option<Self> {
        let said = Envelope::parse(said.clone()).ok()?;
        let mut signed = vec![VERSION];
        signed.put_slice(witness.as_bytes());
        signed.put_u8(code(check)?);
        signed.put_slice(accused.as_bytes());
        signed.put_slice(&said.to_unnamed());
        let signature = key.sign(Context::Testimony, &[&signed]);
        (signed.len() + SIGNATURE_LEN <= TESTIMONY_LEN_MAX).then(|| Self {
            witness: witness.clone(),
            accused: accused.clone(),
            check,
            said,
            signed: signed.into(),
            signature,
        })
    }

    /// Reads what [`Self::to_bytes`] writes.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, EvidenceError> {
        let length = || EvidenceError::Length(bytes.len());
        if bytes.len() > TESTIMONY_LEN_MAX {
            return Err(length());
        }
        let (signed, signature) = bytes
            .split_last_chunk::<SIGNATURE_LEN>()
            .ok_or_else(length)?;
        let (&version, rest) = signed.split_first().ok_or_else(length)?;
        if version != VERSION {
            return Err(EvidenceError::Unknown);
        }
        let (witness, rest) = rest.split_at_checked(TICKET_LEN).ok_or_else(length)?;
        let (&check, rest) = rest.split_first().ok_or_else(length)?;
        let (accused, mut rest) = rest.split_at_checked(TICKET_LEN).ok_or_else(length)?;
        let accused = Ticket::from_bytes(accused)?;
        let said = Envelope::take_unnamed(&mut rest, &accused)?;
        if !rest.is_empty() {
            return Err(length());
        }
        Ok(Self {
            witness: Ticket::from_bytes(witness)?,
            accused,
            check: check_of(check).ok_or(EvidenceError::Unknown)?,
            said,
            signed: Bytes::copy_from_slice(signed),
            signature: Signature::from_bytes(*signature),
        })
    }

    /// Its bytes.
    pub fn to_bytes(&self) -> Bytes {
        let signature = self.signature.as_bytes();
        self.signed.iter().chain(signature).copied().collect()
    }

    /// Whether one may testify by a check.
    pub fn can_be_about(check: Check) -> bool {
        code(check).is_some()
    }

    /// Who testifies.
    pub fn witness(&self) -> &Ticket {
        &self.witness
    }

    /// Against whom.
    pub fn accused(&self) -> &Ticket {
        &self.accused
    }

    /// What the accused's message fails.
    pub fn check(&self) -> Check {
        self.check
    }

    /// When that message was signed.
    pub fn at(&self) -> Timestamp {
        self.said.generated()
    }

    /// Holds that witness and accused are two, of one slot, and each signed its part. The tickets are its
    /// own, with their issuers checked.
    ///
    /// A vehicle has one ticket for each slot, so witnesses of one slot are as many vehicles.
    pub fn verify(
        &self,
        witness: &AdmittedTicket,
        accused: &AdmittedTicket,
    ) -> Result<(), EvidenceError> {
        if *witness.ticket() != self.witness || *accused.ticket() != self.accused {
            return Err(EvidenceError::OtherTicket);
        }
        if self.witness.station() == self.accused.station()
            || self.witness.slot() != self.accused.slot()
        {
            return Err(EvidenceError::NoWitness);
        }
        let signature = witness
            .key()
            .verify(Context::Testimony, &[&self.signed], &self.signature);
        let is_signed = signature.is_ok() && self.said.is_signed_with(accused);
        is_signed.then_some(()).ok_or(EvidenceError::NotSigned)
    }
}

/// The checks about which one may testify: what several stations see alike and nobody honest can be
/// brought to fail.
fn code(check: Check) -> Option<u8> {
    match check {
        Check::DuplicateContent => Some(DUPLICATE_CONTENT),
        // Whoever drives into the place of an honest car makes both fail.
        Check::Overlap
        | Check::PositionJump
        | Check::SpeedDisplacement
        | Check::HeadingDisplacement
        | Check::AccelerationSpeed
        | Check::SpeedBias
        | Check::SideDrift
        | Check::AccelerationBias
        | Check::AccelerationShare
        | Check::Freshness
        | Check::Rate
        | Check::Latch
        | Check::HazardDistance
        | Check::PlacedAside
        | Check::ReverseSpeed => None,
    }
}

fn check_of(code: u8) -> Option<Check> {
    (code == DUPLICATE_CONTENT).then_some(Check::DuplicateContent)
}

/// Most bytes of a testimony.
pub const TESTIMONY_LEN_MAX: usize = 1_500;
const SIGNATURE_LEN: usize = 64;
const VERSION: u8 = 1;
const DUPLICATE_CONTENT: u8 = 1;
