use borsh::{BorshDeserialize, BorshSerialize};

use super::{AccountKey, Role, encoding::encode};
use crate::{
    crypto::{Digest, Purpose},
    id::{ChainId, ShardId},
};

/// What one shard tells another, once and in order.
#[derive(BorshDeserialize, BorshSerialize, Clone, Debug, Eq, PartialEq)]
pub struct Receipt {
    /// The version of this layout, [`Self::VERSION`].
    pub version: u8,
    /// The ledger.
    pub chain: ChainId,
    /// Who tells.
    pub source: ShardId,
    /// Who is told.
    pub destination: ShardId,
    /// How many receipts the source sent to the destination before it.
    pub sequence: u64,
    /// The height of the source's block that sends it.
    pub height: u64,
    /// What is told.
    pub body: ReceiptBody,
}

/// What one shard tells another.
#[derive(BorshDeserialize, BorshSerialize, Clone, Debug, Eq, PartialEq)]
pub enum ReceiptBody {
    /// An account has a role.
    RoleGranted {
        /// The account.
        key: AccountKey,
        /// The role.
        role: Role,
    },
}

impl Receipt {
    /// The only version so far.
    pub const VERSION: u8 = 1;

    /// Names it by all its bytes: its leaf under a header's `receipts_root`.
    pub fn digest(&self) -> Digest {
        Digest::of(Purpose::LedgerReceipt, &[&encode(self)])
    }
}
