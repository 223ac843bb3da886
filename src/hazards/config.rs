use std::time::Duration;

use serde::{Deserialize, Serialize};

/// Which dangers a vehicle tells of by itself, and when.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Whether the vehicle tells of any danger that its driving stack did not report.
    pub enabled: bool,
    /// Who brakes so hard, in mm/s², brakes in an emergency (C2C-CC RS 2003, UN R48: 6 m/s²).
    pub brake_begins_mm_per_s2: u32,
    /// Who brakes less hard does so no more.
    pub brake_ends_mm_per_s2: u32,
    /// How long a vehicle stands with its hazard lights on before it says so (C2C-CC RS 2006); 10 s
    /// less with the gear in park, and with the parking brake on; at once with a door open.
    #[serde(with = "humantime_serde")]
    pub stationary_lit_after: Duration,
    /// The same for a vehicle whose lights are not known, and which holds up the traffic.
    #[serde(with = "humantime_serde")]
    pub stationary_unlit_after: Duration,
    /// A vehicle that has moved for so long stands no more.
    #[serde(with = "humantime_serde")]
    pub moving_after: Duration,
    /// How long a vehicle is slower than everybody else before it says so.
    #[serde(with = "humantime_serde")]
    pub slow_after: Duration,
    /// How long traffic comes towards a vehicle on both sides before it says that it drives the wrong
    /// way.
    #[serde(with = "humantime_serde")]
    pub wrong_way_after: Duration,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            enabled: true,
            brake_begins_mm_per_s2: 6_000,
            brake_ends_mm_per_s2: 2_500,
            stationary_lit_after: Duration::from_secs(30),
            stationary_unlit_after: Duration::from_secs(30),
            moving_after: Duration::from_secs(5),
            slow_after: Duration::from_secs(10),
            wrong_way_after: Duration::from_secs(2),
        }
    }
}
