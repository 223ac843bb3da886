use borsh::{BorshDeserialize, BorshSerialize};
use serde::{Deserialize, Serialize};

/// What an account may state on the ledger beyond what concerns its own vehicles.
///
/// The order is part of the format: new roles are added at the end.
#[derive(
    BorshDeserialize,
    BorshSerialize,
    Clone,
    Copy,
    Debug,
    Deserialize,
    Eq,
    Hash,
    Ord,
    PartialEq,
    PartialOrd,
    Serialize,
)]
#[borsh(use_discriminant = false)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Makes vehicles, and stands for their birth, warranty and recalls.
    Maker,
    /// Makes parts and ships them.
    PartMaker,
    /// Holds parts between their maker and a workshop.
    Distributor,
    /// Repairs vehicles: reads odometers, measures wear, changes parts.
    Workshop,
    /// Inspects vehicles for the state.
    Inspection,
    /// Registers who owns a vehicle, and what keeps it from being sold.
    Registry,
    /// Insures vehicles and pays claims.
    Insurer,
    /// Makes and signs the tags under which vehicles and parts are unique.
    TagIssuer,
    /// Keeps a share of the keys that open records.
    Custodian,
}

impl Role {
    /// All roles, in the order of their codes.
    pub const ALL: [Self; 9] = [
        Self::Maker,
        Self::PartMaker,
        Self::Distributor,
        Self::Workshop,
        Self::Inspection,
        Self::Registry,
        Self::Insurer,
        Self::TagIssuer,
        Self::Custodian,
    ];
}
