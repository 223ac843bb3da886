use std::{
    net::{Ipv4Addr, SocketAddr},
    time::Duration,
};

use serde::{Deserialize, Serialize};

/// Where a station listens, whom it dials, and what strangers may cost.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// The endpoint's address; port 0 takes any free one, and another with every ticket.
    pub listen: SocketAddr,
    /// Whether port 0 stays the one taken first, for whoever is told it.
    pub keep_port: bool,
    /// Stations to be connected to for as long as the driver runs.
    pub peers: Vec<SocketAddr>,
    /// Finds stations on the same link; off unless given.
    pub discovery: Option<DiscoveryConfig>,
    /// Connections at one time, both ways; at the bound further ones are refused.
    pub connections_max: usize,
    /// Inbound handshakes at one time; at the bound further ones are ignored.
    pub handshakes_max: usize,
    /// From this many inbound handshakes on, a stranger must first show that it can be reached at
    /// the address that it claims (RFC 9000 §8.1.2).
    pub retry_from: usize,
    /// How long a handshake may take.
    #[serde(with = "humantime_serde")]
    pub handshake_timeout: Duration,
    /// How long a peer may take to send one stream.
    #[serde(with = "humantime_serde")]
    pub stream_timeout: Duration,
    /// Silence after which a connection is dead. Capped at 10 s.
    #[serde(with = "humantime_serde")]
    pub idle_timeout: Duration,
    /// Shortest pause before dialling again; doubles with every failure.
    #[serde(with = "humantime_serde")]
    pub dial_pause_min: Duration,
    /// Longest pause before dialling again.
    #[serde(with = "humantime_serde")]
    pub dial_pause_max: Duration,
    /// How long connections under the last ticket live on after it changed.
    #[serde(with = "humantime_serde")]
    pub rotation_grace: Duration,
    /// Whether an inbound connection may follow its peer to another address.
    pub migration: bool,
    /// Bytes of telemetry that may wait for one connection; beyond it the oldest is dropped.
    pub datagram_send_buffer_len: usize,
    /// Bytes of datagrams that may wait to be read from one connection; beyond it the oldest is
    /// dropped.
    pub datagram_receive_buffer_len: usize,
}

/// How stations on the same link find each other by multicast.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct DiscoveryConfig {
    /// The group and its port. An IPv6 group needs the interface as its scope:
    /// `[ff02::5741:5953%2]:7441`.
    pub group: SocketAddr,
    /// The interface of an IPv4 group, by its address; unspecified leaves it to the system.
    pub interface: Ipv4Addr,
    /// Time between announcements, at least 1 s; a tenth of it is jitter.
    #[serde(with = "humantime_serde")]
    pub interval: Duration,
    /// Stations remembered; at the bound further ones are ignored until one is forgotten.
    pub candidates_max: usize,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from((Ipv4Addr::UNSPECIFIED, 7440)),
            keep_port: false,
            peers: Vec::new(),
            discovery: None,
            connections_max: 256,
            handshakes_max: 64,
            retry_from: 16,
            handshake_timeout: Duration::from_secs(5),
            stream_timeout: Duration::from_secs(2),
            idle_timeout: Duration::from_secs(10),
            dial_pause_min: Duration::from_millis(250),
            dial_pause_max: Duration::from_secs(30),
            rotation_grace: Duration::from_secs(10),
            migration: false,
            datagram_send_buffer_len: 32 * 1024,
            datagram_receive_buffer_len: 64 * 1024,
        }
    }
}

impl Default for DiscoveryConfig {
    fn default() -> Self {
        Self {
            group: SocketAddr::from((Ipv4Addr::new(239, 255, 87, 89), 7441)),
            interface: Ipv4Addr::UNSPECIFIED,
            interval: INTERVAL_MIN,
            candidates_max: 64,
        }
    }
}

impl Config {
    /// The idle timeout within its cap.
    pub(super) fn idle_timeout(&self) -> Duration {
        self.idle_timeout.min(IDLE_TIMEOUT_MAX)
    }
}

impl DiscoveryConfig {
    /// The interval within its bound.
    pub(super) fn interval(&self) -> Duration {
        self.interval.max(INTERVAL_MIN)
    }
}

const IDLE_TIMEOUT_MAX: Duration = Duration::from_secs(10);
const INTERVAL_MIN: Duration = Duration::from_secs(1);
