use std::time::Duration;

use rand_chacha::{
    ChaCha8Rng,
    rand_core::{Rng as _, SeedableRng as _},
};

/// How long to wait before the next attempt: doubling, and never the same for two stations.
pub(super) struct Backoff {
    min: Duration,
    max: Duration,
    next: Duration,
    random: ChaCha8Rng,
}

impl Backoff {
    pub(super) fn new(min: Duration, max: Duration, seed: u64) -> Self {
        Self {
            min,
            max: max.max(min),
            next: min,
            random: ChaCha8Rng::seed_from_u64(seed),
        }
    }

    /// The next pause: the doubled one before, within its bounds, times 0.75 to 1.25.
    pub(super) fn next_pause(&mut self) -> Duration {
        let pause = self.next;
        self.next = (pause * 2).min(self.max);
        let sixteenths = 12 + self.random.next_u32() % 9;
        pause * sixteenths / 16
    }

    /// Notes how long an attempt's success lasted: whoever takes a handshake and cuts the connection off
    /// at once, as one that refuses the ticket, is tried ever less often.
    pub(super) fn handle_end(&mut self, lasted: Duration) {
        if lasted >= LASTING {
            self.reset();
        }
    }

    /// To be called when there is a reason to think that it goes better now.
    pub(super) fn reset(&mut self) {
        self.next = self.min;
    }
}

/// From how long on a connection was one: longer than it takes to say hello and to be refused.
const LASTING: Duration = Duration::from_secs(5);
