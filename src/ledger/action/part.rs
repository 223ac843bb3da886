use borsh::{BorshDeserialize, BorshSerialize};
use serde::{Deserialize, Serialize};

use super::TagCertificate;
use crate::{
    crypto::Digest,
    id::VehicleId,
    ledger::{AccountKey, Label, PartTag},
    time::Timestamp,
};

/// A part comes into being, in the shard of the maker's choice.
///
/// Signed by a part maker or maker. It counts once the shard that keeps its tag has found the tag
/// free; a second one of the same tag raises the counterfeit alarm, which names both claims.
#[derive(BorshDeserialize, BorshSerialize, Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct MakePart {
    /// Under which tag its serial number is unique.
    pub certificate: TagCertificate,
    /// What it is, for instance `brake_caliper`.
    pub kind: Label,
    /// The lot it comes from.
    pub lot: Label,
    /// Its certificate of quality, kept off the ledger.
    pub quality: Digest,
}

/// A part goes to another holder.
///
/// Signed by the holder and the one who gets it.
#[derive(BorshDeserialize, BorshSerialize, Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct ShipPart {
    /// The part, in nobody's vehicle.
    pub part: PartTag,
    /// Who holds it from now on.
    pub to: AccountKey,
}

/// A part is fitted to a vehicle, in whatever shard that is at home.
///
/// Signed by a workshop that holds the part, and by the vehicle's owner or custodian.
#[derive(BorshDeserialize, BorshSerialize, Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct InstallPart {
    /// The part, in nobody's vehicle.
    pub part: PartTag,
    /// The vehicle.
    pub vehicle: VehicleId,
    /// When it was fitted.
    #[serde(rename = "fitted_unix_ms")]
    pub fitted: Timestamp,
}

/// A part is taken out of a vehicle.
///
/// Signed by a workshop, which holds it from now on, and by the vehicle's owner or custodian.
#[derive(BorshDeserialize, BorshSerialize, Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct RemovePart {
    /// The part.
    pub part: PartTag,
    /// The vehicle that it is in.
    pub vehicle: VehicleId,
}

/// A part goes from one vehicle to another, in whatever shard that is at home.
///
/// Signed by a workshop and by the owners or custodians of both vehicles.
#[derive(BorshDeserialize, BorshSerialize, Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct MovePart {
    /// The part.
    pub part: PartTag,
    /// The vehicle that it is in.
    pub from: VehicleId,
    /// The vehicle that it goes to.
    pub to: VehicleId,
    /// When it was fitted there.
    #[serde(rename = "fitted_unix_ms")]
    pub fitted: Timestamp,
}

/// A part is scrapped by its holder, for ever.
#[derive(BorshDeserialize, BorshSerialize, Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct ScrapPart {
    /// The part, in nobody's vehicle.
    pub part: PartTag,
}
