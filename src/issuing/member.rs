use std::collections::{BTreeMap, BTreeSet, VecDeque};

use super::{
    Approval, ApprovalOrder, BATCH_TICKETS_MAX, BatchId, BatchTaken, Facts, OperatorRefusal,
    Prepare, Prepared, Record, SealedTicket, Seat, Session, SignOrder, SignedShares, Staged,
    TicketBatch, TicketKey, WishMark,
    approval::ApprovalOf,
    body::{BatchTicket, LinkedTicket, SealOf, Sealed},
    encoding::encode,
    keys::IssuingKeys,
    record::TakenTicket,
    request::TicketWish,
};
use crate::{
    crypto::{
        Commitment, Context, Digest, KeyShare, Nonces, Purpose, Signature, SignatureShare,
        ThresholdError,
    },
    id::{ChainId, GroupId},
    ledger::TicketHandle,
    security::{Class, LinkageShare, Permissions, Slot, Ticket, TicketBody, TicketOrder},
    time::Timestamp,
};

/// One member of a group's ticket authority: sees what each ticket says, checks it, and signs it
/// together with others; never learns whose it is.
///
/// It derives every ticket by itself, from what the car sealed to it and from both linkage authorities'
/// values, and signs one body only for a handle, and one handle only for a body, as long as the key counts
/// under which it did. After
/// [`Self::handle_batch`], write down the records; then the answer may leave. Nonces are not kept over a
/// restart, and each is used once.
pub struct TicketMember {
    seat: Seat,
    group: GroupId,
    keys: BTreeMap<u16, TicketKey>,
    /// The newest body of each ticket.
    taken: BTreeMap<TicketHandle, TakenTicket>,
    /// All of them, by their digests.
    bodies: BTreeMap<Digest, TakenTicket>,
    batches: BTreeMap<BatchId, Batch>,
    sessions: BTreeMap<Session, OpenSession>,
    /// In the order in which they came, so that the oldest make room.
    order: VecDeque<BatchId>,
    session_order: VecDeque<Session>,
}

/// A batch that is open for signing.
pub(super) struct Batch {
    pub(super) issuer: u16,
    pub(super) tickets: Vec<Body>,
    content: Digest,
}

/// A ticket of a batch, but for its signature.
pub(super) struct Body {
    pub(super) handle: TicketHandle,
    pub(super) body: TicketBody,
    pub(super) response_key: [u8; 32],
    mark: WishMark,
}

/// Nonces that wait for the other members' commitments.
struct OpenSession {
    batch: BatchId,
    nonces: Vec<(Nonces, Commitment)>,
}

impl TicketMember {
    /// The member that goes on after `records`, with its shares of the group's keys by their ids.
    pub fn new(
        seat: Seat,
        group: GroupId,
        keys: BTreeMap<u16, TicketKey>,
        records: &[Record],
    ) -> Self {
        let mut member = Self {
            seat,
            group,
            keys,
            taken: BTreeMap::new(),
            bodies: BTreeMap::new(),
            batches: BTreeMap::new(),
            sessions: BTreeMap::new(),
            order: VecDeque::new(),
            session_order: VecDeque::new(),
        };
        for record in records {
            if let Record::Taken { group: of, tickets } = record
                && *of == group
            {
                tickets.iter().for_each(|ticket| member.remember(ticket));
            }
        }
        member
    }

    /// Takes a share of another key, which was made since.
    pub fn handle_key(&mut self, id: u16, key: TicketKey) {
        self.keys.insert(id, key);
    }

