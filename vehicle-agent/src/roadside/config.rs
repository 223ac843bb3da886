use std::time::Duration;

use serde::{Deserialize, Serialize};

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
