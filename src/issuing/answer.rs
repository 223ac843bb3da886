use std::time::Duration;

use borsh::{BorshDeserialize, BorshSerialize};
use thiserror::Error;

use super::{
    Token,
    encoding::{decode, encode},
};
use crate::{
    crypto::{OpeningKey, Seal, SealError, SealingKey},
    id::ChainId,
    security::{Slot, TICKET_LEN, Ticket, TicketError},
};

/// What the enrolment authority answers to a car, sealed to a key that only the car and the authority
/// know; so nobody else could have made it.
#[derive(BorshDeserialize, BorshSerialize, Clone, Debug, Eq, PartialEq)]
pub struct SealedAnswer {
    version: u8,
    /// Of which request.
    pub token: Token,
    sealed: Vec<u8>,
}

#[derive(BorshDeserialize, BorshSerialize, Clone, Debug, Eq, PartialEq)]
pub(super) enum Answer {
    /// The tickets are being made.
    Accepted {
        /// In how many milliseconds to ask for them.
        ready_in_ms: u32,
        /// The slots that this vehicle has tickets for already.
        used: Vec<u32>,
    },
    /// No ticket will come of it.
    Refused(TicketRefusal),
    /// What there is by now.
    Collected(Collected),
}

#[derive(BorshDeserialize, BorshSerialize, Clone, Debug, Default, Eq, PartialEq)]
pub(super) struct Collected {
    pub(super) tickets: Vec<(u32, SealedTicket)>,
    /// How many are still being made.
    pub(super) waiting: u16,
    /// For these slots none can be made.
    pub(super) failed: Vec<u32>,
}

/// Why a vehicle gets no tickets.
#[derive(BorshDeserialize, BorshSerialize, Clone, Copy, Debug, Eq, Error, PartialEq)]
pub enum TicketRefusal {
    /// Its enrolment is not on the ledger, with this group and this key. Enrol it.
    #[error("the vehicle is not enrolled here with this key")]
    NotEnrolled,
    /// Its enrolment is suspended.
    #[error("the vehicle's enrolment is suspended")]
    Suspended,
    /// Its enrolment is revoked.
    #[error("the vehicle's enrolment is revoked")]
    Revoked,
    /// The car's clock and the authority's differ too much, or the request was under way too long.
    #[error("the request's time is too far from now")]
    Stale,
    /// Another process of the authority writes one of the slots. Read the ledger again.
    #[error("another process of the enrolment authority decides on this slot")]
    OtherWriter,
    /// The ticket authority has other members. Read the ledger again.
    #[error("the ticket authority has other members")]
    OtherMembers,
    /// A slot is over, or too far ahead.
    #[error("a slot for which no ticket is given now")]
    OutOfWindow,
    /// The vehicle has a ticket for each of the slots.
    #[error("the vehicle has tickets for these slots already")]
    Used,
    /// No request has this token, or its tickets are over.
    #[error("no request has this token")]
    UnknownToken,
    /// No key of the ticket authority signs for the slot.
    #[error("no key signs tickets of this slot")]
    NoIssuer,
    /// Too much is waiting. Ask later.
    #[error("the enrolment authority has too much to do")]
    Busy,
}

/// A ticket, sealed to the key that its car gave for it.
#[derive(BorshDeserialize, BorshSerialize, Clone, Copy, Debug, Eq, PartialEq)]
pub struct SealedTicket([u8; SEALED_TICKET_LEN]);

impl TicketRefusal {
    /// Its name in metrics and reports.
    pub fn name(&self) -> &'static str {
        match self {
            Self::NotEnrolled => "not_enrolled",
            Self::Suspended => "suspended",
            Self::Revoked => "revoked",
            Self::Stale => "stale",
            Self::OtherWriter => "other_writer",
            Self::OtherMembers => "other_members",
            Self::OutOfWindow => "out_of_window",
            Self::Used => "used",
            Self::UnknownToken => "unknown_token",
            Self::NoIssuer => "no_issuer",
            Self::Busy => "busy",
        }
    }
}

impl SealedAnswer {
    pub(super) fn seal(
        chain: ChainId,
        token: Token,
        to: &SealingKey,
        answer: &Answer,
    ) -> Result<Self, SealError> {
        let bound = encode(&(VERSION, chain, token));
        Ok(Self {
            version: VERSION,
            token,
            sealed: to.seal(Seal::TicketAnswer, &bound, &encode(answer))?,
        })
    }

    pub(super) fn open(&self, chain: ChainId, key: &OpeningKey) -> Option<Answer> {
        let bound = encode(&(VERSION, chain, self.token));
        let plain = key.open(Seal::TicketAnswer, &bound, &self.sealed).ok()?;
        decode(&plain, ANSWER_LENGTH_MAX).ok()
    }

    /// Its canonical bytes.
    pub fn to_bytes(&self) -> Vec<u8> {
        encode(self)
    }

    /// Reads it; `None` for anything else.
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let read: Self = decode(bytes, ANSWER_LENGTH_MAX).ok()?;
        (read.version == VERSION).then_some(read)
    }
}

impl SealedTicket {
    /// Seals a ticket as all do that have the seed.
    pub(super) fn seal(
        (chain, seed): (ChainId, &[u8; 32]),
        ticket: &Ticket,
        response_key: [u8; 32],
    ) -> Result<Self, SealError> {
        let bound = encode(&(chain, ticket.slot().number()));
        let key = SealingKey::from_bytes(response_key);
        let sealed = key.seal_alike(seed, Seal::Ticket, &bound, ticket.as_bytes())?;
        let bytes = sealed.try_into();
        Ok(Self(bytes.expect("120 bytes and what sealing adds")))
    }

    pub(super) fn open(&self, chain: ChainId, slot: Slot, key: &OpeningKey) -> Option<Ticket> {
        let bound = encode(&(chain, slot.number()));
        let plain = key.open(Seal::Ticket, &bound, &self.0).ok()?;
        let ticket: Result<Ticket, TicketError> = Ticket::from_bytes(&plain);
        ticket.ok().filter(|ticket| ticket.slot() == slot)
    }
}

impl Answer {
    pub(super) fn accepted(ready_in: Duration, used: Vec<u32>) -> Self {
        Self::Accepted {
            ready_in_ms: u32::try_from(ready_in.as_millis()).unwrap_or(u32::MAX),
            used,
        }
    }
}

/// Bytes of a sealed ticket.
pub const SEALED_TICKET_LEN: usize = TICKET_LEN + 48;
/// 288 tickets, and room.
pub const ANSWER_LENGTH_MAX: usize = 64 * 1024;
const VERSION: u8 = 1;
