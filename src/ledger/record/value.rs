use borsh::{BorshDeserialize, BorshSerialize};
use serde::Serialize;

use super::{
    Account, Alarm, Battery, Cases, ChainState, ChannelIn, ChannelOut, Claim, Enrolment,
    EpochState, Grant, Group, Issued, Issuers, IssuingKeyOwner, IssuingSeat, KeyBoard,
    OperatorState, Order, Orders, Part, Policy, Recall, Remedy, RevocationEntry, RevocationHead,
    RoleHolder, Seat, Services, ShardState, Tag, TicketPolicy, Tombstone, Transit, Trips, Vehicle,
    Wear,
};
use crate::ledger::{ClaimId, Committee, Peaks, encoding::encode};

/// What stands under a [`Key`](super::Key); the names are the same.
///
/// The order is part of the format: new kinds are added at the end.
#[derive(BorshDeserialize, BorshSerialize, Clone, Debug, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Value {
    /// The shard itself.
    Chain(ChainState),
    /// The tops over all earlier headers.
    History(Peaks),
    /// What an account may do.
    Role(RoleHolder),
    /// How an operator stands.
    Operator(OperatorState),
    /// A shard's share of new vehicles.
    Shard(ShardState),
    /// Nonces and quota.
    Account(Account),
    /// A vehicle.
    Vehicle(Box<Vehicle>),
    /// The first claim of a tag.
    Tag(Tag),
    /// Two claims of one tag.
    Alarm(Alarm),
    /// A part.
    Part(Part),
    /// A part whose tag is not yet known to be free.
    PendingPart(Part),
    /// A part on its way.
    Transit(Transit),
    /// What was sent.
    ChannelOut(ChannelOut),
    /// What came.
    ChannelIn(ChannelIn),
    /// A pad or tyre.
    Wear(Wear),
    /// A battery.
    Battery(Battery),
    /// The last services.
    Services(Services),
    /// The last trips.
    Trips(Trips),
    /// A warranty.
    Policy(Policy),
    /// A claim.
    Claim(Claim),
    /// Which claim is open.
    OpenClaim(ClaimId),
    /// A recall.
    Recall(Recall),
    /// A remedied recall.
    Remedy(Remedy),
    /// Who may read.
    Grant(Grant),
    /// An erased record.
    Tombstone(Tombstone),
    /// Whose votes count.
    Committee(Committee),
    /// The operator whose misconduct was proven, by its index.
    Misconduct(u16),
    /// Whose votes count in this shard.
    Epoch(EpochState),
    /// Whose key it is.
    Seat(Seat),
    /// The epoch of another shard.
    ShardEpoch(u64),
    /// What tickets are like.
    TicketPolicy(TicketPolicy),
    /// An issuing group.
    Group(Group),
    /// A replica of an operator.
    IssuingSeat(IssuingSeat),
    /// Whose key it is.
    IssuingKeyOwner(IssuingKeyOwner),
    /// The keys that sign tickets.
    Issuers(Issuers),
    /// How far the making of a key has come.
    KeyBoard(KeyBoard),
    /// What a member posted for it.
    KeyPart(Vec<u8>),
    /// How many tickets were signed.
    Issued(Issued),
    /// Where a vehicle gets its tickets.
    Enrolment(Enrolment),
    /// The numbers of the orders.
    Orders(Orders),
    /// An order.
    Order(Box<Order>),
    /// How far the list goes.
    RevocationHead(RevocationHead),
    /// An entry of the list.
    Revocation(RevocationEntry),
    /// The order that followed, which it is forgotten with.
    Accusation(u64),
    /// What stations testify.
    Cases(Cases),
}

impl Value {
    /// Its canonical bytes.
    pub fn to_bytes(&self) -> Vec<u8> {
        encode(self)
    }

    /// Reads what [`Self::to_bytes`] writes; `None` for anything else.
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        borsh::from_slice(bytes).ok()
    }
}
