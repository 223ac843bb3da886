use std::time::Duration;

use crate::{relay::Load, time::Timestamp};

/// Whether a station can do its work, and if not, why.
#[derive(Clone, Debug, PartialEq)]
pub struct Readiness {
    /// Everything that keeps the station from signing; empty if it can.
    pub not_ready: Vec<NotReady>,
    /// How long the driving stack has been silent, if longer than allowed.
    pub stack_silent_for: Option<Duration>,
    /// Tickets that are valid now or later.
    pub tickets_left: usize,
    /// When the last of them ends.
    pub tickets_until: Option<Timestamp>,
    /// By how much the driving stack's clock was ahead of the station's at the last state, in
    /// milliseconds; `None` before the first.
    pub clock_error_ms: Option<i64>,
    /// When the revocation list was what the station knows of it; `None` if it never had one.
    pub revocations_as_of: Option<Timestamp>,
    /// Up to which entry, exclusive, the revocation list is known.
    pub revocations_next: u64,
    /// Peers that said hello.
    pub peers: usize,
    /// How much there is to do, compared with what can be done.
    pub load: Load,
}

/// One thing that keeps a station from signing.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum NotReady {
    /// The station's clock is off by this much.
    ClockDoubted(Duration),
    /// No ticket is valid now.
    NoTicket,
    /// The ticket in use is on the revocation list.
    Revoked {
        /// The number of its entry.
        number: u64,
        /// When the last slot ends that the entry is for: a suspension's end, or a time after which
        /// no ticket is left.
        until: Timestamp,
    },
    /// The next sequences are not yet in durable storage.
    ReservationPending,
}

impl Readiness {
    /// Whether the station can sign.
    pub fn can_sign(&self) -> bool {
        self.not_ready.is_empty()
    }
}

impl NotReady {
    /// Its name in the API and in metrics.
    pub fn name(self) -> &'static str {
        match self {
            Self::ClockDoubted(_) => "clock_doubted",
            Self::NoTicket => "no_ticket",
            Self::Revoked { .. } => "revoked",
            Self::ReservationPending => "reservation_pending",
        }
    }
}
