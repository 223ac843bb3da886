use std::{
    collections::BTreeSet,
    net::{Ipv4Addr, SocketAddr},
    num::NonZeroU64,
    path::PathBuf,
    time::Duration,
};

use serde::{Deserialize, Serialize};
use wayside::{
    ledger::{AccountKey, MempoolConfig, NoteKey, NoteKeyKind},
    serve::{ConfigError, DaemonConfig, GrpcConfig, MetricsConfig, ShutdownConfig, Version},
    telemetry::LogConfig,
    transport::door,
};
use wayside_engine::Timing;

use super::RelayConfig;
use crate::Role;

/// Everything a roadside unit can be told.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// The version of these keys.
    pub version: Version,
    /// What the unit does.
    pub profile: ProfileSet,
    /// Which ledger, and whose unit.
    pub identity: IdentityConfig,
    /// How it takes part in the consensus.
    pub engine: EngineConfig,
    /// What it keeps.
    pub storage: StorageConfig,
    /// What it keeps of records off the ledger.
    pub vault: VaultConfig,
    /// How it issues tickets, if it does.
    pub issuing: IssuingConfig,
    /// Where vehicles hand in their transactions; needs the profile `relay`.
    pub door: DoorConfig,
    /// How it hands on what vehicles say; needs the profile `relay`. It does not, unless given.
    pub relay: Option<RelayConfig>,
    /// Who watches that everybody is shown the same.
    pub witnesses: WitnessesConfig,
    /// How clients reach it.
    pub grpc: GrpcConfig<Role>,
    /// Where metrics are served.
    pub metrics: MetricsConfig,
    /// What the log says; reloadable, but for its format.
    pub log: LogConfig,
    /// How it ends.
    pub shutdown: ShutdownConfig,
}

/// Any of the things that a unit can do.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(transparent)]
pub struct ProfileSet(BTreeSet<Profile>);

/// One thing that a unit can do.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Profile {
    /// Opens a door for vehicles, which show no name there, and hands on what they say to each other, if
    /// it is told how.
    Relay,
    /// Votes for its operator. A unit without this follows what those make final that do.
    Validator,
    /// Keeps every block for ever.
    Archive,
}

/// Which ledger, and whose unit.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct IdentityConfig {
    /// The genesis' file. Without one, the unit is a committee of one for development, whose genesis
    /// and keys it makes in `storage.folder`.
    pub genesis: Option<PathBuf>,
    /// The file of the key that the operator's votes are signed with, for the profile `validator`.
    /// Never on two units.
    pub vote_key: Option<PathBuf>,
    /// The file of the key by which a unit that has no vote is known to those that it follows, for
    /// every profile without `validator`. It may be any key, of this unit alone.
    pub follower_key: Option<PathBuf>,
    /// The file of the custodian's key, where the unit keeps a custodian's shares of records' keys. It
    /// needs the role `custodian` on the ledger. Never on two units.
    pub custodian_key: Option<PathBuf>,
}

/// How the unit takes part in the consensus.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct EngineConfig {
    /// Where other units connect; a unit to which none connects listens nowhere.
    pub listen: SocketAddr,
    /// The public keys of units without a vote that may follow the ledger from this one; any operator's.
    /// A follower needs one unit that lets it.
    pub followers: BTreeSet<AccountKey>,
    /// The shards that this unit keeps; all of the genesis', if none is named. An operator keeps
    /// each shard in one process.
    pub shards: BTreeSet<u16>,
    /// How long the leader of a view has to propose a block.
    #[serde(with = "humantime_serde")]
    pub leader_timeout: Duration,
    /// How long a view may take in all; above `leader_timeout`.
    #[serde(with = "humantime_serde")]
    pub certification_timeout: Duration,
    /// After how long without a vote a member's turns to lead are skipped; above
    /// `certification_timeout`.
    #[serde(with = "humantime_serde")]
    pub skip_timeout: Duration,
    /// After how long a vote to skip a view is said again.
    #[serde(with = "humantime_serde")]
    pub retry: Duration,
    /// How long a leader without transactions waits for one before it gives its turn away.
    #[serde(with = "humantime_serde")]
    pub idle_wait: Duration,
    /// How long to wait for an answer from another unit.
    #[serde(with = "humantime_serde")]
    pub fetch_timeout: Duration,
    /// How often units tell each other where they are.
    #[serde(with = "humantime_serde")]
    pub hello_interval: Duration,
    /// How many transactions of each shard may wait; at the bound, those of whoever has the most are
    /// refused.
    pub mempool: MempoolConfig,
}

