use std::{
    collections::BTreeMap, fmt, fs, io, net::SocketAddr, num::NonZeroUsize, path::PathBuf,
    time::Duration,
};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};
use thiserror::Error;

use super::{ConfigError, Limits, Role};
use crate::telemetry::{MetricsError, MetricsServer};

/// The version of a configuration's keys.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
pub enum Version {
    /// The only one so far.
    #[default]
    #[serde(rename = "v1")]
    V1,
}

/// How clients reach a daemon by gRPC.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields, bound = "R: Role")]
pub struct GrpcConfig<R> {
    /// The unix socket; by default `/run/wayside/agent.sock` (`unit.sock`) for root, else the same
    /// in the folder `wayside` of `$XDG_RUNTIME_DIR`.
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
    pub roles: RoleConfig<R>,
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
    /// The daemon's certificate and those between it and its authority.
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
#[serde(default, deny_unknown_fields, bound = "R: Role")]
pub struct RoleConfig<R> {
    /// Local processes of the daemon's own user, and of root.
    pub owner: Option<R>,
    /// Local processes by their user id; comes before all others.
    pub users: BTreeMap<String, R>,
    /// Local processes by their group id.
    pub groups: BTreeMap<String, R>,
    /// Client certificates by a URI among their subject alternative names.
    pub certificates: BTreeMap<String, R>,
    /// Whoever connects to a loopback TCP address without TLS: any process of this machine.
    pub loopback: Option<R>,
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

/// How a daemon ends.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct ShutdownConfig {
    /// Time for what has begun to be finished after SIGTERM. Capped at 60 s.
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

impl<R: Role> GrpcConfig<R> {
    /// Refuses what is dangerous in combination.
    pub fn validate(&self) -> Result<(), ConfigError> {
        if let Some(tcp) = &self.tcp
            && tcp.tls.is_none()
            && !tcp.address.ip().is_loopback()
        {
            return Err(ConfigError::Unauthenticated {
                key: "grpc.tcp.address",
                address: tcp.address,
                remedy: "set grpc.tcp.tls, or use a loopback address",
            });
        }
        for (key, ids) in [
            ("grpc.roles.users", &self.roles.users),
            ("grpc.roles.groups", &self.roles.groups),
        ] {
            if let Some(id) = ids.keys().find(|id| id.parse::<u32>().is_err()) {
                return Err(ConfigError::OutOfRange {
                    key: format!("{key}.{id}"),
                    expected: "a numeric id from 0 to 4294967295",
                });
            }
        }
        Ok(())
    }
}

impl Reflection {
    /// Whether a door shows it; `is_near` if only this machine can reach the door.
    pub fn is_shown(self, is_near: bool) -> bool {
        match self {
            Self::Auto => is_near,
            Self::On => true,
            Self::Off => false,
        }
    }
}

/// Why metrics are not served.
#[derive(Debug, Error)]
pub enum MetricsServeError {
    /// The file of the metrics' token cannot be read.
    #[error("cannot read the metrics' token {}", path.display())]
    Token {
        /// The file.
        path: PathBuf,
        /// What the operating system says.
        source: io::Error,
    },
    /// An empty token would let everybody in.
    #[error("the metrics' token {} is empty", .0.display())]
    EmptyToken(PathBuf),
    /// The address cannot be used.
    #[error(transparent)]
    Server(#[from] MetricsError),
}

impl MetricsConfig {
    /// Refuses what is dangerous in combination.
    pub fn validate(&self) -> Result<(), ConfigError> {
        if self.enabled && self.bearer_token_file.is_none() && !self.address.ip().is_loopback() {
            return Err(ConfigError::Unauthenticated {
                key: "metrics.address",
                address: self.address,
                remedy: "set metrics.bearer_token_file, or use a loopback address",
            });
        }
        Ok(())
    }

    /// Serves what `encode` writes, in the Prometheus text format; `None` if that is off.
    pub async fn serve<E, F>(&self, encode: E) -> Result<Option<MetricsServer>, MetricsServeError>
    where
        E: Fn() -> F + Clone + Send + Sync + 'static,
        F: Future<Output = String> + Send,
    {
        if !self.enabled {
            return Ok(None);
        }
        let token = match &self.bearer_token_file {
            None => None,
            Some(path) => match fs::read_to_string(path) {
                Ok(token) if token.trim().is_empty() => {
                    return Err(MetricsServeError::EmptyToken(path.clone()));
                }
                Ok(token) => Some(token.trim().to_owned()),
                Err(source) => {
                    return Err(MetricsServeError::Token {
                        path: path.clone(),
                        source,
                    });
                }
            },
        };
        let server = MetricsServer::start(self.address, token, encode).await?;
        Ok(Some(server))
    }
}

impl ShutdownConfig {
    /// Refuses what is out of range.
    pub fn validate(&self) -> Result<(), ConfigError> {
        if self.grace > GRACE_MAX {
            return Err(ConfigError::OutOfRange {
                key: "shutdown.grace".to_owned(),
                expected: "0s to 60s",
            });
        }
        Ok(())
    }
}

impl<R: Role> Default for GrpcConfig<R> {
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

impl<R: Role> Default for RoleConfig<R> {
    fn default() -> Self {
        Self {
            owner: Some(R::OWNER),
            users: BTreeMap::new(),
            groups: BTreeMap::new(),
            certificates: R::ALL
                .iter()
                .map(|role| (format!("wayside://role/{role}"), *role))
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
