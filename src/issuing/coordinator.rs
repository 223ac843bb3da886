use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use super::{
    BatchId, Body, Dispatch, MintOrder, Minted, OperatorRefusal, Prepare, Prepared, SealedTicket,
    Seat, Session, SignOrder, SignedShares, TicketKey, TicketMember,
    encoding::encode,
    member::{Batch, aggregate, read_commitments},
};
use crate::{
    crypto::{Context, Digest, Purpose, Signature, random_bytes},
    id::{ChainId, GroupId},
    ledger::TicketHandle,
    security::{Slot, Ticket},
    time::Instant,
};

/// The member of a ticket authority that collects the others' shares for one batch.
///
/// Begun by an enrolment authority's [`MintOrder`]. After [`Self::begin`] and each `handle_*` call
/// [`Self::poll_dispatch`] until it returns `None`; [`Self::handle_timeout`] at [`Self::poll_timeout`];
/// until [`Self::result`] gives something. It signs as a member itself, and last of all, so that a
/// member that is gone costs nothing but another attempt with the rest.
pub struct TicketCoordinator {
    chain: ChainId,
    group: GroupId,
    batch: BatchId,
    own: u16,
    holders: BTreeSet<u16>,
    threshold: usize,
    attempt: Option<Attempt>,
    dispatches: Vec<Dispatch>,
    result: Option<Result<Done, OperatorRefusal>>,
}

/// What came of a batch.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Done {
    /// For the enrolment authority.
    pub minted: Minted,
    /// For the ledger.
    pub commitment: BatchCommitment,
    /// Who gave false shares, and is left out.
    pub culprits: Vec<u16>,
}

/// To which tickets a ticket authority commits itself on the ledger.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct BatchCommitment {
    /// The group.
    pub group: GroupId,
    /// How many tickets for which slot, in order.
    pub slots: Vec<(Slot, u32)>,
    /// A digest over the digests of all tickets, in their order.
    pub root: Digest,
}

/// One attempt to sign, with so many members as are needed.
struct Attempt {
    session: Session,
    until: Instant,
    signers: BTreeSet<u16>,
    prepared: BTreeMap<u16, Prepared>,
    order: Option<SignOrder>,
    shares: BTreeMap<u16, Vec<[u8; 32]>>,
    culprits: BTreeSet<u16>,
}

impl TicketCoordinator {
    /// Begins to sign a batch.
    pub fn begin(
        chain: ChainId,
        order: &MintOrder,
        member: &mut TicketMember,
        now: Instant,
    ) -> Result<Self, OperatorRefusal> {
        if order.group != member.group() {
            return Err(OperatorRefusal::NotInRole);
        }
        let own = member.seat().operator;
        let (batch, key) = member.batch(order.batch)?;
        let mut coordinator = Self {
            chain,
            group: order.group,
            batch: order.batch,
            own,
            holders: order.holders.iter().copied().collect(),
            threshold: 1,
            attempt: None,
            dispatches: Vec::new(),
            result: None,
        };
        match key {
            TicketKey::Single { key, .. } => {
                let sign = |body: &[u8]| key.sign(Context::Ticket, &[body]);
                let signatures: Vec<_> = batch
                    .tickets
                    .iter()
                    .map(|ticket| sign(ticket.body.as_bytes()))
                    .collect();
                let done = coordinator.done(batch, &signatures, BTreeSet::new());
                coordinator.result = Some(Ok(done));
            }
            TicketKey::Shared { members, share } => {
                coordinator.threshold = share.threshold().into();
                coordinator.holders.retain(|it| members.contains(it));
                coordinator.holders.insert(own);
                coordinator.attempt(member, now, BTreeSet::new());
            }
        }
        Ok(coordinator)
    }

    /// What to tell another member now.
    pub fn poll_dispatch(&mut self) -> Option<Dispatch> {
        self.dispatches.pop()
    }

    /// When to call [`Self::handle_timeout`]; `None` once it is over.
    pub fn poll_timeout(&self) -> Option<Instant> {
        let attempt = self.attempt.as_ref()?;
        self.result.is_none().then_some(attempt.until)
    }

    /// What came of it; `None` while it goes on.
    pub fn result(&self) -> Option<&Result<Done, OperatorRefusal>> {
        self.result.as_ref()
    }

