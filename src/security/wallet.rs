use std::{collections::BTreeMap, time::Duration};

use thiserror::Error;

use super::{
    slot::{Slot, SlotClock},
    ticket::Ticket,
};
use crate::{
    crypto::{Purpose, SigningKey},
    id::StationId,
    time::Timestamp,
};

/// A ticket with its private key.
pub struct Credential {
    ticket: Ticket,
    key: SigningKey,
    /// Where between the earliest and the latest moment it comes into use, in 65 536ths.
    jitter: u16,
}

/// The key does not belong to the ticket.
#[derive(Clone, Copy, Debug, Eq, Error, PartialEq)]
#[error("the private key does not belong to the ticket of station {0}")]
pub struct ForeignKeyError(pub StationId);

/// The credentials of one station, at most one per slot.
pub struct Wallet {
    slots: SlotClock,
    credentials: BTreeMap<Slot, Credential>,
}

impl Credential {
    /// Joins a ticket and its private key.
    pub fn new(ticket: Ticket, key: SigningKey) -> Result<Self, ForeignKeyError> {
        if *key.verifying_key().as_bytes() != ticket.key_bytes() {
            return Err(ForeignKeyError(ticket.station()));
        }
        let [high, low, ..] = key.digest(Purpose::ChangeJitter, &[]).prefix();
        Ok(Self {
            ticket,
            key,
            jitter: u16::from_be_bytes([high, low]),
        })
    }

    /// The ticket.
    pub fn ticket(&self) -> &Ticket {
        &self.ticket
    }

    /// The private key.
    pub fn key(&self) -> &SigningKey {
        &self.key
    }

    /// The station that this credential makes its holder.
    pub fn station(&self) -> StationId {
        self.ticket.station()
    }
}

impl Wallet {
    /// A wallet of a trust domain with these slots.
    pub fn new(slots: SlotClock, credentials: Vec<Credential>) -> Self {
        let mut wallet = Self {
            slots,
            credentials: BTreeMap::new(),
        };
        for credential in credentials {
            wallet.insert(credential);
        }
        wallet
    }

    /// Adds a credential, unless its slot has one already.
    ///
    /// The first one stays, since it may be in use.
    pub fn insert(&mut self, credential: Credential) {
        self.credentials
            .entry(credential.ticket.slot())
            .or_insert(credential);
    }

    /// Drops the credentials whose ticket `is_kept` says no to.
    pub(super) fn retain(&mut self, is_kept: impl Fn(&Ticket) -> bool) {
        self.credentials
            .retain(|_, credential| is_kept(&credential.ticket));
    }

    /// The slots that the wallet's tickets are for.
    pub fn slots(&self) -> SlotClock {
        self.slots
    }

    /// The credential of a slot.
    pub fn for_slot(&self, slot: Slot) -> Option<&Credential> {
        self.credentials.get(&slot)
    }

    /// The credential that made its holder `station`.
    pub fn for_station(&self, station: StationId) -> Option<&Credential> {
        self.credentials
            .values()
            .find(|credential| credential.station() == station)
    }

    /// The credential to use at `at`: the slot's own, else one that still or already counts.
    ///
    /// All vehicles change in the same time after a slot's start, each at a moment of its own: until
    /// then the credential of the slot before stays in use.
    pub fn credential_at(&self, at: Timestamp) -> Option<&Credential> {
        let slot = self.slots.slot_at(at);
        if let Some(former) = self.former(slot)
            && at < self.change_to(slot)
        {
            return Some(former);
        }
        let (older, newer) = (
            self.credentials.range(..slot),
            self.credentials.range(slot..),
        );
        [newer.take(1).next(), older.rev().take(1).next()]
            .into_iter()
            .flatten()
            .map(|(_, credential)| credential)
            .find(|credential| self.counts(credential, at))
    }

    /// When another credential, or none, comes into use; `None` if none is in use at `at` and none
    /// will be.
    pub fn next_change(&self, at: Timestamp) -> Option<Timestamp> {
        let slot = self.slots.slot_at(at);
        if self.former(slot).is_some() && at < self.change_to(slot) {
            return Some(self.change_to(slot));
        }
        let current = self.credential_at(at).map(|own| own.ticket.slot());
        let next = self
            .credentials
            .keys()
            .copied()
            .find(|next| *next >= slot && Some(*next) > current);
        let Some(current) = current else {
            return next.map(|next| self.slots.valid_from(next));
        };
        let end = self.slots.valid_until(current);
        Some(next.map_or(end, |next| {
            // In its own slot a ticket is preferred; after it, the next one is as soon as it counts.
            end.min(if current >= slot {
                self.change_to(next)
            } else {
                self.slots.valid_from(next)
            })
        }))
    }

    /// How many credentials count at `at` or later.
    pub fn remaining(&self, at: Timestamp) -> usize {
        self.credentials
            .values()
            .filter(|credential| at <= self.slots.valid_until(credential.ticket.slot()))
            .count()
    }

    /// When the last credential ends; `None` for an empty wallet.
    pub fn valid_until(&self) -> Option<Timestamp> {
        let (slot, _) = self.credentials.last_key_value()?;
        Some(self.slots.valid_until(*slot))
    }

    /// Drops the credentials of slots that ended before `before`.
    ///
    /// Their hazards can be updated no more: keep them for as long as a hazard may hold, a day.
    pub fn forget(&mut self, before: Timestamp) {
        let slots = self.slots;
        self.credentials
            .retain(|slot, _| slots.valid_until(*slot) >= before);
    }

    /// The credential of the slot before, if the one of `slot` is there to follow it.
    fn former(&self, slot: Slot) -> Option<&Credential> {
        let (former_slot, former) = self.credentials.range(..slot).next_back()?;
        let follows = former_slot.next() == Some(slot) && self.credentials.contains_key(&slot);
        follows.then_some(former)
    }

    /// When the credential of `slot` takes over from that of the slot before: up to 30 s, and a tenth
    /// of a slot, after its start.
    ///
    /// The moment follows from its private key, so that nobody knows it, and a restart keeps it.
    fn change_to(&self, slot: Slot) -> Timestamp {
        let start = self.slots.start(slot);
        let (Some(own), Some(_)) = (self.credentials.get(&slot), self.former(slot)) else {
            return start;
        };
        let span = (self.slots.length() / 10).min(JITTER_MAX);
        start.saturating_add(span * u32::from(own.jitter) / (1 << 16))
    }

    /// Whether a ticket counts at `at`.
    pub(super) fn counts(&self, credential: &Credential, at: Timestamp) -> bool {
        let slot = credential.ticket.slot();
        (self.slots.valid_from(slot)..=self.slots.valid_until(slot)).contains(&at)
    }
}

/// At most so long after a slot's start its ticket comes into use.
const JITTER_MAX: Duration = Duration::from_secs(30);
