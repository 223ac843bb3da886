use borsh::{BorshDeserialize, BorshSerialize};
use serde::{Deserialize, Serialize};

use super::Role;
use crate::time::Timestamp;

/// How many transactions an account may send to a shard in one window of time.
///
/// Nobody pays for a transaction, so this is what keeps one account from filling the ledger. Whoever
/// has neither role, vehicle nor part has no account and sends nothing at all.
#[derive(
    BorshDeserialize, BorshSerialize, Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize,
)]
#[serde(default, deny_unknown_fields)]
pub struct Quotas {
    /// How long a window is.
    pub window_ms: u64,
    /// For makers, of vehicles and of parts, and tag issuers, distributors and custodians of keys.
    pub industry_max: u32,
    /// For workshops, inspections, registries, insurers, lenders and authorities.
    pub trade_max: u32,
    /// For operators.
    pub operator_max: u32,
    /// For vehicles.
    pub vehicle_max: u32,
    /// For everybody else.
    pub owner_max: u32,
}

impl Quotas {
    /// The window that a moment is in.
    pub fn window(&self, time: Timestamp) -> u64 {
        time.unix_ms() / self.window_ms.max(1)
    }

    /// The quota of a role.
    pub fn of(&self, role: Role) -> u32 {
        match role {
            Role::Maker
            | Role::PartMaker
            | Role::Distributor
            | Role::TagIssuer
            | Role::Custodian => self.industry_max,
            Role::Workshop
            | Role::Inspection
            | Role::Registry
            | Role::Insurer
            | Role::Authority
            | Role::Lender => self.trade_max,
        }
    }
}

impl Default for Quotas {
    fn default() -> Self {
        Self {
            window_ms: 3_600_000,
            industry_max: 100_000,
            trade_max: 10_000,
            operator_max: 1_000,
            vehicle_max: 1_000,
            owner_max: 100,
        }
    }
}
