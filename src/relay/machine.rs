use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    net::SocketAddr,
    sync::Arc,
    time::Duration,
};

use bytes::Bytes;

use super::{
    Config, Interest, Notice, Shed, ShedReason, UnitPlace,
    index::Index,
    member::{Member, Said},
    reach::Place,
    store::{Key, Store},
};
use crate::{
    geo::{Cell, Position},
    id::{ActionId, PeerId, StationId},
    message::Telemetry,
    security::{AdmittedTicket, Envelope, Holder, UnitCertificate, Verified},
    time::{Instant, Now, Timestamp},
};

/// A unit's part that passes messages on.
///
/// After each `handle_*`, drain [`Self::poll_notice`], [`Self::poll_hazard`] and
/// [`Self::poll_change`] until they return `None`, then call [`Self::handle_timeout`] once
/// [`Self::poll_timeout`] has passed.
#[derive(Debug)]
pub struct Relay {
    pub(super) config: Config,
    pub(super) own: UnitPlace,
    pub(super) members: BTreeMap<PeerId, Member>,
    by_station: BTreeMap<StationId, Vec<PeerId>>,
    index: Index,
    /// Those who may be called, by where they are.
    pub(super) callable: BTreeMap<Cell, BTreeSet<PeerId>>,
    pub(super) store: Store,
    pub(super) notices: VecDeque<(PeerId, Notice)>,
    pub(super) changes: VecDeque<HazardChange>,
    /// Who has hazards pending, and may be told one now.
    pub(super) due: VecDeque<PeerId>,
    /// Who has hazards pending, and must wait a moment.
    pub(super) resting: Vec<PeerId>,
    /// Who was introduced last.
    pub(super) introduced: PeerId,
    next_round: Instant,
    next_pace: Instant,
    /// Whether the units nearby are others than the members were told of.
    pub(super) has_new_units: bool,
    /// Kept between calls for its memory.
    found: Vec<PeerId>,
}

/// Who has come.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Joined {
    /// By what name.
    pub station: StationId,
    /// Whether it is a unit.
    pub is_unit: bool,
    /// The address of the network that it calls from.
    pub remote: Option<SocketAddr>,
}

/// How a message came.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Route {
    /// By which connection; `None` for an own one, or one from disk.
    pub from: Option<PeerId>,
    /// How many stations had passed it on.
    pub hops: u8,
}

/// Who is told a message.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Forward {
    /// How many stations passed it on, this one among them.
    pub hops: u8,
    /// To whom; each station once.
    pub targets: Vec<Target>,
}

/// One receiver of a message.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Target {
    /// By which connection.
    pub peer: PeerId,
    /// Whether the signer's ticket must be handed over first.
    pub needs_ticket: bool,
}

/// A kept hazard for somebody who did not hear it.
#[derive(Clone, Debug)]
pub struct Handover {
    /// By which connection.
    pub peer: PeerId,
    /// Who signed it.
    pub signer: StationId,
    /// The envelope as it came.
    pub bytes: Bytes,
    /// How many stations passed it on, this one among them.
    pub hops: u8,
    /// Until when it holds.
    pub expires: Timestamp,
    /// The signer's ticket, if that must be handed over first.
    pub ticket: Option<Arc<AdmittedTicket>>,
}

/// A change of what a restart should find again.
#[derive(Clone, Debug)]
pub enum HazardChange {
    /// The newest report of an event, or what is said against it.
    Kept {
        /// Which event.
        action: ActionId,
        /// Who says that it is over; `None` for the event's own report.
        negated_by: Option<StationId>,
        /// The ticket of its signer.
        ticket: Arc<AdmittedTicket>,
        /// The envelope as it came.
        bytes: Bytes,
        /// Over how many hops.
        hops: u8,
    },
    /// It is not kept any more.
    Forgotten {
        /// Which event.
        action: ActionId,
        /// Who said that it is over; `None` for the event's own report.
        negated_by: Option<StationId>,
    },
}

