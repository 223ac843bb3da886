use std::time::Duration;

use serde::{Deserialize, Serialize};

/// When trips are recorded, and where they end.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct TripConfig {
    /// Whether the agent makes records of trips by itself. Off, since a trip says where its driver
    /// was, be it only to whoever gets the sealed part.
    pub record: bool,
    /// A trip ends where the vehicle stops for so long; at least 300 s.
    #[serde(with = "humantime_serde")]
    pub end_after: Duration,
    /// Shorter ones are no trips: parking, washing, moving to the next bay.
    pub distance_min_m: u32,
}

impl Default for TripConfig {
    fn default() -> Self {
        Self {
            record: false,
            end_after: Duration::from_secs(30 * 60),
            distance_min_m: 200,
        }
    }
}
