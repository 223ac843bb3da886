use bytes::Bytes;

use super::{ticket::Ticket, unit_certificate::UnitCertificate};
use crate::{crypto::VerifyingKey, id::StationId, time::Timestamp};

/// A ticket whose issuer, domain and key were checked, with the key ready for use.
///
/// Only [`TrustDomain::admit`](super::TrustDomain::admit) makes one, and, for a roadside unit,
/// [`Operators::admit`](super::Operators::admit). It says nothing about the time: ask [`Self::is_valid_at`] for the moment that matters, which is the generation of a
/// message.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct AdmittedTicket {
    pub(super) ticket: Ticket,
    pub(super) unit: Option<Box<UnitCertificate>>,
    pub(super) key: VerifyingKey,
    pub(super) station: StationId,
    pub(super) valid_from: Timestamp,
    pub(super) valid_until: Timestamp,
}

/// Who answers for what is signed with a ticket, and whose bounds it counts for.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum Holder {
    /// A vehicle, by one ticket: nobody can tell which others are its.
    Vehicle(StationId),
    /// A roadside unit, by its certified key, under all its tickets.
    Unit([u8; 32]),
}

impl AdmittedTicket {
    /// The ticket.
    pub fn ticket(&self) -> &Ticket {
        &self.ticket
    }

    /// What makes its holder a roadside unit; `None` for a vehicle.
    pub fn unit(&self) -> Option<&UnitCertificate> {
        self.unit.as_deref()
    }

    /// Whether its holder is a roadside unit, of an operator who was believed when it was admitted.
    pub fn is_unit(&self) -> bool {
        self.unit.is_some()
    }

    /// Who answers for what is signed with it.
    pub fn holder(&self) -> Holder {
        match &self.unit {
            Some(unit) => Holder::Unit(unit.key_bytes()),
            None => Holder::Vehicle(self.station),
        }
    }

    /// What others need to admit it too: the ticket, after the certificate if it is a unit's.
    pub fn to_bytes(&self) -> Bytes {
        let certificate = self.unit.iter().flat_map(|unit| unit.as_bytes());
        certificate.chain(self.ticket.as_bytes()).copied().collect()
    }

    /// The ticket's key.
    pub fn key(&self) -> &VerifyingKey {
        &self.key
    }

    /// The station that holds it.
    pub fn station(&self) -> StationId {
        self.station
    }

    /// The first moment at which it counts.
    pub fn valid_from(&self) -> Timestamp {
        self.valid_from
    }

    /// The last moment at which it counts.
    pub fn valid_until(&self) -> Timestamp {
        self.valid_until
    }

    /// Whether it counts at `at`.
    pub fn is_valid_at(&self, at: Timestamp) -> bool {
        (self.valid_from..=self.valid_until).contains(&at)
    }
}
