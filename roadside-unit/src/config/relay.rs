use std::{
    collections::BTreeSet,
    net::{Ipv4Addr, SocketAddr},
    path::PathBuf,
    time::Duration,
};

use serde::{Deserialize, Serialize};
use wayside::{
    geo::Position,
    link, pipeline,
    relay::{self, FIXED_RADIUS_MAX_M},
    security,
    serve::ConfigError,
    traffic, transport, world,
};

/// How the unit hands on what vehicles say, and keeps hazards for those who come; for the profile
/// `relay`. Reloadable are `address`, `position`, `radius_m`, `neighbours` and `rules`; all else is read at
/// the start alone.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct RelayConfig {
    /// Where vehicles and other units connect; port 0 takes any free one.
    #[serde(default = "usual_listen")]
    pub listen: SocketAddr,
    /// Where vehicles are told to connect; `listen`, if not given, which must name one address then.
    #[serde(default)]
    pub address: Option<SocketAddr>,
    /// Where the unit stands.
    pub position: PlaceConfig,
    /// How far around it serves, in metres, 10 to 10 000.
    #[serde(default = "usual_radius")]
    pub radius_m: u32,
    /// Other units that it keeps up a connection to. Of two units one is enough to name the other.
    #[serde(default)]
    pub neighbours: Vec<SocketAddr>,
    /// The file of a trust domain. The unit begins with it where the ledger says nothing yet of who
    /// issues tickets; in a development domain its keys count beside the ledger's.
    #[serde(default)]
    pub trust_domain: Option<PathBuf>,
    /// Hazards that the operator may have told at one time; at the bound further ones are refused.
    #[serde(default = "usual_hazards")]
    pub own_hazards_max: usize,
    /// What strangers may cost.
    #[serde(default)]
    pub limits: RelayLimits,
    /// How peers are spoken to; `tick` gathers telemetry for a few milliseconds.
    #[serde(default)]
    pub link: link::Config,
    /// What is refused.
    #[serde(default)]
    pub verifier: security::Config,
    /// What is remembered of the road.
    #[serde(default)]
    pub world: world::Config,
    /// What is handed on, and which hazards are kept.
    #[serde(default)]
    pub rules: relay::Config,
    /// How much is verified before the unit begins to leave things out.
    #[serde(default)]
    pub load: relay::LoadConfig,
    /// How traffic is measured from what is heard.
    #[serde(default)]
    pub traffic: traffic::Config,
}

/// A place on the earth.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct PlaceConfig {
    /// Degrees north of the equator.
    pub latitude_deg: f64,
    /// Degrees east of Greenwich.
    pub longitude_deg: f64,
}

/// What strangers may cost who connect to the relay.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct RelayLimits {
    /// Connections at one time; at the bound further ones are refused.
    pub connections_max: usize,
    /// Peers at one time that have not said hello yet, from the start of their handshake; at the bound
    /// further ones are ignored. One network, an IPv4 /24 or an IPv6 /56, may have half of them.
    pub handshakes_max: usize,
    /// From this many of those on, a stranger must first show that it can be reached at the address
    /// that it claims.
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
    /// Longest pause before a neighbour is dialled again.
    #[serde(with = "humantime_serde")]
    pub dial_pause_max: Duration,
    /// Bytes of telemetry that may wait for one connection; beyond it the oldest is dropped.
    pub datagram_send_buffer_len: usize,
    /// Bytes of datagrams that may wait to be read from one connection; beyond it the oldest is dropped.
    pub datagram_receive_buffer_len: usize,
}

impl RelayConfig {
    /// Refuses what cannot be.
    pub(super) fn validate(&self) -> Result<(), ConfigError> {
        let refuse = |key: &str, expected| {
            Err(ConfigError::OutOfRange {
                key: format!("relay.{key}"),
                expected,
            })
        };
        if self.place().is_none() {
            return refuse(
                "position",
                "latitude_deg from -90 to 90 and longitude_deg from -180 to 180",
            );
        }
        if !RADII_M.contains(&self.radius_m) {
            return refuse("radius_m", "10 to 10000");
        }
        let told = self.address.unwrap_or(self.listen);
        if told.ip().is_unspecified() {
            return refuse(
                "address",
                "where vehicles reach the unit, since relay.listen is every address of the machine",
            );
        }
        if self.address.is_some_and(|address| address.port() == 0) {
            return refuse("address", "a port other than 0");
        }
        if !self.traffic.is_valid() {
            return refuse("traffic.interval", "1s to 15m, in whole seconds");
        }
        if self.neighbours.contains(&told) {
            return refuse("neighbours", "other units than this one");
        }
        if let Some((key, expected)) = self.transport().out_of_range() {
            return refuse(&format!("limits.{key}"), expected);
        }
        if let Some((key, expected)) = self.verifier.out_of_range() {
            return refuse(&format!("verifier.{key}"), expected);
        }
        if self.link.hello_timeout > HELLO_TIMEOUT_MAX {
            return refuse("link.hello_timeout", "at most 10s");
        }
        Ok(())
    }

