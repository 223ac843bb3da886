use std::time::Duration;

use thiserror::Error;

use super::{ticket::TicketError, unit_certificate::UnitCertificateError};
use crate::{
    id::{DomainId, StationId},
    message::DecodeError,
};

/// Why a ticket or a message was refused: everything that can be wrong with one.
///
/// The variants stand in the order of the checks, cheapest first.
#[derive(Clone, Debug, Eq, Error, PartialEq)]
pub enum Refusal {
    /// Too short for its header, or longer or shorter than the header says.
    #[error("an envelope of {0} bytes does not have the length that it states")]
    Length(usize),
    /// Of a version of the envelope that this one does not know.
    #[error("unknown envelope version {0}")]
    Version(u8),
    /// Of a kind that this version does not know.
    #[error("unknown message type {0}")]
    Type(u8),
    /// The payload is longer than its kind may be.
    #[error("payload of {0} bytes is too long")]
    PayloadTooLong(usize),
    /// What should be a ticket is none.
    #[error("malformed ticket: {0}")]
    MalformedTicket(#[from] TicketError),
    /// Older on arrival than its kind may be.
    #[error("generated {0:?} ago")]
    Stale(Duration),
    /// Generated later than this station's clock says it is.
    #[error("generated {0:?} in the future")]
    Future(Duration),
    /// Its sequence is so far behind its signer's newest that nobody remembers whether it was used.
    #[error("sequence {0} is behind the replay window")]
    BehindWindow(u32),
    /// The same bytes came before.
    #[error("repeats sequence {0}")]
    Duplicate(u32),
    /// Signed by a ticket that this station has not seen. Ask for it.
    #[error("unknown ticket of station {0}")]
    UnknownTicket(StationId),
    /// Another ticket with the same id counts at present.
    #[error("two tickets have the id {0}")]
    TicketCollision(StationId),
    /// The ticket belongs to another trust domain.
    #[error("ticket of foreign domain {}", .0.0)]
    ForeignDomain(DomainId),
    /// Only an operator's certificate makes a roadside unit, and nothing else.
    #[error("a ticket of a roadside unit without a certificate, or the other way round")]
    NotAUnit,
    /// The certificate of a roadside unit does not count.
    #[error("{0}")]
    UnitCertificate(#[from] UnitCertificateError),
    /// The unit is known already by another ticket of the same slot.
    #[error("the unit has another ticket for that slot, of station {0}")]
    SecondUnitTicket(StationId),
    /// The trust domain has no issuer key of this id.
    #[error("unknown issuer key {0}")]
    UnknownIssuer(u16),
    /// The issuer key did not count in the ticket's slot.
    #[error("issuer key {0} does not cover the ticket's slot")]
    IssuerOutOfDate(u16),
    /// The ticket's key is not canonical or has a small-order component.
    #[error("ticket has a weak key")]
    WeakKey,
    /// The issuer did not sign this ticket.
    #[error("ticket's signature does not match")]
    BadTicketSignature,
    /// The ticket is on the revocation list, in the entry of this number.
    #[error("ticket is revoked by entry {0} of the list")]
    Revoked(u64),
    /// The ticket did not count yet, or no longer, when the message was generated.
    #[error("ticket does not count at the time of the message")]
    TicketNotValid,
    /// The ticket does not permit this kind of message.
    #[error("ticket does not permit this kind of message")]
    NotPermitted,
    /// More to verify than this signer, or unknown signers together, are allowed.
    #[error("verification budget is exhausted")]
    OverBudget,
    /// The bytes were changed, or another key signed them.
    #[error("signature does not match the message")]
    BadSignature,
    /// The signer signed two different messages with one sequence.
    #[error("two messages with sequence {0}")]
    Equivocation(u32),
    /// The payload is no statement of its kind.
    #[error("malformed payload: {0}")]
    MalformedPayload(#[from] DecodeError),
    /// The event was detected after it was reported.
    #[error("event detected after its report")]
    DetectedLater,
    /// The hazard no longer holds.
    #[error("hazard expired {0:?} ago")]
    HazardExpired(Duration),
    /// The first report of an event bears another station's name.
    #[error("first report of an event of station {0}")]
    ForeignHazard(StationId),
    /// An update bears no signature by the event's one-time key.
    #[error("update is not signed by the event's key")]
    UpdateUnsigned,
    /// The update's signature does not match the event's one-time key.
    #[error("update's signature does not match")]
    BadUpdateSignature,
}

impl Refusal {
    /// Its name in metrics and reports.
    pub fn reason(&self) -> &'static str {
        match self {
            Self::Length(_) => "length",
            Self::Version(_) => "version",
            Self::Type(_) => "type",
            Self::PayloadTooLong(_) => "payload_too_long",
            Self::MalformedTicket(_) => "malformed_ticket",
            Self::Stale(_) => "stale",
            Self::Future(_) => "future",
            Self::BehindWindow(_) => "behind_window",
            Self::Duplicate(_) => "duplicate",
            Self::UnknownTicket(_) => "unknown_ticket",
            Self::TicketCollision(_) => "ticket_collision",
            Self::ForeignDomain(_) => "foreign_domain",
            Self::NotAUnit => "not_a_unit",
            Self::UnitCertificate(_) => "unit_certificate",
            Self::SecondUnitTicket(_) => "second_unit_ticket",
            Self::UnknownIssuer(_) => "unknown_issuer",
            Self::IssuerOutOfDate(_) => "issuer_out_of_date",
            Self::WeakKey => "weak_key",
            Self::BadTicketSignature => "bad_ticket_signature",
            Self::Revoked(_) => "revoked",
            Self::TicketNotValid => "ticket_not_valid",
            Self::NotPermitted => "not_permitted",
            Self::OverBudget => "over_budget",
            Self::BadSignature => "bad_signature",
            Self::Equivocation(_) => "equivocation",
            Self::MalformedPayload(_) => "malformed_payload",
            Self::DetectedLater => "detected_later",
            Self::HazardExpired(_) => "hazard_expired",
            Self::ForeignHazard(_) => "foreign_hazard",
            Self::UpdateUnsigned => "update_unsigned",
            Self::BadUpdateSignature => "bad_update_signature",
        }
    }

    /// Whether a signature was checked before it was refused, which is what costs.
    pub fn is_after_signature(&self) -> bool {
        match self {
            Self::BadTicketSignature
            | Self::BadSignature
            | Self::Equivocation(_)
            | Self::MalformedPayload(_)
            | Self::DetectedLater
            | Self::HazardExpired(_)
            | Self::ForeignHazard(_)
            | Self::UpdateUnsigned
            | Self::BadUpdateSignature => true,
            Self::Revoked(_)
            | Self::Length(_)
            | Self::Version(_)
            | Self::Type(_)
            | Self::PayloadTooLong(_)
            | Self::MalformedTicket(_)
            | Self::Stale(_)
            | Self::Future(_)
            | Self::BehindWindow(_)
            | Self::Duplicate(_)
            | Self::UnknownTicket(_)
            | Self::TicketCollision(_)
            | Self::ForeignDomain(_)
            | Self::NotAUnit
            | Self::UnitCertificate(_)
            | Self::SecondUnitTicket(_)
            | Self::UnknownIssuer(_)
            | Self::IssuerOutOfDate(_)
            | Self::WeakKey
            | Self::TicketNotValid
            | Self::NotPermitted
            | Self::OverBudget => false,
        }
    }

    /// Whether whoever passed the message on could have seen that it is wrong, so that an honest
    /// peer would not have.
    pub fn is_offence(&self) -> bool {
        match self {
            Self::Length(_)
            | Self::Version(_)
            | Self::Type(_)
            | Self::PayloadTooLong(_)
            | Self::MalformedTicket(_)
            | Self::ForeignDomain(_)
            | Self::NotAUnit
            | Self::UnitCertificate(
                UnitCertificateError::Malformed | UnitCertificateError::BadSignature,
            )
            | Self::WeakKey
            | Self::BadTicketSignature
            | Self::NotPermitted
            | Self::BadSignature
            | Self::Equivocation(_)
            | Self::MalformedPayload(_)
            | Self::DetectedLater
            | Self::ForeignHazard(_)
            | Self::UpdateUnsigned
            | Self::BadUpdateSignature => true,
            Self::Stale(_)
            | Self::Future(_)
            | Self::BehindWindow(_)
            | Self::Duplicate(_)
            | Self::UnknownTicket(_)
            | Self::TicketCollision(_)
            // Whoever passed it on may have seen this one first.
            | Self::SecondUnitTicket(_)
            // Whoever passed it on may know another committee.
            | Self::UnitCertificate(_)
            | Self::UnknownIssuer(_)
            | Self::IssuerOutOfDate(_)
            // Whoever passed it on may not have the list yet.
            | Self::Revoked(_)
            | Self::TicketNotValid
            | Self::OverBudget
            | Self::HazardExpired(_) => false,
        }
    }

    /// All names that [`Self::reason`] gives, in the order of the checks.
    pub const ALL: &[&str] = &[
        "length",
        "version",
        "type",
        "payload_too_long",
        "malformed_ticket",
        "stale",
        "future",
        "behind_window",
        "duplicate",
        "unknown_ticket",
        "ticket_collision",
        "foreign_domain",
        "not_a_unit",
        "unit_certificate",
        "second_unit_ticket",
        "unknown_issuer",
        "issuer_out_of_date",
        "weak_key",
        "bad_ticket_signature",
        "revoked",
        "ticket_not_valid",
        "not_permitted",
        "over_budget",
        "bad_signature",
        "equivocation",
        "malformed_payload",
        "detected_later",
        "hazard_expired",
        "foreign_hazard",
        "update_unsigned",
        "bad_update_signature",
    ];
}
