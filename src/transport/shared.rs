use std::{
    net::SocketAddr,
    sync::{Arc, Mutex},
};

use quinn::{Connection, Incoming};
use tokio::{
    sync::{Notify, watch},
    time::Instant as RealInstant,
};
use tracing::{debug, warn};

use super::{
    Clock, CloseCode, Config,
    core::{Core, KeyAge, Peer, Wanted},
    driver,
    peer::{self, Outbox},
    quic::{self, TlsIdentity},
    sockets::{Listener, Sockets},
    strangers::{Place, Strangers},
    target,
};
use crate::{
    crypto::VerifyingKey,
    id::PeerId,
    time::{Instant, Now},
};

/// What the tasks of one driver share.
pub(super) struct Shared {
    pub(super) config: Config,
    pub(super) clock: Clock,
    pub(super) sockets: Sockets,
    /// The port that others are told.
    pub(super) port: watch::Sender<u16>,
    pub(super) phase: watch::Sender<Phase>,
    pub(super) timer_moved: Notify,
    pub(super) ticket_changed: Notify,
    pub(super) seed: u64,
    strangers: Strangers,
    core: Mutex<Core>,
}

/// How far a driver is on its way to the end.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(super) enum Phase {
    Running,
    /// Nobody new is let in or dialled; what is queued is sent.
    Draining,
    /// All sockets are closed.
    Ended,
}

/// How a connection came about.
pub(super) enum Origin {
    /// We dialled this address.
    Dialled(SocketAddr),
    /// A stranger did, who has this place.
    Accepted(Place),
}

/// What became of a connection whose handshake is over.
pub(super) enum Attached {
    /// The station has it.
    Yes,
    /// The peer had dialled us too, and its connection stays.
    Duplicate(Connection),
    /// It is closed.
    No,
}

impl Shared {
    pub(super) fn new(
        (config, clock, seed): (Config, Clock, u64),
        sockets: Sockets,
        core: Core,
    ) -> Self {
        let port = port_of(&sockets.listener());
        Self {
            strangers: Strangers::new(config.handshakes_max, RealInstant::now()),
            config,
            clock,
            sockets,
            port: watch::Sender::new(port),
            phase: watch::Sender::new(Phase::Running),
            timer_moved: Notify::new(),
            ticket_changed: Notify::new(),
            seed,
            core: Mutex::new(core),
        }
    }

    /// Runs `work` on the core and then everything that the station wants done.
    pub(super) fn with_core<R>(&self, work: impl FnOnce(&mut Core, Now) -> R) -> R {
        let (result, aftermath) = {
            let mut core = self
                .core
                .lock()
                .expect("a panic under the mutex ends the driver");
            let now = self.clock.now();
            let result = work(&mut core, now);
            (result, core.flush(now))
        };
        if aftermath.timer_moved {
            self.timer_moved.notify_one();
        }
        if aftermath.ticket_changed {
            self.ticket_changed.notify_one();
        }
        result
    }

    /// Takes the station's present ticket as the identity of new connections.
    ///
    /// If it is another than before, the connections that we dialled are made anew, and what is
    /// left under the old ticket is closed after a while, at the latest when that ticket ends.
    pub(super) fn refresh_identity(self: &Arc<Self>) {
        let (wanted, known, now) = self.with_core(|core, now| {
            let known = core.identity.as_ref();
            let known = known.map(|known| (known.key, known.valid_until));
            (core.station.identity(now), known, now)
        });
        let identity = wanted.and_then(|wanted| {
            TlsIdentity::new(&wanted.tls_seed, wanted.valid_until, &self.config)
                .inspect_err(|error| warn!(%error, "cannot use the ticket's key for TLS"))
                .ok()
        });
        let key = identity.as_ref().map(|identity| identity.key);
        if key == known.map(|(key, _)| key) {
            return;
        }
        let is_running = *self.phase.borrow() == Phase::Running;
        let server = identity.as_ref().filter(|_| is_running);
        let server = server.map(|identity| identity.server.clone());
        let renewed = key.map(|key| self.sockets.renew(key));
        self.with_core(|core, _| {
            core.identity = identity;
            core.dialer = renewed.as_ref().map(|renewed| renewed.dialer.clone());
            core.rotate_all();
        });
        self.sockets.accept_as(server);
        if let Some(renewed) = renewed {
            // Where the port is fixed too: who announces goes by a new name with each ticket.
            self.port.send_replace(port_of(&renewed.listener));
            if renewed.is_new_listener {
                tokio::spawn(driver::accept(self.clone(), renewed.listener));
            }
        }
        if let Some((_, valid_until)) = known {
            let grace = valid_until
                .since(now.timestamp)
                .min(self.config.rotation_grace);
            let shared = self.clone();
            tokio::spawn(async move {
                shared.clock.sleep_until(now.instant + grace).await;
                shared.close_outdated();
                shared.sockets.close_retired();
            });
        }
    }

