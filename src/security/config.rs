use std::{num::NonZeroUsize, ops::RangeInclusive, time::Duration};

use serde::{Deserialize, Serialize};

use super::budget::Budget;

/// What counts as fresh, and how much memory and work strangers may cost.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Telemetry older than this on arrival is refused.
    #[serde(with = "humantime_serde")]
    pub telemetry_age_max: Duration,
    /// Messages generated further in the future than this are refused.
    #[serde(with = "humantime_serde")]
    pub future_max: Duration,
    /// A clock that may be wrong by more than this is doubted.
    #[serde(with = "humantime_serde")]
    pub clock_doubt_max: Duration,
    /// What is judged by a revocation list older than this is marked.
    #[serde(with = "humantime_serde")]
    pub revocation_age_max: Duration,
    /// Tickets remembered, each with its replay windows, 2 to 5 KiB; beyond, those are forgotten
    /// that no longer count, then those heard least recently.
    pub tickets_max: NonZeroUsize,
    /// Bytes of verified messages remembered to prove equivocation; beyond, the oldest go.
    pub remembered_bytes: NonZeroUsize,
    /// How much telemetry of one signer is taken; beyond, it is refused unverified. What others
    /// make up in its name does not count.
    pub telemetry_budget: Budget,
    /// How many hazards of one signer are taken besides.
    pub hazard_budget: Budget,
    /// What new tickets may cost that come with telemetry or by themselves; beyond, they are
    /// refused unverified.
    pub ticket_budget: Budget,
    /// What new tickets may cost besides that come with hazards.
    pub hazard_ticket_budget: Budget,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            telemetry_age_max: Duration::from_millis(500),
            future_max: Duration::from_millis(200),
            clock_doubt_max: Duration::from_millis(500),
            revocation_age_max: Duration::from_secs(3_600),
            tickets_max: TICKETS_DEFAULT,
            remembered_bytes: REMEMBERED_DEFAULT,
            telemetry_budget: Budget::new(50, 50),
            hazard_budget: Budget::new(10, 20),
            ticket_budget: Budget::new(500, 1_000),
            hazard_ticket_budget: Budget::new(200, 400),
        }
    }
}

impl Config {
    /// The first field that has a value with which old or future messages count, or none do, and what
    /// it may be; `None` if there is none.
    pub fn out_of_range(&self) -> Option<(&'static str, &'static str)> {
        if !AGES.contains(&self.telemetry_age_max) {
            Some(("telemetry_age_max", "50ms to 2s"))
        } else if self.future_max > FUTURE_MAX {
            Some(("future_max", "0s to 1s"))
        } else if !DOUBTS.contains(&self.clock_doubt_max) {
            Some(("clock_doubt_max", "50ms to 2s"))
        } else {
            None
        }
    }
}

/// Two seconds later a car is 60 m further on.
const AGES: RangeInclusive<Duration> = Duration::from_millis(50)..=Duration::from_secs(2);
const FUTURE_MAX: Duration = Duration::from_secs(1);
const DOUBTS: RangeInclusive<Duration> = Duration::from_millis(50)..=Duration::from_secs(2);
const TICKETS_DEFAULT: NonZeroUsize = NonZeroUsize::new(4_096).expect("not zero");
const REMEMBERED_DEFAULT: NonZeroUsize = NonZeroUsize::new(4 << 20).expect("not zero");
