//! Other products, played by a program of its own (`src/cli/peers`) in the same shapes.

use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
    time::Duration,
};

use serde::Serialize;

use super::{
    process::Process,
    relay::{Figures, TICKETS_TOLD, figures},
    stage::{measure, ready},
};

/// How 100 senders reach whoever passes on what they say.
#[derive(Clone, Copy, Debug)]
pub(super) struct Shape {
    pub(super) connections: usize,
    /// How long a sender gathers messages before it sends them.
    pub(super) gathered: Duration,
}

/// A product in a shape.
pub(super) struct Peer {
    pub(super) name: &'static str,
    pub(super) note: &'static str,
    product: Product,
    shape: Shape,
}

/// What one process of a product has to be.
#[derive(Serialize)]
struct Part {
    product: Product,
    role: Role,
    connections: usize,
    gathered_ms: u64,
    /// Where the router or broker listens, or the receiver where there is none.
    address: Option<SocketAddr>,
    /// For certificates.
    folder: PathBuf,
}

#[derive(Clone, Copy, Debug, Serialize)]
enum Product {
    /// Over QUIC, from peer to peer.
    Zenoh,
    /// Over QUIC, by way of a router.
    ZenohRouter,
    /// Over TLS, QoS 0.
    Mosquitto,
}

#[derive(Clone, Copy, Debug, Serialize)]
enum Role {
    Relay,
    Receiver,
    Sender,
}

impl Shape {
    pub(super) const ONE: Self = Self {
        connections: 1,
        gathered: Duration::ZERO,
    };
    pub(super) const HUNDRED: Self = Self {
        connections: 100,
        gathered: Duration::ZERO,
    };
    pub(super) const ONE_GATHERED: Self = Self {
        gathered: GATHERED,
        ..Self::ONE
    };
    const HUNDRED_GATHERED: Self = Self {
        gathered: GATHERED,
        ..Self::HUNDRED
    };
}

/// Measures a router or broker between 100 senders and a receiver.
pub(super) fn relay(program: &Path, peer: &Peer, length: Duration) -> anyhow::Result<Figures> {
    let folder = tempfile::tempdir()?;
    let start = |role, address| start((program, folder.path()), peer, (role, address));
    let (relay, address) = start(Role::Relay, None)?;
    let (receiver, _) = start(Role::Receiver, address)?;
    let (sender, _) = start(Role::Sender, address)?;
    let mut processes = [relay, receiver, sender];
    let ([], tallies) = measure(&mut processes, (TICKETS_TOLD, length), || Ok([]))?;
    Ok(figures(&tallies))
}

/// Measures 100 senders and a receiver with nobody between them.
pub(super) fn direct(program: &Path, peer: &Peer, length: Duration) -> anyhow::Result<Figures> {
    let folder = tempfile::tempdir()?;
    let start = |role, address| start((program, folder.path()), peer, (role, address));
    let (receiver, address) = start(Role::Receiver, None)?;
    let (sender, _) = start(Role::Sender, address)?;
    let mut processes = [receiver, sender];
    let ([], [received, sent]) = measure(&mut processes, (WARM_UP, length), || Ok([]))?;
    Ok(super::agents::figures(&sent, &received))
}

fn start(
    (program, folder): (&Path, &Path),
    peer: &Peer,
    (role, address): (Role, Option<SocketAddr>),
) -> anyhow::Result<(Process, Option<SocketAddr>)> {
    let part = Part {
        product: peer.product,
        role,
        connections: peer.shape.connections,
        gathered_ms: u64::try_from(peer.shape.gathered.as_millis())?,
        address,
        folder: folder.to_owned(),
    };
    let mut process = Process::other(program, &part)?;
    let address = ready(&mut process)?;
    Ok((process, address))
}

/// Those that stand beside agents.
pub(super) const DIRECT: [Peer; 2] = [
    Peer {
        name: "zenoh_quic",
        note: "zenoh from peer to peer over QUIC, unsigned payloads of 300 B",
        product: Product::Zenoh,
        shape: Shape::ONE,
    },
    Peer {
        name: "zenoh_quic_100_connections",
        note: "the same, each sender with a session of its own",
        product: Product::Zenoh,
        shape: Shape::HUNDRED,
    },
];

/// Those that stand beside the relay.
pub(super) const RELAYED: [Peer; 8] = [
    Peer {
        name: "zenoh_router_quic_1_connection",
        note: "zenoh by way of its router, QUIC, unsigned payloads of 300 B",
        product: Product::ZenohRouter,
        shape: Shape::ONE,
    },
    Peer {
        name: "zenoh_router_quic_1_connection_gathered_10ms",
        note: "the same, the sender gathering messages for 10 ms",
        product: Product::ZenohRouter,
        shape: Shape::ONE_GATHERED,
    },
    Peer {
        name: "zenoh_router_quic_100_connections",
        note: "each sender with a session of its own",
        product: Product::ZenohRouter,
        shape: Shape::HUNDRED,
    },
    Peer {
        name: "zenoh_router_quic_100_connections_gathered_10ms",
        note: "the same, all senders sending at the same multiples of 10 ms",
        product: Product::ZenohRouter,
        shape: Shape::HUNDRED_GATHERED,
    },
    Peer {
        name: "mosquitto_tls_1_connection",
        note: "mosquitto over TLS, QoS 0, unsigned payloads of 300 B",
        product: Product::Mosquitto,
        shape: Shape::ONE,
    },
    Peer {
        name: "mosquitto_tls_1_connection_gathered_10ms",
        note: "the same, the sender gathering messages for 10 ms",
        product: Product::Mosquitto,
        shape: Shape::ONE_GATHERED,
    },
    Peer {
        name: "mosquitto_tls_100_connections",
        note: "each sender with a session of its own",
        product: Product::Mosquitto,
        shape: Shape::HUNDRED,
    },
    Peer {
        name: "mosquitto_tls_100_connections_gathered_10ms",
        note: "the same, all senders sending at the same multiples of 10 ms",
        product: Product::Mosquitto,
        shape: Shape::HUNDRED_GATHERED,
    },
];

const GATHERED: Duration = Duration::from_millis(10);
const WARM_UP: Duration = Duration::from_secs(3);