/// What the unit keeps.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct StorageConfig {
    /// The folder of blocks, state and index; by default `/var/lib/wayside/unit` for root, else
    /// `wayside/unit` in `$XDG_STATE_HOME` or `~/.local/state`. Two units never share one.
    pub folder: Option<PathBuf>,
    /// How many heights' blocks are kept below the newest snapshot; all, if not given, and always
    /// with the profile `archive`.
    pub retention: Option<NonZeroU64>,
}

/// What the unit keeps of records off the ledger: sealed bytes, and a custodian's shares.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct VaultConfig {
    /// At most so many bytes; at the bound, nothing more is taken.
    pub bytes_max: u64,
}

/// How the unit issues tickets; reloadable, but for whether it does and `master`.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct IssuingConfig {
    /// The files of the operator's issuing keys that are this unit's: the one that the ledger names, the
    /// one before it, which still opens what was sealed to it, and any that are to follow. Without any,
    /// the unit issues nothing. A key is on one unit alone.
    pub keys: Vec<PathBuf>,
    /// The file of the secret from which vehicles' linkage chains are made; by default `master.key` in
    /// the folder `issuing` of `storage.folder`, where it is made when there is none. All units with
    /// which an operator enrols vehicles need the same.
    pub master: Option<PathBuf>,
    /// For how long a key signs tickets that this operator helps to make; the next one is made when a
    /// tenth of it is left beyond all tickets that vehicles may ask for.
    #[serde(with = "humantime_serde")]
    pub ticket_key_lifetime: Duration,
}

/// Who watches that everybody is shown the same.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct WitnessesConfig {
    /// The keys of witnesses whose cosignatures are collected and handed out, as `wayside witness
    /// key` prints them: `NAME+HASH+KEY`.
    pub keys: Vec<String>,
}

/// Where vehicles hand in their transactions.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct DoorConfig {
    /// The file of the key that the unit shows to vehicles.
    pub key: Option<PathBuf>,
    /// The file in which the operator's cold key certifies that key.
    pub certificate: Option<PathBuf>,
    /// Where it is, and what strangers may cost.
    pub server: door::ServerConfig,
}

impl ProfileSet {
    /// These things.
    pub fn new(profiles: impl IntoIterator<Item = Profile>) -> Self {
        Self(profiles.into_iter().collect())
    }

    /// Whether the unit does this.
    pub fn has(&self, profile: Profile) -> bool {
        self.0.contains(&profile)
    }

    /// Their names.
    pub fn names(&self) -> impl Iterator<Item = &'static str> {
        self.0.iter().map(|profile| match profile {
            Profile::Relay => "relay",
            Profile::Validator => "validator",
            Profile::Archive => "archive",
        })
    }
}

impl WitnessesConfig {
    /// The keys. Fails if one of them is none, or is no witness'.
    pub fn parsed(&self) -> Result<Vec<NoteKey>, ConfigError> {
        let keys = self.keys.iter().map(|text| text.parse().ok());
        let is_witness = |key: &NoteKey| key.kind() == NoteKeyKind::Cosignature;
        keys.map(|key| key.filter(is_witness))
            .collect::<Option<_>>()
            .ok_or_else(|| ConfigError::OutOfRange {
                key: "witnesses.keys".to_owned(),
                expected: "keys of witnesses, as `wayside witness key` prints them",
            })
    }
}

impl EngineConfig {
    /// How long to wait for others.
    pub fn timing(&self) -> Timing {
        Timing {
            leader_timeout: self.leader_timeout,
            certification_timeout: self.certification_timeout,
            skip_timeout: self.skip_timeout,
            retry: self.retry,
            idle_wait: self.idle_wait,
            fetch_timeout: self.fetch_timeout,
            hello_interval: self.hello_interval,
        }
    }
}

impl DaemonConfig for Config {
    const FILE_USUAL: &str = "/etc/wayside/roadside-unit.toml";

    fn log(&self) -> &LogConfig {
        &self.log
    }

    fn refusals(&self) -> Vec<ConfigError> {
        let checked = [
            self.grpc.validate(),
            self.metrics.validate(),
            self.shutdown.validate(),
            self.witnesses.parsed().map(drop),
            self.validate_identity(),
            self.issuing.validate(),
            self.validate_door(),
            self.validate_relay(),
        ];
        checked.into_iter().filter_map(Result::err).collect()
    }
}

