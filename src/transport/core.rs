use std::{collections::BTreeMap, net::SocketAddr, time::Duration};

use quinn::{Connection, Endpoint};
use tokio::sync::watch;
use tracing::debug;

use super::{CloseCode, Counters, EventSink, peer::Outbox, quic::TlsIdentity};
use crate::{
    crypto::VerifyingKey,
    id::PeerId,
    link::Transmit,
    pipeline::{DisconnectReason, Event, Handshake, Station},
    time::{Instant, Now},
};

/// Everything behind the one mutex.
pub(super) struct Core {
    pub(super) station: Station,
    pub(super) sink: Box<dyn EventSink>,
    pub(super) peers: BTreeMap<PeerId, Peer>,
    pub(super) targets: BTreeMap<SocketAddr, watch::Sender<u64>>,
    pub(super) identity: Option<TlsIdentity>,
    /// The socket to dial from under that identity.
    pub(super) dialer: Option<Endpoint>,
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
    pub(super) keys: KeyAge,
}

/// How long the packet keys of a connection are in use.
#[derive(Clone, Copy, Debug)]
pub(super) struct KeyAge {
    since: Instant,
    /// Packets sent before.
    packets: u64,
}

impl KeyAge {
    pub(super) fn new(now: Instant) -> Self {
        Self {
            since: now,
            packets: 0,
        }
    }

    /// Whether to change the keys of a connection that has sent so many packets; if so, they count
    /// as new from now on.
    pub(super) fn are_due(&mut self, packets: u64, now: Instant) -> bool {
        let is_due = now.since(self.since) >= KEYS_AGE_MAX
            || packets.saturating_sub(self.packets) >= KEYS_PACKETS_MAX;
        if is_due {
            *self = Self {
                since: now,
                packets,
            };
        }
        is_due
    }
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
            dialer: None,
            counters: Counters::default(),
            armed: None,
            next_peer: 0,
        }
    }

    /// Enters a connection whose handshake is over.
    pub(super) fn insert(&mut self, peer: Peer, now: Now) -> PeerId {
        let id = PeerId(self.next_peer);
        self.next_peer += 1;
        let handshake = Handshake {
            own: peer.own_key,
            theirs: peer.key,
            remote: Some(peer.connection.remote_address()),
        };
        self.station.handle_connected(id, handshake, now);
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
                let code = if *reason == DisconnectReason::Rotated {
                    CloseCode::Rotated
                } else {
                    CloseCode::Refused
                };
                code.close(&closed.connection);
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

/// So much before ten minutes that a look every half minute is in time.
const KEYS_AGE_MAX: Duration = Duration::from_secs(540);
/// Three quarters of 2^20: what is sent between two looks is far less than the rest.
const KEYS_PACKETS_MAX: u64 = 3 << 18;
