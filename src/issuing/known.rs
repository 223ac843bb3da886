use super::{Record, VehicleHandle};
use crate::{crypto::Digest, id::VehicleId, ledger::TicketHandle};

/// What one record lets whoever has it know of a ticket.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Known {
    /// Whose record it is, in words.
    pub role: &'static str,
    /// The number of the slot.
    pub slot: u32,
    /// Under which name the operators speak of the ticket.
    pub handle: TicketHandle,
    /// Whose it is.
    pub vehicle: Option<VehicleId>,
    /// Whose it is, by a name that means nothing elsewhere.
    pub alias: Option<VehicleHandle>,
    /// A digest of what stands in it, by which it is told on the road.
    pub body: Option<Digest>,
}

impl Record {
    /// What it says of tickets, each by itself; nothing, for a record that names none.
    pub fn known(&self) -> Vec<Known> {
        let of = |role, handle, slot| Known {
            role,
            slot,
            handle,
            vehicle: None,
            alias: None,
            body: None,
        };
        match self {
            Self::Requested(request) => {
                let tickets = request.tickets.iter();
                let known = tickets.map(|ticket| Known {
                    vehicle: Some(request.vehicle),
                    ..of("enrolment authority", ticket.handle, ticket.slot)
                });
                known.collect()
            }
            Self::Linked { slots, .. } => {
                let known = slots.iter().map(|linked| Known {
                    alias: Some(linked.vehicle),
                    ..of("second linkage authority", linked.handle, linked.slot)
                });
                known.collect()
            }
            Self::Taken { tickets, .. } => {
                let known = tickets.iter().map(|ticket| Known {
                    body: Some(ticket.body),
                    ..of("ticket authority", ticket.handle, ticket.slot)
                });
                known.collect()
            }
            Self::Kept { seeds, .. } => {
                let known = seeds
                    .iter()
                    .map(|seed| of("custodian", seed.handle, seed.slot));
                known.collect()
            }
            Self::Floor { .. } | Self::Minted { .. } | Self::Failed { .. } => Vec::new(),
        }
    }
}
