use std::{num::NonZeroU16, time::Duration};

use serde::{Deserialize, Serialize};

/// How recent headers of the ledger are kept.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct CheckpointConfig {
    /// What is older vouches for nothing any more: neither a header when a unit shows it, nor an
    /// operator's word for it.
    #[serde(with = "humantime_serde")]
    pub age_max: Duration,
    /// How often operators are asked again, while their units are in reach.
    #[serde(with = "humantime_serde")]
    pub refresh: Duration,
    /// How many operators are asked each time; all of them, if the ledger has fewer.
    pub operators: NonZeroU16,
}

impl Default for CheckpointConfig {
    fn default() -> Self {
        Self {
            age_max: Duration::from_secs(24 * 3_600),
            refresh: Duration::from_secs(3_600),
            operators: const { NonZeroU16::new(2).expect("not zero") },
        }
    }
}
