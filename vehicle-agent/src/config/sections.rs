use std::{
    collections::BTreeMap,
    fmt,
    net::SocketAddr,
    num::{NonZeroU32, NonZeroU64, NonZeroUsize},
    path::PathBuf,
    time::Duration,
};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};
use wayside::{pipeline, telemetry::LogConfig, transport};

use super::ConfigError;
use crate::{Role, grpc::Limits};

/// Everything an agent can be told.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// The version of these keys.
    pub version: Version,
    /// Who the vehicle is.
    pub identity: IdentityConfig,
    /// How the vehicle speaks and listens.
    pub station: pipeline::Config,
    /// Where it listens on the network, and whom it dials.
    pub transport: transport::Config,
    /// How the driving stack reaches the agent.
    pub grpc: GrpcConfig,
    /// Where metrics are served.
    pub metrics: MetricsConfig,
    /// What is recorded.
    pub record: RecordConfig,
    /// What the log says; reloadable, but for its format.
    pub log: LogConfig,
    /// How the agent ends.
    pub shutdown: ShutdownConfig,
}

/// The version of a configuration's keys.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
pub enum Version {
    /// The only one so far.
    #[default]
    #[serde(rename = "v1")]
    V1,
}

/// Who the vehicle is, and what it must not forget.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct IdentityConfig {
    /// The file of the trust domain whose tickets count.
    pub trust_domain: PathBuf,
    /// The folder of the vehicle's tickets, each with its private key; read again on SIGHUP.
    pub tickets: PathBuf,
    /// The folder of what must survive a restart. Two agents never share one.
    pub state: PathBuf,
}

/// How the driving stack reaches the agent.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct GrpcConfig {
    /// The unix socket; by default `/run/wayside/agent.sock` for root, else `wayside/agent.sock`
    /// in `$XDG_RUNTIME_DIR`.
    pub socket: Option<PathBuf>,
    /// The permissions of the unix socket, octal. Who may open it may be heard; what they may do
    /// is up to `roles`.
    pub mode: Mode,
    /// A TCP address besides; off unless given.
    pub tcp: Option<TcpConfig>,
    /// Connections at one time; at the bound further ones wait.
    pub connections_max: NonZeroUsize,
    /// How long a TLS handshake may take.
    #[serde(with = "humantime_serde")]
    pub handshake_timeout: Duration,
    /// Whether clients may ask which services there are.
    pub reflection: Reflection,
    /// What one caller may ask for.
    pub limits: Limits,
    /// Who may do what.
    pub roles: RoleConfig,
}

/// A TCP address for gRPC.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct TcpConfig {
    /// The address; port 0 takes any free one.
    pub address: SocketAddr,
    /// Mutual TLS, without which only loopback addresses may be served.
    #[serde(default)]
    pub tls: Option<TlsFiles>,
}

/// The files of mutual TLS, PEM; read again on SIGHUP.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct TlsFiles {
    /// The agent's certificate and those between it and its authority.
    pub certificate: PathBuf,
    /// The certificate's private key.
    pub key: PathBuf,
    /// The authorities whose client certificates are let in.
    pub client_authority: PathBuf,
}

/// Whether clients may ask which services there are.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Reflection {
    /// On the unix socket and on loopback.
    #[default]
    Auto,
    /// Everywhere.
    On,
    /// Nowhere.
    Off,
}

/// Who may do what; whoever is not named here may do nothing.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct RoleConfig {
    /// Local processes of the agent's own user, and of root.
    pub owner: Option<Role>,
    /// Local processes by their user id; comes before all others.
    pub users: BTreeMap<String, Role>,
    /// Local processes by their group id.
    pub groups: BTreeMap<String, Role>,
    /// Client certificates by a URI among their subject alternative names.
    pub certificates: BTreeMap<String, Role>,
    /// Whoever connects to a loopback TCP address without TLS: any process of this machine.
    pub loopback: Option<Role>,
}

/// Where metrics are served.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct MetricsConfig {
    /// Whether they are served.
    pub enabled: bool,
    /// The address; port 0 takes any free one.
    pub address: SocketAddr,
    /// A file with the token that scrapers must show (`Authorization: Bearer …`); needed for an
    /// address that is not loopback.
    pub bearer_token_file: Option<PathBuf>,
}

/// What is recorded of what the agent hears.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct RecordConfig {
    /// The folder for the recordings; nothing is recorded unless given.
    pub folder: Option<PathBuf>,
    /// A new file begins when one has so many bytes.
    pub file_len_max: NonZeroU64,
    /// Files kept; at the bound the oldest is removed.
    pub files_max: NonZeroU32,
    /// Messages that may wait to be written; at the bound further ones are dropped and counted.
    pub queue_max: NonZeroUsize,
}