    /// When the present identity ends; `None` without one.
    pub(super) fn identity_until(&self) -> Option<Instant> {
        self.with_core(|core, now| {
            let identity = core.identity.as_ref()?;
            Some(now.instant + identity.valid_until.since(now.timestamp))
        })
    }

    /// Gives up an identity whose ticket has ended, and its connections.
    pub(super) fn end_identity(self: &Arc<Self>) {
        self.refresh_identity();
        let has_ended = self.with_core(|core, now| {
            let has_ended = core
                .identity
                .as_ref()
                .is_some_and(|identity| identity.valid_until <= now.timestamp);
            if has_ended {
                core.identity = None;
            }
            has_ended
        });
        if has_ended {
            warn!("no ticket is valid any more, connections are closed");
            self.sockets.accept_as(None);
        }
        self.close_outdated();
    }

    /// Decides what a stranger may have, before it costs a handshake.
    pub(super) fn handle_incoming(self: &Arc<Self>, incoming: Incoming, generation: u64) {
        let (connections, identity) = self.with_core(|core, _| {
            let identity = core.identity.as_ref().map(|identity| identity.key);
            (core.peers.len(), identity)
        });
        // Who comes to the socket of a former ticket must not be answered by the present one.
        let is_open = *self.phase.borrow() == Phase::Running
            && self.sockets.listener().generation == generation;
        let identity = identity.filter(|_| is_open && connections < self.config.connections_max);
        let Some(identity) = identity else {
            incoming.refuse();
            return self.with_core(|core, _| core.counters.handshakes_shed += 1);
        };
        let (from, now) = (incoming.remote_address().ip(), RealInstant::now());
        let strangers = self.strangers.len();
        let must_show = strangers >= self.config.retry_from || self.strangers.is_busy(from, now);
        if must_show
            && strangers < self.config.handshakes_max
            && !incoming.remote_address_validated()
        {
            if incoming.retry().is_ok() {
                self.with_core(|core, _| core.counters.retries += 1);
            }
        } else if let Some(place) = self.strangers.enter(from, now) {
            let shared = self.clone();
            tokio::spawn(async move {
                shared.finish_handshake(incoming, identity, place).await;
            });
        } else {
            incoming.ignore();
            self.with_core(|core, _| core.counters.handshakes_shed += 1);
        }
    }

    /// Enters a connection that was made under our key `identity`, unless that is no longer ours, it
    /// is one too many, or the same pair has a better one.
    pub(super) fn attach(
        self: &Arc<Self>,
        connection: Connection,
        identity: VerifyingKey,
        origin: Origin,
    ) -> Attached {
        let (target, place) = match origin {
            Origin::Dialled(address) => (Some(address), None),
            Origin::Accepted(place) => (None, Some(place)),
        };
        let Some(key) = quic::peer_key(&connection) else {
            CloseCode::Refused.close(&connection);
            return Attached::No;
        };
        let attached = self.with_core(|core, now| {
            let refused = if key == identity {
                Some(CloseCode::Oneself)
            } else if core.identity.as_ref().map(|present| present.key) != Some(identity) {
                Some(CloseCode::Rotated)
            } else if core.peers.len() >= self.config.connections_max {
                Some(CloseCode::Full)
            } else {
                None
            };
            if let Some(code) = refused {
                code.close(&connection);
                return Err(Attached::No);
            }
            if let Some(address) = target {
                core.handle_answer(address, key);
            }
            let peer = Peer {
                connection: connection.clone(),
                key,
                own_key: identity,
                target,
                place,
                outbox: Outbox::default(),
                keys: KeyAge::new(now.instant),
            };
            if let Some(better) = end_duplicate(core, &peer) {
                return Err(Attached::Duplicate(better));
            }
            match target {
                Some(_) => core.counters.dialled += 1,
                None => core.counters.accepted += 1,
            }
            Ok(core.insert(peer, now))
        });
        match attached {
            Ok(id) => {
                self.spawn_readers(id, connection);
                Attached::Yes
            }
            Err(attached) => attached,
        }
    }