    /// Checks what the group's enrolment authority wants to have signed.
    ///
    /// Costs some 150 µs for each ticket.
    pub fn handle_batch(
        &mut self,
        from: Seat,
        batch: &TicketBatch,
        keys: &IssuingKeys,
        (facts, now): (&Facts, Timestamp),
    ) -> Result<Staged<BatchTaken>, OperatorRefusal> {
        let group = facts.groups.get(&self.group);
        let group = group.filter(|_| batch.group == self.group);
        let group = group.ok_or(OperatorRefusal::NotInRole)?;
        if from.operator != group.enrolment {
            return Err(OperatorRefusal::NotForYou);
        }
        if let Some(known) = self.batches.get(&batch.batch) {
            return Ok(Staged::ready(known.taken(batch.batch)));
        }
        self.check(batch, facts, now)?;
        let linked = self.linked(batch, keys, (facts, now))?;
        let (mut tickets, mut fresh) = (Vec::new(), Vec::new());
        for (ticket, second) in batch.tickets.iter().zip(&linked) {
            let body = self.body(ticket, second, batch.issuer, (facts, keys));
            let Some(body) = body else {
                continue;
            };
            let taken = TakenTicket {
                handle: ticket.handle,
                slot: ticket.slot,
                issuer: batch.issuer,
                body: digest(body.body.as_bytes()),
            };
            if !self.bodies.contains_key(&taken.body) {
                self.remember(&taken);
                fresh.push(taken);
            }
            tickets.push(body);
        }
        if self.order.len() >= BATCHES_MAX
            && let Some(oldest) = self.order.pop_front()
        {
            self.batches.remove(&oldest);
        }
        self.order.push_back(batch.batch);
        let open = Batch {
            issuer: batch.issuer,
            content: content(batch.issuer, &tickets),
            tickets,
        };
        let answer = open.taken(batch.batch);
        self.batches.insert(batch.batch, open);
        Ok(Staged::new(Record::taken(self.group, fresh), answer))
    }

    /// Commits to nonces for a batch.
    pub fn handle_prepare(&mut self, prepare: &Prepare) -> Result<Prepared, OperatorRefusal> {
        let (batch, share) = self.shared(prepare.batch)?;
        let nonces: Vec<_> = batch.tickets.iter().map(|_| share.commit()).collect();
        let commitments = nonces.iter().map(|(_, commitment)| *commitment.as_bytes());
        let prepared = Prepared {
            session: prepare.session,
            content: batch.content,
            commitments: commitments.collect(),
        };
        if self.session_order.len() >= SESSIONS_MAX
            && let Some(oldest) = self.session_order.pop_front()
        {
            self.sessions.remove(&oldest);
        }
        self.session_order.push_back(prepare.session);
        let open = OpenSession {
            batch: prepare.batch,
            nonces,
        };
        // Whoever names one attempt twice gets other nonces; the first ones are wiped unused.
        self.sessions.insert(prepare.session, open);
        Ok(prepared)
    }

    /// Signs a batch with the nonces of an attempt, which are used up whatever comes of it.
    pub fn handle_sign(&mut self, order: &SignOrder) -> Result<SignedShares, OperatorRefusal> {
        let session = self.sessions.remove(&order.session);
        let session = session.filter(|it| it.batch == order.batch);
        let session = session.ok_or(OperatorRefusal::NoSession)?;
        let (batch, share) = self.shared(order.batch)?;
        let all = read_commitments(order, batch.tickets.len(), &self.places(batch.issuer)?)?;
        let own = share.place();
        let mut shares = Vec::with_capacity(batch.tickets.len());
        for ((ticket, (nonces, commitment)), commitments) in
            batch.tickets.iter().zip(session.nonces).zip(&all)
        {
            if commitments.get(&own) != Some(&commitment) {
                return Err(OperatorRefusal::BadCommitments);
            }
            let signed = share.sign(
                nonces,
                commitments,
                Context::Ticket,
                &[ticket.body.as_bytes()],
            );
            let signed = signed.map_err(|_| OperatorRefusal::BadCommitments)?;
            shares.push(signed.to_bytes());
        }
        Ok(SignedShares {
            session: order.session,
            shares,
        })
    }

    /// Says that the tickets of a batch are what they shall be, once their signatures are there: so that
    /// the enrolment authority, which can open none, need not believe a coordinator alone.
    ///
    /// Costs some 200 µs for each ticket.
    pub fn handle_approve(
        &self,
        order: &ApprovalOrder,
        chain: ChainId,
        keys: &IssuingKeys,
    ) -> Result<Approval, OperatorRefusal> {
        let (batch, key) = self.batch(order.batch)?;
        let key = key.verifying_key();
        let mut signed = batch.tickets.iter().zip(&order.signatures);
        let is_signed = signed.all(|(ticket, signature)| {
            let parts: &[&[u8]] = &[ticket.body.as_bytes()];
            key.verify(Context::Ticket, parts, signature).is_ok()
        });
        if !is_signed || order.signatures.len() != batch.tickets.len() {
            return Err(OperatorRefusal::BadSignatures);
        }
        let tickets = batch.sealed((chain, &order.seed), &order.signatures);
        Ok(Approval {
            session: order.session,
            signature: self.approval_of(chain, order.batch).sign(&tickets, keys),
        })
    }

