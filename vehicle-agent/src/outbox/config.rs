use std::{
    num::{NonZeroU32, NonZeroUsize},
    time::Duration,
};

use serde::{Deserialize, Serialize};

/// What bounds an outbox.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct OutboxConfig {
    /// Records that are not done; at the bound further ones are refused, and the client told so.
    pub waiting_max: NonZeroUsize,
    /// Their bytes together; at the bound further ones are refused, and the client told so.
    pub waiting_bytes_max: NonZeroUsize,
    /// Records that are done and still remembered, to tell their proofs and to know a client's
    /// retry; at the bound the oldest is forgotten, and a retry of it would be a new record.
    pub done_max: NonZeroUsize,
    /// Signed records at one time, at most 128: the ledger bears 256 nonces out of order.
    pub signed_max: NonZeroU32,
    /// Shortest pause before a record is sent again; doubles with every failure.
    #[serde(with = "humantime_serde")]
    pub retry_pause_min: Duration,
    /// Longest pause before a record is sent again.
    #[serde(with = "humantime_serde")]
    pub retry_pause_max: Duration,
}

impl Default for OutboxConfig {
    fn default() -> Self {
        Self {
            waiting_max: const { NonZeroUsize::new(10_000).expect("not zero") },
            waiting_bytes_max: const { NonZeroUsize::new(16 << 20).expect("not zero") },
            done_max: const { NonZeroUsize::new(1_024).expect("not zero") },
            signed_max: const { NonZeroU32::new(32).expect("not zero") },
            retry_pause_min: Duration::from_secs(1),
            retry_pause_max: Duration::from_secs(300),
        }
    }
}

impl OutboxConfig {
    /// The signed records within their bound.
    pub(super) fn signed_max(&self) -> usize {
        let capped = self.signed_max.get().min(SIGNED_MAX);
        usize::try_from(capped).unwrap_or(usize::MAX)
    }
}

const SIGNED_MAX: u32 = 128;
