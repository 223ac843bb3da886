use std::sync::Arc;

use super::{
    Forward, HazardChange, Relay, Target,
    machine::{Handover, Route, next_hops},
    member::Said,
    store::Key,
};
use crate::{
    id::{PeerId, StationId},
    message::HazardStatement,
    security::{AdmittedTicket, Class, Verified},
    time::Now,
};

impl Relay {
    /// Says who is told this hazard, and keeps it for those who come later. What is not newer than
    /// what is kept of its event goes to nobody.
    pub fn handle_hazard(&mut self, verified: &Verified<HazardStatement>, route: Route) -> Forward {
        let hazard = &verified.message().hazard;
        let key = self.store.insert(verified, route.hops, &self.config);
        self.clean_up();
        let version = key
            .and_then(|key| self.store.get(key))
            .map(|kept| kept.version);
        let is_against = Key::of(hazard, verified.station()).negated_by.is_some();
        if key.is_none() && !is_against {
            return Forward::default();
        }
        if let Some(Key { action, negated_by }) = key {
            self.changes.push_back(HazardChange::Kept {
                action,
                negated_by,
                ticket: Arc::clone(verified.ticket()),
                bytes: verified.bytes().clone(),
            });
        }
        let said = self.said(verified.station(), route);
        let mut found: Vec<_> = self
            .members
            .iter()
            .filter(|(_, member)| member.wants_hazard(&said, hazard))
            .map(|(peer, _)| *peer)
            .collect();
        self.keep_newest_connections(&mut found);
        if let (Some(key), Some(version)) = (key, version) {
            self.note_told(&found, &said, key, version);
        }
        let is_unit = is_of_unit(verified.ticket());
        let targets = found.into_iter().map(|peer| Target {
            peer,
            needs_ticket: is_unit && self.hands_unit_ticket(peer, said.signer),
        });
        Forward {
            hops: next_hops(route.hops),
            targets: targets.collect(),
        }
    }

    /// A station's word no longer counts: what is kept of it is forgotten.
    pub fn handle_withdrawn(&mut self, station: StationId) {
        self.store.forget_signer(station);
        self.clean_up();
    }

    /// A kept hazard for somebody who has not heard it: who came, or drove to where it matters.
    pub fn poll_hazard(&mut self, now: Now) -> Option<Handover> {
        while let Some(peer) = self.due.pop_front() {
            let Some(member) = self.members.get_mut(&peer) else {
                continue;
            };
            if member.pending.is_empty() {
                continue;
            }
            if !member.hazards.take(now.instant) {
                self.resting.push(peer);
                continue;
            }
            self.due.push_front(peer);
            let Some((key, version)) = member.pending.pop_front() else {
                continue;
            };
            let newest = self.store.get(key).filter(|kept| kept.version == version);
            let Some(kept) = newest.cloned() else {
                continue;
            };
            let signer = kept.ticket.station();
            let needs_ticket = is_of_unit(&kept.ticket) && self.hands_unit_ticket(peer, signer);
            return Some(Handover {
                peer,
                signer,
                bytes: kept.bytes,
                hops: next_hops(kept.hops),
                expires: kept.hazard.expires(),
                ticket: needs_ticket.then_some(kept.ticket),
            });
        }
        None
    }

    /// Looks for kept hazards near somebody who moved.
    pub(super) fn look_around(&mut self, peer: PeerId) {
        let place = self.members.get(&peer).and_then(|member| member.place);
        if let Some(place) = place {
            let keys = if self.store.len() == 0 {
                Vec::new()
            } else {
                self.store.near(place.position)
            };
            self.look_at(peer, keys);
        }
    }

    /// Looks at every kept hazard for somebody who wants other things than before.
    pub(super) fn look_everywhere(&mut self, peer: PeerId) {
        let keys: Vec<_> = self.store.iter().map(|(key, _)| key).collect();
        self.look_at(peer, keys);
    }

    fn look_at(&mut self, peer: PeerId, keys: Vec<Key>) {
        if self.is_superseded(peer) {
            return;
        }
        let Some(member) = self.members.get_mut(&peer) else {
            return;
        };
        member.looked_at = member.place.map(|place| (place.position, place.heading));
        let hops_max = self.config.hops_max;
        let mut wanted = Vec::new();
        for key in keys {
            let Some(kept) = self.store.get(key) else {
                continue;
            };
            let said = Said {
                signer: kept.ticket.station(),
                from: None,
                goes_to_units: kept.hops < hops_max,
            };
            let is_new = member.told.get(&key) != Some(&kept.version);
            if is_new && member.wants_hazard(&said, &kept.hazard) {
                member.told.insert(key, kept.version);
                wanted.push((kept.hazard.position, key, kept.version));
            }
        }
        // Of an event its report goes before what is said against it.
        wanted.sort_by_key(|(_, key, _)| *key);
        if let Some(place) = member.place {
            let distance_m = |position| place.frame.offset(position).length_m();
            wanted.sort_by(|(a, ..), (b, ..)| distance_m(*a).total_cmp(&distance_m(*b)));
        }
        if !wanted.is_empty() {
            if member.pending.is_empty() && !self.resting.contains(&peer) {
                self.due.push_back(peer);
            }
            let wanted = wanted.into_iter();
            member
                .pending
                .extend(wanted.map(|(_, key, version)| (key, version)));
        }
    }

    /// Who was told, who brought it, and who signed it needs no handing over later.
    fn note_told(&mut self, found: &[PeerId], said: &Said, key: Key, version: u64) {
        for (peer, member) in &mut self.members {
            let knows = Some(member.station) == said.from || member.station == said.signer;
            if knows || found.binary_search(peer).is_ok() {
                member.told.insert(key, version);
            }
        }
    }

    /// Whether a unit's ticket must go to a peer that does not have it, as of now.
    fn hands_unit_ticket(&mut self, peer: PeerId, signer: StationId) -> bool {
        let signers_max = self.config.signers_max.get();
        self.members.get_mut(&peer).is_some_and(|member| {
            let needs = !member.signers.has_ticket(signer);
            member.signers.note_ticket(signer, signers_max);
            needs
        })
    }
}

/// Whether a ticket is a unit's, which is longer than an envelope has room for.
fn is_of_unit(ticket: &AdmittedTicket) -> bool {
    ticket.ticket().class() == Class::RoadsideUnit
}
