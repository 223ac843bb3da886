use std::{num::NonZeroU32, time::Duration};

use serde::{Deserialize, Serialize};

use crate::time::Instant;

/// How many verifications are paid for.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Budget {
    /// Verifications per second that go on for ever.
    pub per_s: NonZeroU32,
    /// Verifications at once after a rest.
    pub burst: NonZeroU32,
}

/// How much of a [`Budget`] was spent: a token bucket kept as the moment at which it is full again.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Spent {
    full_again: Instant,
}

impl Budget {
    pub(super) const fn new(per_s: u32, burst: u32) -> Self {
        let (Some(per_s), Some(burst)) = (NonZeroU32::new(per_s), NonZeroU32::new(burst)) else {
            panic!("a budget is not zero");
        };
        Self { per_s, burst }
    }
}

impl Spent {
    /// Pays for one verification, or returns false if nothing is left.
    pub(super) fn take(&mut self, budget: Budget, now: Instant) -> bool {
        let interval = Duration::from_secs(1) / budget.per_s.get();
        let full_again = self.full_again.max(now) + interval;
        let affordable = full_again.since(now) <= interval * budget.burst.get();
        if affordable {
            self.full_again = full_again;
        }
        affordable
    }
}