impl Relay {
    /// A unit at `own`, with nobody connected and nothing kept.
    pub fn new(config: Config, own: UnitPlace, now: Now) -> Self {
        Self {
            config: config.bounded(),
            own,
            members: BTreeMap::new(),
            by_station: BTreeMap::new(),
            index: Index::default(),
            callable: BTreeMap::new(),
            store: Store::default(),
            notices: VecDeque::new(),
            changes: VecDeque::new(),
            due: VecDeque::new(),
            resting: Vec::new(),
            introduced: PeerId(0),
            next_round: now.instant + ROUND,
            next_pace: now.instant,
            has_new_units: false,
            found: Vec::new(),
        }
    }

    /// Takes in who this unit is: what it says itself is kept beside the bounds for others.
    pub fn handle_certificate(&mut self, certificate: &UnitCertificate) {
        self.store.own = Some(Holder::Unit(certificate.key_bytes()));
    }

    /// Somebody said hello. It is told nothing before its interest; another unit is told ours.
    pub fn handle_joined(&mut self, peer: PeerId, joined: &Joined, now: Now) {
        self.handle_left(peer);
        let member = Member::new(joined, &self.config, now.instant);
        self.members.insert(peer, member);
        self.by_station
            .entry(joined.station)
            .or_default()
            .push(peer);
        if joined.is_unit {
            let interest = Interest::of_unit(self.own.position, self.own.radius_m);
            self.notices.push_back((peer, Notice::Interest(interest)));
            self.notices
                .push_back((peer, Notice::Units(vec![self.own])));
        }
    }

    /// Somebody is gone; harmless if it is unknown.
    pub fn handle_left(&mut self, peer: PeerId) {
        let Some(member) = self.members.remove(&peer) else {
            return;
        };
        self.index.forget(peer, &member.entries);
        self.forget_callable(peer, member.cell);
        if let Some(peers) = self.by_station.get_mut(&member.station) {
            peers.retain(|other| *other != peer);
            if peers.is_empty() {
                self.by_station.remove(&member.station);
            }
        }
        self.has_new_units |= member.unit.is_some();
    }

    /// Somebody says what interests it; it is told at once what is kept of that, if it is another
    /// interest than before. Whom it hears by itself changes often, and nothing besides.
    pub fn handle_interest(&mut self, peer: PeerId, mut interest: Interest) {
        interest.heard.sort_unstable();
        let Some(member) = self.members.get_mut(&peer) else {
            return;
        };
        let is_measured = member.measured != Timestamp::EPOCH;
        let before = std::mem::replace(&mut member.interest, interest);
        let present = &member.interest;
        let place = if is_measured {
            present.place
        } else {
            before.place
        };
        let heard = present.heard.clone();
        let is_same = Interest {
            heard,
            place,
            ..before
        } == *present;
        if std::mem::replace(&mut member.has_interest, true) && is_same {
            return;
        }
        // By its own telemetry it is known better.
        if !is_measured {
            let place = present.place;
            member.place = place.map(|position| Place::new(position, None));
        }
        self.register(peer);
        self.tell_units(peer);
        self.look_everywhere(peer);
    }

    /// Another unit says where it and those beside it are.
    pub fn handle_units(&mut self, peer: PeerId, units: &[UnitPlace]) {
        let Some(member) = self.members.get_mut(&peer) else {
            return;
        };
        if member.is_unit && member.unit != units.first().copied() {
            member.unit = units.first().copied();
            self.has_new_units = true;
        }
    }

