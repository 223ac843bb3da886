use std::{num::NonZeroUsize, time::Duration};

use serde::{Deserialize, Serialize};

/// How traffic is measured.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Over how long one figure is taken, in whole seconds, 1 s to 15 min. Shorter ones see fewer
    /// vehicles, of which a cell needs three.
    #[serde(with = "humantime_serde")]
    pub interval: Duration,
    /// Most stations followed at one time; at the bound those heard of least lately are forgotten.
    pub stations_max: NonZeroUsize,
    /// Most cells of one interval; at the bound what is heard in further ones is not counted.
    pub cells_max: NonZeroUsize,
}

impl Config {
    /// Whether the interval is one.
    pub fn is_valid(&self) -> bool {
        (1..=900).contains(&self.interval.as_secs()) && self.interval.subsec_nanos() == 0
    }

    pub(super) fn interval_ms(&self) -> u64 {
        self.interval.as_secs().max(1) * 1_000
    }
}

impl Default for Config {
    fn default() -> Self {
        Self {
            interval: Duration::from_secs(60),
            stations_max: STATIONS_DEFAULT,
            cells_max: CELLS_DEFAULT,
        }
    }
}

const STATIONS_DEFAULT: NonZeroUsize = NonZeroUsize::new(4_096).expect("not zero");
const CELLS_DEFAULT: NonZeroUsize = NonZeroUsize::new(1_024).expect("not zero");