    /// Takes a member's answer.
    pub fn handle_answer(
        &mut self,
        from: u16,
        answer: &Body,
        member: &mut TicketMember,
        now: Instant,
    ) {
        match answer {
            Body::Prepared(prepared) => self.handle_prepared(from, prepared, member, now),
            Body::Signed(signed) => self.handle_signed(from, signed, member, now),
            Body::Refused(_) => self.handle_failure(from, member, now),
            Body::Link(_)
            | Body::Linked(_)
            | Body::Deposit(_)
            | Body::Deposited(_)
            | Body::Batch(_)
            | Body::Taken(_)
            | Body::Mint(_)
            | Body::Minting(_)
            | Body::Received(_)
            | Body::Minted(_)
            | Body::Prepare(_)
            | Body::Sign(_)
            | Body::Release(_)
            | Body::Released(_) => {}
        }
    }

    /// Takes in that a member was not reached, or refuses: goes on without it.
    pub fn handle_failure(&mut self, operator: u16, member: &mut TicketMember, now: Instant) {
        let Some(attempt) = &self.attempt else {
            return;
        };
        if self.result.is_none() && attempt.signers.contains(&operator) {
            let culprits = attempt.culprits.clone();
            self.holders.remove(&operator);
            self.attempt(member, now, culprits);
        }
    }

    /// Goes on without the members that have not answered in time.
    pub fn handle_timeout(&mut self, member: &mut TicketMember, now: Instant) {
        let Some(attempt) = self.attempt.as_ref().filter(|it| it.until <= now) else {
            return;
        };
        let late = attempt.signers.iter().find(|signer| {
            let is_missing = match attempt.order {
                None => !attempt.prepared.contains_key(signer),
                Some(_) => !attempt.shares.contains_key(signer),
            };
            is_missing && **signer != self.own
        });
        if let Some(late) = late.copied() {
            self.handle_failure(late, member, now);
        }
    }

    /// Begins anew with this member and as many others as are needed.
    fn attempt(&mut self, member: &mut TicketMember, now: Instant, culprits: BTreeSet<u16>) {
        self.dispatches.clear();
        let others = self.holders.iter().filter(|it| **it != self.own);
        let others: BTreeSet<_> = others.copied().take(self.threshold - 1).collect();
        let prepare = Prepare {
            group: self.group,
            batch: self.batch,
            session: Session::from_bytes(random_bytes()),
        };
        let own = member.handle_prepare(&prepare);
        if others.len() < self.threshold - 1 {
            self.result = Some(Err(OperatorRefusal::Busy));
            return;
        }
        let own = match own {
            Ok(own) => own,
            Err(refusal) => {
                self.result = Some(Err(refusal));
                return;
            }
        };
        for other in &others {
            self.tell(*other, Body::Prepare(prepare));
        }
        let mut signers = others;
        signers.insert(self.own);
        self.attempt = Some(Attempt {
            session: prepare.session,
            until: now + MEMBER_WAIT,
            signers,
            prepared: [(self.own, own)].into(),
            order: None,
            shares: BTreeMap::new(),
            culprits,
        });
    }

    fn handle_prepared(
        &mut self,
        from: u16,
        prepared: &Prepared,
        member: &mut TicketMember,
        now: Instant,
    ) {
        let Some(attempt) = self.attempt.as_mut().filter(|it| {
            it.session == prepared.session && it.order.is_none() && it.signers.contains(&from)
        }) else {
            return;
        };
        let own = attempt.prepared.get(&self.own);
        let is_same = own.is_some_and(|own| {
            own.content == prepared.content && own.commitments.len() == prepared.commitments.len()
        });
        if !is_same {
            return self.handle_failure(from, member, now);
        }
        attempt.prepared.insert(from, prepared.clone());
        if attempt.prepared.len() < attempt.signers.len() {
            return;
        }
        let commitments = attempt.prepared.iter();
        let commitments = commitments.map(|(operator, it)| (*operator, it.commitments.clone()));
        let order = SignOrder {
            group: self.group,
            batch: self.batch,
            session: attempt.session,
            commitments: commitments.collect(),
        };
        attempt.order = Some(order.clone());
        attempt.until = now + MEMBER_WAIT;
        let mut others = attempt.signers.clone();
        others.remove(&self.own);
        for other in others {
            self.tell(other, Body::Sign(order.clone()));
        }
    }

