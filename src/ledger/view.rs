use std::collections::BTreeSet;

use super::{
    Account, AccountKey, AccusedStation, Alarm, Battery, Cases, ChainState, Claim, ClaimId,
    Committee, Enrolment, EpochState, Genesis, Grant, Group, Issued, Issuers, IssuingKeyOwner,
    IssuingSeat, Key, KeyBoard, Label, OperatorState, OperatorStatus, Order, Orders, Part, PartTag,
    Peaks, Policy, PolicyId, Recall, RecordClass, RecordCommitment, Remedy, RevocationEntry,
    RevocationHead, Role, RoleHolder, Seat, Services, ShardState, State, Tag, TagKind,
    TicketPolicy, Tombstone, Transit, Trips, Value, Vehicle, Wear, WearSlot,
};
use crate::{
    id::{GroupId, ShardId, VehicleId},
    time::Timestamp,
};

/// Declares reads that know which kind of value stands under a key.
macro_rules! reads {
    ($($(#[$doc:meta])* $name:ident($($argument:ident: $type:ty),*) -> $value:ty = $kind:ident;)*) => {
        $(
            $(#[$doc])*
            ///
            /// # Panics
            ///
            /// If a value of another kind stands there, which execution never writes.
            fn $name(&self, $($argument: $type),*) -> Option<&$value> {
                let value = self.value(&reads!(@key $kind $($argument),*))?;
                let Value::$kind(value) = value else {
                    panic!("a value of another kind stands under its key");
                };
                Some(value)
            }
        )*
    };
    (@key $kind:ident) => { Key::$kind };
    (@key $kind:ident $($argument:ident),+) => { Key::$kind($($argument),+) };
}

/// A shard's state as it can be read: finalized, as [`State`], or in the middle of a block, as the
/// executor's overlay over one.
pub trait StateView {
    /// The value under a key.
    fn value(&self, key: &Key) -> Option<&Value>;

    reads! {
        /// The shard itself.
        chain() -> ChainState = Chain;
        /// The tops over all earlier headers.
        past() -> Peaks = History;
        /// What an account may do.
        role_holder(key: AccountKey) -> RoleHolder = Role;
        /// How an operator stands, by its index.
        operator(index: u16) -> OperatorState = Operator;
        /// A shard's share of new vehicles.
        shard(shard: ShardId) -> ShardState = Shard;
        /// Nonces and quota of an account.
        account(key: AccountKey) -> Account = Account;
        /// Who claimed a tag first.
        tag(kind: TagKind, tag: [u8; 32]) -> Tag = Tag;
        /// Two claims of one tag.
        alarm(kind: TagKind, tag: [u8; 32]) -> Alarm = Alarm;
        /// A part that is here.
        part(tag: PartTag) -> Part = Part;
        /// A part whose tag is not yet known to be free.
        pending_part(tag: PartTag) -> Part = PendingPart;
        /// A part that left.
        transit(tag: PartTag) -> Transit = Transit;
        /// A pad or tyre.
        wear(vehicle: VehicleId, slot: WearSlot) -> Wear = Wear;
        /// A vehicle's traction battery.
        battery(vehicle: VehicleId) -> Battery = Battery;
        /// A vehicle's last services.
        services(vehicle: VehicleId) -> Services = Services;
        /// A vehicle's last trips.
        trips(vehicle: VehicleId) -> Trips = Trips;
        /// A warranty.
        policy(policy: PolicyId) -> Policy = Policy;
        /// A claim.
        claim(claim: ClaimId) -> Claim = Claim;
        /// The open claim for a part and a fault.
        open_claim(part: PartTag, fault: Label) -> ClaimId = OpenClaim;
        /// A recall.
        recall(maker: AccountKey, name: Label) -> Recall = Recall;
        /// That a recall was remedied on a vehicle.
        remedy(maker: AccountKey, name: Label, vehicle: VehicleId) -> Remedy = Remedy;
        /// Who may read what.
        grant(vehicle: VehicleId, reader: AccountKey, class: RecordClass) -> Grant = Grant;
        /// An erased record.
        tombstone(vehicle: VehicleId, record: RecordCommitment) -> Tombstone = Tombstone;
        /// What tickets are like, once that was said.
        ticket_policy() -> TicketPolicy = TicketPolicy;
        /// An issuing group.
        group(group: GroupId) -> Group = Group;
        /// A replica of an operator.
        issuing_seat(operator: u16, replica: u16) -> IssuingSeat = IssuingSeat;
        /// Whose a key is or was that speaks about tickets.
        issuing_key_owner(key: AccountKey) -> IssuingKeyOwner = IssuingKeyOwner;
        /// The keys that sign tickets.
        issuers() -> Issuers = Issuers;
        /// How far the making of a group's next key has come.
        key_board(group: GroupId) -> KeyBoard = KeyBoard;
        /// What a member of a group posted for it in a round.
        key_part(group: GroupId, operator: u16, round: u8) -> Vec<u8> = KeyPart;
        /// How many tickets a group signed.
        issued(group: GroupId) -> Issued = Issued;
        /// Where a vehicle gets its tickets.
        enrolment(vehicle: VehicleId) -> Enrolment = Enrolment;
        /// The numbers of the orders to revoke tickets.
        order_numbers() -> Orders = Orders;
        /// An order to revoke tickets.
        order(number: u64) -> Box<Order> = Order;
        /// How far the list of revoked tickets goes; `None` if nothing was ever revoked.
        revocation_head() -> RevocationHead = RevocationHead;
        /// An entry of that list.
        revocation(number: u64) -> RevocationEntry = Revocation;
        /// The order that followed when a station was accused by proof.
        accusation(station: AccusedStation) -> u64 = Accusation;
        /// What stations testify against others.
        cases() -> Cases = Cases;
    }

    /// A vehicle that is at home here.
    ///
    /// # Panics
    ///
    /// If a value of another kind stands there, which execution never writes.
    fn vehicle(&self, id: VehicleId) -> Option<&Vehicle> {
        let value = self.value(&Key::Vehicle(id))?;
        let Value::Vehicle(vehicle) = value else {
            panic!("a value of another kind stands under its key");
        };
        Some(vehicle)
    }

    /// The operators, by their indices: those of the genesis first, then whoever joined.
    fn operators(&self) -> impl Iterator<Item = (u16, &OperatorState)> {
        (0..).map_while(|index| Some((index, self.operator(index)?)))
    }

    /// Whose votes count in this shard, now and soon.
    ///
    /// # Panics
    ///
    /// If a value of another kind stands there, which execution never writes.
    fn epoch_state(&self, genesis: &Genesis) -> EpochState {
        match self.value(&Key::Epoch) {
            None => EpochState::genesis(genesis),
            Some(Value::Epoch(state)) => state.clone(),
            Some(_) => panic!("a value of another kind stands under its key"),
        }
    }

    /// Whose votes count in an epoch, if this shard has heard of it.
    ///
    /// # Panics
    ///
    /// If a value of another kind stands there, which execution never writes.
    fn committee<'a>(&'a self, genesis: &'a Genesis, epoch: u64) -> Option<&'a Committee> {
        if epoch == genesis.committee().epoch() {
            return Some(genesis.committee());
        }
        match self.value(&Key::Committee(epoch)) {
            None => None,
            Some(Value::Committee(committee)) => Some(committee),
            Some(_) => panic!("a value of another kind stands under its key"),
        }
    }

    /// Whose a vote key is or was, and where its units are reached.
    ///
    /// # Panics
    ///
    /// If a value of another kind stands there, which execution never writes.
    fn seat(&self, genesis: &Genesis, vote_key: AccountKey) -> Option<Seat> {
        match self.value(&Key::Seat(vote_key)) {
            None => {
                let mut operators = (0..).zip(&genesis.operators);
                let (operator, first) = operators.find(|(_, it)| it.vote_key == vote_key)?;
                let address = first.addresses.get(&ShardId::GOVERNANCE)?;
                Some(Seat {
                    operator,
                    address: address.clone(),
                })
            }
            Some(Value::Seat(seat)) => Some(seat.clone()),
            Some(_) => panic!("a value of another kind stands under its key"),
        }
    }

    /// All keys of the current and the next committee, with where their units are reached.
    fn seats(&self, genesis: &Genesis) -> Vec<(AccountKey, String)> {
        let epoch = self.epoch_state(genesis);
        let next = epoch.next.iter().flat_map(|next| next.committee.keys());
        let keys: BTreeSet<_> = epoch.committee.keys().iter().chain(next).collect();
        let seat = |key: &AccountKey| Some((*key, self.seat(genesis, *key)?.address));
        keys.into_iter().filter_map(seat).collect()
    }

    /// The orders to revoke tickets that are not over, by their numbers.
    fn orders(&self) -> impl Iterator<Item = (u64, &Order)> {
        let numbers = self.order_numbers().copied().unwrap_or_default();
        let orders = numbers.first..numbers.next;
        orders.filter_map(|number| Some((number, &**self.order(number)?)))
    }

    /// The issuing groups, by their ids.
    fn groups(&self) -> impl Iterator<Item = (GroupId, &Group)> {
        let ids = (0..).map(GroupId);
        ids.map_while(|id| Some((id, self.group(id)?)))
    }

    /// The replicas of an operator, by their numbers.
    fn issuing_seats(&self, operator: u16) -> impl Iterator<Item = (u16, &IssuingSeat)> {
        (0..).map_while(move |replica| Some((replica, self.issuing_seat(operator, replica)?)))
    }

    /// The operator that speaks about tickets with a key, if the key counts at a moment and the operator
    /// takes part.
    fn issuing_operator(&self, key: AccountKey, time: Timestamp) -> Option<u16> {
        let owner = self.issuing_key_owner(key)?;
        let seat = self.issuing_seat(owner.operator, owner.replica)?;
        let operator = self.operator(owner.operator)?;
        let counts = seat.counts_at(key, time) && operator.status == OperatorStatus::Active;
        counts.then_some(owner.operator)
    }

    /// The newest epoch that another shard is known to have begun.
    ///
    /// # Panics
    ///
    /// If a value of another kind stands there, which execution never writes.
    fn shard_epoch(&self, shard: ShardId) -> u64 {
        match self.value(&Key::ShardEpoch(shard)) {
            None => 0,
            Some(Value::ShardEpoch(epoch)) => *epoch,
            Some(_) => panic!("a value of another kind stands under its key"),
        }
    }

    /// Whether an account holds a role.
    fn has_role(&self, key: AccountKey, role: Role) -> bool {
        let holder = self.role_holder(key);
        holder.is_some_and(|holder| holder.roles.contains(&role))
    }

    /// How many receipts were sent to another shard.
    ///
    /// # Panics
    ///
    /// If a value of another kind stands there, which execution never writes.
    fn sent(&self, destination: ShardId) -> u64 {
        match self.value(&Key::ChannelOut(destination)) {
            None => 0,
            Some(Value::ChannelOut(channel)) => channel.next,
            Some(_) => panic!("a value of another kind stands under its key"),
        }
    }

    /// How many receipts came from another shard, which is the sequence of the next.
    ///
    /// # Panics
    ///
    /// If a value of another kind stands there, which execution never writes.
    fn received(&self, source: ShardId) -> u64 {
        match self.value(&Key::ChannelIn(source)) {
            None => 0,
            Some(Value::ChannelIn(channel)) => channel.next,
            Some(_) => panic!("a value of another kind stands under its key"),
        }
    }
}

impl StateView for State {
    fn value(&self, key: &Key) -> Option<&Value> {
        self.get(key)
    }
}
