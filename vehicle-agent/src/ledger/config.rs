use std::{path::PathBuf, time::Duration};

use serde::{Deserialize, Serialize};
use wayside::transport::door;

use crate::{checkpoint::CheckpointConfig, outbox::OutboxConfig, trip::TripConfig};

/// Which ledger the vehicle's records go to, and how.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct LedgerConfig {
    /// The file of the ledger's genesis, from a source that the vehicle's owner trusts; there is no
    /// ledger unless given.
    pub genesis: Option<PathBuf>,
    /// The vehicle's id on the ledger: `<home shard>-<64 hexadecimal digits>`.
    pub vehicle_id: String,
    /// The file of the vehicle's enrolment key.
    pub enrolment_key: PathBuf,
    /// The doors of roadside units, `host:port`, by preference of another operator than the one
    /// whose units the vehicle meets on the road.
    pub units: Vec<String>,
    /// A recent checkpoint of the ledger, from a witness whom the vehicle's owner believes: what units
    /// show is held against it, besides the ones that the vehicle keeps by itself.
    pub checkpoint: Option<PathBuf>,
    /// How the vehicle follows the list of revoked tickets.
    pub revocations: RevocationsConfig,
    /// How the vehicle keeps checkpoints by itself.
    pub checkpoints: CheckpointConfig,
    /// Records wait up to so long, at random, before a unit is dialled, so that the time of dialling
    /// says less about the vehicle.
    #[serde(with = "humantime_serde")]
    pub jitter: Duration,
    /// How long a connection is kept for the next record.
    #[serde(with = "humantime_serde")]
    pub linger: Duration,
    /// Longest pause before the units are dialled again while none is in reach.
    #[serde(with = "humantime_serde")]
    pub dial_pause_max: Duration,
    /// What bounds the records that wait.
    pub outbox: OutboxConfig,
    /// What the vehicle bears of a unit.
    pub door: door::ClientConfig,
    /// Which trips are recorded.
    pub trips: TripConfig,
}

/// How the list of revoked tickets is followed.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct RevocationsConfig {
    /// How long a unit is asked to wait for news while the vehicle drives; at most half of the time
    /// that the door gives a call.
    #[serde(with = "humantime_serde")]
    pub wait: Duration,
    /// How often a parked vehicle asks.
    #[serde(with = "humantime_serde")]
    pub refresh: Duration,
}

impl Default for RevocationsConfig {
    fn default() -> Self {
        Self {
            wait: Duration::from_secs(30),
            refresh: Duration::from_secs(600),
        }
    }
}

impl Default for LedgerConfig {
    fn default() -> Self {
        Self {
            genesis: None,
            vehicle_id: String::new(),
            enrolment_key: "/var/lib/wayside/enrolment.key".into(),
            units: Vec::new(),
            checkpoint: None,
            revocations: RevocationsConfig::default(),
            checkpoints: CheckpointConfig::default(),
            jitter: Duration::from_secs(10),
            linger: Duration::from_secs(2),
            dial_pause_max: Duration::from_secs(60),
            outbox: OutboxConfig::default(),
            door: door::ClientConfig::default(),
            trips: TripConfig::default(),
        }
    }
}
