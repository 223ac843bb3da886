use std::{num::NonZeroUsize, time::Duration};

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

const TICKETS_DEFAULT: NonZeroUsize = NonZeroUsize::new(4_096).expect("not zero");
const REMEMBERED_DEFAULT: NonZeroUsize = NonZeroUsize::new(4 << 20).expect("not zero");
