use std::collections::{BTreeMap, BTreeSet};

use borsh::{BorshDeserialize, BorshSerialize};
use serde::Serialize;

use crate::{
    crypto::Digest,
    id::{DomainId, GroupId, VehicleId},
    ledger::AccountKey,
    security::{Slot, SlotClock},
    time::Timestamp,
};

/// What tickets are like on this ledger.
#[derive(BorshDeserialize, BorshSerialize, Clone, Copy, Debug, Eq, PartialEq, Serialize)]
pub struct TicketPolicy {
    /// The trust domain of all tickets.
    pub domain: DomainId,
    /// How long a slot is; from 1 s to a day.
    pub slot_length_s: u32,
    /// The number of the slot in which linkage chains begin.
    pub origin_slot: u32,
    /// How many slots after the current one a vehicle may have tickets for.
    pub preload_slots: u32,
    /// How many vehicles at least are in a batch of tickets, unless it waited long enough.
    pub batch_vehicles_min: u32,
    /// How long a batch waits for more vehicles.
    pub batch_wait_ms: u32,
}

/// The operators that issue tickets to the vehicles enrolled with them.
///
/// Neither authority, nor any member of the ticket authority, knows both whose a ticket is and what
/// it says.
#[derive(BorshDeserialize, BorshSerialize, Clone, Debug, Eq, PartialEq, Serialize)]
pub struct Group {
    /// The operator that enrols vehicles, and is the first linkage authority.
    pub enrolment: u16,
    /// The operator that is the second linkage authority.
    pub linkage: u16,
    /// The operators that sign tickets, sorted.
    pub members: Vec<u16>,
    /// How many of them it takes to sign.
    pub threshold: u16,
    /// How many replicas of the enrolment authority there are; at least one.
    pub replicas: u16,
    /// How many there will be, if that changes.
    pub next_replicas: Option<NextReplicas>,
}

/// How many replicas of an enrolment authority there are from a slot on.
#[derive(BorshDeserialize, BorshSerialize, Clone, Copy, Debug, Eq, PartialEq, Serialize)]
pub struct NextReplicas {
    /// How many.
    pub replicas: u16,
    /// The number of the first slot whose tickets they divide.
    pub from_slot: u32,
}

/// A replica of an operator, and the keys by which it speaks about tickets.
#[derive(BorshDeserialize, BorshSerialize, Clone, Debug, Eq, PartialEq, Serialize)]
pub struct IssuingSeat {
    /// The newest key, which may begin later.
    pub current: IssuingKey,
    /// The one before, if there was any; it counts until its end.
    pub previous: Option<IssuingKey>,
    /// Where the replica is reached, as `host:port`.
    pub door: String,
}

/// A key and its time.
#[derive(BorshDeserialize, BorshSerialize, Clone, Copy, Debug, Eq, PartialEq, Serialize)]
pub struct IssuingKey {
    /// The key.
    pub key: AccountKey,
    /// The first moment at which it counts.
    #[serde(rename = "from_unix_ms")]
    pub from: Timestamp,
    /// The last moment at which it counts.
    #[serde(rename = "until_unix_ms")]
    pub until: Timestamp,
}

/// Whose issuing key one is or was.
#[derive(BorshDeserialize, BorshSerialize, Clone, Copy, Debug, Eq, PartialEq, Serialize)]
pub struct IssuingKeyOwner {
    /// The operator's index.
    pub operator: u16,
    /// Its replica.
    pub replica: u16,
}

/// The keys that sign tickets.
#[derive(BorshDeserialize, BorshSerialize, Clone, Debug, Default, Eq, PartialEq, Serialize)]
pub struct Issuers {
    /// The id of the next one.
    pub next: u16,
    /// Those under which tickets may still count, by their ids.
    pub entries: Vec<IssuerEntry>,
}

/// A key that signs tickets.
#[derive(BorshDeserialize, BorshSerialize, Clone, Debug, Eq, PartialEq, Serialize)]
pub struct IssuerEntry {
    /// Its id in tickets.
    pub id: u16,
    /// Whose key it is.
    pub group: GroupId,
    /// The key.
    pub key: AccountKey,
    /// The first moment at which a slot that it signs for may begin.
    #[serde(rename = "from_unix_ms")]
    pub from: Timestamp,
    /// The last moment at which a slot that it signs for may begin.
    #[serde(rename = "until_unix_ms")]
    pub until: Timestamp,
    /// The operators that hold shares of it, sorted.
    pub members: Vec<u16>,
    /// How many of them it takes to sign.
    pub threshold: u16,
}