    /// What this member's approval of a batch is about.
    pub(super) fn approval_of(&self, chain: ChainId, batch: BatchId) -> ApprovalOf {
        ApprovalOf {
            chain,
            group: self.group,
            batch,
            by: self.seat.operator,
        }
    }

    /// Whether an operator holds a share of a batch's key, and so may coordinate.
    pub(super) fn check_peer(&self, from: Seat, batch: BatchId) -> Result<(), OperatorRefusal> {
        let (_, key) = self.batch(batch)?;
        let is_member = key.members().contains(&from.operator);
        is_member.then_some(()).ok_or(OperatorRefusal::NotForYou)
    }

    /// Under which name a ticket was signed here; `None` for one that was not. By this, and nothing else,
    /// a revocation finds its vehicle.
    pub fn handle_of(&self, ticket: &Ticket) -> Option<TicketHandle> {
        let taken = self.bodies.get(&digest(ticket.body()))?;
        Some(taken.handle)
    }

    /// Forgets what is over, and gives all that is left, to write down anew in place of all records.
    pub fn compact(&mut self, facts: &Facts, now: Timestamp) -> Vec<Record> {
        let floor = facts.kept_from(now).number();
        self.taken.retain(|_, ticket| ticket.slot >= floor);
        self.bodies.retain(|_, ticket| ticket.slot >= floor);
        let taken = &self.taken;
        let is_kept = |batch: &Batch| {
            let mut tickets = batch.tickets.iter();
            tickets.any(|ticket| taken.contains_key(&ticket.handle))
        };
        self.batches.retain(|_, batch| is_kept(batch));
        let batches = &self.batches;
        self.order.retain(|batch| batches.contains_key(batch));
        self.sessions
            .retain(|_, session| batches.contains_key(&session.batch));
        Record::taken(self.group, self.bodies.values().copied().collect())
    }

    /// An open batch, and its key.
    pub(super) fn batch(&self, id: BatchId) -> Result<(&Batch, &TicketKey), OperatorRefusal> {
        let batch = self.batches.get(&id);
        let batch = batch.ok_or(OperatorRefusal::UnknownBatch)?;
        let key = self.keys.get(&batch.issuer).ok_or(OperatorRefusal::NoKey)?;
        Ok((batch, key))
    }

    pub(super) fn seat(&self) -> Seat {
        self.seat
    }

    pub(super) fn group(&self) -> GroupId {
        self.group
    }

    /// The operators that hold shares of a key, with their places.
    pub(super) fn places(&self, issuer: u16) -> Result<BTreeMap<u16, u16>, OperatorRefusal> {
        let key = self.keys.get(&issuer).ok_or(OperatorRefusal::NoKey)?;
        Ok(key.members().iter().copied().zip(1..).collect())
    }

    fn shared(&self, batch: BatchId) -> Result<(&Batch, &KeyShare), OperatorRefusal> {
        match self.batch(batch)? {
            (batch, TicketKey::Shared { share, .. }) => Ok((batch, share)),
            (_, TicketKey::Single { .. }) => Err(OperatorRefusal::NoKey),
        }
    }

    /// Not too many tickets, each once, all for slots for which tickets are given under this key.
    fn check(
        &self,
        batch: &TicketBatch,
        facts: &Facts,
        now: Timestamp,
    ) -> Result<(), OperatorRefusal> {
        if !self.keys.contains_key(&batch.issuer) {
            return Err(OperatorRefusal::NoKey);
        }
        let handles: BTreeSet<_> = batch.tickets.iter().map(|it| it.handle).collect();
        let is_bounded = (1..=BATCH_TICKETS_MAX).contains(&batch.tickets.len());
        let (first, last) = facts.window(now);
        let window = first.number().saturating_sub(1)..=last.number().saturating_add(1);
        let slots = batch.tickets.iter().map(|it| it.slot);
        let issuer = facts.issuer_of((batch.issuer, self.group), slots.clone());
        let is_good = is_bounded
            && handles.len() == batch.tickets.len()
            && issuer.is_some()
            && slots.into_iter().all(|slot| window.contains(&slot));
        is_good.then_some(()).ok_or(OperatorRefusal::BadBatch)
    }

