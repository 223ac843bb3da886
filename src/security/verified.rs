use std::{sync::Arc, time::Duration};

use bytes::Bytes;

use super::admitted::AdmittedTicket;
use crate::{
    id::StationId,
    message::{HazardStatement, Telemetry},
    time::{Now, Timestamp},
};

/// A message whose signature, ticket, time and sequence were checked.
///
/// Only [`Verifier`](super::Verifier) makes one. It says who spoke, not that they spoke the truth.
#[derive(Clone, Debug, PartialEq)]
pub struct Verified<M> {
    pub(super) message: M,
    pub(super) ticket: Arc<AdmittedTicket>,
    pub(super) generated: Timestamp,
    pub(super) sequence: u32,
    pub(super) bytes: Bytes,
    pub(super) received: Now,
    pub(super) clock_doubted: bool,
    pub(super) revocations_as_of: Option<Timestamp>,
    pub(super) revocation_stale: bool,
}

/// A verified message of either kind.
#[derive(Clone, Debug, PartialEq)]
pub enum VerifiedMessage {
    /// Where a vehicle is and how it moves.
    Telemetry(Verified<Telemetry>),
    /// A danger on the road.
    Hazard(Verified<HazardStatement>),
}

/// Proof that a station signed two different messages of one kind with one sequence.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Equivocation {
    /// Who signed both.
    pub ticket: Arc<AdmittedTicket>,
    /// The sequence that both bear.
    pub sequence: u32,
    /// The envelope that came first.
    pub first: Bytes,
    /// The other one.
    pub second: Bytes,
}

impl<M> Verified<M> {
    /// What was said.
    pub fn message(&self) -> &M {
        &self.message
    }

    /// What was said, without the rest.
    pub fn into_message(self) -> M {
        self.message
    }

    /// Who said it.
    pub fn station(&self) -> StationId {
        self.ticket.station()
    }

    /// The ticket that it was signed with.
    pub fn ticket(&self) -> &Arc<AdmittedTicket> {
        &self.ticket
    }

    /// When it was generated, by its signer's clock.
    pub fn generated(&self) -> Timestamp {
        self.generated
    }

    /// Its place among its signer's messages of this kind.
    pub fn sequence(&self) -> u32 {
        self.sequence
    }

    /// The whole envelope, as it came.
    pub fn bytes(&self) -> &Bytes {
        &self.bytes
    }

    /// When it came.
    pub fn received(&self) -> Now {
        self.received
    }

    /// Whether this station doubted its own clock then, so that the age may be wrong.
    pub fn clock_doubted(&self) -> bool {
        self.clock_doubted
    }

    /// How old the revocation list was by which the ticket was judged; `None` if there was none.
    pub fn revocation_age(&self) -> Option<Duration> {
        let as_of = self.revocations_as_of?;
        Some(self.received.timestamp.since(as_of))
    }

    /// Whether that list was older than it should be, or there was none.
    pub fn revocation_stale(&self) -> bool {
        self.revocation_stale
    }
}
