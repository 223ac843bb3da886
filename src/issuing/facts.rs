use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use super::Seat;
use crate::{
    crypto::{SealingKey, VerifyingKey},
    id::{ChainId, DomainId, GroupId, VehicleId},
    ledger::{self, AccountKey, IssuerEntry, IssuingFacts, IssuingSeat, OperatorStatus},
    security::{Slot, SlotClock},
    time::Timestamp,
};

/// What the ledger says about issuing, as everybody who issues has to see it.
#[derive(Clone, Debug)]
pub struct Facts {
    /// The ledger.
    pub chain: ChainId,
    /// The trust domain whose tickets are issued.
    pub domain: DomainId,
    /// Where its slots begin and end.
    pub slots: SlotClock,
    /// Where all linkage chains begin.
    pub origin: Slot,
    /// For how many slots after the current one tickets are given.
    pub preload_slots: u32,
    /// How many vehicles' tickets of one slot are signed together at least, unless they wait too long.
    pub batch_vehicles_min: u32,
    /// How long tickets wait for those of others.
    pub batch_wait: Duration,
    /// Who issues to whom.
    pub groups: BTreeMap<GroupId, IssuingGroup>,
    /// The keys of all who issue.
    pub seats: BTreeMap<Seat, SeatKeys>,
    /// The keys under which tickets count.
    pub issuers: Vec<TicketIssuer>,
}

/// The operators that issue tickets to a group of vehicles.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct IssuingGroup {
    /// Who enrols them and is the first linkage authority.
    pub enrolment: u16,
    /// The second linkage authority.
    pub linkage: u16,
    /// With how many processes the enrolment authority writes, and from which slot on.
    pub replicas: Vec<(Slot, u16)>,
}

/// The issuing keys of an operator's process, the newest one first.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct SeatKeys(pub Vec<SeatKey>);

/// One of them, which counts from a moment to another.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct SeatKey {
    /// The key.
    pub key: VerifyingKey,
    /// The first moment.
    pub from: Timestamp,
    /// The last moment.
    pub until: Timestamp,
}

/// A key that signs tickets.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct TicketIssuer {
    /// Its id in tickets.
    pub id: u16,
    /// For whose vehicles.
    pub group: GroupId,
    /// The key.
    pub key: VerifyingKey,
    /// The first moment at which a slot that it signs for may begin.
    pub from: Timestamp,
    /// The last one.
    pub until: Timestamp,
    /// Who holds shares of it, in the order of their places.
    pub members: Vec<u16>,
    /// How many of them have to sign.
    pub threshold: u16,
}

/// What the ledger says about a vehicle that asks for tickets.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Enrolment {
    /// Its enrolment key.
    pub key: VerifyingKey,
    /// With whom it is enrolled.
    pub group: GroupId,
    /// Whether it gets tickets now.
    pub status: EnrolmentStatus,
    /// The first slot for which this group gives it tickets.
    pub first_slot: Slot,
    /// Which linkage chains its new tickets belong to: others once the earlier ones may be public.
    pub generation: u32,
}

/// Whether a vehicle gets tickets.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum EnrolmentStatus {
    /// It does.
    Active,
    /// Not now.
    Suspended,
    /// It does not.
    Revoked,
}

