use borsh::{BorshDeserialize, BorshSerialize};
use serde::Serialize;

use crate::{
    crypto::{Digest, Purpose},
    id::GroupId,
    ledger::{
        AccusedTicket, Label, OrderKind, Peaks, RevealedSeed, TicketHandle, encoding::encode,
    },
    security::{LinkageAuthority, RevokedSeries, Slot},
    time::Timestamp,
};

/// The numbers of the orders that a state holds.
#[derive(
    BorshDeserialize, BorshSerialize, Clone, Copy, Debug, Default, Eq, PartialEq, Serialize,
)]
pub struct Orders {
    /// The first one; all below it are over.
    pub first: u64,
    /// The number of the next one.
    pub next: u64,
}

/// An order that a vehicle's tickets shall count no more, and what came of it.
#[derive(BorshDeserialize, BorshSerialize, Clone, Debug, Eq, PartialEq, Serialize)]
pub struct Order {
    /// A ticket of the vehicle.
    pub ticket: AccusedTicket,
    /// The group that issued it.
    pub group: GroupId,
    /// The operators that held shares of its issuer's key, sorted.
    pub members: Vec<u16>,
    /// How many of them it took to sign.
    pub threshold: u16,
    /// For how long.
    pub kind: OrderKind,
    /// Why.
    pub reason: Label,
    /// A digest of what shows it.
    pub evidence: Option<Digest>,
    /// When it was given.
    #[serde(rename = "ordered_unix_ms")]
    pub ordered: Timestamp,
    /// Which handles members of the ticket authority named.
    pub named: Vec<NamedHandle>,
    /// The handle, once enough of them named the same.
    pub handle: Option<AgreedHandle>,
    /// The seeds that were given.
    pub seeds: Vec<GivenSeed>,
    /// A digest of what the accused says.
    pub appeal: Option<Digest>,
    /// What came of it.
    pub state: OrderState,
    /// Who did not do what the order asked for.
    pub failures: Vec<OrderFailure>,
    /// The number of the last slot in which it means anything.
    pub last_slot: u32,
}

/// A handle, as a member of the ticket authority names it.
#[derive(BorshDeserialize, BorshSerialize, Clone, Copy, Debug, Eq, PartialEq, Serialize)]
pub struct NamedHandle {
    /// The member's index as an operator.
    pub operator: u16,
    /// The handle.
    pub handle: TicketHandle,
}

/// A handle that enough members named.
#[derive(BorshDeserialize, BorshSerialize, Clone, Copy, Debug, Eq, PartialEq, Serialize)]
pub struct AgreedHandle {
    /// The handle.
    pub handle: TicketHandle,
    /// When that was so.
    #[serde(rename = "at_unix_ms")]
    pub at: Timestamp,
}

/// A seed that an operator gave.
#[derive(BorshDeserialize, BorshSerialize, Clone, Copy, Debug, Eq, PartialEq, Serialize)]
pub struct GivenSeed {
    /// Whose seed it is said to be.
    pub authority: LinkageAuthority,
    /// Who gave it, by its index.
    pub operator: u16,
    /// The seed.
    pub seed: RevealedSeed,
}

/// What came of an order.
///
/// The order is part of the format: new kinds are added at the end.
#[derive(BorshDeserialize, BorshSerialize, Clone, Copy, Debug, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum OrderState {
    /// Nothing yet.
    Open,
    /// The vehicle's tickets are listed.
    Listed {
        /// The number of the entry.
        entry: u64,
    },
    /// It was taken back.
    Lifted {
        /// The number of the entry that says so, if the tickets were listed.
        entry: Option<u64>,
    },
}

/// That an operator failed an order, which the order itself proves.
#[derive(BorshDeserialize, BorshSerialize, Clone, Copy, Debug, Eq, PartialEq, Serialize)]
pub struct OrderFailure {
    /// The operator's index.
    pub operator: u16,
    /// What it did.
    pub failure: Failure,
}

/// How an operator failed an order.
///
/// The order is part of the format: new kinds are added at the end.
#[derive(BorshDeserialize, BorshSerialize, Clone, Copy, Debug, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Failure {
    /// It named another handle than the one that was settled.
    OtherHandle,
    /// It gave another seed than the one that fits.
    OtherSeed {
        /// Whose seed it should have been.
        authority: LinkageAuthority,
    },
    /// It did not give its own seed, so others had to.
    Late {
        /// Which authority it is.
        authority: LinkageAuthority,
    },
}

/// How far the list of revoked tickets goes.
#[derive(BorshDeserialize, BorshSerialize, Clone, Debug, Default, Eq, PartialEq, Serialize)]
pub struct RevocationHead {
    /// The number of the first entry that may still mean anything; all before it are over.
    pub first: u64,
    /// The tops over those before it.
    pub first_peaks: Peaks,
    /// The number of the next entry.
    pub next: u64,
    /// The tops over all entries so far.
    pub peaks: Peaks,
}

/// An entry of the list of revoked tickets.
///
/// The order is part of the format: new kinds are added at the end.
#[derive(BorshDeserialize, BorshSerialize, Clone, Copy, Debug, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum RevocationEntry {
    /// A vehicle's tickets do not count in a time.
    Revoke {
        /// The number of the first slot.
        slot_from: u32,
        /// The number of the last slot.
        slot_until: u32,
        /// The seeds of the first slot, of both authorities.
        seeds: [RevealedSeed; 2],
    },
    /// Tickets that were revoked count again.
    Lift {
        /// The number of the entry that revoked them.
        number: u64,
    },
}

impl RevocationEntry {
    /// Names it by all that it says: its leaf in the list.
    pub fn leaf(&self) -> Digest {
        Digest::of(Purpose::LedgerRevocation, &[&encode(self)])
    }

    /// The tickets that do not count; `None` for an entry that lets some count again.
    pub fn series(&self) -> Option<RevokedSeries> {
        match self {
            Self::Revoke {
                slot_from,
                slot_until,
                seeds,
            } => Some(RevokedSeries {
                slot_from: Slot::from_number(*slot_from),
                slot_until: Slot::from_number(*slot_until),
                seeds: seeds.map(|seed| *seed.as_bytes()),
            }),
            Self::Lift { .. } => None,
        }
    }
}
