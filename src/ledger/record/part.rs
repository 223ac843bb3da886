use borsh::{BorshDeserialize, BorshSerialize};
use serde::Serialize;

use crate::{
    crypto::Digest,
    id::{ShardId, VehicleId},
    ledger::{AccountKey, Label},
    time::Timestamp,
};

/// A part of a vehicle.
#[derive(BorshDeserialize, BorshSerialize, Clone, Debug, Eq, PartialEq, Serialize)]
pub struct Part {
    /// Who made it.
    pub maker: AccountKey,
    /// What it is.
    pub kind: Label,
    /// The lot it comes from.
    pub lot: Label,
    /// Its certificate of quality.
    pub quality: Digest,
    /// The transaction that made it.
    pub origin: Digest,
    /// Where it is in its life.
    pub state: PartState,
    /// Who holds it; while it is in a vehicle, who fitted it.
    pub holder: AccountKey,
    /// How often it changed holder, vehicle or shard.
    pub moves: u64,
}

/// Where a part is in its life.
#[derive(BorshDeserialize, BorshSerialize, Clone, Copy, Debug, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum PartState {
    /// With its maker.
    Made,
    /// With somebody else, and not yet in any vehicle.
    Shipped,
    /// In a vehicle.
    Installed {
        /// Which one.
        vehicle: VehicleId,
        /// Since when.
        #[serde(rename = "since_unix_ms")]
        since: Timestamp,
    },
    /// Taken out of a vehicle.
    Removed,
    /// No more.
    Scrapped,
}

/// A part that left for another shard.
#[derive(BorshDeserialize, BorshSerialize, Clone, Debug, Eq, PartialEq, Serialize)]
pub struct Transit {
    /// The part as it was when it left, to put it back if it is returned.
    pub part: Part,
    /// Where it went.
    pub destination: ShardId,
    /// Under which sequence.
    pub sequence: u64,
}
