use borsh::{BorshDeserialize, BorshSerialize};
use serde::{Deserialize, Serialize};

use crate::{
    crypto::Digest,
    id::VehicleId,
    ledger::{AccountKey, Label, RecordCommitment},
    time::Timestamp,
};

/// What kind of record a payload belongs to; a grant names exactly one.
#[derive(
    BorshDeserialize,
    BorshSerialize,
    Clone,
    Copy,
    Debug,
    Deserialize,
    Eq,
    Ord,
    PartialEq,
    PartialOrd,
    Serialize,
)]
#[serde(rename_all = "snake_case")]
pub enum RecordClass {
    /// Who built it, and how.
    Birth,
    /// Who owned or held it.
    Ownership,
    /// Readings of the odometer.
    Odometer,
    /// Wear of pads and tyres.
    Wear,
    /// The traction battery.
    Battery,
    /// Parts.
    Part,
    /// Service, policies and claims.
    Warranty,
    /// Recalls.
    Recall,
    /// Trips.
    Trip,
}

/// Ties a payload that is kept off the ledger, sealed, to a vehicle.
///
/// Signed with the vehicle's own key, or by its owner, its custodian, a maker, workshop or
/// inspection.
#[derive(BorshDeserialize, BorshSerialize, Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct AttachRecord {
    /// The vehicle.
    pub vehicle: VehicleId,
    /// What kind of record it is.
    pub class: RecordClass,
    /// A salted digest of the plain text.
    pub record: RecordCommitment,
    /// A digest of the sealed bytes, by which they are found.
    pub ciphertext: Digest,
    /// How many sealed bytes there are.
    pub length_bytes: u32,
}

/// An owner lets somebody read one class of a vehicle's records, for a purpose and a time.
#[derive(BorshDeserialize, BorshSerialize, Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct GrantAccess {
    /// The vehicle.
    pub vehicle: VehicleId,
    /// Who may read.
    pub reader: AccountKey,
    /// What.
    pub class: RecordClass,
    /// What for.
    pub purpose: Label,
    /// From when.
    #[serde(rename = "from_unix_ms")]
    pub from: Timestamp,
    /// Until when.
    #[serde(rename = "until_unix_ms")]
    pub until: Timestamp,
}

/// An owner takes a grant back.
#[derive(BorshDeserialize, BorshSerialize, Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct RevokeAccess {
    /// The vehicle.
    pub vehicle: VehicleId,
    /// Who may no longer read.
    pub reader: AccountKey,
    /// What.
    pub class: RecordClass,
}

/// A custodian of keys says that it will let somebody read a record, before it does.
#[derive(BorshDeserialize, BorshSerialize, Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct ReadReceipt {
    /// The vehicle.
    pub vehicle: VehicleId,
    /// Who reads.
    pub reader: AccountKey,
    /// What class.
    pub class: RecordClass,
    /// Which record.
    pub record: RecordCommitment,
}

/// A record's payload, salt and keys shall be destroyed everywhere; a tombstone stays.
///
/// Signed by the owner or an authority.
#[derive(BorshDeserialize, BorshSerialize, Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct EraseRecord {
    /// The vehicle.
    pub vehicle: VehicleId,
    /// Which record.
    pub record: RecordCommitment,
    /// Why.
    pub reason: Label,
}

/// A custodian says that it has destroyed what it kept of an erased record.
#[derive(BorshDeserialize, BorshSerialize, Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct ConfirmErasure {
    /// The vehicle.
    pub vehicle: VehicleId,
    /// Which record.
    pub record: RecordCommitment,
}
