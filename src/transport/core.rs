use std::{
    collections::{BTreeMap, BTreeSet},
    net::SocketAddr,
    time::Duration,
};

use quinn::{Connection, Endpoint};
use tokio::sync::watch;
use tracing::debug;

use super::{CloseCode, Counters, EventSink, peer::Outbox, quic::TlsIdentity, strangers::Place};
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
    pub(super) targets: BTreeMap<SocketAddr, Target>,
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
    /// Its place among strangers; `None` once it said hello, and for those that we dialled.
    pub(super) place: Option<Place>,
    pub(super) outbox: Outbox,
    pub(super) keys: KeyAge,
}

/// An address to be connected to.
pub(super) struct Target {
    /// Asks for a new connection; dropped, it ends the target's task.
    signal: watch::Sender<u64>,
    /// Who wants it.
    wanted: BTreeSet<Wanted>,
    /// The key of whoever answered there last.
    key: Option<VerifyingKey>,
}

/// Who wants an address to be connected to.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(super) enum Wanted {
    /// The configuration, for as long as the driver runs.
    Configured,
    /// Stations on the same link that announce it.
    Discovered,
    /// Whoever has the driver's handle.
    Asked,
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

    /// Takes in a control frame of a peer, which is no stranger any more if it was a good hello.
    pub(super) fn handle_control(&mut self, id: PeerId, frame: &[u8], now: Now) {
        self.station.handle_control(id, frame, now);
        if let Some(peer) = self.peers.get_mut(&id)
            && peer.place.is_some()
            && self.station.peer_is_unit(id).is_some()
        {
            peer.place = None;
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

    /// Notes that somebody wants an address; returns what its task waits for if nobody did before.
    pub(super) fn want(&mut self, address: SocketAddr, by: Wanted) -> Option<watch::Receiver<u64>> {
        if let Some(target) = self.targets.get_mut(&address) {
            target.wanted.insert(by);
            return None;
        }
        let (signal, receiver) = watch::channel(0);
        let target = Target {
            signal,
            wanted: BTreeSet::from([by]),
            key: None,
        };
        self.targets.insert(address, target);
        Some(receiver)
    }

    /// Notes that somebody no longer wants an address; its task ends once nobody does.
    pub(super) fn unwant(&mut self, address: SocketAddr, by: Wanted) {
        if let Some(target) = self.targets.get_mut(&address) {
            target.wanted.remove(&by);
            if target.wanted.is_empty() {
                self.targets.remove(&address);
            }
        }
    }

    /// Notes whose key was shown at an address.
    pub(super) fn handle_answer(&mut self, address: SocketAddr, key: VerifyingKey) {
        if let Some(target) = self.targets.get_mut(&address) {
            target.key = Some(key);
        }
    }

    /// The open connections to whoever answers at an address, whichever side made them.
    pub(super) fn connections_to(&self, address: SocketAddr) -> Vec<PeerId> {
        let key = self.targets.get(&address).and_then(|target| target.key);
        let open = self.peers.iter().filter(|(_, peer)| {
            let is_there = peer.target == Some(address) || key == Some(peer.key);
            is_there && peer.connection.close_reason().is_none()
        });
        open.map(|(id, _)| *id).collect()
    }

    /// Tells the task of a target to make a new connection.
    fn rotate(&self, target: SocketAddr) {
        if let Some(target) = self.targets.get(&target) {
            target.rotate();
        }
    }

    /// Tells the tasks of all targets the same.
    pub(super) fn rotate_all(&self) {
        for target in self.targets.values() {
            target.rotate();
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
        } else if let Event::OwnReinstated = event {
            // Whoever refused us learns of it about now, too.
            self.rotate_all();
        } else if let Event::TicketChanged = event {
            aftermath.ticket_changed = true;
        }
    }
}

impl Target {
    fn rotate(&self) {
        self.signal.send_modify(|rotations| *rotations += 1);
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
