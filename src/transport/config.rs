use std::{
    net::{Ipv4Addr, SocketAddr},
    ops::RangeInclusive,
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
    /// Inbound peers at one time that have not said hello yet, from the start of their handshake; at
    /// the bound further ones are ignored. One network, an IPv4 /24 or an IPv6 /56, may have half of
    /// them, and begin 200 handshakes a second after the first 1 024.
    pub handshakes_max: usize,
    /// From this many of those on, a stranger must first show that it can be reached at the address
    /// that it claims (RFC 9000 §8.1.2).
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
    /// The first field that has a value with which the station would be deaf or defenceless, and what
    /// it may be; `None` if there is none.
    pub fn out_of_range(&self) -> Option<(&'static str, &'static str)> {
        let times = [
            ("handshake_timeout", self.handshake_timeout),
            ("stream_timeout", self.stream_timeout),
            // A longer one is capped.
            ("idle_timeout", self.idle_timeout()),
        ];
        let wrong_time = times.iter().find(|(_, time)| !TIMEOUTS.contains(time));
        let buffers = [
            ("datagram_send_buffer_len", self.datagram_send_buffer_len),
            (
                "datagram_receive_buffer_len",
                self.datagram_receive_buffer_len,
            ),
        ];
        let wrong_buffer = buffers.iter().find(|(_, len)| !BUFFERS.contains(len));
        if !CONNECTIONS.contains(&self.connections_max) {
            Some(("connections_max", "1 to 65536"))
        } else if !HANDSHAKES.contains(&self.handshakes_max) {
            Some(("handshakes_max", "2 to 4096"))
        } else if self.retry_from >= self.handshakes_max {
            Some(("retry_from", "less than handshakes_max"))
        } else if let Some((name, _)) = wrong_time {
            Some((name, "100ms to 60s"))
        } else if let Some((name, _)) = wrong_buffer {
            Some((name, "2048 to 1048576"))
        } else if self.dial_pause_min < DIAL_PAUSE_MIN {
            Some(("dial_pause_min", "10ms or more"))
        } else if self.dial_pause_max < self.dial_pause_min {
            Some(("dial_pause_max", "no less than the shortest pause"))
        } else {
            None
        }
    }

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
const CONNECTIONS: RangeInclusive<usize> = 1..=65_536;
/// One network may have half of them.
const HANDSHAKES: RangeInclusive<usize> = 2..=4_096;
const TIMEOUTS: RangeInclusive<Duration> = Duration::from_millis(100)..=Duration::from_secs(60);
/// The least is more than one datagram.
const BUFFERS: RangeInclusive<usize> = 2_048..=1_048_576;
const DIAL_PAUSE_MIN: Duration = Duration::from_millis(10);
