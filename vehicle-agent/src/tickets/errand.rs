use std::{sync::Arc, time::Duration};

use wayside::security::{Credential, Slot};

use super::{Refused, TicketRequest, Token};

/// Something to be written down.
pub enum Write {
    /// A request, before it is sent.
    Keep(Arc<TicketRequest>),
    /// Tickets, before they are used; in the place of what their slots' files hold.
    Tickets(Token, Vec<Credential>),
    /// A request that is done is to be removed.
    Forget(Token),
    /// The tickets of these slots are to be removed: nothing that they signed counts any more.
    Remove(Vec<Slot>),
}

/// What the disk has.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Written {
    /// A request.
    Kept(Token),
    /// Tickets of these slots, which now may be used.
    Tickets(Token, Vec<Slot>),
    /// No longer a request.
    Forgotten(Token),
    /// No longer tickets.
    Removed,
}

/// Something that a unit is to be asked.
#[derive(Clone, Debug)]
pub enum Errand {
    /// To bring a request to its operator.
    Send(Arc<TicketRequest>),
    /// To fetch what came of one.
    Collect(Arc<TicketRequest>),
}

/// What came of an errand.
pub enum Answer {
    /// The operator has the request; its tickets are there in a while.
    Accepted {
        /// In which.
        ready_in: Duration,
        /// The slots that had their tickets before.
        used: Vec<Slot>,
    },
    /// It is said that the operator has no such request; by whom, by the operator's number. Anybody who
    /// carries requests can say so.
    Unknown(usize),
    /// It is said, alike, that the request is sealed to a key that its operator no longer has.
    Stale(usize),
    /// The operator gives no tickets.
    Refused(Refused),
    /// What there is by now.
    Collected {
        /// Tickets with their private keys, not yet believed.
        tickets: Vec<Credential>,
        /// The slots for which there will be none.
        failed: Vec<Slot>,
    },
    /// A ticket in it cannot be used.
    BadTicket(Slot, String),
    /// Not an answer to this request, or changed on its way.
    Unreadable(String),
    /// The unit has no answer from the operator.
    Failed(String),
}

impl Answer {
    /// Whether it may be that what the car knows of the issuers is old.
    pub fn is_outdated(&self) -> bool {
        match self {
            Self::Stale(_) | Self::Refused(Refused::Outdated | Refused::NoIssuer) => true,
            Self::Accepted { .. }
            | Self::Collected { .. }
            | Self::Unknown(_)
            | Self::Refused(
                Refused::Used
                | Refused::Suspended
                | Refused::Revoked
                | Refused::NotEnrolled
                | Refused::Clock
                | Refused::Busy,
            )
            | Self::BadTicket(..)
            | Self::Unreadable(_)
            | Self::Failed(_) => false,
        }
    }

    /// Whether it may be that the vehicle's enrolment changed.
    pub fn is_about_enrolment(&self) -> bool {
        matches!(
            self,
            Self::Refused(Refused::Suspended | Refused::Revoked | Refused::NotEnrolled)
        )
    }
}
