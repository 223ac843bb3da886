use std::num::{NonZeroU32, NonZeroUsize};

use serde::{Deserialize, Serialize};

use super::{NEIGHBOURS_MAX, machine::HOPS_WIRE_MAX};

/// How a unit relays.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Messages that came over so many hops are not passed on to other units. At most 15.
    pub hops_max: u8,
    /// Hazards of others kept, negations and ends among them; at the bound the oldest is forgotten of
    /// whoever brought most, ends first.
    pub hazards_max: NonZeroUsize,
    /// Hazards kept that one vehicle's ticket brought; at the bound its oldest is forgotten.
    pub signer_hazards_max: NonZeroUsize,
    /// Hazards kept that another unit brought, under all its tickets; at the bound its oldest is
    /// forgotten, ends first.
    pub unit_hazards_max: NonZeroUsize,
    /// Vehicles that one is introduced to; 0 introduces nobody. At most
    /// [`NEIGHBOURS_MAX`](super::NEIGHBOURS_MAX).
    pub introduced_max: usize,
    /// From how near, in metres.
    pub introduced_within_m: u32,
    /// Tickets of others that a vehicle is handed per second; messages of further signers wait. A unit
    /// is handed eight times as many.
    pub tickets_per_s: NonZeroU32,
    /// Tickets of others that a vehicle is handed at once, after a rest, and a unit four times as many.
    pub tickets_burst: NonZeroU32,
    /// Signers remembered of each peer, whose tickets it has and whose rate is kept; at the bound the
    /// one remembered longest is forgotten.
    pub signers_max: NonZeroUsize,
}

impl Config {
    /// This, within what can be said on the wire.
    pub(super) fn bounded(self) -> Self {
        Self {
            introduced_max: self.introduced_max.min(NEIGHBOURS_MAX),
            // The wire counts no further: more would be no bound.
            hops_max: self.hops_max.min(HOPS_WIRE_MAX),
            ..self
        }
    }
}

impl Default for Config {
    fn default() -> Self {
        let number = |number| NonZeroUsize::new(number).expect("is not zero");
        let rate = |rate| NonZeroU32::new(rate).expect("is not zero");
        Self {
            hops_max: 4,
            hazards_max: number(4_096),
            signer_hazards_max: number(64),
            unit_hazards_max: number(512),
            introduced_max: 8,
            introduced_within_m: 300,
            tickets_per_s: rate(16),
            tickets_burst: rate(48),
            signers_max: number(4_096),
        }
    }
}