/// How the agent ends.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct ShutdownConfig {
    /// Time for open requests and hazards to be finished after SIGTERM. Capped at 60 s.
    #[serde(with = "humantime_serde")]
    pub grace: Duration,
}

/// Permission bits of a file, written in octal.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Mode(u32);

impl Mode {
    /// The bits, at most 0o777.
    pub fn bits(self) -> u32 {
        self.0
    }
}

impl Config {
    /// Refuses what is dangerous in combination.
    pub fn validate(&self) -> Result<(), ConfigError> {
        if let Some(tcp) = &self.grpc.tcp
            && tcp.tls.is_none()
            && !tcp.address.ip().is_loopback()
        {
            return Err(ConfigError::Unauthenticated {
                key: "grpc.tcp.address",
                address: tcp.address,
                remedy: "set grpc.tcp.tls, or use a loopback address",
            });
        }
        let metrics = &self.metrics;
        if metrics.enabled
            && metrics.bearer_token_file.is_none()
            && !metrics.address.ip().is_loopback()
        {
            return Err(ConfigError::Unauthenticated {
                key: "metrics.address",
                address: metrics.address,
                remedy: "set metrics.bearer_token_file, or use a loopback address",
            });
        }
        for (key, ids) in [
            ("grpc.roles.users", &self.grpc.roles.users),
            ("grpc.roles.groups", &self.grpc.roles.groups),
        ] {
            if let Some(id) = ids.keys().find(|id| id.parse::<u32>().is_err()) {
                return Err(ConfigError::OutOfRange {
                    key: format!("{key}.{id}"),
                    expected: "a numeric id from 0 to 4294967295",
                });
            }
        }
        if self.shutdown.grace > GRACE_MAX {
            return Err(ConfigError::OutOfRange {
                key: "shutdown.grace".to_owned(),
                expected: "0s to 60s",
            });
        }
        Ok(())
    }
}

impl Default for IdentityConfig {
    fn default() -> Self {
        Self {
            trust_domain: "/etc/wayside/trust-domain.toml".into(),
            tickets: "/var/lib/wayside/tickets".into(),
            state: "/var/lib/wayside/state".into(),
        }
    }
}

impl Default for GrpcConfig {
    fn default() -> Self {
        Self {
            socket: None,
            mode: Mode(0o660),
            tcp: None,
            connections_max: const { NonZeroUsize::new(64).expect("not zero") },
            handshake_timeout: Duration::from_secs(5),
            reflection: Reflection::Auto,
            limits: Limits::default(),
            roles: RoleConfig::default(),
        }
    }
}

impl Default for RoleConfig {
    fn default() -> Self {
        Self {
            owner: Some(Role::DrivingStack),
            users: BTreeMap::new(),
            groups: BTreeMap::new(),
            certificates: [Role::Observer, Role::DrivingStack, Role::Administrator]
                .into_iter()
                .map(|role| (format!("wayside://role/{role}"), role))
                .collect(),
            loopback: None,
        }
    }
}

impl Default for MetricsConfig {
    fn default() -> Self {
        Self {
            enabled: true,
            address: SocketAddr::from(([127, 0, 0, 1], 9_464)),
            bearer_token_file: None,
        }
    }
}

impl Default for RecordConfig {
    fn default() -> Self {
        Self {
            folder: None,
            file_len_max: const { NonZeroU64::new(256 << 20).expect("not zero") },
            files_max: const { NonZeroU32::new(8).expect("not zero") },
            queue_max: const { NonZeroUsize::new(8_192).expect("not zero") },
        }
    }
}

impl Default for ShutdownConfig {
    fn default() -> Self {
        Self {
            grace: Duration::from_secs(5),
        }
    }
}

impl<'de> Deserialize<'de> for Mode {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        /// The environment's parser takes `0660` for a number.
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum Digits {
            Text(String),
            Number(u32),
        }
        let digits = match Digits::deserialize(deserializer)? {
            Digits::Text(digits) => digits,
            Digits::Number(number) => number.to_string(),
        };
        u32::from_str_radix(&digits, 8)
            .ok()
            .filter(|bits| *bits <= 0o777)
            .map(Self)
            .ok_or_else(|| D::Error::custom("expected octal digits from \"0000\" to \"0777\""))
    }
}

impl Serialize for Mode {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl fmt::Display for Mode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:04o}", self.0)
    }
}

const GRACE_MAX: Duration = Duration::from_secs(60);
