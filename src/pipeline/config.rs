use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{GenerationRule, RoadsideConfig};
use crate::{hazards, link, relay::LoadConfig, security, world};

/// How a station behaves.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// When own states are sent.
    pub generation: GenerationRule,
    /// Own states older than this are not sent: receivers would refuse them as stale.
    #[serde(with = "humantime_serde")]
    pub state_age_max: Duration,
    /// After this time without a state the driving stack counts as silent.
    #[serde(with = "humantime_serde")]
    pub stack_silent_after: Duration,
    /// Connections at one time; at the bound further ones are refused.
    pub peers_max: usize,
    /// Own hazards open at one time; at the bound further reports are refused.
    pub own_hazards_max: usize,
    /// Events kept for the edge; at the bound the oldest is dropped and counted.
    pub events_max: usize,
    /// A peer that brought this many messages with wrong signatures or bytes is disconnected.
    pub offences_max: u32,
    /// How long such a peer's hellos are refused.
    #[serde(with = "humantime_serde")]
    pub shun_for: Duration,
    /// Whether [`Event::Received`](super::Event::Received) is raised for every message, for
    /// recording.
    pub report_received: bool,
    /// What is refused.
    pub verifier: security::Config,
    /// How sequences and tickets are used.
    pub signer: security::SignerConfig,
    /// How peers are spoken to.
    pub link: link::Config,
    /// Which dangers the station tells of that its driving stack does not report.
    pub hazards: hazards::Config,
    /// What is remembered.
    pub world: world::Config,
    /// What a car wants of roadside units.
    pub roadside: RoadsideConfig,
    /// When telemetry is dropped unverified.
    pub load: LoadConfig,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            generation: GenerationRule::default(),
            state_age_max: Duration::from_millis(400),
            stack_silent_after: Duration::from_secs(1),
            peers_max: 256,
            own_hazards_max: 64,
            events_max: 8_192,
            offences_max: 100,
            shun_for: Duration::from_secs(60),
            report_received: false,
            verifier: security::Config::default(),
            signer: security::SignerConfig::default(),
            link: link::Config::default(),
            hazards: hazards::Config::default(),
            world: world::Config::default(),
            roadside: RoadsideConfig::default(),
            load: LoadConfig::default(),
        }
    }
}