impl IssuingConfig {
    fn validate(&self) -> Result<(), ConfigError> {
        if self.master.is_some() && self.keys.is_empty() {
            return Err(ConfigError::OutOfRange {
                key: "issuing.master".to_owned(),
                expected: "a file together with issuing.keys",
            });
        }
        if !(LIFETIME_MIN..=LIFETIME_MAX).contains(&self.ticket_key_lifetime) {
            return Err(ConfigError::OutOfRange {
                key: "issuing.ticket_key_lifetime".to_owned(),
                expected: "1min to 366days",
            });
        }
        Ok(())
    }
}

impl Config {
    /// Whether the unit votes for its operator.
    pub fn is_validator(&self) -> bool {
        self.profile.has(Profile::Validator)
    }

    fn validate_door(&self) -> Result<(), ConfigError> {
        let has_door = self.door.key.is_some() && self.door.certificate.is_some();
        let is_own = self.identity.genesis.is_none();
        if self.profile.has(Profile::Relay) && !has_door && !is_own {
            return Err(ConfigError::OutOfRange {
                key: "door.key".to_owned(),
                expected: "a file, together with door.certificate, for the profile \"relay\"",
            });
        }
        Ok(())
    }

    fn validate_relay(&self) -> Result<(), ConfigError> {
        let Some(relay) = &self.relay else {
            return Ok(());
        };
        if !self.profile.has(Profile::Relay) {
            return Err(ConfigError::OutOfRange {
                key: "relay".to_owned(),
                expected: "nothing without the profile \"relay\"",
            });
        }
        relay.validate()
    }

    fn validate_identity(&self) -> Result<(), ConfigError> {
        let refuse = |key: &str, expected| {
            Err(ConfigError::OutOfRange {
                key: key.to_owned(),
                expected,
            })
        };
        let identity = &self.identity;
        if self.is_validator() {
            if identity.genesis.is_some() != identity.vote_key.is_some() {
                return refuse(
                    "identity.vote_key",
                    "a file together with identity.genesis, or neither of them for a development \
                     ledger",
                );
            }
            if identity.follower_key.is_some() {
                return refuse(
                    "identity.follower_key",
                    "nothing for the profile \"validator\", whose name is its vote key",
                );
            }
            return Ok(());
        }
        if self.profile.names().next().is_none() {
            return refuse("profile", "at least one of relay, validator, archive");
        }
        if identity.genesis.is_none() || identity.follower_key.is_none() {
            return refuse(
                "identity.follower_key",
                "a file together with identity.genesis, for a profile without \"validator\"",
            );
        }
        if identity.vote_key.is_some() {
            return refuse(
                "identity.vote_key",
                "nothing for a profile without \"validator\": a vote key is on one unit alone",
            );
        }
        if !self.engine.followers.is_empty() {
            return refuse(
                "engine.followers",
                "nothing for a profile without \"validator\": only units that vote are followed",
            );
        }
        Ok(())
    }
}

impl Default for ProfileSet {
    fn default() -> Self {
        Self::new([Profile::Validator, Profile::Archive])
    }
}

impl Default for IssuingConfig {
    fn default() -> Self {
        Self {
            keys: Vec::new(),
            master: None,
            ticket_key_lifetime: Duration::from_secs(30 * 86_400),
        }
    }
}

impl Default for VaultConfig {
    fn default() -> Self {
        Self {
            bytes_max: 16 << 30,
        }
    }
}

impl Default for EngineConfig {
    fn default() -> Self {
        let timing = Timing::default();
        Self {
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 7_445)),
            followers: BTreeSet::new(),
            shards: BTreeSet::new(),
            leader_timeout: timing.leader_timeout,
            certification_timeout: timing.certification_timeout,
            skip_timeout: timing.skip_timeout,
            retry: timing.retry,
            idle_wait: timing.idle_wait,
            fetch_timeout: timing.fetch_timeout,
            hello_interval: timing.hello_interval,
            mempool: MempoolConfig::default(),
        }
    }
}

const LIFETIME_MIN: Duration = Duration::from_secs(60);
/// As the ledger's rules have it.
const LIFETIME_MAX: Duration = Duration::from_secs(366 * 86_400);
