use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    thread,
    time::Duration,
};

use super::{Choices, Seed, node::Node};
use crate::{
    crypto::VerifyingKey,
    id::PeerId,
    link::Transmit,
    pipeline::{Config, Event, Handshake, Station},
    security::{TrustDomain, Wallet},
    time::{Instant, Now, Timestamp},
};

/// What the network between simulated stations does to messages.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Conditions {
    /// Probability that a datagram is lost. Streams are reliable: each loss of theirs costs a
    /// retransmission instead.
    pub loss: f64,
    /// Time that every message takes.
    pub delay: Duration,
    /// Up to this much is added by chance, so that datagrams overtake each other.
    pub jitter: Duration,
}

/// One station of a [`Road`], by the order of its arrival.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct NodeId(pub usize);

/// Stations on virtual time, joined by a network that loses, delays, reorders and partitions by
/// seed.
///
/// Same seed, same calls: same events. Deliveries of one instant are carried out station by
/// station, on as many threads as there are processors; no station sees another's, so that the
/// order does not matter.
pub struct Road {
    domain: Arc<TrustDomain>,
    start: Timestamp,
    now: Instant,
    conditions: Conditions,
    choices: Choices,
    nodes: Vec<Node>,
    /// Who is at the other end of a connection.
    ends: BTreeMap<(NodeId, PeerId), (NodeId, PeerId)>,
    connected: BTreeMap<(NodeId, NodeId), (PeerId, PeerId)>,
    muted: BTreeSet<(NodeId, NodeId)>,
    /// By arrival, then by the order of sending.
    in_flight: BTreeMap<(Instant, u64), InFlight>,
    sent: u64,
    next_peer: u64,
    threads: usize,
}

#[derive(Debug)]
enum InFlight {
    Frame {
        to: NodeId,
        peer: PeerId,
        frame: Transmit,
    },
    /// The handshake of a connection that takes the place of the one between two stations.
    Handshake(NodeId, NodeId),
}

impl Road {
    /// An empty road at `start`.
    pub fn new(
        domain: Arc<TrustDomain>,
        start: Timestamp,
        conditions: Conditions,
        seed: Seed,
    ) -> Self {
        Self {
            domain,
            start,
            now: Instant::default(),
            conditions,
            choices: seed.choices("network"),
            nodes: Vec::new(),
            ends: BTreeMap::new(),
            connected: BTreeMap::new(),
            muted: BTreeSet::new(),
            in_flight: BTreeMap::new(),
            sent: 0,
            next_peer: 0,
            threads: thread::available_parallelism().map_or(1, usize::from),
        }
    }

    /// Adds a station that is connected to nobody.
    pub fn add(&mut self, config: Config, wallet: Wallet) -> NodeId {
        let id = NodeId(self.nodes.len());
        let now = self.now();
        let station = Station::new(config, self.domain.clone(), wallet, &[], now);
        self.nodes.push(Node::new(station));
        self.settle(id);
        id
    }

    /// The road's own clocks, which no station's error touches.
    pub fn now(&self) -> Now {
        Now {
            instant: self.now,
            timestamp: self.start.saturating_add(self.now.since_origin()),
        }
    }

    /// The station's clocks.
    pub fn now_of(&self, id: NodeId) -> Now {
        self.node(id).now(self.now())
    }

    /// The station.
    pub fn station(&self, id: NodeId) -> &Station {
        self.node(id).station()
    }

    /// Calls something on a station at its own time, and carries what it sends.
    pub fn with<R>(&mut self, id: NodeId, call: impl FnOnce(&mut Station, Now) -> R) -> R {
        let now = self.now_of(id);
        let result = call(self.node_mut(id).station_mut(), now);
        self.settle(id);
        result
    }

    /// Sets how far the station's universal time is ahead of the true one, in milliseconds.
    pub fn set_clock_error(&mut self, id: NodeId, ahead_ms: i64) {
        self.node_mut(id).clock_error_ms = ahead_ms;
    }

    /// Replaces a station by one that starts anew from what was in durable storage, as after a
    /// crash. Its connections break.
    pub fn restart(&mut self, id: NodeId, config: Config, wallet: Wallet) {
        let others: Vec<NodeId> = self
            .connected
            .keys()
            .filter(|pair| pair.0 == id || pair.1 == id)
            .map(|pair| if pair.0 == id { pair.1 } else { pair.0 })
            .collect();
        for other in others {
            self.disconnect(id, other);
        }
        let now = self.now_of(id);
        let domain = self.domain.clone();
        let node = self.node_mut(id);
        let station = Station::new(config, domain, wallet, &node.disk, now);
        node.replace(station);
        self.settle(id);
    }

