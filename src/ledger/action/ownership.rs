use borsh::{BorshDeserialize, BorshSerialize};
use serde::{Deserialize, Serialize};

use crate::{id::VehicleId, ledger::AccountKey, time::Timestamp};

/// A vehicle changes hands.
///
/// Signed by the owner and the buyer. It names the owner's epoch, so that of two sales of one
/// vehicle the first in the chain counts and the second is refused, whoever signed what when.
#[derive(BorshDeserialize, BorshSerialize, Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Transfer {
    /// The vehicle.
    pub vehicle: VehicleId,
    /// How many times it had changed hands when the seller signed.
    pub owner_epoch: u64,
    /// The next owner.
    pub buyer: AccountKey,
}

/// Why a vehicle cannot be sold for now.
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
pub enum SaleBlock {
    /// Reported stolen.
    Stolen,
    /// Security for a loan.
    Lien,
    /// Its ownership is disputed.
    Dispute,
}

/// Keeps a vehicle from being sold.
///
/// Stolen: by the owner or an authority. Lien: by a lender and the owner. Dispute: by an authority
/// or a registry.
#[derive(BorshDeserialize, BorshSerialize, Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct PlaceBlock {
    /// The vehicle.
    pub vehicle: VehicleId,
    /// Why.
    pub block: SaleBlock,
}

/// Lets a vehicle be sold again.
///
/// Stolen: by an authority. Lien: by the lender who placed it. Dispute: by an authority or a
/// registry.
#[derive(BorshDeserialize, BorshSerialize, Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct LiftBlock {
    /// The vehicle.
    pub vehicle: VehicleId,
    /// What kept it from being sold.
    pub block: SaleBlock,
}

/// What somebody has a vehicle for that is not theirs.
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
pub enum CustodyPurpose {
    /// To drive it.
    Rental,
    /// To repair it.
    Repair,
    /// To carry it, or goods with it.
    Transport,
    /// Anything else.
    Other,
}

/// A vehicle is handed to somebody who does not own it.
///
/// Signed by the owner and the holder.
#[derive(BorshDeserialize, BorshSerialize, Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct BeginCustody {
    /// The vehicle.
    pub vehicle: VehicleId,
    /// Who has it from now on.
    pub holder: AccountKey,
    /// What for.
    pub purpose: CustodyPurpose,
    /// From when.
    #[serde(rename = "from_unix_ms")]
    pub from: Timestamp,
    /// Until when at the latest.
    #[serde(rename = "until_unix_ms")]
    pub until: Timestamp,
    /// What its odometer showed at the hand-over.
    pub odometer_km: u32,
}

/// A vehicle is handed back before its time was over.
///
/// Signed by the holder.
#[derive(BorshDeserialize, BorshSerialize, Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct EndCustody {
    /// The vehicle.
    pub vehicle: VehicleId,
    /// When it was handed back.
    #[serde(rename = "ended_unix_ms")]
    pub ended: Timestamp,
    /// What its odometer showed then.
    pub odometer_km: u32,
}
