use std::{collections::BTreeMap, net::SocketAddr};

use quinn::Connection;
use tokio::sync::watch;
use tracing::debug;

use super::{CloseCode, Counters, EventSink, peer::Outbox, quic::TlsIdentity};
use crate::{
    crypto::VerifyingKey,
    id::PeerId,
    link::Transmit,
    pipeline::{Event, Station},
    time::{Instant, Now},
};

/// Everything behind the one mutex.
pub(super) struct Core {
    pub(super) station: Station,
    pub(super) sink: Box<dyn EventSink>,
    pub(super) peers: BTreeMap<PeerId, Peer>,
    pub(super) targets: BTreeMap<SocketAddr, watch::Sender<u64>>,
    pub(super) identity: Option<TlsIdentity>,
    pub(super) counters: Counters,
    /// The deadline that the timer sleeps for.
    pub(super) armed: Option<Instant>,
    next_peer: u64,
}

/// One connection, from its handshake to its close.
pub(super) struct Peer {
    pub(super) connection: Connection,
    pub(super) key: VerifyingKey,
    /// Our own key in this connection.
    pub(super) own_key: VerifyingKey,
    /// The address that we dialled; `None` if the peer did.
    pub(super) target: Option<SocketAddr>,
    pub(super) outbox: Outbox,
}

/// What is left to do after the mutex is given back.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Aftermath {
    /// The station signs under another ticket now.
    pub(super) ticket_changed: bool,
    /// The timer sleeps too long.
    pub(super) timer_moved: bool,
}

impl Core {
    pub(super) fn new(station: Station, sink: Box<dyn EventSink>) -> Self {
        Self {
            station,
            sink,
            peers: BTreeMap::new(),
            targets: BTreeMap::new(),
            identity: None,
            counters: Counters::default(),
            armed: None,
            next_peer: 0,
        }
    }

    /// Enters a connection whose handshake is over.
    pub(super) fn insert(&mut self, peer: Peer, now: Now) -> PeerId {
        let id = PeerId(self.next_peer);
        self.next_peer += 1;
        self.station.handle_connected(id, peer.key, now);
        self.peers.insert(id, peer);
        id
    }

    /// Forgets a connection that is closed.
    pub(super) fn remove(&mut self, id: PeerId, now: Now) {
        if self.peers.remove(&id).is_some() {
            self.station.handle_disconnected(id, now);
        }
    }

    /// Carries out all that the station wants done.
    pub(super) fn flush(&mut self, now: Now) -> Aftermath {
        let mut aftermath = Aftermath::default();
        while let Some((id, transmit)) = self.station.poll_transmit(now) {
            if let Some(peer) = self.peers.get_mut(&id) {
                peer.send(transmit, &mut self.counters);
            }
        }
        while let Some(event) = self.station.poll_event() {
            self.carry_out(&event, &mut aftermath);
            self.sink.handle_event(&self.station, event, now);
        }
        let deadline = self.station.poll_timeout();
        if deadline.is_some_and(|deadline| self.armed.is_none_or(|armed| deadline < armed)) {
            self.armed = deadline;
            aftermath.timer_moved = true;
        }
        aftermath
    }

    /// Tells the task of a target to make a new connection.
    fn rotate(&self, target: SocketAddr) {
        if let Some(signal) = self.targets.get(&target) {
            signal.send_modify(|rotations| *rotations += 1);
        }
    }

    /// Tells the tasks of all targets the same.
    pub(super) fn rotate_all(&self) {
        for signal in self.targets.values() {
            signal.send_modify(|rotations| *rotations += 1);
        }
    }

    /// The events that are also ours to act on.
    fn carry_out(&mut self, event: &Event, aftermath: &mut Aftermath) {
        if let Event::Disconnect { peer, reason } = event {
            if let Some(closed) = self.peers.get(peer) {
                debug!(?peer, reason = reason.name(), "disconnected peer");
                CloseCode::Refused.close(&closed.connection);
            }
        } else if let Event::Rotate { peer } = event {
            if let Some(target) = self.peers.get(peer).and_then(|peer| peer.target) {
                self.rotate(target);
            }
        } else if let Event::TicketChanged = event {
            aftermath.ticket_changed = true;
        }
    }
}

impl Peer {
    fn send(&mut self, transmit: Transmit, counters: &mut Counters) {
        match transmit {
            Transmit::Datagram(bytes) => {
                if self.connection.send_datagram(bytes).is_err() {
                    counters.datagrams_dropped += 1;
                }
            }
            Transmit::HazardStream(bytes) => {
                self.outbox.send_hazard(&self.connection, bytes, counters);
            }
            Transmit::Control(bytes) => {
                self.outbox.send_control(&self.connection, bytes, counters);
            }
        }
    }
}
