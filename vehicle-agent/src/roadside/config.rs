use std::time::Duration;

use serde::{Deserialize, Serialize};
use wayside::serve::ConfigError;

/// Which roadside units the vehicle uses, and whom it is introduced to.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct RoadsideConfig {
    /// Relays of roadside units to begin with, `host:port`; those further on are heard of from these.
    /// Without any the vehicle uses no unit.
    pub units: Vec<String>,
    /// Units to be connected to at one time; for a moment, while one takes over from another, twice as
    /// many.
    pub units_max: usize,
    /// By so much, in metres, a unit must be nearer than one in use to take its place, and so far
    /// beyond its reach a unit is still used.
    pub hysteresis_m: u32,
    /// How long a unit or a neighbour may take to answer before another one is tried.
    #[serde(with = "humantime_serde")]
    pub answer_timeout: Duration,
    /// Neighbours to be connected to because a unit introduced them; 0 hears them through the unit
    /// alone.
    pub neighbours_max: usize,
    /// Whether units may tell other vehicles where this one can be dialled; a vehicle that is introduced
    /// to nobody is introduced nobody.
    pub introduce: bool,
}

impl Default for RoadsideConfig {
    fn default() -> Self {
        Self {
            units: Vec::new(),
            units_max: 2,
            hysteresis_m: 50,
            answer_timeout: Duration::from_secs(3),
            neighbours_max: 8,
            introduce: true,
        }
    }
}

impl RoadsideConfig {
    /// Refuses what cannot be dialled, and no time or place for it.
    pub(crate) fn validate(&self) -> Result<(), ConfigError> {
        let is_address = |unit: &String| {
            let parts = unit.rsplit_once(':');
            parts.is_some_and(|(host, port)| {
                !host.is_empty() && port.parse::<u16>().is_ok_and(|port| port != 0)
            })
        };
        let wrong = if !self.units.iter().all(is_address) {
            ("units", "host:port of each")
        } else if self.units.len() > CONFIGURED_MAX {
            ("units", "at most 32")
        } else if !(1..=UNITS_MAX).contains(&self.units_max) {
            ("units_max", "1 to 8")
        } else if self.neighbours_max > NEIGHBOURS_MAX {
            ("neighbours_max", "0 to 64")
        } else if !(ANSWER_TIMEOUT_MIN..=ANSWER_TIMEOUT_MAX).contains(&self.answer_timeout) {
            ("answer_timeout", "500ms to 60s")
        } else {
            return Ok(());
        };
        let (key, expected) = wrong;
        Err(ConfigError::OutOfRange {
            key: format!("roadside.{key}"),
            expected,
        })
    }
}

const CONFIGURED_MAX: usize = 32;
const UNITS_MAX: usize = 8;
const NEIGHBOURS_MAX: usize = 64;
const ANSWER_TIMEOUT_MIN: Duration = Duration::from_millis(500);
const ANSWER_TIMEOUT_MAX: Duration = Duration::from_secs(60);
