use std::collections::{BTreeMap, BTreeSet};

use super::{
    BATCH_TICKETS_MAX, BatchId, Body, EnrolmentAuthority, EscrowDeposit, Facts, LinkageAnswer,
    LinkageRequest, LinkageWish, MintOrder, Minted, Record, Seat, SignedSeal, Staged, TicketBatch,
    TicketIssuer,
    body::BatchTicket,
    enrolment::open_of,
    escrow::split,
    open_batch::{Batch, Linked, What, linked_ticket},
};
use crate::{
    crypto::random_bytes,
    ledger::TicketHandle,
    security::Slot,
    time::{Instant, Now},
};

/// What one role wants another to be told.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Dispatch {
    /// Whom.
    pub to: Seat,
    /// What.
    pub body: Body,
}

/// The batches of an enrolment authority, from when they are formed to when their cars' tickets are
/// there. Nothing of them outlives a restart: what was not made is put into new ones, under the same
/// handles.
#[derive(Default)]
pub(super) struct Batches(pub(super) BTreeMap<BatchId, Batch>);

impl Batches {
    pub(super) fn retain(&mut self, is_kept: impl Fn(&TicketHandle) -> bool) {
        self.0.retain(|_, batch| batch.handles.iter().any(&is_kept));
    }
}

impl EnrolmentAuthority {
    /// What to tell another role now.
    pub fn poll_dispatch(&mut self, facts: &Facts, now: Now) -> Option<Dispatch> {
        self.tidy_batches(facts, now);
        self.form_batches(facts, now.instant);
        let mut found = None;
        for (id, batch) in &mut self.batches.0 {
            let due = batch.due(facts, self.group, now.instant);
            if let Some((to, what)) = due {
                found = Some((*id, to, what));
                break;
            }
        }
        let (id, to, what) = found?;
        let body = self.body(id, to, what)?;
        let to = Seat::first(to);
        Some(Dispatch { to, body })
    }

    /// When to poll again at the latest; `None` while nothing is open.
    pub fn poll_timeout(&self, facts: &Facts) -> Option<Instant> {
        let waiting = self.waiting.iter();
        let waiting = waiting.filter(|(slot, _)| self.has_room(facts, **slot));
        let waiting = waiting.flat_map(|(_, waiting)| waiting.values());
        let waiting = waiting.map(|since| *since + facts.batch_wait);
        let batches = self.batches.0.values();
        let batches = batches.filter_map(|it| it.timeout(facts, self.group));
        let aside = self.aside.first().map(|(at, _)| *at);
        waiting.chain(batches).chain(aside).min()
    }

    /// Takes another role's answer to what [`Self::poll_dispatch`] gave.
    pub fn handle_answer(
        &mut self,
        from: Seat,
        answer: &Body,
        facts: &Facts,
        now: Now,
    ) -> Staged<()> {
        let operator = from.operator;
        let records = match answer {
            Body::Linked(linked) => self.handle_linked(operator, linked, facts, now),
            Body::Deposited(batch) => {
                let batch = self.batches.0.get_mut(batch);
                if let Some(batch) = batch
                    && let Some(linked) = &mut batch.linked
                {
                    linked.kept.insert(operator);
                    batch.refused.remove(&(operator, What::Deposit));
                }
                Vec::new()
            }
            Body::Taken(taken) => {
                if let Some(batch) = self.batches.0.get_mut(&taken.batch)
                    && batch.members.contains(&operator)
                {
                    batch.take(operator, &taken.tickets);
                }
                Vec::new()
            }
            Body::Minted(minted) => self.handle_minted(operator, minted, facts, now),
            Body::Link(_)
            | Body::Deposit(_)
            | Body::Batch(_)
            | Body::Mint(_)
            | Body::Minting(_)
            | Body::Received(_)
            | Body::Prepare(_)
            | Body::Prepared(_)
            | Body::Sign(_)
            | Body::Signed(_)
            | Body::Approve(_)
            | Body::Approved(_)
            | Body::Release(_)
            | Body::Released(_)
            | Body::Refused(_) => Vec::new(),
        };
        Staged::new(records, ())
    }

