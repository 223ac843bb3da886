use std::collections::{BTreeMap, BTreeSet};

use super::{
    BATCH_TICKETS_MAX, Facts, LinkageAnswer, LinkageRequest, LinkageSecret, OperatorRefusal,
    Record, Seat, SignedSeal, Staged, VehicleHandle,
    body::{EscrowedSeed, LinkedTicket, SealOf, Sealed},
    chains::Chains,
    escrow::split,
    keys::IssuingKeys,
    record::LinkedSlot,
};
use crate::{
    crypto::SealingKey,
    id::GroupId,
    ledger::TicketHandle,
    security::{LinkageAuthority, LinkageSeed, Slot},
    time::Timestamp,
};

/// The second linkage authority of a group: gives its half of each ticket's linkage value, and is the
/// second memory of which ticket a vehicle has for a slot.
///
/// It never names two tickets for one vehicle and slot, so that an enrolment authority that was put
/// back to an older state, or runs twice, still mints one only. After [`Self::handle_request`], write
/// down the records; then the answer may leave.
pub struct LinkageOffice {
    seat: Seat,
    group: GroupId,
    chains: Chains,
    /// By slot first, so that what is over lies together.
    used: BTreeMap<(u32, VehicleHandle), TicketHandle>,
    handles: BTreeMap<TicketHandle, (VehicleHandle, u32)>,
}

impl LinkageOffice {
    /// The office that goes on after `records`.
    pub fn new(seat: Seat, group: GroupId, secret: LinkageSecret, records: &[Record]) -> Self {
        let mut office = Self {
            seat,
            group,
            chains: Chains::new(LinkageAuthority::Second, secret),
            used: BTreeMap::new(),
            handles: BTreeMap::new(),
        };
        for record in records {
            if let Record::Linked { group: of, slots } = record
                && *of == group
            {
                slots.iter().for_each(|slot| office.remember(slot));
            }
        }
        office
    }

    /// Answers the group's enrolment authority.
    ///
    /// Members and custodians that have no key at `now` get nothing, as long as enough of them have one.
    pub fn handle_request(
        &mut self,
        from: Seat,
        request: &LinkageRequest,
        keys: &IssuingKeys,
        (facts, now): (&Facts, Timestamp),
    ) -> Result<Staged<LinkageAnswer>, OperatorRefusal> {
        let group = facts.groups.get(&self.group);
        let group = group.ok_or(OperatorRefusal::NotInRole)?;
        if request.group != self.group || group.linkage != self.seat.operator {
            return Err(OperatorRefusal::NotInRole);
        }
        if from.operator != group.enrolment {
            return Err(OperatorRefusal::NotForYou);
        }
        check_tickets(request, facts, now)?;
        let slots = request.tickets.iter().map(|it| it.slot);
        let issuer = facts.issuer_of((request.issuer, self.group), slots);
        let issuer = issuer.ok_or(OperatorRefusal::NoKey)?;
        let members = facts.first_keys(&issuer.members, now);
        if members.len() < issuer.threshold.into() {
            return Err(OperatorRefusal::NoKey);
        }
        let custodians = facts.custodians(now).ok_or(OperatorRefusal::NoKey)?;

        let mut refused = Vec::new();
        let mut fresh = Vec::new();
        let mut seeds = Vec::new();
        let slots = (facts.origin, facts.kept_from(now));
        for wish in &request.tickets {
            let known = self.used.get(&(wish.slot, wish.vehicle)).copied();
            let is_other = self.handles.get(&wish.handle);
            let is_other = is_other.is_some_and(|it| *it != (wish.vehicle, wish.slot));
            let slot = Slot::from_number(wish.slot);
            let seed = self.chains.seed(wish.vehicle, slot, slots);
            match (known, seed) {
                (known, Some(seed)) if !is_other && known.is_none_or(|it| it == wish.handle) => {
                    let linked = LinkedSlot {
                        handle: wish.handle,
                        vehicle: wish.vehicle,
                        slot: wish.slot,
                    };
                    if known.is_none() {
                        self.remember(&linked);
                        fresh.push(linked);
                    }
                    seeds.push((wish.handle, wish.slot, seed));
                }
                _ => refused.push(wish.handle),
            }
        }
        let of = SealOf {
            chain: facts.chain,
            group: self.group,
            batch: request.batch,
        };
        let sealed = self.seal(of, &seeds, keys, [&members, &custodians]);
        let [members, custodians] = sealed.ok_or(OperatorRefusal::Busy)?;
        let answer = LinkageAnswer {
            batch: of.batch,
            refused,
            members,
            custodians,
        };
        Ok(Staged::new(Record::linked(self.group, fresh), answer))
    }

