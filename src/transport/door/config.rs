use std::{
    net::{Ipv4Addr, SocketAddr},
    num::NonZeroU32,
    time::Duration,
};

use serde::{Deserialize, Serialize};

/// Where a unit's door is, and what strangers may cost.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct ServerConfig {
    /// The door's address; port 0 takes any free one.
    pub listen: SocketAddr,
    /// Connections at one time, of which one network (24 bits of IPv4, 56 of IPv6) has half; at the
    /// bound further ones are refused.
    pub connections_max: usize,
    /// Handshakes at one time, of which one network has half; at the bound further ones are ignored.
    pub handshakes_max: usize,
    /// From this many handshakes on, a stranger must first show that it can be reached at the
    /// address that it claims (RFC 9000 §8.1.2).
    pub retry_from: usize,
    /// Requests a second from one source prefix (24 bits of IPv4, 56 of IPv6), sustained; four
    /// times as many may come at once. Above it: `RESOURCE_EXHAUSTED`, with the time to wait.
    pub requests_per_s: NonZeroU32,
    /// The largest request. All requests together that are longer than 32 KiB take at most 64 MiB
    /// while they are read; beyond, they wait.
    pub request_bytes_max: usize,
    /// How long a stranger may take for its handshake, or to send one request.
    #[serde(with = "humantime_serde")]
    pub request_timeout: Duration,
    /// How long an answer may take: to be made, and once more to be taken.
    #[serde(with = "humantime_serde")]
    pub answer_timeout: Duration,
    /// How long a connection may last, whatever it does; a car comes back when it has more.
    #[serde(with = "humantime_serde")]
    pub connection_timeout: Duration,
}

/// What a car bears of a unit's door.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct ClientConfig {
    /// How long the unit may take to be believed: the handshake and its certificate.
    #[serde(with = "humantime_serde")]
    pub connect_timeout: Duration,
    /// How long the unit may take for one answer.
    #[serde(with = "humantime_serde")]
    pub call_timeout: Duration,
    /// The largest answer.
    pub answer_bytes_max: usize,
}

impl Default for ServerConfig {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from((Ipv4Addr::UNSPECIFIED, 7444)),
            connections_max: 256,
            handshakes_max: 64,
            retry_from: 16,
            requests_per_s: const { NonZeroU32::new(50).expect("not zero") },
            request_bytes_max: 512 * 1024,
            request_timeout: Duration::from_secs(5),
            answer_timeout: Duration::from_secs(35),
            connection_timeout: Duration::from_secs(120),
        }
    }
}

impl Default for ClientConfig {
    fn default() -> Self {
        Self {
            connect_timeout: Duration::from_secs(5),
            call_timeout: Duration::from_secs(40),
            answer_bytes_max: 16 * 1024 * 1024,
        }
    }
}
