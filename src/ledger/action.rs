use borsh::{BorshDeserialize, BorshSerialize};

use super::{AccountKey, Role};

/// What a transaction does.
#[derive(BorshDeserialize, BorshSerialize, Clone, Debug, Eq, PartialEq)]
pub enum Action {
    /// Gives an account a role.
    GrantRole {
        /// The account.
        key: AccountKey,
        /// The role.
        role: Role,
    },
}
