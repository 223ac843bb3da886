use std::{
    num::{NonZeroU32, NonZeroU64, NonZeroUsize},
    path::PathBuf,
};

use serde::{Deserialize, Serialize};
use wayside::{
    pipeline,
    risk::Responses,
    serve::{ConfigError, DaemonConfig, GrpcConfig, MetricsConfig, ShutdownConfig, Version},
    telemetry::LogConfig,
    transport,
};

use crate::{Role, ledger::LedgerConfig, roadside::RoadsideConfig, tickets::TicketsConfig};

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
    /// How the danger of neighbours is measured.
    pub risk: RiskConfig,
    /// How the driving stack reaches the agent.
    pub grpc: GrpcConfig<Role>,
    /// Where metrics are served.
    pub metrics: MetricsConfig,
    /// What is recorded.
    pub record: RecordConfig,
    /// Which ledger the vehicle's records go to.
    pub ledger: LedgerConfig,
    /// When the vehicle asks for tickets.
    pub tickets: TicketsConfig,
    /// Which roadside units the vehicle uses.
    pub roadside: RoadsideConfig,
    /// What the log says; reloadable, but for its format.
    pub log: LogConfig,
    /// How the agent ends.
    pub shutdown: ShutdownConfig,
}

/// Who the vehicle is, and what it must not forget.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct IdentityConfig {
    /// The file of the trust domain whose tickets count. With a ledger that says who issues tickets it
    /// may be missing, and names no more than the domain that the vehicle belongs to; in a development
    /// domain its keys count, too.
    pub trust_domain: PathBuf,
    /// The folder of the vehicle's tickets, each with its private key; read again on SIGHUP.
    pub tickets: PathBuf,
    /// The folder of what must survive a restart. Two agents never share one.
    pub state: PathBuf,
}

/// How the danger of neighbours is measured.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct RiskConfig {
    /// A `CommonRoad` scenario whose lanes vehicles follow; nothing is known of lanes unless given.
    pub map: Option<PathBuf>,
    /// How long it takes until somebody brakes.
    pub response: Responses,
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

impl DaemonConfig for Config {
    const FILE_USUAL: &str = "/etc/wayside/vehicle-agent.toml";

    fn log(&self) -> &LogConfig {
        &self.log
    }

    fn refusals(&self) -> Vec<ConfigError> {
        let checked = [
            self.grpc.validate(),
            self.metrics.validate(),
            self.roadside.validate(),
            self.validate_units(),
            self.validate_road(),
            self.shutdown.validate(),
        ];
        checked.into_iter().filter_map(Result::err).collect()
    }
}

impl Config {
    /// Refuses units that nobody would believe.
    fn validate_units(&self) -> Result<(), ConfigError> {
        if self.roadside.units.is_empty() || self.ledger.genesis.is_some() {
            return Ok(());
        }
        Err(ConfigError::OutOfRange {
            key: "roadside.units".to_owned(),
            expected: "none without ledger.genesis, which says whose units are believed",
        })
    }
}

impl Config {
    /// Refuses limits with which the vehicle would be deaf or defenceless.
    fn validate_road(&self) -> Result<(), ConfigError> {
        let transport = self.transport.out_of_range().map(|it| ("transport", it));
        let verifier = self.station.verifier.out_of_range();
        let verifier = verifier.map(|it| ("station.verifier", it));
        let responses = self.risk.response.out_of_range();
        let responses = responses.map(|it| ("risk.response", it));
        match transport.or(verifier).or(responses) {
            Some((section, (key, expected))) => Err(ConfigError::OutOfRange {
                key: format!("{section}.{key}"),
                expected,
            }),
            None => Ok(()),
        }
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
