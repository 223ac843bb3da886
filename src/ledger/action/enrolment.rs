use borsh::{BorshDeserialize, BorshSerialize};
use serde::{Deserialize, Serialize};

use crate::{
    id::{GroupId, VehicleId},
    time::Timestamp,
};

/// A vehicle gets its tickets from an issuing group from now on.
///
/// In the vehicle's home shard, signed with its own key and with an issuing key of the group's
/// enrolment authority. In another group before, it has tickets of the new one only for slots for
/// which it can have none yet.
#[derive(BorshDeserialize, BorshSerialize, Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Enrol {
    /// The vehicle.
    pub vehicle: VehicleId,
    /// The group.
    pub group: GroupId,
}

/// Says whether a vehicle gets tickets.
///
/// In the vehicle's home shard, signed with an issuing key of the enrolment authority, by an authority
/// of the state, or by a quorum of operators with cold or issuing keys; by the owner only to revoke it.
/// What the owner revoked takes owner and enrolment authority to undo; what the state or a quorum said
/// takes either of them.
#[derive(BorshDeserialize, BorshSerialize, Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct SetEnrolment {
    /// The vehicle.
    pub vehicle: VehicleId,
    /// How its enrolment stands from now on.
    pub status: EnrolmentStatus,
}

/// Whether a vehicle gets tickets.
///
/// The order is part of the format: new kinds are added at the end.
#[derive(
    BorshDeserialize, BorshSerialize, Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize,
)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum EnrolmentStatus {
    /// It does.
    Active,
    /// Not now.
    Suspended {
        /// It does again from this moment on, without another word.
        #[serde(rename = "until_unix_ms")]
        until: Timestamp,
    },
    /// No more.
    Revoked,
}