    /// Says who is told this telemetry. It is also how members are known to move.
    pub fn handle_telemetry(
        &mut self,
        verified: &Verified<Telemetry>,
        route: Route,
        now: Now,
    ) -> Forward {
        let position = verified.message().position;
        let cell = Cell::at(position);
        self.handle_moved(verified, cell);
        let said = self.said(verified.station(), route);
        let has_ticket = Envelope::carries_ticket(verified.bytes());
        let mut found = std::mem::take(&mut self.found);
        self.index.find(position, cell, &mut found);
        found.retain(|peer| {
            let member = self.members.get(peer);
            member.is_some_and(|member| {
                let interval =
                    Duration::from_millis(member.interest.telemetry_interval_min_ms.into());
                member.wants_telemetry(&said, position)
                    && member.signers.is_due(said.signer, interval, now.instant)
            })
        });
        self.keep_newest_connections(&mut found);
        let mut targets = Vec::with_capacity(found.len());
        for peer in &found {
            let Some(member) = self.members.get_mut(peer) else {
                continue;
            };
            let signers_max = self.config.signers_max.get();
            let granted = member.grant_telemetry(said.signer, has_ticket, signers_max, now.instant);
            let Some(needs_ticket) = granted else {
                member.note_shed(ShedReason::TicketWaits, 1);
                continue;
            };
            if member.interest.telemetry_interval_min_ms > 0 {
                let signers = &mut member.signers;
                signers.note_told(said.signer, now.instant, signers_max);
            }
            targets.push(Target {
                peer: *peer,
                needs_ticket,
            });
        }
        self.found = found;
        Forward {
            hops: next_hops(route.hops),
            targets,
        }
    }

    /// Whether anybody wants to be told what happens at a point.
    pub fn is_heard(&mut self, point: Position) -> bool {
        let mut found = std::mem::take(&mut self.found);
        self.index.find(point, Cell::at(point), &mut found);
        let is_heard = found.iter().any(|peer| {
            let member = self.members.get(peer);
            member.is_some_and(|member| {
                member.interest.telemetry && member.interest.holds(member.place.as_ref(), point)
            })
        });
        self.found = found;
        is_heard
    }

    /// Notes that something for one member was dropped; it is told within a second.
    pub fn note_shed(&mut self, peer: PeerId, reason: ShedReason, count: u64) {
        if let Some(member) = self.members.get_mut(&peer) {
            member.note_shed(reason, count);
        }
    }

    /// Notes that telemetry was dropped of which nobody knows whom it was for.
    pub fn note_shed_of_all(&mut self, reason: ShedReason, count: u64) {
        for member in self.members.values_mut() {
            if member.interest.telemetry {
                member.note_shed(reason, count);
            }
        }
    }

    /// To be called once [`Self::poll_timeout`] has passed.
    pub fn handle_timeout(&mut self, now: Now) {
        if self.next_pace <= now.instant {
            self.next_pace = now.instant + PACE;
            self.due.extend(self.resting.drain(..));
        }
        if self.next_round > now.instant {
            return;
        }
        self.next_round = now.instant + ROUND;
        self.store.forget_expired(now.timestamp);
        self.clean_up();
        if std::mem::take(&mut self.has_new_units) {
            let peers: Vec<_> = self.members.keys().copied().collect();
            for peer in peers {
                self.tell_units(peer);
            }
        }
        self.introduce();
        for (peer, member) in &mut self.members {
            if member.sheds.is_empty() {
                continue;
            }
            let sheds = std::mem::take(&mut member.sheds);
            let sheds = sheds
                .into_iter()
                .map(|(reason, count)| Shed { reason, count });
            self.notices
                .push_back((*peer, Notice::Sheds(sheds.collect())));
        }
    }

    /// When to call [`Self::handle_timeout`].
    pub fn poll_timeout(&self) -> Option<Instant> {
        let pace = (!self.resting.is_empty()).then_some(self.next_pace);
        let round = (!self.members.is_empty() || self.store.len() > 0).then_some(self.next_round);
        pace.into_iter().chain(round).min()
    }

    /// The next notice, and to whom.
    pub fn poll_notice(&mut self) -> Option<(PeerId, Notice)> {
        self.notices.pop_front()
    }

    /// What a restart should find again, or not.
    pub fn poll_change(&mut self) -> Option<HazardChange> {
        self.changes.pop_front()
    }

    /// The tickets of those who signed what is kept, each once.
    pub fn tickets(&self) -> Vec<Arc<AdmittedTicket>> {
        let kept = self.store.iter().map(|(_, kept)| &kept.ticket);
        let by_station: BTreeMap<_, _> = kept.map(|it| (it.station(), Arc::clone(it))).collect();
        by_station.into_values().collect()
    }

    /// Hazards that are kept, negations among them.
    pub fn hazards_len(&self) -> usize {
        self.store.len()
    }

