use std::{
    collections::{BTreeMap, BTreeSet},
    net::SocketAddr,
    sync::Arc,
};

use crate::{
    crypto::VerifyingKey,
    id::{PeerId, StationId},
    link::{Link, LinkCounters, ListNews, Transmit},
    security::AdmittedTicket,
    time::{Instant, Now, Timestamp},
};

/// One connection.
#[derive(Debug)]
pub(super) struct Peer {
    pub(super) link: Link,
    /// Who we are to it: nothing under another ticket goes by this connection.
    pub(super) own: StationId,
    /// The key of its TLS identity, which its hello's ticket must carry.
    pub(super) key: VerifyingKey,
    /// Where its packets come from.
    pub(super) remote: Option<SocketAddr>,
    /// The ticket of its hello; `None` before that.
    pub(super) ticket: Option<Arc<AdmittedTicket>>,
    /// Messages it brought with wrong signatures or bytes.
    pub(super) offences: u32,
    /// How much of the revocation list it said it knows.
    pub(super) list: Option<ListNews>,
    /// When we last asked it for a ticket.
    pub(super) asked: Option<Instant>,
    /// When we last handed it ours.
    pub(super) answered: Option<Instant>,
}

impl Peer {
    /// Who it said it is; `None` before its hello.
    pub(super) fn station(&self) -> Option<StationId> {
        self.ticket.as_ref().map(|ticket| ticket.station())
    }
}

/// All connections, and which of them may have something to send.
#[derive(Debug, Default)]
pub(super) struct Peers {
    peers: BTreeMap<PeerId, Peer>,
    touched: BTreeSet<PeerId>,
    /// The timers of the links that are not touched, so that nothing looks at every link.
    timers: BTreeSet<(Instant, PeerId)>,
    closed: LinkCounters,
}

impl Peers {
    pub(super) fn len(&self) -> usize {
        self.peers.len()
    }

    pub(super) fn insert(&mut self, id: PeerId, peer: Peer) {
        self.remove(id);
        self.peers.insert(id, peer);
        self.touched.insert(id);
    }

    pub(super) fn remove(&mut self, id: PeerId) {
        self.touched.remove(&id);
        if let Some(peer) = self.peers.remove(&id) {
            forget_timer(&mut self.timers, id, &peer.link);
            self.closed += peer.link.counters();
        }
    }

    pub(super) fn get(&self, id: PeerId) -> Option<&Peer> {
        self.peers.get(&id)
    }

    /// The peer, which may have something to send afterwards.
    pub(super) fn touch(&mut self, id: PeerId) -> Option<&mut Peer> {
        let peer = self.peers.get_mut(&id)?;
        if self.touched.insert(id) {
            forget_timer(&mut self.timers, id, &peer.link);
        }
        Some(peer)
    }

    /// The connections of a station.
    pub(super) fn of(&self, station: StationId) -> Vec<PeerId> {
        self.peers
            .iter()
            .filter(|(_, peer)| peer.station() == Some(station))
            .map(|(id, _)| *id)
            .collect()
    }

    /// How many connections a station has.
    pub(super) fn connections_of(&self, station: StationId) -> usize {
        let theirs = |peer: &&Peer| peer.station() == Some(station);
        self.peers.values().filter(theirs).count()
    }

    /// Queues something that `own` signed to every peer that knows us as that; returns whether there
    /// was any.
    pub(super) fn for_each_as(&mut self, own: StationId, mut queue: impl FnMut(&mut Link)) -> bool {
        let mut is_heard = false;
        for (id, peer) in self.peers.iter_mut().filter(|(_, peer)| peer.own == own) {
            if self.touched.insert(*id) {
                forget_timer(&mut self.timers, *id, &peer.link);
            }
            queue(&mut peer.link);
            is_heard = true;
        }
        is_heard
    }

    /// Queues something to every peer.
    pub(super) fn for_each(&mut self, mut queue: impl FnMut(&mut Link)) {
        for (id, peer) in &mut self.peers {
            if self.touched.insert(*id) {
                forget_timer(&mut self.timers, *id, &peer.link);
            }
            queue(&mut peer.link);
        }
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (PeerId, &Peer)> {
        self.peers.iter().map(|(id, peer)| (*id, peer))
    }

    /// The tickets of those who said hello, each once.
    pub(super) fn tickets(&self) -> Vec<Arc<AdmittedTicket>> {
        let tickets = self.peers.values().filter_map(|peer| peer.ticket.clone());
        let by_station: BTreeMap<_, _> = tickets.map(|it| (it.station(), it)).collect();
        by_station.into_values().collect()
    }

    /// Peers whose timer has passed.
    pub(super) fn due(&self, now: Instant) -> Vec<PeerId> {
        let resting = self.timers.iter().map(|(due, id)| (*due, *id));
        let mut due: Vec<_> = resting
            .take_while(|(due, _)| *due <= now)
            .chain(self.touched_timers().filter(|(due, _)| *due <= now))
            .map(|(_, id)| id)
            .collect();
        due.sort_unstable();
        due
    }

    /// Peers whose ticket is over.
    pub(super) fn over(&self, now: Timestamp) -> Vec<PeerId> {
        self.peers
            .iter()
            .filter(|(_, peer)| {
                let ticket = peer.ticket.as_ref();
                ticket.is_some_and(|ticket| ticket.valid_until() < now)
            })
            .map(|(id, _)| *id)
            .collect()
    }

    pub(super) fn poll_transmit(&mut self, now: Now) -> Option<(PeerId, Transmit)> {
        while let Some(&id) = self.touched.first() {
            let peer = self.peers.get_mut(&id);
            if let Some(transmit) = peer.and_then(|peer| peer.link.poll_transmit(now)) {
                return Some((id, transmit));
            }
            self.touched.remove(&id);
            let timer = self
                .peers
                .get(&id)
                .and_then(|peer| peer.link.poll_timeout());
            self.timers.extend(timer.map(|due| (due, id)));
        }
        None
    }

    pub(super) fn poll_timeout(&self) -> Option<Instant> {
        let resting = self.timers.first().map(|(due, _)| *due);
        let touched = self.touched_timers().map(|(due, _)| due);
        resting.into_iter().chain(touched).min()
    }

    /// What passed on all connections, closed ones among them.
    pub(super) fn counters(&self) -> LinkCounters {
        let mut sum = self.closed.clone();
        for peer in self.peers.values() {
            sum += peer.link.counters();
        }
        sum
    }

    fn touched_timers(&self) -> impl Iterator<Item = (Instant, PeerId)> {
        self.touched.iter().filter_map(|id| {
            let due = self.peers.get(id)?.link.poll_timeout()?;
            Some((due, *id))
        })
    }
}

/// Takes back the timer of a link that is about to change, or gone.
fn forget_timer(timers: &mut BTreeSet<(Instant, PeerId)>, id: PeerId, link: &Link) {
    if let Some(due) = link.poll_timeout() {
        timers.remove(&(due, id));
    }
}
