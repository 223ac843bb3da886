use borsh::{BorshDeserialize, BorshSerialize};
use serde::Serialize;

use crate::{
    crypto::{Digest, Purpose},
    ledger::{AccountKey, CustodyPurpose, Label, OdometerSource, VinTag},
    time::Timestamp,
};

/// A vehicle: who it belongs to, who has it, and where its history ends.
#[derive(BorshDeserialize, BorshSerialize, Clone, Debug, Eq, PartialEq, Serialize)]
pub struct Vehicle {
    /// Whether it counts.
    pub status: VehicleStatus,
    /// Who made it.
    pub maker: AccountKey,
    /// The maker's code for the model.
    pub model: Label,
    /// When it was built.
    #[serde(rename = "built_unix_ms")]
    pub built: Timestamp,
    /// Under which tag its identification number is unique.
    pub vin: VinTag,
    /// What shows that its key is kept in secure hardware.
    pub attestation: Digest,
    /// The key that signs what it records itself.
    pub enrolment_key: AccountKey,
    /// Who it belongs to.
    pub owner: AccountKey,
    /// How often it changed hands.
    pub owner_epoch: u64,
    /// What keeps it from being sold.
    pub blocks: Blocks,
    /// Who has or last had it without owning it.
    pub custody: Option<Custody>,
    /// What its odometer showed last.
    pub odometer: Odometer,
    /// How often custodians let somebody read its records.
    pub reads: u64,
    /// Where its history ends.
    pub history: HistoryHead,
}

/// Whether a vehicle counts.
#[derive(BorshDeserialize, BorshSerialize, Clone, Copy, Debug, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum VehicleStatus {
    /// Its tag is not yet known to be free.
    Pending,
    /// It counts.
    Active,
    /// Another vehicle has its tag.
    Refused,
    /// It is off the road for ever.
    Retired,
}

/// What keeps a vehicle from being sold.
#[derive(
    BorshDeserialize, BorshSerialize, Clone, Copy, Debug, Default, Eq, PartialEq, Serialize,
)]
pub struct Blocks {
    /// It was reported stolen.
    pub stolen: bool,
    /// The lender whose security it is.
    pub lien: Option<AccountKey>,
    /// Its ownership is disputed.
    pub dispute: bool,
}

/// Who has a vehicle without owning it.
#[derive(BorshDeserialize, BorshSerialize, Clone, Copy, Debug, Eq, PartialEq, Serialize)]
pub struct Custody {
    /// Who.
    pub holder: AccountKey,
    /// What for.
    pub purpose: CustodyPurpose,
    /// From when.
    #[serde(rename = "from_unix_ms")]
    pub from: Timestamp,
    /// Until when.
    #[serde(rename = "until_unix_ms")]
    pub until: Timestamp,
}

/// What an odometer showed last.
#[derive(BorshDeserialize, BorshSerialize, Clone, Copy, Debug, Eq, PartialEq, Serialize)]
pub struct Odometer {
    /// What it showed.
    pub km: u32,
    /// When it was read.
    #[serde(rename = "read_unix_ms")]
    pub read: Timestamp,
    /// Where the reading came from.
    pub source: OdometerSource,
    /// How far the vehicle may go at once beyond what time allows, so that a long day is no fraud.
    pub allowance_m: u64,
    /// How many readings were taken.
    pub readings: u64,
    /// How often it was corrected.
    pub corrections: u32,
}

/// Where a vehicle's history ends: a chain of digests over all its records.
///
/// Execution links it, not whoever signs a record, so that records which waited in a car for weeks
/// still fit. A refused record is linked too, with its outcome, if its sender was entitled to make
/// records of that kind about the vehicle: a rule that stopped a garage from turning an odometer
/// back is part of the vehicle's history, and junk by strangers is not.
#[derive(BorshDeserialize, BorshSerialize, Clone, Copy, Debug, Eq, PartialEq, Serialize)]
pub struct HistoryHead {
    /// How many records were linked.
    pub sequence: u64,
    /// The digest over all of them.
    pub digest: Digest,
}

impl HistoryHead {
    /// The head of a history without records.
    pub const EMPTY: Self = Self {
        sequence: 0,
        digest: Digest::from_bytes([0; 32]),
    };

    /// The head after one more record: an entry of a block, by its digest, and its outcome's code.
    #[must_use]
    pub fn after(&self, entry: Digest, outcome: u16) -> Self {
        Self {
            sequence: self.sequence + 1,
            digest: Digest::of(
                Purpose::LedgerVehicleHistory,
                &[
                    self.digest.as_bytes(),
                    &self.sequence.to_le_bytes(),
                    entry.as_bytes(),
                    &outcome.to_le_bytes(),
                ],
            ),
        }
    }
}

/// A vehicle's last trips, which others must not overlap.
#[derive(BorshDeserialize, BorshSerialize, Clone, Debug, Default, Eq, PartialEq, Serialize)]
pub struct Trips {
    /// By time, at most [`TRIPS_MAX`].
    pub last: Vec<TripSpan>,
    /// How many there were.
    pub count: u64,
}

/// When a vehicle was on a trip.
#[derive(BorshDeserialize, BorshSerialize, Clone, Copy, Debug, Eq, PartialEq, Serialize)]
pub struct TripSpan {
    /// From when.
    #[serde(rename = "started_unix_ms")]
    pub started: Timestamp,
    /// Until when.
    #[serde(rename = "ended_unix_ms")]
    pub ended: Timestamp,
}

/// Who may read one class of a vehicle's records.
#[derive(BorshDeserialize, BorshSerialize, Clone, Debug, Eq, PartialEq, Serialize)]
pub struct Grant {
    /// What for.
    pub purpose: Label,
    /// From when.
    #[serde(rename = "from_unix_ms")]
    pub from: Timestamp,
    /// Until when.
    #[serde(rename = "until_unix_ms")]
    pub until: Timestamp,
    /// The owner's epoch in which it was given; it ends with that.
    pub owner_epoch: u64,
}

/// A record that was erased.
#[derive(BorshDeserialize, BorshSerialize, Clone, Debug, Eq, PartialEq, Serialize)]
pub struct Tombstone {
    /// Who asked for it.
    pub by: AccountKey,
    /// Why.
    pub reason: Label,
    /// When.
    #[serde(rename = "time_unix_ms")]
    pub time: Timestamp,
    /// Which custodians said that they have destroyed what they kept, sorted.
    pub confirmed: Vec<AccountKey>,
}

/// How many trips are remembered.
pub const TRIPS_MAX: usize = 16;