impl Facts {
    /// What a ledger says, with all keys admitted; operators that take part no more are left out.
    ///
    /// Costs some 30 µs for each key. Make it anew when the ledger says something else.
    pub fn of(facts: &IssuingFacts) -> Self {
        let policy = &facts.policy;
        let takes_part = |operator: &u16| {
            let operator = facts.operators.get(operator);
            operator.is_some_and(|it| it.status == OperatorStatus::Active)
        };
        let seats = facts.seats.iter().filter(|((it, _), _)| takes_part(it));
        let seats = seats.map(|((operator, replica), seat)| {
            let seat_of = Seat {
                operator: *operator,
                replica: *replica,
            };
            (seat_of, SeatKeys::of(seat))
        });
        let groups = facts.groups.iter().map(|(id, group)| {
            let next = group.next_replicas.as_ref();
            let next = next.map(|it| (Slot::from_number(it.from_slot), it.replicas));
            let first = (Slot::from_number(0), group.replicas);
            let group = IssuingGroup {
                enrolment: group.enrolment,
                linkage: group.linkage,
                replicas: [Some(first), next].into_iter().flatten().collect(),
            };
            (*id, group)
        });
        Self {
            chain: facts.chain,
            domain: policy.domain,
            slots: policy.slots(),
            origin: policy.origin(),
            preload_slots: policy.preload_slots,
            batch_vehicles_min: policy.batch_vehicles_min,
            batch_wait: Duration::from_millis(policy.batch_wait_ms.into()),
            groups: groups.collect(),
            seats: seats.collect(),
            issuers: facts.issuers.iter().filter_map(TicketIssuer::of).collect(),
        }
    }

    /// The process that gives a vehicle its ticket of a slot: never two of them.
    pub fn writer(&self, group: GroupId, vehicle: &VehicleId, slot: Slot) -> Option<Seat> {
        let group = self.groups.get(&group)?;
        let replicas = group.replicas_at(slot)?;
        let [a, b, c, d, e, f, g, h, ..] = vehicle.commitment;
        let number = u64::from_be_bytes([a, b, c, d, e, f, g, h]);
        let replica = number.checked_rem(replicas.into())?;
        Some(Seat {
            operator: group.enrolment,
            replica: u16::try_from(replica).ok()?,
        })
    }

    /// The slots for which tickets are given at `now`.
    pub fn window(&self, now: Timestamp) -> (Slot, Slot) {
        let current = self.slots.slot_at(now);
        let last = current.number().saturating_add(self.preload_slots);
        (current, Slot::from_number(last))
    }

    /// The slot before which nothing that was issued has to be known any more: a vehicle may be
    /// revoked for a ticket of up to a preload horizon ago.
    pub fn kept_from(&self, now: Timestamp) -> Slot {
        let current = self.slots.slot_at(now).number();
        let kept = self.preload_slots.saturating_add(1);
        Slot::from_number(current.saturating_sub(kept))
    }

    /// All operators that issue, in order.
    pub fn operators(&self) -> BTreeSet<u16> {
        self.seats.keys().map(|seat| seat.operator).collect()
    }

    /// Who is dealt shares of linkage seeds at `now`, with the keys to which these are sealed: all
    /// operators that issue and have a key that counts, in order, up to twelve. `None` while these are
    /// fewer than the shares that give a seed back when nobody is without a key.
    pub fn custodians(&self, now: Timestamp) -> Option<Vec<(u16, SealingKey)>> {
        let operators: Vec<_> = self.operators().into_iter().collect();
        let mut custodians = self.first_keys(&operators, now);
        custodians.truncate(CUSTODIANS_MAX);
        let named: Vec<_> = custodians.iter().map(|(it, _)| *it).collect();
        self.may_be_custodians(&named).then_some(custodians)
    }

    /// Whether so many operators that issue, in order, may share linkage seeds: at least as many as the
    /// shares that give a seed back while nobody is without a key.
    pub(super) fn may_be_custodians(&self, custodians: &[u16]) -> bool {
        let operators = self.operators();
        let all = u16::try_from(operators.len().min(CUSTODIANS_MAX)).unwrap_or(u16::MAX);
        (usize::from(escrow_threshold(all))..=CUSTODIANS_MAX).contains(&custodians.len())
            && custodians.is_sorted_by(|a, b| a < b)
            && custodians.iter().all(|it| operators.contains(it))
    }

    /// To what a process is sealed.
    pub fn sealing_key(&self, seat: Seat, now: Timestamp) -> Option<SealingKey> {
        let newest = self.seats.get(&seat)?.at(now).next()?;
        Some(SealingKey::of(&newest))
    }

    /// To what each of some operators' first processes is sealed; without those that have no key.
    pub(super) fn first_keys(&self, operators: &[u16], now: Timestamp) -> Vec<(u16, SealingKey)> {
        let key = |operator: &u16| {
            let key = self.sealing_key(Seat::first(*operator), now)?;
            Some((*operator, key))
        };
        operators.iter().filter_map(key).collect()
    }