    /// The second authority's values, which have to be signed by it and for these very tickets.
    fn linked(
        &self,
        batch: &TicketBatch,
        keys: &IssuingKeys,
        (facts, now): (&Facts, Timestamp),
    ) -> Result<Vec<LinkedTicket>, OperatorRefusal> {
        let office = facts.groups.get(&self.group).map(|it| it.linkage);
        let signer = facts.seats.get(&batch.second.from);
        let signer = signer.filter(|_| Some(batch.second.from.operator) == office);
        let signer = signer.ok_or(OperatorRefusal::BadLinkage)?;
        let of = SealOf {
            chain: facts.chain,
            group: self.group,
            batch: batch.batch,
        };
        let own = (self.seat.operator, keys);
        let linked: Option<Vec<LinkedTicket>> =
            batch.second.open(of, Sealed::Linkage, signer.at(now), own);
        let linked = linked.ok_or(OperatorRefusal::BadLinkage)?;
        let names = linked.iter().map(|it| (it.handle, it.slot));
        let is_same = names.eq(batch.tickets.iter().map(|it| (it.handle, it.slot)));
        is_same.then_some(linked).ok_or(OperatorRefusal::BadLinkage)
    }

    /// The ticket, if the car wished it and everything about it can be.
    fn body(
        &self,
        ticket: &BatchTicket,
        second: &LinkedTicket,
        issuer: u16,
        (facts, keys): (&Facts, &IssuingKeys),
    ) -> Option<Body> {
        let (chain, group) = (facts.chain, self.group);
        let wish = ticket
            .blob
            .open(chain, group, self.seat.operator, keys)
            .filter(|wish| wish.slot == ticket.slot)?;
        let key = wish.verified_key(chain, group)?;
        let first = LinkageShare::from_bytes(ticket.share);
        let order = TicketOrder {
            class: ISSUED_CLASS,
            permissions: issued_permissions(),
            slot: Slot::from_number(ticket.slot),
            linkage: first.join(&LinkageShare::from_bytes(second.share)),
            key,
        };
        let body = TicketBody::new(&order, issuer, facts.domain);
        let digest = digest(body.as_bytes());
        let earlier = self.taken.get(&ticket.handle);
        // A ticket whose key was withdrawn counts no more, and so may be made anew under the next one.
        let is_new =
            earlier.is_none_or(|it| it.body == digest || facts.is_withdrawn(it.issuer, issuer));
        let name = self.bodies.get(&digest);
        let is_unnamed = name.is_none_or(|it| it.handle == ticket.handle);
        (is_new && is_unnamed).then_some(Body {
            handle: ticket.handle,
            response_key: wish.response_key,
            mark: WishMark::of(&body, &wish),
            body,
        })
    }

    fn remember(&mut self, ticket: &TakenTicket) {
        let newest = self.taken.entry(ticket.handle).or_insert(*ticket);
        assert!(
            newest.body == ticket.body || newest.issuer != ticket.issuer,
            "one body is signed for a handle under a key"
        );
        // Records are not in order any more once they were compacted.
        if newest.issuer < ticket.issuer {
            *newest = *ticket;
        }
        self.bodies.insert(ticket.body, *ticket);
    }
}

impl Batch {
    /// The tickets with their signatures, each sealed to its car, in the order of their handles.
    pub(super) fn sealed(
        &self,
        (chain, seed): (ChainId, &[u8; 32]),
        signatures: &[Signature],
    ) -> Vec<(TicketHandle, SealedTicket)> {
        let signed = self.tickets.iter().zip(signatures);
        let sealed = signed.filter_map(|(body, signature)| {
            let ticket = body.body.signed(signature);
            // A car that gave a key to which nothing can be sealed gets nothing.
            let sealed = SealedTicket::seal((chain, seed), &ticket, body.response_key);
            Some((body.handle, sealed.ok()?))
        });
        let mut sealed: Vec<_> = sealed.collect();
        sealed.sort_unstable_by_key(|(handle, _)| *handle);
        sealed
    }