    /// How many cells somebody is registered in.
    #[cfg(test)]
    pub(super) fn index_len(&self) -> usize {
        self.index.len()
    }

    /// Where this unit is.
    pub fn place(&self) -> UnitPlace {
        self.own
    }

    /// What a message is, for the question who else is told.
    pub(super) fn said(&self, signer: StationId, route: Route) -> Said {
        let from = route.from.and_then(|peer| self.members.get(&peer));
        Said {
            signer,
            from: from.map(|member| member.station),
            goes_to_units: route.hops < self.config.hops_max,
        }
    }

    /// Of several connections of one station, only the newest is told.
    pub(super) fn keep_newest_connections(&self, found: &mut Vec<PeerId>) {
        let peers = std::mem::take(found);
        found.extend(peers.iter().copied().filter(|peer| {
            let station = self.members.get(peer).map(|member| member.station);
            let others = station.and_then(|station| self.by_station.get(&station));
            others.is_none_or(|others| {
                let newer = |other: &&PeerId| *other > peer && peers.contains(other);
                others.len() < 2 || others.iter().find(newer).is_none()
            })
        }));
    }

    /// Whether a newer connection of the same station is told in place of this one.
    pub(super) fn is_superseded(&self, peer: PeerId) -> bool {
        let station = self.members.get(&peer).map(|member| member.station);
        let others = station.and_then(|station| self.by_station.get(&station));
        others.into_iter().flatten().any(|other| {
            let member = self.members.get(other);
            *other > peer && member.is_some_and(|member| !member.interest.areas.is_empty())
        })
    }

    fn handle_moved(&mut self, verified: &Verified<Telemetry>, cell: Cell) {
        let Some(peers) = self.by_station.get(&verified.station()).cloned() else {
            return;
        };
        let telemetry = verified.message();
        for peer in peers {
            let Some(member) = self.members.get_mut(&peer) else {
                continue;
            };
            if member.measured >= verified.generated() {
                continue;
            }
            let place = Place::new(telemetry.position, telemetry.heading);
            let must_look = member.must_look(&place);
            member.measured = verified.generated();
            member.place = Some(place);
            if member.cell != Some(cell) {
                self.register(peer);
            }
            if must_look {
                self.look_around(peer);
            }
        }
    }

    /// Brings the index in line with where somebody is, and with what it wants.
    fn register(&mut self, peer: PeerId) {
        let Some(member) = self.members.get_mut(&peer) else {
            return;
        };
        let before = member.cell;
        self.index.forget(peer, &member.entries);
        let place = member.place.as_ref();
        member.entries = self.index.register(peer, &member.interest, place);
        member.cell = place.map(|place| Cell::at(place.position));
        let (cell, is_callable) = (member.cell, member.neighbour().is_some());
        self.forget_callable(peer, before);
        if let Some(cell) = cell.filter(|_| is_callable) {
            self.callable.entry(cell).or_default().insert(peer);
        }
    }

    fn forget_callable(&mut self, peer: PeerId, cell: Option<Cell>) {
        let Some(cell) = cell else {
            return;
        };
        if let Some(peers) = self.callable.get_mut(&cell) {
            peers.remove(&peer);
            if peers.is_empty() {
                self.callable.remove(&cell);
            }
        }
    }

    /// Forgets of the members what they were told of hazards that are no more, and tells the edge.
    pub(super) fn clean_up(&mut self) {
        for key in self.store.take_forgotten() {
            for member in self.members.values_mut() {
                member.told.remove(&key);
            }
            let Key { action, negated_by } = key;
            self.changes
                .push_back(HazardChange::Forgotten { action, negated_by });
        }
    }
}

/// How many hops a message has behind it once it is passed on; the wire has four bits for it.
pub(super) fn next_hops(hops: u8) -> u8 {
    hops.saturating_add(1).min(HOPS_WIRE_MAX)
}

/// How often introductions are made, losses are told, and hazards forgotten.
const ROUND: Duration = Duration::from_secs(1);
/// How often those may be told hazards who had to wait.
const PACE: Duration = Duration::from_millis(25);
pub(super) const HOPS_WIRE_MAX: u8 = 15;
