use std::{fmt, str::FromStr};

use borsh::{BorshDeserialize, BorshSerialize};
use serde::{Deserialize, Serialize};
use thiserror::Error;

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
    /// Speaks for the state: stolen vehicles, disputes, erasure.
    Authority,
    /// Lends money on vehicles.
    Lender,
}

/// No role has this name.
#[derive(Clone, Debug, Eq, Error, PartialEq)]
#[error("unknown role {0:?}")]
pub struct UnknownRole(String);

impl Role {
    /// All roles, in the order of their codes.
    pub const ALL: [Self; 11] = [
        Self::Maker,
        Self::PartMaker,
        Self::Distributor,
        Self::Workshop,
        Self::Inspection,
        Self::Registry,
        Self::Insurer,
        Self::TagIssuer,
        Self::Custodian,
        Self::Authority,
        Self::Lender,
    ];

    /// Its name in text, the same as in files.
    pub fn name(self) -> &'static str {
        match self {
            Self::Maker => "maker",
            Self::PartMaker => "part_maker",
            Self::Distributor => "distributor",
            Self::Workshop => "workshop",
            Self::Inspection => "inspection",
            Self::Registry => "registry",
            Self::Insurer => "insurer",
            Self::TagIssuer => "tag_issuer",
            Self::Custodian => "custodian",
            Self::Authority => "authority",
            Self::Lender => "lender",
        }
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Role {
    type Err = UnknownRole;

    fn from_str(name: &str) -> Result<Self, UnknownRole> {
        let role = Self::ALL.into_iter().find(|role| role.name() == name);
        role.ok_or_else(|| UnknownRole(name.to_owned()))
    }
}
