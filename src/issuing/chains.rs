use std::collections::BTreeMap;

use super::{VehicleHandle, keys::LinkageSecret};
use crate::security::{LinkageAuthority, LinkageSeed, Slot};

/// One linkage authority's chains of seeds, of all vehicles.
///
/// Each begins at the trust domain's first slot; how far it was followed is remembered, since a year of
/// slots costs some milliseconds.
pub(super) struct Chains {
    authority: LinkageAuthority,
    secret: LinkageSecret,
    known: BTreeMap<VehicleHandle, (Slot, LinkageSeed)>,
}

impl Chains {
    pub(super) fn new(authority: LinkageAuthority, secret: LinkageSecret) -> Self {
        Self {
            authority,
            secret,
            known: BTreeMap::new(),
        }
    }

    pub(super) fn authority(&self) -> LinkageAuthority {
        self.authority
    }

    pub(super) fn secret(&self) -> &LinkageSecret {
        &self.secret
    }

    /// A vehicle's seed of a slot; `None` before the trust domain's first slot.
    ///
    /// No slot before `floor` is asked for again, as a rule; one that is costs the whole chain.
    pub(super) fn seed(
        &mut self,
        vehicle: VehicleHandle,
        slot: Slot,
        (origin, floor): (Slot, Slot),
    ) -> Option<LinkageSeed> {
        if self.known.len() >= KNOWN_MAX {
            self.known.clear();
        }
        let first = || {
            let secret = self.secret.as_bytes();
            let seed = LinkageSeed::derive(self.authority, secret, vehicle.as_bytes());
            (origin, seed)
        };
        let known = self.known.entry(vehicle).or_insert_with(first);
        if known.0 > slot {
            *known = first();
        }
        let (at, seed) = known;
        if *at < floor.min(slot) {
            *seed = seed.advanced(self.authority, *at, floor.min(slot))?;
            *at = floor.min(slot);
        }
        seed.advanced(self.authority, *at, slot)
    }
}

/// About 100 MiB; at the end of it the chains are followed anew.
const KNOWN_MAX: usize = 1 << 20;