    /// This, with what may change while the unit runs as it is in another.
    pub(crate) fn reloaded(&self, other: &Self) -> Self {
        Self {
            address: other.address,
            position: other.position,
            radius_m: other.radius_m,
            neighbours: other.neighbours.clone(),
            rules: other.rules.clone(),
            ..self.clone()
        }
    }

    /// The keys that have another value in another, and take it with the unit's next start.
    pub(crate) fn waiting(&self, other: &Self) -> BTreeSet<String> {
        let table = |config: &Self| {
            toml::Table::try_from(config).expect("numbers, text and tables are TOML")
        };
        let (now, then) = (table(&self.reloaded(other)), table(other));
        let keys = now.keys().chain(then.keys());
        let waiting = keys.filter(|key| now.get(*key) != then.get(*key));
        waiting.map(|key| format!("relay.{key}")).collect()
    }

    /// Where the unit stands; `None` if that is nowhere.
    pub fn place(&self) -> Option<Position> {
        Position::from_deg(self.position.latitude_deg, self.position.longitude_deg)
    }

    /// How the unit's station behaves.
    pub(crate) fn station(&self) -> pipeline::Config {
        pipeline::Config {
            peers_max: self.limits.connections_max,
            own_hazards_max: self.own_hazards_max,
            events_max: EVENTS_MAX,
            verifier: self.verifier.clone(),
            link: self.link.clone(),
            world: self.world.clone(),
            load: self.load.clone(),
            ..pipeline::Config::default()
        }
    }

    /// Where it listens, and what that may cost.
    pub(crate) fn transport(&self) -> transport::Config {
        let limits = &self.limits;
        transport::Config {
            listen: self.listen,
            // Vehicles are told it.
            keep_port: true,
            // They may change.
            peers: Vec::new(),
            discovery: None,
            connections_max: limits.connections_max,
            handshakes_max: limits.handshakes_max,
            retry_from: limits.retry_from,
            handshake_timeout: limits.handshake_timeout,
            stream_timeout: limits.stream_timeout,
            idle_timeout: limits.idle_timeout,
            dial_pause_max: limits.dial_pause_max,
            datagram_send_buffer_len: limits.datagram_send_buffer_len,
            datagram_receive_buffer_len: limits.datagram_receive_buffer_len,
            ..transport::Config::default()
        }
    }
}

impl Default for RelayLimits {
    fn default() -> Self {
        let usual = transport::Config::default();
        Self {
            connections_max: CONNECTIONS_MAX,
            handshakes_max: usual.handshakes_max,
            retry_from: usual.retry_from,
            handshake_timeout: usual.handshake_timeout,
            stream_timeout: usual.stream_timeout,
            idle_timeout: usual.idle_timeout,
            dial_pause_max: DIAL_PAUSE_MAX,
            datagram_send_buffer_len: usual.datagram_send_buffer_len,
            datagram_receive_buffer_len: usual.datagram_receive_buffer_len,
        }
    }
}

fn usual_listen() -> SocketAddr {
    SocketAddr::from((Ipv4Addr::LOCALHOST, 7_447))
}

fn usual_radius() -> u32 {
    1_000
}

fn usual_hazards() -> usize {
    128
}

/// Until then a stranger holds a place.
const HELLO_TIMEOUT_MAX: Duration = Duration::from_secs(10);
const CONNECTIONS_MAX: usize = 1_024;
/// A neighbour that was restarted is to be heard again soon.
const DIAL_PAUSE_MAX: Duration = Duration::from_secs(5);
/// Many peers at once have much to report.
const EVENTS_MAX: usize = 65_536;
/// What vehicles take for a unit's circle.
const RADII_M: std::ops::RangeInclusive<u32> = 10..=FIXED_RADIUS_MAX_M;
