use std::collections::BTreeMap;

use super::{
    AccountKey, Genesis, Group, IssuerEntry, Issuers, IssuingSeat, Key, OperatorState,
    OperatorStatus, State, StateView, TicketPolicy, Value,
};
use crate::{
    id::{ChainId, GroupId, VehicleId},
    security::{IssuerKey, Slot, TrustDomain, TrustDomainError},
    time::Timestamp,
};

/// Takes a value of one kind out of whatever it is.
macro_rules! kind {
    ($kind:ident) => {
        |value| {
            let Value::$kind(value) = value else {
                return None;
            };
            Some(value)
        }
    };
}

/// Who issues tickets, by which keys, and whose tickets count: all that a car and an operator need to
/// know of the ledger about it.
///
/// It is read from the state of shard 0, or proven by an [`IssuingProof`](super::IssuingProof).
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct IssuingFacts {
    /// The ledger.
    pub chain: ChainId,
    /// Whether it is for development only, so that one operator may hold all offices.
    pub development: bool,
    /// What tickets are like.
    pub policy: TicketPolicy,
    /// The groups that issue them.
    pub groups: BTreeMap<GroupId, Group>,
    /// The replicas of all operators, by operator and replica.
    pub seats: BTreeMap<(u16, u16), IssuingSeat>,
    /// The keys that sign tickets, by their ids.
    pub issuers: Vec<IssuerEntry>,
    /// The operators, by their indices.
    pub operators: BTreeMap<u16, OperatorState>,
    /// The time of the block after which all this was so.
    pub as_of: Timestamp,
}

impl IssuingFacts {
    /// Reads them from the state of shard 0; `None` as long as nobody said what tickets are like.
    pub fn of_state(state: &State, genesis: &Genesis) -> Option<Self> {
        let as_of = state.chain()?.time;
        let look = |key: &Key| Ok::<_, Unreadable>(state.value(key).cloned());
        Self::read(genesis, as_of, look).ok().flatten()
    }

    /// Reads them in an order that depends on nothing but what is read: that is the order of a proof.
    pub(super) fn read<E: From<Unreadable>>(
        genesis: &Genesis,
        as_of: Timestamp,
        look: impl FnMut(&Key) -> Result<Option<Value>, E>,
    ) -> Result<Option<Self>, E> {
        let mut reader = Reader { look };
        let Some(policy) = reader.one(&Key::TicketPolicy, kind!(TicketPolicy))? else {
            return Ok(None);
        };
        let issuers = reader.one(&Key::Issuers, kind!(Issuers))?;
        let operators = reader.all(Key::Operator, kind!(Operator))?;
        let mut seats = BTreeMap::new();
        for operator in operators.keys() {
            let place = |replica| Key::IssuingSeat(*operator, replica);
            let of_operator = reader.all(place, kind!(IssuingSeat))?;
            let of_operator = of_operator.into_iter();
            seats.extend(of_operator.map(|(replica, seat)| ((*operator, replica), seat)));
        }
        let place = |id| Key::Group(GroupId(id));
        let groups = reader.all(place, kind!(Group))?;
        let groups = groups.into_iter().map(|(id, group)| (GroupId(id), group));
        Ok(Some(Self {
            chain: genesis.chain(),
            development: genesis.development,
            policy,
            groups: groups.collect(),
            seats,
            issuers: issuers.map_or_else(Vec::new, |Issuers { entries, .. }| entries),
            operators,
            as_of,
        }))
    }

    /// A group.
    pub fn group(&self, id: GroupId) -> Option<&Group> {
        self.groups.get(&id)
    }

    /// A replica of an operator.
    pub fn seat(&self, operator: u16, replica: u16) -> Option<&IssuingSeat> {
        self.seats.get(&(operator, replica))
    }

    /// The replicas of an operator, by their numbers.
    pub fn seats_of(&self, operator: u16) -> impl Iterator<Item = (u16, &IssuingSeat)> {
        let seats = self.seats.range((operator, 0)..=(operator, u16::MAX));
        seats.map(|((_, replica), seat)| (*replica, seat))
    }