    /// Closes the connections that were made under another key than the present one.
    pub(super) fn close_outdated(&self) {
        self.with_core(|core, _| {
            let present = core.identity.as_ref().map(|identity| identity.key);
            for peer in core.peers.values() {
                if present != Some(peer.own_key) {
                    CloseCode::Rotated.close(&peer.connection);
                }
            }
        });
    }

    /// Changes the packet keys that are old or have served long.
    pub(super) fn change_keys(&self) {
        self.with_core(|core, now| {
            for peer in core.peers.values_mut() {
                let packets = peer.connection.stats().udp_tx.datagrams;
                if peer.keys.are_due(packets, now.instant) {
                    peer.connection.force_key_update();
                }
            }
        });
    }

    /// Keeps up a connection to this address, for as long as somebody wants it.
    pub(super) fn add_target(self: &Arc<Self>, address: SocketAddr, by: Wanted) {
        if *self.phase.borrow() != Phase::Running {
            return;
        }
        if let Some(signal) = self.with_core(|core, _| core.want(address, by)) {
            tokio::spawn(target::keep_connected(self.clone(), address, signal));
        }
    }

    /// Gives up a connection that was kept up, unless somebody else wants it.
    pub(super) fn remove_target(&self, address: SocketAddr, by: Wanted) {
        self.with_core(|core, _| core.unwant(address, by));
    }

    async fn finish_handshake(
        self: &Arc<Self>,
        incoming: Incoming,
        identity: VerifyingKey,
        place: Place,
    ) {
        let handshake = tokio::time::timeout(self.config.handshake_timeout, incoming);
        match handshake.await {
            Ok(Ok(connection)) => {
                self.attach(connection, identity, Origin::Accepted(place));
            }
            Ok(Err(error)) => {
                debug!(%error, "inbound handshake failed");
                self.with_core(|core, _| core.counters.handshakes_failed += 1);
            }
            Err(_) => self.with_core(|core, _| core.counters.handshakes_failed += 1),
        }
    }

    fn spawn_readers(self: &Arc<Self>, id: PeerId, connection: Connection) {
        tokio::spawn(peer::read_streams(self.clone(), id, connection.clone()));
        tokio::spawn(peer::read_datagrams(self.clone(), id, connection));
    }
}

fn port_of(listener: &Listener) -> u16 {
    let address = listener.endpoint.local_addr();
    address.map_or(0, |address| address.port())
}

/// If the two sides dialled each other, ends one of the two connections: the one that the side with
/// the lower key dialled stays, so that both sides end the same one. Returns the other if `peer` is
/// the one that ends.
fn end_duplicate(core: &mut Core, peer: &Peer) -> Option<Connection> {
    let other = core.peers.values().find(|other| {
        other.key == peer.key
            && other.own_key == peer.own_key
            && other.target.is_some() != peer.target.is_some()
            && other.connection.close_reason().is_none()
    })?;
    core.counters.duplicates += 1;
    let keeps_dialled = peer.own_key.as_bytes() < peer.key.as_bytes();
    if peer.target.is_some() == keeps_dialled {
        CloseCode::Duplicate.close(&other.connection);
        None
    } else {
        CloseCode::Duplicate.close(&peer.connection);
        Some(other.connection.clone())
    }
}
