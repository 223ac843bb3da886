use std::{num::NonZeroU32, time::Duration};

use serde::{Deserialize, Serialize};

use super::bucket::Bucket;
use crate::time::Instant;

/// How much a station has to do, compared with what it can.
#[derive(Clone, Copy, Debug, Default, Eq, Ord, PartialEq, PartialOrd)]
pub enum Load {
    /// Everything that arrives is verified.
    #[default]
    Normal,
    /// Telemetry of signers who were far from everybody it is for is dropped unverified.
    SheddingFar,
    /// All telemetry is dropped unverified.
    HazardsOnly,
    /// Nobody has been connected for a while.
    Isolated,
}

/// When a station sheds.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct LoadConfig {
    /// Verifications of telemetry per second that the machine can go on with for ever; at more, first
    /// far and then all telemetry is dropped unverified.
    pub telemetry_per_s: NonZeroU32,
    /// Verifications of hazards per second, which never wait for telemetry's; at more, hazards are
    /// dropped unverified of those connections that brought wrong ones.
    pub hazards_per_s: NonZeroU32,
    /// How long a burst above these rates may last: the depth of the reserve.
    #[serde(with = "humantime_serde")]
    pub reserve: Duration,
    /// A state of shedding lasts at least so long.
    #[serde(with = "humantime_serde")]
    pub shed_min: Duration,
    /// From so far away, in metres, a car counts telemetry as far. A unit counts as far what none of
    /// its peers is interested in.
    pub far_m: u32,
    /// After so long without a peer a station says that it is isolated.
    #[serde(with = "humantime_serde")]
    pub isolated_after: Duration,
}

/// Follows how much is verified, and says what to leave out.
///
/// Call `handle_telemetry` or `handle_hazard` after each signature that was checked, and
/// `handle_timeout` a few times a second; then `poll_change` says what became of it.
#[derive(Debug)]
pub struct LoadMonitor {
    config: LoadConfig,
    telemetry: Bucket,
    hazards: Bucket,
    shedding: Load,
    shedding_since: Instant,
    /// Since when nobody is connected.
    alone_since: Option<Instant>,
    told: Load,
    load: Load,
}

impl Load {
    /// All states, from the lightest.
    pub const ALL: [Self; 4] = [
        Self::Normal,
        Self::SheddingFar,
        Self::HazardsOnly,
        Self::Isolated,
    ];

    /// Its name in metrics and reports.
    pub fn name(self) -> &'static str {
        match self {
            Self::Normal => "normal",
            Self::SheddingFar => "shedding_far",
            Self::HazardsOnly => "hazards_only",
            Self::Isolated => "isolated",
        }
    }
}

impl Default for LoadConfig {
    fn default() -> Self {
        Self {
            telemetry_per_s: NonZeroU32::new(10_000).expect("is not zero"),
            hazards_per_s: NonZeroU32::new(2_000).expect("is not zero"),
            reserve: Duration::from_millis(500),
            shed_min: Duration::from_secs(1),
            far_m: 300,
            isolated_after: Duration::from_secs(5),
        }
    }
}

impl LoadMonitor {
    /// A station that has just started, without peers.
    pub fn new(config: LoadConfig, now: Instant) -> Self {
        Self {
            telemetry: bucket(config.telemetry_per_s, config.reserve, now),
            hazards: bucket(config.hazards_per_s, config.reserve, now),
            config,
            shedding: Load::Normal,
            shedding_since: now,
            alone_since: Some(now),
            told: Load::Normal,
            load: Load::Normal,
        }
    }

    /// The state now.
    pub fn load(&self) -> Load {
        self.load
    }

    /// How it decides.
    pub fn config(&self) -> &LoadConfig {
        &self.config
    }

    /// A signature of telemetry was checked.
    pub fn handle_telemetry(&mut self, now: Instant) {
        self.telemetry.spend(now);
        self.update(now);
    }

    /// A signature of a hazard was checked.
    pub fn handle_hazard(&mut self, now: Instant) {
        self.hazards.spend(now);
    }

    /// Takes in whether anybody is connected.
    pub fn handle_peers(&mut self, is_alone: bool, now: Instant) {
        if is_alone {
            self.alone_since.get_or_insert(now);
        } else {
            self.alone_since = None;
        }
        self.update(now);
    }

    /// Looks at what time alone changes.
    pub fn handle_timeout(&mut self, now: Instant) {
        self.update(now);
    }

    /// The new state, if it changed.
    pub fn poll_change(&mut self) -> Option<Load> {
        if self.told == self.load {
            return None;
        }
        self.told = self.load;
        Some(self.load)
    }

    /// Whether telemetry is dropped unverified that is far from everybody it is for, or not.
    pub fn sheds_telemetry(&self, is_far: bool) -> bool {
        match self.shedding {
            Load::Normal | Load::Isolated => false,
            Load::SheddingFar => is_far,
            Load::HazardsOnly => true,
        }
    }

    /// Whether a hazard is dropped unverified that came by a connection which brought wrong ones
    /// before.
    pub fn sheds_hazards_of_offenders(&self, now: Instant) -> bool {
        self.hazards.left_percent(now) == 0
    }

    fn update(&mut self, now: Instant) {
        let left = self.telemetry.left_percent(now);
        let lasted = now.since(self.shedding_since) >= self.config.shed_min;
        let next = match self.shedding {
            Load::Normal | Load::Isolated | Load::SheddingFar if left <= HAZARDS_ONLY_PERCENT => {
                Load::HazardsOnly
            }
            Load::Normal | Load::Isolated if left <= FAR_PERCENT => Load::SheddingFar,
            Load::SheddingFar if left >= NORMAL_PERCENT && lasted => Load::Normal,
            Load::HazardsOnly if left >= FAR_AGAIN_PERCENT && lasted => Load::SheddingFar,
            same @ (Load::Normal | Load::SheddingFar | Load::HazardsOnly | Load::Isolated) => same,
        };
        if next != self.shedding {
            self.shedding = next;
            self.shedding_since = now;
        }
        let alone_for = self.alone_since.map(|since| now.since(since));
        self.load = if alone_for.is_some_and(|alone| alone >= self.config.isolated_after) {
            Load::Isolated
        } else {
            self.shedding
        };
    }
}

fn bucket(per_s: NonZeroU32, depth: Duration, now: Instant) -> Bucket {
    Bucket::new(Duration::from_secs(1) / per_s.get(), depth, now)
}

/// Below this, far telemetry is shed.
const FAR_PERCENT: u128 = 50;
/// Below this, all telemetry is shed.
const HAZARDS_ONLY_PERCENT: u128 = 10;
/// From here on, near telemetry is verified again.
const FAR_AGAIN_PERCENT: u128 = 60;
/// From here on, all telemetry is verified again.
const NORMAL_PERCENT: u128 = 90;