/// How far the making of a group's next key has come.
#[derive(BorshDeserialize, BorshSerialize, Clone, Debug, Default, Eq, PartialEq, Serialize)]
pub struct KeyBoard {
    /// Which key of the group it is.
    pub ceremony: u32,
    /// Who posted which round's part, which stands under
    /// [`Key::KeyPart`](super::Key::KeyPart).
    pub posted: BTreeSet<(u8, u16)>,
    /// What members say that they made.
    pub confirmed: BTreeMap<u16, IssuingKey>,
}

/// How many tickets a group signed.
#[derive(BorshDeserialize, BorshSerialize, Clone, Debug, Eq, PartialEq, Serialize)]
pub struct Issued {
    /// How many batches there were.
    pub batches: u64,
    /// How many tickets there were.
    pub tickets: u64,
    /// The digest over the tickets of the last batch.
    pub root: Digest,
    /// How many there are for each slot that is not over, by its number.
    pub slots: BTreeMap<u32, u32>,
}

impl TicketPolicy {
    /// Where slots begin and end.
    pub fn slots(&self) -> SlotClock {
        SlotClock::from_length_s(self.slot_length_s).unwrap_or_default()
    }

    /// The slot in which linkage chains begin.
    pub fn origin(&self) -> Slot {
        Slot::from_number(self.origin_slot)
    }

    /// The slot that a moment lies in.
    pub fn slot_at(&self, time: Timestamp) -> Slot {
        self.slots().slot_at(time)
    }

    /// The last slot for which a vehicle may have a ticket at a moment.
    pub fn horizon(&self, time: Timestamp) -> Slot {
        let current = self.slot_at(time).number();
        Slot::from_number(current.saturating_add(self.preload_slots))
    }

    /// The first slot from which on something may change without a vehicle having had a ticket before:
    /// one more than after the horizon, for units that hear of it late.
    pub fn first_untouched(&self, time: Timestamp) -> u32 {
        self.horizon(time).number().saturating_add(2)
    }
}

impl Group {
    /// How many replicas of the enrolment authority divide the tickets of a slot.
    pub fn replicas_at(&self, slot: Slot) -> u16 {
        let next = self.next_replicas.as_ref();
        let next = next.filter(|next| next.from_slot <= slot.number());
        next.map_or(self.replicas, |next| next.replicas)
    }

    /// The only replica of the enrolment authority that gives a vehicle its ticket of a slot.
    pub fn writer(&self, vehicle: &VehicleId, slot: Slot) -> u16 {
        let [a, b, c, d, e, f, g, h, ..] = vehicle.commitment;
        let number = u64::from_be_bytes([a, b, c, d, e, f, g, h]);
        let replica = number % u64::from(self.replicas_at(slot).max(1));
        u16::try_from(replica).expect("a remainder is below its divisor")
    }

    /// Whether an operator is one of those that sign tickets.
    pub fn has_member(&self, operator: u16) -> bool {
        self.members.contains(&operator)
    }
}

impl IssuingSeat {
    /// Whether what a key signs, or what is sealed to it, counts at a moment.
    pub fn counts_at(&self, key: AccountKey, time: Timestamp) -> bool {
        let keys = [Some(self.current), self.previous];
        let mut keys = keys.into_iter().flatten();
        keys.any(|it| it.key == key && it.counts_at(time))
    }

    /// The newest key that counts at a moment, with which to sign and to which to seal.
    pub fn key_at(&self, time: Timestamp) -> Option<AccountKey> {
        let keys = [Some(self.current), self.previous];
        let mut keys = keys.into_iter().flatten();
        keys.find(|it| it.counts_at(time)).map(|it| it.key)
    }
}

impl IssuingKey {
    /// Whether it counts at a moment.
    pub fn counts_at(&self, time: Timestamp) -> bool {
        (self.from..=self.until).contains(&time)
    }
}
