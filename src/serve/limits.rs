use std::{
    num::{NonZeroU32, NonZeroUsize},
    time::Duration,
};

use serde::{Deserialize, Serialize};

/// What bounds callers. Each bound that is met is told to the caller, with a reason.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct Limits {
    /// Requests of one caller a second, sustained; each message of a stream counts. Twice as many
    /// may come at once. Above it: `RESOURCE_EXHAUSTED`, with the time to wait.
    pub requests_per_s: NonZeroU32,
    /// How long a unary call may take, whatever deadline the client set. Then:
    /// `DEADLINE_EXCEEDED`, and its work stops.
    #[serde(with = "humantime_serde")]
    pub unary_timeout: Duration,
    /// Without events a subscription sends a heartbeat this often, above zero.
    #[serde(with = "humantime_serde")]
    pub heartbeat_interval: Duration,
    /// A subscriber that takes nothing for this long is cut off.
    #[serde(with = "humantime_serde")]
    pub slow_subscriber_timeout: Duration,
    /// Streams of one caller at once, subscriptions and publications. Above it:
    /// `RESOURCE_EXHAUSTED`.
    pub streams_per_caller_max: NonZeroUsize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            requests_per_s: const { NonZeroU32::new(2_000).unwrap() },
            unary_timeout: Duration::from_secs(5),
            heartbeat_interval: Duration::from_secs(1),
            slow_subscriber_timeout: Duration::from_secs(10),
            streams_per_caller_max: const { NonZeroUsize::new(32).unwrap() },
        }
    }
}

/// The largest message, either way. Above it: `OUT_OF_RANGE`.
pub const MESSAGE_BYTES_MAX: usize = 1024 * 1024;
/// Streams and calls of one connection at once; further ones wait.
pub const STREAMS_PER_CONNECTION_MAX: u32 = 100;
