use std::{
    num::{NonZeroU16, NonZeroUsize},
    time::Duration,
};

use serde::{Deserialize, Serialize};

/// When tickets are asked for, and how many.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct TicketsConfig {
    /// Whether the vehicle asks for tickets; needs a ledger that says who issues them. Else it has
    /// what somebody puts into its folder.
    pub fetch: bool,
    /// How far ahead a vehicle that drives has tickets; the ledger's policy may say less.
    #[serde(with = "humantime_serde")]
    pub ahead: Duration,
    /// With tickets for less than this, a vehicle that drives asks for more.
    #[serde(with = "humantime_serde")]
    pub low: Duration,
    /// How far ahead a parked vehicle has tickets, to begin its next drive with; it asks for more at
    /// half of it.
    #[serde(with = "humantime_serde")]
    pub reserve: Duration,
    /// A vehicle counts as parked once it has published nothing for this long.
    #[serde(with = "humantime_serde")]
    pub parked_after: Duration,
    /// Slots in one request, at most 288.
    pub batch_max: NonZeroU16,
    /// Requests at one time; at the bound no further one is made.
    pub requests_max: NonZeroUsize,
    /// Shortest pause before a request is brought again; doubles with every failure.
    #[serde(with = "humantime_serde")]
    pub retry_pause_min: Duration,
    /// Longest pause before a request is brought again.
    #[serde(with = "humantime_serde")]
    pub retry_pause_max: Duration,
}

impl Default for TicketsConfig {
    fn default() -> Self {
        Self {
            fetch: true,
            ahead: Duration::from_secs(2 * 3_600),
            low: Duration::from_secs(3_600),
            reserve: Duration::from_secs(30 * 60),
            parked_after: Duration::from_secs(15 * 60),
            batch_max: const { NonZeroU16::new(24).expect("not zero") },
            requests_max: const { NonZeroUsize::new(8).expect("not zero") },
            retry_pause_min: Duration::from_secs(1),
            retry_pause_max: Duration::from_secs(300),
        }
    }
}

impl TicketsConfig {
    /// The slots of one request within their bound.
    pub(super) fn batch_max(&self) -> usize {
        usize::from(self.batch_max.get().min(BATCH_MAX))
    }
}

/// What an issuer takes in one request: a day of five-minute slots.
const BATCH_MAX: u16 = 288;