    fn taken(&self, batch: BatchId) -> BatchTaken {
        let tickets = self.tickets.iter().map(|it| (it.handle, it.mark));
        BatchTaken {
            batch,
            tickets: tickets.collect(),
        }
    }
}

impl WishMark {
    fn of(body: &TicketBody, wish: &TicketWish) -> Self {
        let parts: &[&[u8]] = &[b"wish", body.as_bytes(), &encode(wish)];
        let digest = Digest::of(Purpose::TicketBatch, parts);
        let (halves, _) = digest.as_bytes().as_chunks::<16>();
        let [half, _] = halves else {
            panic!("32 bytes are twice 16");
        };
        Self(*half)
    }
}

/// The commitments of all signers for each ticket, by their places.
pub(super) fn read_commitments(
    order: &SignOrder,
    tickets: usize,
    places: &BTreeMap<u16, u16>,
) -> Result<Vec<BTreeMap<u16, Commitment>>, OperatorRefusal> {
    let bad = OperatorRefusal::BadCommitments;
    let mut all: Vec<BTreeMap<u16, Commitment>> = (0..tickets).map(|_| BTreeMap::new()).collect();
    for (operator, commitments) in &order.commitments {
        let place = places.get(operator).ok_or(bad)?;
        if commitments.len() != tickets {
            return Err(bad);
        }
        for (of_ticket, bytes) in all.iter_mut().zip(commitments) {
            let commitment = Commitment::from_bytes(bytes);
            let commitment = commitment.map_err(|_: ThresholdError| bad)?;
            if of_ticket.insert(*place, commitment).is_some() {
                return Err(bad);
            }
        }
    }
    Ok(all)
}

/// Puts the signatures of a batch together; `Err` names the operators whose shares are false.
pub(super) fn aggregate(
    share: &KeyShare,
    batch: &Batch,
    commitments: &[BTreeMap<u16, Commitment>],
    shares: &BTreeMap<u16, Vec<[u8; 32]>>,
) -> Result<Vec<Signature>, Vec<u16>> {
    let mut signatures = Vec::with_capacity(batch.tickets.len());
    for (index, (ticket, commitments)) in batch.tickets.iter().zip(commitments).enumerate() {
        let mut of_ticket = BTreeMap::new();
        for (place, shares) in shares {
            let share = shares.get(index).map(SignatureShare::from_bytes);
            let Some(Ok(share)) = share else {
                return Err(vec![*place]);
            };
            of_ticket.insert(*place, share);
        }
        let parts: &[&[u8]] = &[ticket.body.as_bytes()];
        match share.aggregate(commitments, &of_ticket, Context::Ticket, parts) {
            Ok(signature) => signatures.push(signature),
            Err(ThresholdError::Culprits(places)) => return Err(places),
            Err(_) => return Err(Vec::new()),
        }
    }
    Ok(signatures)
}

/// What all tickets of cars may say: one for all, so that none stands out.
fn issued_permissions() -> Permissions {
    Permissions::TELEMETRY
        | Permissions::HAZARD_SELF
        | Permissions::HAZARD_ROAD
        | Permissions::MISBEHAVIOUR_REPORT
}

fn digest(body: &[u8]) -> Digest {
    Digest::of(Purpose::TicketBatch, &[b"body", body])
}

/// Names what a batch says: two members sign the same if it is the same.
fn content(issuer: u16, tickets: &[Body]) -> Digest {
    let bodies: Vec<_> = tickets
        .iter()
        .map(|it| (it.handle, *it.body.as_bytes()))
        .collect();
    Digest::of(
        Purpose::TicketBatch,
        &[b"content", &encode(&(issuer, bodies))],
    )
}

/// All vehicles have one class in their tickets, so that none stands out.
const ISSUED_CLASS: Class = Class::Car;
/// How many batches are open for signing; the oldest makes room, and is given again when it is asked
/// for.
const BATCHES_MAX: usize = 256;
/// How many attempts to sign are open; each holds nonces for a batch.
const SESSIONS_MAX: usize = 64;
