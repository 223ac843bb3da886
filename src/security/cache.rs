use std::{
    collections::{BTreeMap, btree_map::Entry},
    num::NonZeroUsize,
    sync::Arc,
};

use super::{
    admitted::AdmittedTicket, budget::Spent, refusal::Refusal, revocation::Sought, slot::Slot,
    ticket::Ticket, unit_certificate::UnitCertificate, window::ReplayWindow,
};
use crate::{
    id::StationId,
    message::MessageType,
    time::{Instant, Now, Timestamp},
};

/// The tickets that a station knows, each with what its holder has sent.
#[derive(Debug)]
pub(super) struct TicketCache {
    known: BTreeMap<StationId, KnownTicket>,
    /// As which station each unit, by its certified key, speaks in a slot.
    units: BTreeMap<([u8; 32], Slot), StationId>,
    len_max: NonZeroUsize,
}

/// One ticket, and what its holder has sent.
#[derive(Debug)]
pub(super) struct KnownTicket {
    pub(super) ticket: Arc<AdmittedTicket>,
    /// The entry of the revocation list that names it.
    pub(super) revoked: Option<u64>,
    pub(super) telemetry: Lane,
    pub(super) hazard: Lane,
    heard: Instant,
}

/// What a signer has sent of one kind of message.
#[derive(Debug, Default)]
pub(super) struct Lane {
    pub(super) window: ReplayWindow,
    pub(super) spent: Spent,
    /// On messages that are too old for the window.
    pub(super) repeated: Spent,
}

impl TicketCache {
    pub(super) fn new(len_max: NonZeroUsize) -> Self {
        Self {
            known: BTreeMap::new(),
            units: BTreeMap::new(),
            len_max,
        }
    }

    /// Refuses a unit's ticket if the unit is known under another one of the same slot. It makes its
    /// tickets itself: each further one would be a further budget of messages and hazards.
    pub(super) fn check_unit(
        &self,
        certificate: &UnitCertificate,
        ticket: &Ticket,
    ) -> Result<(), Refusal> {
        let known = self.units.get(&(certificate.key_bytes(), ticket.slot()));
        match known {
            Some(station) if *station != ticket.station() => {
                Err(Refusal::SecondUnitTicket(*station))
            }
            Some(_) | None => Ok(()),
        }
    }

    pub(super) fn contains(&self, station: StationId) -> bool {
        self.known.contains_key(&station)
    }

    /// The ticket, without its holder having been heard.
    pub(super) fn get(&mut self, station: StationId) -> Option<&mut KnownTicket> {
        self.known.get_mut(&station)
    }

    pub(super) fn get_mut(&mut self, station: StationId, now: Now) -> Option<&mut KnownTicket> {
        let known = self.known.get_mut(&station)?;
        known.heard = now.instant;
        Some(known)
    }

    /// Adds a ticket; one that counts is never replaced by another of the same id, since a holder
    /// can make two tickets of one id with some 2^32 tries.
    pub(super) fn insert(
        &mut self,
        ticket: Arc<AdmittedTicket>,
        now: Now,
    ) -> Result<&mut KnownTicket, Refusal> {
        let station = ticket.station();
        if self.known.len() >= self.len_max.get() && !self.known.contains_key(&station) {
            self.make_room(now.timestamp);
        }
        let slot = ticket.ticket().slot();
        let unit = ticket.unit().map(|it| (it.key_bytes(), slot));
        let known = match self.known.entry(station) {
            Entry::Vacant(vacant) => vacant.insert(KnownTicket::new(ticket, now.instant)),
            Entry::Occupied(occupied) => {
                let known = occupied.into_mut();
                if known.ticket.ticket() != ticket.ticket() {
                    if now.timestamp <= known.ticket.valid_until() {
                        return Err(Refusal::TicketCollision(station));
                    }
                    *known = KnownTicket::new(ticket, now.instant);
                } else {
                    // A unit's, perhaps certified anew.
                    known.ticket = ticket;
                }
                known
            }
        };
        self.units.extend(unit.map(|unit| (unit, station)));
        Ok(known)
    }

    pub(super) fn iter_mut(&mut self) -> impl Iterator<Item = &mut KnownTicket> {
        self.known.values_mut()
    }

    /// All tickets by what the revocation list can name them by.
    pub(super) fn by_linkage(&self) -> Sought<StationId> {
        self.known
            .iter()
            .map(|(station, known)| {
                let ticket = known.ticket.ticket();
                ((ticket.slot(), ticket.linkage()), *station)
            })
            .collect()
    }

    /// Forgets the tickets that `is_kept` says no to; returns their stations.
    pub(super) fn retain(
        &mut self,
        mut is_kept: impl FnMut(&AdmittedTicket) -> bool,
    ) -> Vec<StationId> {
        let mut gone = Vec::new();
        self.known.retain(|station, known| {
            let keeps = is_kept(&known.ticket);
            if !keeps {
                gone.push(*station);
            }
            keeps
        });
        self.forget_units();
        gone
    }

    /// Drops the tickets that no longer count, or else the one heard least recently.
    fn make_room(&mut self, at: Timestamp) {
        self.known
            .retain(|_, known| at <= known.ticket.valid_until());
        if self.known.len() >= self.len_max.get() {
            let oldest = self
                .known
                .iter()
                .min_by_key(|(_, known)| known.heard)
                .map(|(station, _)| *station);
            if let Some(oldest) = oldest {
                self.known.remove(&oldest);
            }
        }
        self.forget_units();
    }

    /// Forgets the units whose tickets are not known any more.
    fn forget_units(&mut self) {
        let known = &self.known;
        self.units.retain(|_, station| known.contains_key(station));
    }
}

impl KnownTicket {
    fn new(ticket: Arc<AdmittedTicket>, heard: Instant) -> Self {
        Self {
            ticket,
            revoked: None,
            telemetry: Lane::default(),
            hazard: Lane::default(),
            heard,
        }
    }

    pub(super) fn lane_mut(&mut self, kind: MessageType) -> &mut Lane {
        match kind {
            MessageType::Telemetry => &mut self.telemetry,
            MessageType::Hazard => &mut self.hazard,
        }
    }
}