    /// Puts tickets into batches: all of the slots that enough vehicles wait for, or have waited for
    /// long enough.
    fn form_batches(&mut self, facts: &Facts, now: Instant) {
        let enough = usize::try_from(facts.batch_vehicles_min).unwrap_or(usize::MAX);
        let is_ripe = |waiting: &BTreeMap<TicketHandle, Instant>| {
            let has_waited = |since: &Instant| now.since(*since) >= facts.batch_wait;
            waiting.len() >= enough || waiting.values().any(has_waited)
        };
        let ripe = self.waiting.iter().filter(|(_, waiting)| is_ripe(waiting));
        let ripe: Vec<u32> = ripe.map(|(slot, _)| *slot).collect();
        let mut open: BTreeMap<(u16, BTreeSet<u16>), BTreeSet<TicketHandle>> = BTreeMap::new();
        for slot in ripe {
            let issuer = facts.issuer(self.group, Slot::from_number(slot));
            let Some(issuer) = issuer.filter(|_| self.has_room(facts, slot)) else {
                continue;
            };
            for (refused_by, handles) in self.take_waiting(slot) {
                // All of a slot stay together, or in parts that are as large as they can be.
                let parts = handles.len().div_ceil(BATCH_TICKETS_MAX);
                for part in handles.chunks(handles.len().div_ceil(parts.max(1)).max(1)) {
                    let batch = open.entry((issuer.id, refused_by.clone())).or_default();
                    if batch.len() + part.len() > BATCH_TICKETS_MAX {
                        let full = std::mem::take(batch);
                        self.open_batch(&full, issuer, now);
                    }
                    let batch = open.entry((issuer.id, refused_by.clone())).or_default();
                    batch.extend(part);
                }
            }
        }
        for ((id, _), handles) in open {
            let issuer = facts.issuers.iter().find(|it| it.id == id);
            if let Some(issuer) = issuer {
                self.open_batch(&handles, issuer, now);
            }
        }
    }

    /// What waits for a slot, by who is known not to sign it.
    fn take_waiting(&mut self, slot: u32) -> BTreeMap<BTreeSet<u16>, Vec<TicketHandle>> {
        let mut parts: BTreeMap<BTreeSet<u16>, Vec<TicketHandle>> = BTreeMap::new();
        for handle in self.waiting.remove(&slot).unwrap_or_default().into_keys() {
            if let Some(wanted) = self.tickets.get(&handle) {
                let part = parts.entry(wanted.refused_by.clone()).or_default();
                part.push(handle);
            }
        }
        parts
    }

    /// Forms a batch of those tickets whose blobs are for these members; no others can open the rest.
    fn open_batch(
        &mut self,
        handles: &BTreeSet<TicketHandle>,
        issuer: &TicketIssuer,
        now: Instant,
    ) {
        let is_theirs = |handle: &TicketHandle| {
            let wanted = self.tickets.get(handle);
            wanted.is_some_and(|it| it.members == issuer.members)
        };
        let open = open_of(&self.tickets, handles);
        let (handles, foreign): (BTreeSet<_>, BTreeSet<_>) = open.into_iter().partition(is_theirs);
        self.fail(foreign);
        if handles.is_empty() {
            return;
        }
        let slots = handles.iter().filter_map(|it| self.tickets.get(it));
        let slots = slots.map(|it| it.slot);
        let batch = Batch {
            issuer: issuer.id,
            members: issuer.members.clone(),
            threshold: issuer.threshold.into(),
            slots: slots.collect(),
            handles,
            formed: now,
            linked: None,
            taken: BTreeMap::new(),
            coordinator: None,
            is_done: false,
            again: BTreeMap::new(),
            refused: BTreeSet::new(),
            clean: Vec::new(),
            split_at: None,
        };
        let id = BatchId::from_bytes(random_bytes());
        self.batches.0.insert(id, batch);
    }

    /// What to tell, put together from the tickets.
    fn body(&self, id: BatchId, to: u16, what: What) -> Option<Body> {
        let batch = self.batches.0.get(&id)?;
        let group = self.group;
        match what {
            What::Link => {
                let mut tickets: Vec<_> = batch
                    .handles
                    .iter()
                    .filter_map(|handle| {
                        let wanted = self.tickets.get(handle)?;
                        Some(LinkageWish {
                            handle: *handle,
                            vehicle: wanted.vehicle,
                            slot: wanted.slot,
                        })
                    })
                    .collect();
                tickets.sort_unstable_by_key(|it| (it.slot, it.handle));
                Some(Body::Link(LinkageRequest {
                    group,
                    batch: id,
                    issuer: batch.issuer,
                    tickets,
                }))
            }
            What::Deposit => {
                let linked = batch.linked.as_ref()?;
                let place = linked.custodians.iter().position(|it| *it == to)?;
                Some(Body::Deposit(EscrowDeposit {
                    group,
                    batch: id,
                    first: linked.shares.get(place)?.clone(),
                    second: linked.answer.custodians.get(place)?.clone(),
                }))
            }
            What::Offer => {
                let linked = batch.linked.as_ref()?;
                let place = batch.members.iter().position(|it| *it == to)?;
                let ticket = |(handle, slot, share): &(TicketHandle, u32, [u8; 12])| {
                    let wanted = self.tickets.get(handle)?;
                    Some(BatchTicket {
                        handle: *handle,
                        slot: *slot,
                        share: *share,
                        blob: *wanted.blobs.get(place)?,
                    })
                };
                let tickets = linked.tickets.iter().map(ticket);
                Some(Body::Batch(TicketBatch {
                    group,
                    batch: id,
                    issuer: batch.issuer,
                    tickets: tickets.collect::<Option<_>>()?,
                    second: linked.answer.members.iter().find(|it| it.to == to)?.clone(),
                }))
            }
            What::Mint => Some(Body::Mint(MintOrder {
                group,
                batch: id,
                holders: batch.clean.clone(),
            })),
        }
    }