    /// The seed of a ticket's slot, for a revocation that the ledger orders; `None` for a ticket that
    /// is not known here. Tell it to nobody before.
    pub fn seed_of(
        &mut self,
        handle: TicketHandle,
        facts: &Facts,
        now: Timestamp,
    ) -> Option<(Slot, LinkageSeed)> {
        let (vehicle, slot) = *self.handles.get(&handle)?;
        let slot = Slot::from_number(slot);
        let slots = (facts.origin, facts.kept_from(now));
        Some((slot, self.chains.seed(vehicle, slot, slots)?))
    }

    /// Forgets what is over, and gives all that is left, to write down anew in place of all records.
    pub fn compact(&mut self, facts: &Facts, now: Timestamp) -> Vec<Record> {
        let floor = facts.kept_from(now).number();
        self.used.retain(|(slot, _), _| *slot >= floor);
        self.handles.retain(|_, (_, slot)| *slot >= floor);
        let slots = self.handles.iter().map(|(handle, it)| LinkedSlot {
            handle: *handle,
            vehicle: it.0,
            slot: it.1,
        });
        Record::linked(self.group, slots.collect())
    }

    fn remember(&mut self, linked: &LinkedSlot) {
        let earlier = self
            .used
            .insert((linked.slot, linked.vehicle), linked.handle);
        assert!(
            earlier.is_none_or(|handle| handle == linked.handle),
            "a vehicle has one ticket for a slot"
        );
        self.handles
            .insert(linked.handle, (linked.vehicle, linked.slot));
    }

    /// For each member the values, and for each custodian its shares.
    fn seal(
        &self,
        of: SealOf,
        seeds: &[(TicketHandle, u32, LinkageSeed)],
        keys: &IssuingKeys,
        [members, custodians]: [&[(u16, SealingKey)]; 2],
    ) -> Option<[Vec<SignedSeal>; 2]> {
        let authority = self.chains.authority();
        let linked: Vec<_> = seeds
            .iter()
            .map(|(handle, slot, seed)| LinkedTicket {
                handle: *handle,
                slot: *slot,
                share: *seed.share(authority, Slot::from_number(*slot)).as_bytes(),
            })
            .collect();
        let from = (self.seat, keys);
        let seal = |(to, key): &(u16, SealingKey)| {
            SignedSeal::new(of, Sealed::Linkage, from, (*to, key), &linked).ok()
        };
        let members = members.iter().map(seal).collect::<Option<_>>()?;
        let shares: Vec<Vec<EscrowedSeed>> = split(seeds, custodians.len());
        let custodians = custodians.iter().zip(&shares).map(|((to, key), shares)| {
            SignedSeal::new(of, Sealed::Escrow, from, (*to, key), shares).ok()
        });
        Some([members, custodians.collect::<Option<_>>()?])
    }
}

/// Not too many, each once, all for slots for which tickets are given.
fn check_tickets(
    request: &LinkageRequest,
    facts: &Facts,
    now: Timestamp,
) -> Result<(), OperatorRefusal> {
    let handles: BTreeSet<_> = request.tickets.iter().map(|it| it.handle).collect();
    let is_bounded = (1..=BATCH_TICKETS_MAX).contains(&request.tickets.len());
    let (first, last) = facts.window(now);
    let window = first.number().saturating_sub(1)..=last.number().saturating_add(1);
    let is_good = is_bounded
        && handles.len() == request.tickets.len()
        && request.tickets.iter().all(|it| window.contains(&it.slot));
    is_good.then_some(()).ok_or(OperatorRefusal::BadBatch)
}
