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
    /// what is kept of its event goes to nobody, nor what a fifth station says against it.
    ///
    /// Who takes no more at present is told a little later, by [`Self::poll_hazard`].
    pub fn handle_hazard(
        &mut self,
        verified: &Verified<HazardStatement>,
        route: Route,
        now: Now,
    ) -> Forward {
        let hazard = &verified.message().hazard;
        let key = self.store.insert(verified, route.hops, &self.config);
        self.clean_up();
        let Some((key, version)) = key.and_then(|key| Some((key, self.store.get(key)?.version)))
        else {
            return Forward::default();
        };
        let Key { action, negated_by } = key;
        self.changes.push_back(HazardChange::Kept {
            action,
            negated_by,
            ticket: Arc::clone(verified.ticket()),
            bytes: verified.bytes().clone(),
            hops: route.hops,
        });
        let said = self.said(verified.station(), route);
        let mut found: Vec<_> = self
            .members
            .iter()
            .filter(|(_, member)| member.wants_hazard(&said, hazard))
            .map(|(peer, _)| *peer)
            .collect();
        self.keep_newest_connections(&mut found);
        self.note_told(&found, &said, key, version);
        let brings_ticket = !is_of_unit(verified.ticket());
        let signers_max = self.config.signers_max.get();
        let mut targets = Vec::with_capacity(found.len());
        for peer in found {
            let Some(member) = self.members.get_mut(&peer) else {
                continue;
            };
            let granted = member.grant_hazard(said.signer, brings_ticket, signers_max, now.instant);
            match granted {
                Some(needs_ticket) => targets.push(Target { peer, needs_ticket }),
                None => self.put_off(peer, (key, version)),
            }
        }
        Forward {
            hops: next_hops(route.hops),
            targets,
        }
    }

    /// A station's word no longer counts: what is kept of it is forgotten.
    pub fn handle_withdrawn(&mut self, station: StationId) {
        self.store.forget_signer(station);
        self.clean_up();
    }

    /// A kept hazard for somebody who has not heard it: who came, drove to where it matters, or took no
    /// more when it came.
    pub fn poll_hazard(&mut self, now: Now) -> Option<Handover> {
        while let Some(peer) = self.due.pop_front() {
            if let Some(handover) = self.next_handover(peer, now) {
                self.due.push_front(peer);
                return Some(handover);
            }
            let Some(member) = self.members.get_mut(&peer) else {
                continue;
            };
            member.is_queued = !(member.urgent.is_empty() && member.pending.is_empty());
            if member.is_queued {
                self.resting.push(peer);
            }
        }
        None
    }

    /// The first of what is to be told to a peer that it takes now.
    fn next_handover(&mut self, peer: PeerId, now: Now) -> Option<Handover> {
        let signers_max = self.config.signers_max.get();
        let member = self.members.get_mut(&peer)?;
        for is_urgent in [true, false] {
            // What cannot go yet comes behind the others, and is not looked at again this time.
            let mut left = member.queue(is_urgent).len().min(LOOKED_AT_MAX);
            while left > 0 && member.affords_hazard(now.instant) {
                let Some((key, version)) = member.queue(is_urgent).pop_front() else {
                    break;
                };
                let newest = self.store.get(key).filter(|kept| kept.version == version);
                let Some(kept) = newest else {
                    continue;
                };
                let signer = kept.ticket.station();
                let brings_ticket = !is_of_unit(&kept.ticket);
                let granted = member.grant_hazard(signer, brings_ticket, signers_max, now.instant);
                let Some(needs_ticket) = granted else {
                    member.queue(is_urgent).push_back((key, version));
                    left -= 1;
                    continue;
                };
                return Some(Handover {
                    peer,
                    signer,
                    bytes: kept.bytes.clone(),
                    hops: next_hops(kept.hops),
                    expires: kept.hazard.expires(),
                    ticket: needs_ticket.then(|| Arc::clone(&kept.ticket)),
                });
            }
        }
        None
    }

    /// Has somebody told a kept hazard as soon as he takes it.
    fn put_off(&mut self, peer: PeerId, kept: (Key, u64)) {
        let Some(member) = self.members.get_mut(&peer) else {
            return;
        };
        if member.urgent.len() >= self.config.hazards_max.get() {
            let store = &self.store;
            member.urgent.retain(|(key, version)| {
                store.get(*key).is_some_and(|kept| kept.version == *version)
            });
        }
        member.urgent.push_back(kept);
        if !std::mem::replace(&mut member.is_queued, true) {
            self.due.push_back(peer);
        }
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
            if !std::mem::replace(&mut member.is_queued, true) {
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
}

/// Whether a ticket is a unit's, which is longer than an envelope has room for.
fn is_of_unit(ticket: &AdmittedTicket) -> bool {
    ticket.ticket().class() == Class::RoadsideUnit
}

/// Hazards that one look at a peer may find it not to take yet.
const LOOKED_AT_MAX: usize = 64;
