use borsh::{BorshDeserialize, BorshSerialize};
use serde::{Deserialize, Serialize};

use super::TagCertificate;
use crate::{
    crypto::Digest,
    id::VehicleId,
    ledger::{AccountKey, Label},
    time::Timestamp,
};

/// A vehicle comes into being, in its home shard.
///
/// Signed by a maker, by the first owner, and by the vehicle's own key, which thereby shows that
/// somebody holds it. It counts once the shard that keeps its tag has found the tag free.
#[derive(BorshDeserialize, BorshSerialize, Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Birth {
    /// The vehicle's name on the ledger, which nobody has used yet.
    pub vehicle: VehicleId,
    /// Under which tag its identification number is unique.
    pub vin: TagCertificate,
    /// The maker's code for the model.
    pub model: Label,
    /// When it was built.
    #[serde(rename = "built_unix_ms")]
    pub built: Timestamp,
    /// The key that signs what the vehicle itself records.
    pub enrolment_key: AccountKey,
    /// What shows that this key is kept in secure hardware, or all zeros.
    pub attestation: Digest,
    /// The first owner.
    pub owner: AccountKey,
}

/// A vehicle signs with a new key from now on.
///
/// Signed by the owner or the old key, by the new key, and by a maker or workshop.
#[derive(BorshDeserialize, BorshSerialize, Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct RotateKey {
    /// The vehicle.
    pub vehicle: VehicleId,
    /// Its new key.
    pub enrolment_key: AccountKey,
}

/// A vehicle goes off the road for ever.
///
/// Signed by the owner and a registry. Its history stays.
#[derive(BorshDeserialize, BorshSerialize, Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct RetireVehicle {
    /// The vehicle.
    pub vehicle: VehicleId,
}
