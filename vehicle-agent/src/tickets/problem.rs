use std::{collections::BTreeMap, fmt};

use wayside::security::Slot;

/// Why an operator gives no tickets.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Refused {
    /// The slots had their tickets before, and there is never a second one.
    Used,
    /// The vehicle's enrolment is suspended.
    Suspended,
    /// The vehicle's enrolment was revoked.
    Revoked,
    /// The ledger knows of no enrolment with this operator and this key.
    NotEnrolled,
    /// No key signs tickets of the slots.
    NoIssuer,
    /// The car's clock and the operator's differ, or the request was under way for too long.
    Clock,
    /// What the car knows of the issuers is old.
    Outdated,
    /// The operator has too much to do.
    Busy,
}

/// What keeps tickets from coming.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Problem {
    /// Nobody is known who issues tickets for this vehicle.
    NoIssuer(String),
    /// No unit is in reach, or none that reaches the operator.
    NoUnit(String),
    /// The operator refuses.
    Refused(Refused),
    /// What a unit brought is not the operator's answer.
    Unreadable(String),
    /// The operator's answer held a ticket that does not count, for this slot.
    BadTicket(Slot, String),
    /// The disk refuses.
    Disk(String),
}

/// What happened since the start.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Tally {
    /// Requests that were kept to be sent.
    pub requests: u64,
    /// Tickets that were received.
    pub tickets: u64,
    /// Tickets in answers that do not count.
    pub bad_tickets: u64,
    /// Requests whose slots were over before their tickets came.
    pub expired: u64,
    /// Requests that were refused, by the reason's name.
    pub refused: BTreeMap<&'static str, u64>,
}

impl Refused {
    /// Its name in the API and in metrics.
    pub fn name(self) -> &'static str {
        match self {
            Self::Used => "used",
            Self::Suspended => "suspended",
            Self::Revoked => "revoked",
            Self::NotEnrolled => "not_enrolled",
            Self::NoIssuer => "no_issuer_key",
            Self::Clock => "clock",
            Self::Outdated => "outdated",
            Self::Busy => "busy",
        }
    }
}

impl Problem {
    /// Its name in the API and in metrics.
    pub fn name(&self) -> &'static str {
        match self {
            Self::NoIssuer(_) => "no_issuer",
            Self::NoUnit(_) => "no_unit",
            Self::Refused(refused) => refused.name(),
            Self::Unreadable(_) => "unreadable",
            Self::BadTicket(..) => "bad_ticket",
            Self::Disk(_) => "disk",
        }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoIssuer(reason) => write!(f, "no tickets can be asked for: {reason}"),
            Self::NoUnit(reason) => write!(f, "no unit brings requests for tickets: {reason}"),
            Self::Refused(refused) => {
                write!(f, "the operator gives no tickets: {}", refused.name())
            }
            Self::Unreadable(reason) => write!(f, "a unit brought no answer: {reason}"),
            Self::BadTicket(slot, reason) => {
                write!(
                    f,
                    "a ticket for slot {} does not count: {reason}",
                    slot.number()
                )
            }
            Self::Disk(reason) => write!(f, "the disk does not take it: {reason}"),
        }
    }
}