    fn handle_signed(
        &mut self,
        from: u16,
        signed: &SignedShares,
        member: &mut TicketMember,
        now: Instant,
    ) {
        let Some(attempt) = self
            .attempt
            .as_mut()
            .filter(|it| it.session == signed.session && it.signers.contains(&from))
        else {
            return;
        };
        let Some(order) = &attempt.order else {
            return;
        };
        attempt.shares.insert(from, signed.shares.clone());
        if attempt.shares.len() + 1 < attempt.signers.len() || self.result.is_some() {
            return;
        }
        let order = order.clone();
        match member.handle_sign(&order) {
            Ok(own) => {
                attempt.shares.insert(self.own, own.shares);
                self.put_together(&order, member, now);
            }
            Err(refusal) => self.result = Some(Err(refusal)),
        }
    }

    /// Makes the tickets of all shares, or goes on without those whose shares are false.
    fn put_together(&mut self, order: &SignOrder, member: &mut TicketMember, now: Instant) {
        let Some(attempt) = &self.attempt else {
            return;
        };
        let mut culprits = attempt.culprits.clone();
        let aggregated = aggregated(order, &attempt.shares, member);
        match aggregated {
            Ok((batch, signatures)) => {
                let done = self.done(batch, &signatures, culprits);
                self.result = Some(Ok(done));
            }
            Err(Failed::Refused(refusal)) => self.result = Some(Err(refusal)),
            Err(Failed::False(operators)) => {
                let others: Vec<_> = operators.into_iter().filter(|it| *it != self.own).collect();
                if others.is_empty() {
                    self.result = Some(Err(OperatorRefusal::NoKey));
                    return;
                }
                self.holders.retain(|it| !others.contains(it));
                culprits.extend(others);
                self.attempt(member, now, culprits);
            }
        }
    }

    fn done(&self, batch: &Batch, signatures: &[Signature], culprits: BTreeSet<u16>) -> Done {
        let mut tickets: Vec<(TicketHandle, SealedTicket)> = Vec::new();
        let mut slots: BTreeMap<Slot, u32> = BTreeMap::new();
        let mut digests = Vec::new();
        for (body, signature) in batch.tickets.iter().zip(signatures) {
            let ticket: Ticket = body.body.signed(signature);
            // A car that gave a key to which nothing can be sealed gets nothing.
            let sealed = SealedTicket::seal(self.chain, &ticket, body.response_key);
            if let Ok(sealed) = sealed {
                tickets.push((body.handle, sealed));
            }
            *slots.entry(ticket.slot()).or_default() += 1;
            digests.push(*ticket.digest().as_bytes());
        }
        digests.sort_unstable();
        tickets.sort_unstable_by_key(|(handle, _)| *handle);
        Done {
            minted: Minted {
                batch: self.batch,
                tickets,
            },
            commitment: BatchCommitment {
                group: self.group,
                slots: slots.into_iter().collect(),
                root: Digest::of(Purpose::TicketBatch, &[b"tickets", &encode(&digests)]),
            },
            culprits: culprits.into_iter().collect(),
        }
    }

    fn tell(&mut self, operator: u16, body: Body) {
        let to = Seat::first(operator);
        self.dispatches.push(Dispatch { to, body });
    }
}

enum Failed {
    False(Vec<u16>),
    Refused(OperatorRefusal),
}

impl From<OperatorRefusal> for Failed {
    fn from(refusal: OperatorRefusal) -> Self {
        Self::Refused(refusal)
    }
}

/// The signatures of a batch, or the operators whose shares are false.
fn aggregated<'a>(
    order: &SignOrder,
    shares: &BTreeMap<u16, Vec<[u8; 32]>>,
    member: &'a TicketMember,
) -> Result<(&'a Batch, Vec<Signature>), Failed> {
    let (batch, key) = member.batch(order.batch)?;
    let TicketKey::Shared { share, .. } = key else {
        return Err(OperatorRefusal::NoKey.into());
    };
    let places = member.places(batch.issuer)?;
    let commitments = read_commitments(order, batch.tickets.len(), &places)?;
    let by_place = shares.iter().filter_map(|(operator, shares)| {
        let place = places.get(operator)?;
        Some((*place, shares.clone()))
    });
    let signatures = aggregate(share, batch, &commitments, &by_place.collect());
    let operators = |culprits: Vec<u16>| {
        let named = places.iter().filter(|(_, place)| culprits.contains(place));
        Failed::False(named.map(|(operator, _)| *operator).collect())
    };
    Ok((batch, signatures.map_err(operators)?))
}

/// How long a member may take to answer.
const MEMBER_WAIT: Duration = Duration::from_secs(5);