    /// A key that may sign a group's tickets of some slots, also if there is a newer one.
    pub(super) fn issuer_of(
        &self,
        (id, group): (u16, GroupId),
        mut slots: impl Iterator<Item = u32>,
    ) -> Option<&TicketIssuer> {
        let mut issuers = self.issuers.iter();
        let issuer = issuers.find(|it| it.id == id && it.group == group)?;
        let may_sign = |slot| {
            let start = self.slots.start(Slot::from_number(slot));
            (issuer.from..=issuer.until).contains(&start)
        };
        slots.all(may_sign).then_some(issuer)
    }

    /// Whether tickets under a key count no more, though their slots are not over, and `next` signs in
    /// its place: it was withdrawn. Ids only grow, so that whoever does not know a key yet never takes it
    /// for withdrawn.
    pub(super) fn is_withdrawn(&self, id: u16, next: u16) -> bool {
        id < next && self.issuers.iter().all(|it| it.id != id)
    }

    /// The key that signs a group's tickets of a slot: the newest one that may.
    pub fn issuer(&self, group: GroupId, slot: Slot) -> Option<&TicketIssuer> {
        let start = self.slots.start(slot);
        let is_good = |issuer: &&TicketIssuer| {
            issuer.group == group && (issuer.from..=issuer.until).contains(&start)
        };
        self.issuers.iter().filter(is_good).max_by_key(|it| it.id)
    }
}

impl IssuingGroup {
    /// With how many processes the enrolment authority writes the tickets of a slot.
    fn replicas_at(&self, slot: Slot) -> Option<u16> {
        let decided = self.replicas.iter().filter(|(from, _)| *from <= slot);
        decided.max_by_key(|(from, _)| *from).map(|(_, n)| *n)
    }
}

impl Enrolment {
    /// What a ledger says about a vehicle at `now`, whose record there has this key; `None` for a key
    /// that may not be believed.
    pub fn of(enrolment: &ledger::Enrolment, key: AccountKey, now: Timestamp) -> Option<Self> {
        let status = match enrolment.status_at(now) {
            ledger::EnrolmentStatus::Active => EnrolmentStatus::Active,
            ledger::EnrolmentStatus::Suspended { .. } => EnrolmentStatus::Suspended,
            ledger::EnrolmentStatus::Revoked => EnrolmentStatus::Revoked,
        };
        Some(Self {
            key: key.admit().ok()?,
            group: enrolment.group,
            status,
            first_slot: Slot::from_number(enrolment.first_slot),
            generation: enrolment.generation_at(now),
        })
    }
}

impl TicketIssuer {
    fn of(entry: &IssuerEntry) -> Option<Self> {
        Some(Self {
            id: entry.id,
            group: entry.group,
            key: entry.key.admit().ok()?,
            from: entry.from,
            until: entry.until,
            members: entry.members.clone(),
            threshold: entry.threshold,
        })
    }
}

impl SeatKeys {
    fn of(seat: &IssuingSeat) -> Self {
        let keys = [Some(seat.current), seat.previous];
        let admitted = keys.into_iter().flatten().filter_map(|it| {
            Some(SeatKey {
                key: it.key.admit().ok()?,
                from: it.from,
                until: it.until,
            })
        });
        Self(admitted.collect())
    }

    /// The keys that count at `now`, the newest one first.
    pub fn at(&self, now: Timestamp) -> impl Iterator<Item = VerifyingKey> {
        let counts = move |it: &&SeatKey| (it.from..=it.until).contains(&now);
        self.0.iter().filter(counts).map(|it| it.key)
    }
}

/// So that the shares of a whole batch fit into one message.
pub(super) const CUSTODIANS_MAX: usize = 12;

/// How many of so many custodians give a seed back: all but a third, as for the committee's quorum.
pub fn escrow_threshold(custodians: u16) -> u16 {
    custodians - custodians.saturating_sub(1) / 3
}
