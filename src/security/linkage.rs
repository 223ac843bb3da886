use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use super::slot::Slot;
use crate::crypto::{Digest, Purpose};

/// Which of the two authorities that together link a vehicle's tickets.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum LinkageAuthority {
    /// The one that enrols vehicles.
    First,
    /// The other, of another operator.
    Second,
}

/// Where an authority's chain of seeds for one vehicle stands in a slot.
///
/// Each seed gives the next one and not the one before: whoever knows it can link the vehicle's tickets
/// from its slot on, together with the other authority's, and none of the earlier ones. It is wiped
/// when dropped.
#[derive(Clone)]
pub struct LinkageSeed(Zeroizing<[u8; 32]>);

/// What one authority puts into a vehicle's ticket of one slot; it says nothing without the other's.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct LinkageShare([u8; 12]);

/// The tickets of one vehicle in a time, told by revealed seeds.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct RevokedSeries {
    /// The first slot.
    pub slot_from: Slot,
    /// The last slot.
    pub slot_until: Slot,
    /// The seeds of the first slot, of both authorities.
    pub seeds: [[u8; 32]; 2],
}

impl LinkageAuthority {
    /// Both, in the order of their seeds.
    pub const BOTH: [Self; 2] = [Self::First, Self::Second];

    fn code(self) -> u8 {
        match self {
            Self::First => 1,
            Self::Second => 2,
        }
    }
}

impl LinkageSeed {
    /// The first seed of a chain, from what the authority alone knows and its name for the vehicle.
    pub fn derive(authority: LinkageAuthority, secret: &[u8; 32], vehicle: &[u8]) -> Self {
        Self::of(Purpose::LinkageChain, authority, &[secret, vehicle])
    }

    /// The seed with these bytes.
    pub fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(Zeroizing::new(bytes))
    }

    /// Its bytes, with which the vehicle can be followed from here on.
    pub fn to_bytes(&self) -> Zeroizing<[u8; 32]> {
        self.0.clone()
    }

    /// The seed of the slot after.
    #[must_use]
    pub fn next(&self, authority: LinkageAuthority) -> Self {
        Self::of(Purpose::LinkageSeed, authority, &[self.0.as_slice()])
    }

    /// The seed of the slot `to`, if this one is of `from`; `None` for an earlier slot.
    ///
    /// Costs a digest for each slot between.
    pub fn advanced(&self, authority: LinkageAuthority, from: Slot, to: Slot) -> Option<Self> {
        let steps = to.number().checked_sub(from.number())?;
        Some((0..steps).fold(self.clone(), |seed, _| seed.next(authority)))
    }

    /// What the authority puts into the ticket of this seed's slot.
    pub fn share(&self, authority: LinkageAuthority, slot: Slot) -> LinkageShare {
        let (code, slot) = ([authority.code()], slot.number().to_be_bytes());
        let digest = Digest::of(Purpose::LinkageValue, &[&code, self.0.as_slice(), &slot]);
        let mut share = [0; 12];
        share
            .iter_mut()
            .zip(digest.as_bytes())
            .for_each(|(to, from)| *to = *from);
        LinkageShare(share)
    }

    fn of(purpose: Purpose, authority: LinkageAuthority, parts: &[&[u8]]) -> Self {
        let code = [authority.code()];
        let all: Vec<&[u8]> = [code.as_slice()]
            .into_iter()
            .chain(parts.iter().copied())
            .collect();
        Self::from_bytes(*Digest::of(purpose, &all).as_bytes())
    }
}

impl LinkageShare {
    /// The share with these bytes.
    pub fn from_bytes(bytes: [u8; 12]) -> Self {
        Self(bytes)
    }

    /// Its bytes.
    pub fn as_bytes(&self) -> &[u8; 12] {
        &self.0
    }

    /// The linkage value of a ticket, from both authorities' shares.
    pub fn join(&self, other: &Self) -> [u8; 12] {
        let mut joined = self.0;
        joined
            .iter_mut()
            .zip(other.0)
            .for_each(|(byte, other)| *byte ^= other);
        joined
    }
}

impl RevokedSeries {
    /// The linkage value of the vehicle's ticket of a slot; `None` outside of the series.
    ///
    /// Costs two digests for each slot since the first one.
    pub fn linkage_at(&self, slot: Slot) -> Option<[u8; 12]> {
        if !(self.slot_from..=self.slot_until).contains(&slot) {
            return None;
        }
        let [first, second] = self.seeds;
        let share = |authority, seed| {
            let seed = LinkageSeed::from_bytes(seed);
            let seed = seed.advanced(authority, self.slot_from, slot)?;
            Some(seed.share(authority, slot))
        };
        let first = share(LinkageAuthority::First, first)?;
        Some(first.join(&share(LinkageAuthority::Second, second)?))
    }
}
