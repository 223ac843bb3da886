use borsh::{BorshDeserialize, BorshSerialize};
use serde::{Serialize, Serializer};

use crate::{
    crypto::Digest,
    id::{GroupId, ShardId, VehicleId},
    ledger::{
        AccountKey, AccusedStation, ClaimId, Label, PartTag, PolicyId, RecordClass,
        RecordCommitment, TagKind, WearSlot, encoding::encode,
    },
};

/// Where a [`Value`](super::Value) stands in a shard's state.
///
/// The order is part of the format: new kinds are added at the end.
#[derive(
    BorshDeserialize, BorshSerialize, Clone, Debug, Eq, Ord, PartialEq, PartialOrd, Serialize,
)]
#[serde(rename_all = "snake_case")]
pub enum Key {
    /// The shard itself.
    Chain,
    /// The headers of the shard so far.
    History,
    /// What an account may do.
    Role(AccountKey),
    /// An operator, by its index: those of the genesis first, then whoever joined.
    Operator(u16),
    /// A shard's share of new vehicles.
    Shard(ShardId),
    /// Nonces and quota of whoever may send transactions.
    Account(AccountKey),
    /// A vehicle at home here.
    Vehicle(VehicleId),
    /// Who claimed a tag first, in the shard that keeps it.
    Tag(TagKind, #[serde(serialize_with = "as_digits")] [u8; 32]),
    /// Two claims of one tag.
    Alarm(TagKind, #[serde(serialize_with = "as_digits")] [u8; 32]),
    /// A part that is here.
    Part(PartTag),
    /// A part whose tag is not yet known to be free.
    PendingPart(PartTag),
    /// A part that left for another shard and is not known to have arrived.
    Transit(PartTag),
    /// What was sent to another shard.
    ChannelOut(ShardId),
    /// What came from another shard.
    ChannelIn(ShardId),
    /// A pad or tyre of a vehicle.
    Wear(VehicleId, WearSlot),
    /// A vehicle's traction battery.
    Battery(VehicleId),
    /// A vehicle's last services.
    Services(VehicleId),
    /// A vehicle's last trips.
    Trips(VehicleId),
    /// A warranty.
    Policy(PolicyId),
    /// A claim under a warranty.
    Claim(ClaimId),
    /// The open claim for a part and a fault.
    OpenClaim(PartTag, Label),
    /// A recall, by its maker and the maker's name for it.
    Recall(AccountKey, Label),
    /// That a recall was remedied on a vehicle.
    Remedy(AccountKey, Label, VehicleId),
    /// Who may read what of a vehicle.
    Grant(VehicleId, AccountKey, RecordClass),
    /// That a vehicle's record was erased.
    Tombstone(VehicleId, RecordCommitment),
    /// Whose votes count in an epoch; that of the first one is in the shard that governs alone.
    Committee(u64),
    /// A proof of misconduct, by its digest.
    Misconduct(Digest),
    /// Whose votes count in this shard, now and soon; that of the genesis if there is none.
    Epoch,
    /// A key that votes or voted, but for those of the genesis that never changed.
    Seat(AccountKey),
    /// The newest epoch that another shard is known to have begun.
    ShardEpoch(ShardId),
    /// What tickets are like.
    TicketPolicy,
    /// An issuing group; they are numbered from 0.
    Group(GroupId),
    /// A replica of an operator, numbered from 0 for each.
    IssuingSeat(u16, u16),
    /// Whose a key is or was that speaks about tickets.
    IssuingKeyOwner(AccountKey),
    /// The keys that sign tickets; in the shard that governs alone, like all that follows but
    /// enrolments.
    Issuers,
    /// How far the making of a group's next key has come.
    KeyBoard(GroupId),
    /// What a member of a group posted for it, by the member's index as an operator and the round.
    KeyPart(GroupId, u16, u8),
    /// How many tickets a group signed.
    Issued(GroupId),
    /// Where a vehicle at home here gets its tickets.
    Enrolment(VehicleId),
    /// The numbers of the orders to revoke tickets.
    Orders,
    /// An order to revoke tickets.
    Order(u64),
    /// How far the list of revoked tickets goes.
    RevocationHead,
    /// An entry of that list.
    Revocation(u64),
    /// That a station was accused by proof.
    Accusation(AccusedStation),
    /// What stations testify against others.
    Cases,
}

impl Key {
    /// Its canonical bytes.
    pub fn to_bytes(&self) -> Vec<u8> {
        encode(self)
    }

    /// Reads what [`Self::to_bytes`] writes; `None` for anything else.
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        borsh::from_slice(bytes).ok()
    }
}

fn as_digits<S: Serializer>(tag: &[u8; 32], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(&Digest::from_bytes(*tag))
}