    /// Joins two stations, as a finished handshake would; both need a ticket now.
    ///
    /// Returns whether they are joined: not if one of them has no ticket.
    pub fn connect(&mut self, a: NodeId, b: NodeId) -> bool {
        let pair = (a.min(b), a.max(b));
        if self.connected.contains_key(&pair) {
            return true;
        }
        let (Some(key_a), Some(key_b)) = (self.key_of(pair.0), self.key_of(pair.1)) else {
            return false;
        };
        let keys = |own, theirs| Handshake {
            own,
            theirs,
            remote: None,
        };
        let (peer_a, peer_b) = (self.new_peer(), self.new_peer());
        self.ends.insert((pair.0, peer_a), (pair.1, peer_b));
        self.ends.insert((pair.1, peer_b), (pair.0, peer_a));
        self.connected.insert(pair, (peer_a, peer_b));
        self.with(pair.0, |station, now| {
            station.handle_connected(peer_a, keys(key_a, key_b), now);
        });
        self.with(pair.1, |station, now| {
            station.handle_connected(peer_b, keys(key_b, key_a), now);
        });
        true
    }

    /// Parts two stations; what is under way between them is lost.
    pub fn disconnect(&mut self, a: NodeId, b: NodeId) {
        let pair = (a.min(b), a.max(b));
        let Some((peer_a, peer_b)) = self.connected.remove(&pair) else {
            return;
        };
        self.muted.remove(&pair);
        for (node, peer) in [(pair.0, peer_a), (pair.1, peer_b)] {
            self.ends.remove(&(node, peer));
            self.with(node, |station, now| station.handle_disconnected(peer, now));
        }
    }

    /// Whether two stations are joined.
    pub fn are_connected(&self, a: NodeId, b: NodeId) -> bool {
        self.connected.contains_key(&(a.min(b), a.max(b)))
    }

    /// Keeps a connection up but lets nothing new through it, or lifts that: out of range, or a
    /// partition.
    pub fn set_muted(&mut self, a: NodeId, b: NodeId, muted: bool) {
        let pair = (a.min(b), a.max(b));
        if muted {
            self.muted.insert(pair);
        } else {
            self.muted.remove(&pair);
        }
    }

    /// The connection from one station to another, to say something in its name.
    pub fn peer(&self, from: NodeId, to: NodeId) -> Option<PeerId> {
        let (a, b) = *self.connected.get(&(from.min(to), from.max(to)))?;
        Some(if from < to { a } else { b })
    }

    /// Puts a frame on the network as if `from` had sent it on this connection.
    pub fn inject(&mut self, from: NodeId, peer: PeerId, frame: Transmit) {
        self.carry(from, peer, frame);
    }

    /// Lets time pass, with all that happens in it.
    pub fn run_until(&mut self, until: Instant) {
        while let Some(next) = self.next_instant().filter(|next| *next <= until) {
            self.now = self.now.max(next);
            self.step();
        }
        self.now = self.now.max(until);
    }

    /// What stations told their edges since the last call, in order of time and station.
    pub fn take_events(&mut self) -> Vec<(Instant, NodeId, Event)> {
        let mut events: Vec<_> = Vec::new();
        for (index, node) in self.nodes.iter_mut().enumerate() {
            events.extend(
                node.events
                    .drain(..)
                    .map(|(at, event)| (at, NodeId(index), event)),
            );
        }
        events.sort_by_key(|(at, node, _)| (*at, *node));
        events
    }

    fn next_instant(&self) -> Option<Instant> {
        let arrival = self.in_flight.keys().next().map(|(arrives, _)| *arrives);
        let timer = self.nodes.iter().filter_map(Node::poll_timeout).min();
        [arrival, timer].into_iter().flatten().min()
    }

    /// Carries out everything that is due now, and puts what follows on the network.
    fn step(&mut self) {
        let mut due = 0;
        while let Some(next) = self.in_flight.first_entry()
            && next.key().0 <= self.now
        {
            match next.remove() {
                InFlight::Frame { to, peer, frame } => {
                    if self.ends.contains_key(&(to, peer)) {
                        self.node_mut(to).inbox.push((peer, frame));
                        due += 1;
                    }
                }
                InFlight::Handshake(a, b) => {
                    if self.are_connected(a, b) {
                        self.reconnect(a, b);
                    }
                }
            }
        }
        self.run_nodes(due);
        for index in 0..self.nodes.len() {
            self.carry_outbox(NodeId(index));
        }
    }

    /// Makes a connection anew before the old one is closed, as the driver does.
    fn reconnect(&mut self, a: NodeId, b: NodeId) {
        let Some(old) = self.connected.remove(&(a, b)) else {
            return;
        };
        let is_muted = self.muted.contains(&(a, b));
        self.connect(a, b);
        self.set_muted(a, b, is_muted);
        for (node, peer) in [(a, old.0), (b, old.1)] {
            self.ends.remove(&(node, peer));
            self.with(node, |station, now| station.handle_disconnected(peer, now));
        }
    }