    /// Whether an operator speaks with a key at a moment: the operator takes part, and the key is the
    /// newest of one of its replicas or the one before, within its time.
    pub fn key_counts_at(&self, operator: u16, key: AccountKey, time: Timestamp) -> bool {
        let mut seats = self.seats_of(operator);
        self.takes_part(operator) && seats.any(|(_, seat)| seat.counts_at(key, time))
    }

    /// The operator and replica that speak with a key at a moment.
    pub fn speaker(&self, key: AccountKey, time: Timestamp) -> Option<(u16, u16)> {
        let mut seats = self.seats.iter();
        let speaks =
            |operator, seat: &IssuingSeat| self.takes_part(operator) && seat.counts_at(key, time);
        let found = seats.find(|((operator, _), seat)| speaks(*operator, seat));
        found.map(|(place, _)| *place)
    }

    /// The operator and the replica that give a vehicle its ticket of a slot, if it is enrolled with a
    /// group.
    pub fn writer(&self, group: GroupId, vehicle: &VehicleId, slot: Slot) -> Option<(u16, u16)> {
        let group = self.group(group)?;
        Some((group.enrolment, group.writer(vehicle, slot)))
    }

    /// The newest key of a group that signs tickets of a slot.
    pub fn issuer_for(&self, group: GroupId, slot: Slot) -> Option<&IssuerEntry> {
        let start = self.policy.slots().start(slot);
        let mut issuers = self.issuers.iter().rev();
        issuers.find(|it| it.group == group && (it.from..=it.until).contains(&start))
    }

    /// The operators that keep shares of linkage seeds: all that take part and speak about tickets.
    pub fn custodians(&self) -> Vec<u16> {
        let operators = self.operators.keys().copied();
        let keeps = |it: &u16| self.takes_part(*it) && self.seats_of(*it).next().is_some();
        operators.filter(keeps).collect()
    }

    /// Whose tickets count; fails as long as there is no key that signs any.
    pub fn trust_domain(&self) -> Result<TrustDomain, TrustDomainError> {
        let issuers = self.issuers.iter().filter_map(|it| {
            Some(IssuerKey {
                id: it.id,
                // The ledger takes no key that is not admitted.
                key: it.key.admit().ok()?,
                from: it.from,
                until: it.until,
            })
        });
        let (domain, slots) = (self.policy.domain, self.policy.slots());
        TrustDomain::new(domain, slots, issuers.collect(), self.development)
    }

    fn takes_part(&self, operator: u16) -> bool {
        let operator = self.operators.get(&operator);
        operator.is_some_and(|it| it.status == OperatorStatus::Active)
    }
}

/// A value of another kind than its key stands there, which execution never writes.
pub(super) struct Unreadable;

struct Reader<F> {
    look: F,
}

impl<F> Reader<F> {
    fn one<T, E>(&mut self, key: &Key, kind: fn(Value) -> Option<T>) -> Result<Option<T>, E>
    where
        E: From<Unreadable>,
        F: FnMut(&Key) -> Result<Option<Value>, E>,
    {
        let Some(value) = (self.look)(key)? else {
            return Ok(None);
        };
        Ok(Some(kind(value).ok_or(Unreadable)?))
    }

    /// All that stand under consecutive numbers, from 0 on.
    fn all<T, E>(
        &mut self,
        place: impl Fn(u16) -> Key,
        kind: fn(Value) -> Option<T>,
    ) -> Result<BTreeMap<u16, T>, E>
    where
        E: From<Unreadable>,
        F: FnMut(&Key) -> Result<Option<Value>, E>,
    {
        let mut found = BTreeMap::new();
        for number in 0..=u16::MAX {
            let Some(value) = self.one(&place(number), kind)? else {
                break;
            };
            found.insert(number, value);
        }
        Ok(found)
    }
}
