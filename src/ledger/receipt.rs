use borsh::{BorshDeserialize, BorshSerialize};
use serde::Serialize;

use super::{
    AccountKey, Committee, Group, IssuingSeat, Label, NextRules, OperatorState, Part, PartTag,
    Recall, Role, Rule, SeatFact, TagClaim, TagKind, TicketPolicy, VinTag, encoding::encode,
};
use crate::{
    crypto::{Digest, Purpose},
    id::{ChainId, GroupId, ShardId, VehicleId},
    time::Timestamp,
};

/// What one shard tells another, once and in order.
#[derive(BorshDeserialize, BorshSerialize, Clone, Debug, Eq, PartialEq, Serialize)]
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

impl Receipt {
    /// The only version so far.
    pub const VERSION: u8 = 1;

    /// Names it by all its bytes: its leaf under a header's `receipts_root`.
    pub fn digest(&self) -> Digest {
        Digest::of(Purpose::LedgerReceipt, &[&encode(self)])
    }
}

/// What one shard tells another.
///
/// The order is part of the format: new kinds are added at the end.
#[derive(BorshDeserialize, BorshSerialize, Clone, Debug, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ReceiptBody {
    /// A tag is claimed in the shard that keeps it.
    RegisterTag {
        /// The tag and what it is for.
        subject: TagSubject,
        /// The claim.
        claim: TagClaim,
    },
    /// The tag was free, and the claim counts.
    TagRegistered {
        /// The tag and what it is for.
        subject: TagSubject,
    },
    /// The tag was taken, and the claim does not count.
    TagRefused {
        /// The tag and what it is for.
        subject: TagSubject,
        /// The claim that counts.
        first: TagClaim,
        /// The claim that does not.
        refused: TagClaim,
    },
    /// A part leaves for a vehicle of the destination.
    PartMoved {
        /// Its tag.
        tag: PartTag,
        /// What it was when it left.
        part: Part,
        /// The vehicle that it goes to.
        vehicle: VehicleId,
        /// When it was fitted there.
        #[serde(rename = "fitted_unix_ms")]
        fitted: Timestamp,
        /// Who signed the move, among whom the vehicle's owner or custodian must be; sorted.
        signers: Vec<AccountKey>,
    },
    /// The part arrived.
    PartArrived {
        /// Its tag.
        tag: PartTag,
    },
    /// The part could not arrive and is what it was before it left.
    PartReturned {
        /// Its tag.
        tag: PartTag,
        /// Which rule kept it from arriving.
        rule: Rule,
    },
    /// An account may do what a role may.
    RoleGranted {
        /// The account.
        key: AccountKey,
        /// What it may do.
        role: Role,
        /// What people call it.
        name: String,
    },
    /// An account may no longer do what a role may.
    RoleRevoked {
        /// The account.
        key: AccountKey,
        /// What it may no longer do.
        role: Role,
    },
    /// How an operator stands.
    OperatorFact {
        /// Its index.
        operator: u16,
        /// How it stands.
        state: OperatorState,
    },
    /// A shard's share of new vehicles.
    ShardFact {
        /// The shard.
        shard: ShardId,
        /// Its share.
        weight: u32,
    },
    /// The destination follows another version of the rules from a height on.
    RulesScheduled {
        /// Which, and from when.
        next: NextRules,
    },
    /// A maker calls vehicles back.
    RecallIssued {
        /// The maker.
        maker: AccountKey,
        /// The maker's name for it.
        name: Label,
        /// The recall.
        recall: Recall,
    },
    /// Other votes will count.
    CommitteeChanged {
        /// Whose, from the destination's next epoch on.
        committee: Committee,
        /// What is new about its keys.
        seats: Vec<SeatFact>,
    },
    /// The source has begun an epoch.
    EpochBegun {
        /// Which one.
        epoch: u64,
    },
    /// What tickets are like.
    TicketPolicySet {
        /// What they are like.
        policy: TicketPolicy,
    },
    /// Who issues tickets.
    GroupSet {
        /// The group.
        group: GroupId,
        /// Its operators.
        state: Group,
    },
    /// By which key an operator's replica speaks about tickets.
    SeatCertified {
        /// The operator's index.
        operator: u16,
        /// The replica.
        replica: u16,
        /// The replica with its keys.
        seat: IssuingSeat,
    },
    /// An operator has another cold key, and no key that speaks about tickets.
    OperatorKeyReplaced {
        /// Its index.
        operator: u16,
        /// Its cold key.
        cold_key: AccountKey,
    },
}

/// A tag and what it is claimed for.
#[derive(BorshDeserialize, BorshSerialize, Clone, Copy, Debug, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum TagSubject {
    /// A vehicle.
    Vehicle {
        /// Its tag.
        tag: VinTag,
        /// Its name on the ledger.
        vehicle: VehicleId,
    },
    /// A part.
    Part {
        /// Its tag, which is its name.
        tag: PartTag,
    },
}

impl TagSubject {
    /// What the tag names.
    pub fn kind(&self) -> TagKind {
        match self {
            Self::Vehicle { .. } => TagKind::Vehicle,
            Self::Part { .. } => TagKind::Part,
        }
    }

    /// The tag's bytes.
    pub fn tag(&self) -> [u8; 32] {
        match self {
            Self::Vehicle { tag, .. } => *tag.as_bytes(),
            Self::Part { tag } => *tag.as_bytes(),
        }
    }
}
