use std::num::{NonZeroU32, NonZeroUsize};

use serde::{Deserialize, Serialize};

/// How a unit relays.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Messages that came over so many hops are not passed on to other units.
    pub hops_max: u8,
    /// Hazards kept, negations among them; at the bound the oldest is forgotten of whoever brought
    /// most.
    pub hazards_max: NonZeroUsize,
    /// Hazards kept that one ticket brought; at the bound its oldest is forgotten.
    pub signer_hazards_max: NonZeroUsize,
    /// Vehicles that one is introduced to; 0 introduces nobody. At most
    /// [`NEIGHBOURS_MAX`](super::NEIGHBOURS_MAX).
    pub introduced_max: usize,
    /// From how near, in metres.
    pub introduced_within_m: u32,
    /// Tickets of others that a peer is handed per second; messages of further signers wait.
    pub tickets_per_s: NonZeroU32,
    /// Tickets of others that a peer is handed at once, after a rest.
    pub tickets_burst: NonZeroU32,
    /// Signers remembered of each peer, whose tickets it has and whose rate is kept; at the bound the
    /// one remembered longest is forgotten.
    pub signers_max: NonZeroUsize,
}

impl Default for Config {
    fn default() -> Self {
        let number = |number| NonZeroUsize::new(number).expect("is not zero");
        let rate = |rate| NonZeroU32::new(rate).expect("is not zero");
        Self {
            hops_max: 4,
            hazards_max: number(4_096),
            signer_hazards_max: number(64),
            introduced_max: 8,
            introduced_within_m: 300,
            tickets_per_s: rate(16),
            tickets_burst: rate(48),
            signers_max: number(4_096),
        }
    }
}
