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

    fn interval(self) -> Duration {
        Duration::from_secs(1) / self.per_s.get()
    }
}

impl Spent {
    /// Whether one more verification can be paid for.
    pub(super) fn affords(&self, budget: Budget, now: Instant) -> bool {
        self.after_one(budget, now).since(now) <= budget.interval() * budget.burst.get()
    }

    /// Pays for one verification, or returns false if nothing is left.
    pub(super) fn take(&mut self, budget: Budget, now: Instant) -> bool {
        let affordable = self.affords(budget, now);
        if affordable {
            self.full_again = self.after_one(budget, now);
        }
        affordable
    }

    fn after_one(&self, budget: Budget, now: Instant) -> Instant {
        self.full_again.max(now) + budget.interval()
    }
}