    fn run_nodes(&mut self, due: usize) {
        let now = self.now();
        let mut busy: Vec<_> = self
            .nodes
            .iter_mut()
            .filter(|node| node.is_due(now.instant))
            .collect();
        if due < PARALLEL_MIN || self.threads < 2 {
            busy.iter_mut().for_each(|node| node.run(now));
            return;
        }
        let share = busy.len().div_ceil(self.threads);
        thread::scope(|scope| {
            for nodes in busy.chunks_mut(share) {
                scope.spawn(move || nodes.iter_mut().for_each(|node| node.run(now)));
            }
        });
    }

    fn settle(&mut self, id: NodeId) {
        let now = self.now();
        self.node_mut(id).drain(now);
        self.carry_outbox(id);
    }

    fn carry_outbox(&mut self, from: NodeId) {
        for (peer, frame) in std::mem::take(&mut self.node_mut(from).outbox) {
            self.carry(from, peer, frame);
        }
        for peer in std::mem::take(&mut self.node_mut(from).closing) {
            if let Some(&(other, _)) = self.ends.get(&(from, peer)) {
                self.disconnect(from, other);
            }
        }
        if std::mem::take(&mut self.node_mut(from).is_rotating) {
            self.rotate(from);
        }
    }

    /// Begins a handshake for each connection of a station whose ticket changed.
    fn rotate(&mut self, node: NodeId) {
        let round_trip = (self.conditions.delay + self.conditions.jitter) * 2 + HANDSHAKE_MIN;
        let pairs: Vec<_> = self
            .connected
            .keys()
            .filter(|pair| pair.0 == node || pair.1 == node)
            .copied()
            .collect();
        for (a, b) in pairs {
            self.sent += 1;
            self.in_flight.insert(
                (self.now + round_trip, self.sent),
                InFlight::Handshake(a, b),
            );
        }
    }

    fn carry(&mut self, from: NodeId, peer: PeerId, frame: Transmit) {
        let Some(&(to, peer)) = self.ends.get(&(from, peer)) else {
            return;
        };
        let Some(delay) = self.delay(from, to, &frame) else {
            return;
        };
        self.sent += 1;
        self.in_flight.insert(
            (self.now + delay, self.sent),
            InFlight::Frame { to, peer, frame },
        );
    }

    /// How long a frame takes, or `None` if it is lost.
    fn delay(&mut self, from: NodeId, to: NodeId, frame: &Transmit) -> Option<Duration> {
        let control = matches!(frame, Transmit::Control(_));
        if !control && self.muted.contains(&(from.min(to), from.max(to))) {
            return None;
        }
        // Connections open at once, so that what is measured is what messages suffer.
        let is_stream = matches!(frame, Transmit::HazardStream(_)) || frame.is_about_others();
        if control && !is_stream {
            return Some(Duration::ZERO);
        }
        let jitter = self.choices.below(nanos(self.conditions.jitter));
        let mut delay = self.conditions.delay + Duration::from_nanos(jitter);
        if is_stream {
            let mut retransmissions = 0;
            while retransmissions < RETRANSMISSIONS_MAX
                && self.choices.happens(self.conditions.loss)
            {
                delay += self.conditions.delay * 2 + RETRANSMISSION_MIN;
                retransmissions += 1;
            }
        } else if self.choices.happens(self.conditions.loss) {
            return None;
        }
        Some(delay)
    }

    fn key_of(&mut self, id: NodeId) -> Option<VerifyingKey> {
        let now = self.now_of(id);
        self.node(id)
            .station()
            .identity(now)
            .map(|identity| identity.key)
    }

    fn new_peer(&mut self) -> PeerId {
        self.next_peer += 1;
        PeerId(self.next_peer)
    }

    fn node(&self, id: NodeId) -> &Node {
        self.nodes.get(id.0).expect("ids come from `add`")
    }

    fn node_mut(&mut self, id: NodeId) -> &mut Node {
        self.nodes.get_mut(id.0).expect("ids come from `add`")
    }
}

fn nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

/// Below this many deliveries a thread costs more than it saves.
const PARALLEL_MIN: usize = 32;

/// The shortest retransmission timer of QUIC's recovery on a fresh path is of this order
/// (RFC 9002 §6.2).
const RETRANSMISSION_MIN: Duration = Duration::from_millis(25);
const RETRANSMISSIONS_MAX: u32 = 10;

/// The computing of a handshake, on both sides together.
const HANDSHAKE_MIN: Duration = Duration::from_millis(1);