    fn handle_linked(
        &mut self,
        operator: u16,
        answer: &LinkageAnswer,
        facts: &Facts,
        now: Now,
    ) -> Vec<Record> {
        let group = facts.groups.get(&self.group);
        let Some(batch) = self.batches.0.get_mut(&answer.batch) else {
            return Vec::new();
        };
        let to = |seals: &[SignedSeal]| -> Vec<u16> { seals.iter().map(|it| it.to).collect() };
        // Whose keys count may be another answer in a moment: what the other authority dealt counts.
        let (sealed, custodians) = (to(&answer.members), to(&answer.custodians));
        let of_batch = batch.members.iter().filter(|it| sealed.contains(it));
        let is_whole = of_batch.eq(&sealed)
            && sealed.len() >= batch.threshold
            && facts.may_be_custodians(&custodians);
        let is_theirs = group.is_some_and(|group| group.linkage == operator);
        if batch.linked.is_some() || !is_theirs || !is_whole {
            return Vec::new();
        }
        let refused: Vec<_> = answer
            .refused
            .iter()
            .filter(|handle| batch.handles.remove(*handle))
            .copied()
            .collect();
        let slots = (facts.origin, facts.kept_from(now.timestamp));
        let mut seeds = Vec::new();
        for handle in &batch.handles {
            let wanted = self.tickets.get(handle);
            let seed = wanted.and_then(|wanted| {
                let slot = Slot::from_number(wanted.slot);
                let seed = self.chains.seed(wanted.vehicle, slot, slots)?;
                Some((*handle, wanted.slot, seed))
            });
            seeds.extend(seed);
        }
        seeds.sort_unstable_by_key(|(handle, slot, _)| (*slot, *handle));
        let can_read = |member: &u16| {
            let place = batch.members.iter().position(|it| it == member);
            let wanted = batch.handles.iter().filter_map(|it| self.tickets.get(it));
            let mut blobs = wanted.filter_map(|it| it.blobs.get(place?));
            blobs.any(|blob| !blob.is_left_out())
        };
        let mut members = sealed.clone();
        members.retain(can_read);
        if members.len() < batch.threshold {
            // They have to tell which tickets they cannot sign.
            members = sealed;
        }
        batch.linked = Some(Linked {
            members,
            tickets: seeds.iter().map(linked_ticket).collect(),
            shares: split(&seeds, custodians.len()),
            custodians,
            answer: answer.clone(),
            kept: BTreeSet::new(),
        });
        batch.again.clear();
        batch.refused.clear();
        if batch.handles.is_empty() {
            self.batches.0.remove(&answer.batch);
        }
        self.give_up(refused)
    }

    /// Takes the tickets of a batch that enough members approve. Where they do not, the coordinator is
    /// wrong about the tickets or keeps some back, and another one is asked.
    fn handle_minted(
        &mut self,
        operator: u16,
        minted: &Minted,
        facts: &Facts,
        now: Now,
    ) -> Vec<Record> {
        let batch = self.batches.0.get_mut(&minted.batch);
        let Some(batch) = batch.filter(|it| !it.is_done) else {
            return Vec::new();
        };
        if !batch.is_approved(minted, (self.group, facts, now.timestamp)) {
            if batch.coordinator.is_some_and(|(it, _)| it == operator) {
                batch.coordinator = Some((operator, now.instant));
            }
            return Vec::new();
        }
        batch.is_done = true;
        let issuer = batch.issuer;
        let mut left = open_of(&self.tickets, &batch.handles);
        let tickets = minted.tickets.iter();
        let tickets: Vec<_> = tickets
            .filter(|(handle, _)| left.remove(handle))
            .copied()
            .collect();
        self.make(issuer, &tickets);
        let group = self.group;
        let made = (!tickets.is_empty()).then_some(Record::Minted {
            group,
            issuer,
            tickets,
        });
        let lost = self.give_up(left.into_iter().collect());
        made.into_iter().chain(lost).collect()
    }

    fn give_up(&mut self, handles: Vec<TicketHandle>) -> Vec<Record> {
        if handles.is_empty() {
            return Vec::new();
        }
        self.fail(handles.iter().copied());
        let group = self.group;
        vec![Record::Failed { group, handles }]
    }
}
