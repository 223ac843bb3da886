use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use super::{
    Approval, ApprovalOrder, BatchId, Body, Dispatch, Facts, IssuingKeys, MintOrder, Minted,
    OperatorRefusal, Prepare, Prepared, Seat, Session, SignOrder, SignedShares, TicketKey,
    TicketMember,
    approval::ApprovalOf,
    encoding::encode,
    member::{Batch, aggregate, read_commitments},
};
use crate::{
    crypto::{Context, Digest, Purpose, Signature, random_bytes},
    id::GroupId,
    security::{Slot, Ticket},
    time::{Instant, Now},
};

/// The member of a ticket authority that collects the others' shares for one batch.
///
/// Begun by an enrolment authority's [`MintOrder`]. After [`Self::begin`] and each `handle_*` call
/// [`Self::poll_dispatch`] until it returns `None`; [`Self::handle_timeout`] at [`Self::poll_timeout`];
/// until [`Self::result`] gives something. It signs as a member itself, and last of all, so that a
/// member that is gone costs nothing but another attempt with the rest. What comes of it counts once all
/// who signed have approved it.
pub struct TicketCoordinator {
    group: GroupId,
    batch: BatchId,
    own: u16,
    holders: BTreeSet<u16>,
    threshold: usize,
    attempt: Option<Attempt>,
    dispatches: Vec<Dispatch>,
    result: Option<Result<Done, OperatorRefusal>>,
}

/// A member that coordinates, and what it needs for that.
pub struct Signing<'a> {
    /// The member.
    pub member: &'a mut TicketMember,
    /// Its operator's issuing keys.
    pub keys: &'a IssuingKeys,
    /// What the ledger says.
    pub facts: &'a Facts,
    /// What the time is.
    pub now: Now,
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
    /// Once all shares are there: what is made of them, until all signers have approved it.
    done: Option<Done>,
    culprits: BTreeSet<u16>,
}

impl TicketCoordinator {
    /// Begins to sign a batch.
    pub fn begin(order: &MintOrder, signing: &mut Signing<'_>) -> Result<Self, OperatorRefusal> {
        let member = &*signing.member;
        if order.group != member.group() {
            return Err(OperatorRefusal::NotInRole);
        }
        let own = member.seat().operator;
        let (batch, key) = member.batch(order.batch)?;
        let mut coordinator = Self {
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
                let (done, _) = coordinator.done(batch, &signatures, signing);
                coordinator.result = Some(Ok(done));
            }
            TicketKey::Shared { members, share } => {
                coordinator.threshold = share.threshold().into();
                coordinator.holders.retain(|it| members.contains(it));
                coordinator.holders.insert(own);
                coordinator.attempt(signing, BTreeSet::new());
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
    pub fn handle_answer(&mut self, from: u16, answer: &Body, signing: &mut Signing<'_>) {
        match answer {
            Body::Prepared(prepared) => self.handle_prepared(from, prepared, signing),
            Body::Signed(signed) => self.handle_signed(from, signed, signing),
            Body::Approved(approval) => self.handle_approved(from, approval, signing),
            Body::Refused(_) => self.handle_failure(from, signing),
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
            | Body::Approve(_)
            | Body::Release(_)
            | Body::Released(_) => {}
        }
    }

    /// Takes in that a member was not reached, or refuses: goes on without it.
    pub fn handle_failure(&mut self, operator: u16, signing: &mut Signing<'_>) {
        let Some(attempt) = &self.attempt else {
            return;
        };
        if self.result.is_none() && attempt.signers.contains(&operator) {
            let culprits = attempt.culprits.clone();
            self.holders.remove(&operator);
            self.attempt(signing, culprits);
        }
    }

    /// Goes on without the members that have not answered in time.
    pub fn handle_timeout(&mut self, signing: &mut Signing<'_>) {
        let now = signing.now.instant;
        let Some(attempt) = self.attempt.as_ref().filter(|it| it.until <= now) else {
            return;
        };
        let late = attempt.signers.iter().find(|signer| {
            let is_missing = match (&attempt.order, &attempt.done) {
                (None, _) => !attempt.prepared.contains_key(signer),
                (Some(_), None) => !attempt.shares.contains_key(signer),
                (Some(_), Some(done)) => !done.is_approved_by(**signer),
            };
            is_missing && **signer != self.own
        });
        if let Some(late) = late.copied() {
            self.handle_failure(late, signing);
        }
    }

    /// Begins anew with this member and as many others as are needed.
    fn attempt(&mut self, signing: &mut Signing<'_>, culprits: BTreeSet<u16>) {
        self.dispatches.clear();
        let others = self.holders.iter().filter(|it| **it != self.own);
        let others: BTreeSet<_> = others.copied().take(self.threshold - 1).collect();
        let prepare = Prepare {
            group: self.group,
            batch: self.batch,
            session: Session::from_bytes(random_bytes()),
        };
        let own = signing.member.handle_prepare(&prepare);
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
            until: signing.now.instant + MEMBER_WAIT,
            signers,
            prepared: [(self.own, own)].into(),
            order: None,
            shares: BTreeMap::new(),
            done: None,
            culprits,
        });
    }

    fn handle_prepared(&mut self, from: u16, prepared: &Prepared, signing: &mut Signing<'_>) {
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
            return self.handle_failure(from, signing);
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
        attempt.until = signing.now.instant + MEMBER_WAIT;
        let mut others = attempt.signers.clone();
        others.remove(&self.own);
        for other in others {
            self.tell(other, Body::Sign(order.clone()));
        }
    }

    fn handle_signed(&mut self, from: u16, signed: &SignedShares, signing: &mut Signing<'_>) {
        let Some(attempt) = self
            .attempt
            .as_mut()
            .filter(|it| it.session == signed.session && it.signers.contains(&from))
        else {
            return;
        };
        let Some(order) = attempt.order.as_ref().filter(|_| attempt.done.is_none()) else {
            return;
        };
        attempt.shares.insert(from, signed.shares.clone());
        if attempt.shares.len() + 1 < attempt.signers.len() || self.result.is_some() {
            return;
        }
        let order = order.clone();
        match signing.member.handle_sign(&order) {
            Ok(own) => {
                attempt.shares.insert(self.own, own.shares);
                self.put_together(&order, signing);
            }
            Err(refusal) => self.result = Some(Err(refusal)),
        }
    }

    /// Makes the tickets of all shares and has them approved, or goes on without those whose shares are
    /// false.
    fn put_together(&mut self, order: &SignOrder, signing: &mut Signing<'_>) {
        let Some(attempt) = &self.attempt else {
            return;
        };
        let aggregated = aggregated(order, &attempt.shares, signing.member);
        let mut culprits = attempt.culprits.clone();
        match aggregated {
            Ok((batch, signatures)) => {
                let (done, seed) = self.done(batch, &signatures, signing);
                self.have_approved(done, (seed, signatures), signing.now.instant);
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
                self.attempt(signing, culprits);
            }
        }
    }

    /// Asks all who signed whether the tickets are what they shall be.
    fn have_approved(
        &mut self,
        done: Done,
        (seed, signatures): ([u8; 32], Vec<Signature>),
        now: Instant,
    ) {
        let Some(attempt) = &mut self.attempt else {
            return;
        };
        attempt.done = Some(done);
        attempt.until = now + MEMBER_WAIT;
        let mut others = attempt.signers.clone();
        others.remove(&self.own);
        let order = ApprovalOrder {
            group: self.group,
            batch: self.batch,
            session: attempt.session,
            seed,
            signatures,
        };
        for other in others {
            self.tell(other, Body::Approve(order.clone()));
        }
    }

    fn handle_approved(&mut self, from: u16, approval: &Approval, signing: &mut Signing<'_>) {
        let Some(attempt) = self
            .attempt
            .as_mut()
            .filter(|it| it.session == approval.session && it.signers.contains(&from))
        else {
            return;
        };
        let Some(done) = attempt.done.as_mut().filter(|_| self.result.is_none()) else {
            return;
        };
        let of = ApprovalOf {
            chain: signing.facts.chain,
            group: self.group,
            batch: self.batch,
            by: from,
        };
        let time = (signing.facts, signing.now.timestamp);
        if !of.is_signed(&done.minted.tickets, &approval.signature, time) {
            return self.handle_failure(from, signing);
        }
        if !done.is_approved_by(from) {
            done.minted.approvals.push((from, approval.signature));
        }
        if done.minted.approvals.len() == attempt.signers.len() {
            self.result = Some(Ok(done.clone()));
        }
    }

    /// What is made of a batch, with this member's approval, and the seed by which it was sealed.
    fn done(
        &self,
        batch: &Batch,
        signatures: &[Signature],
        signing: &Signing<'_>,
    ) -> (Done, [u8; 32]) {
        let mut slots: BTreeMap<Slot, u32> = BTreeMap::new();
        let mut digests = Vec::new();
        for (body, signature) in batch.tickets.iter().zip(signatures) {
            let ticket: Ticket = body.body.signed(signature);
            *slots.entry(ticket.slot()).or_default() += 1;
            digests.push(*ticket.digest().as_bytes());
        }
        digests.sort_unstable();
        let (chain, seed) = (signing.facts.chain, random_bytes());
        let tickets = batch.sealed((chain, &seed), signatures);
        let approval = signing.member.approval_of(chain, self.batch);
        let approval = approval.sign(&tickets, signing.keys);
        let culprits = self.attempt.iter().flat_map(|it| it.culprits.iter());
        let done = Done {
            minted: Minted {
                batch: self.batch,
                tickets,
                approvals: vec![(self.own, approval)],
            },
            commitment: BatchCommitment {
                group: self.group,
                slots: slots.into_iter().collect(),
                root: Digest::of(Purpose::TicketBatch, &[b"tickets", &encode(&digests)]),
            },
            culprits: culprits.copied().collect(),
        };
        (done, seed)
    }

    fn tell(&mut self, operator: u16, body: Body) {
        let to = Seat::first(operator);
        self.dispatches.push(Dispatch { to, body });
    }
}

impl Done {
    fn is_approved_by(&self, member: u16) -> bool {
        let mut approvals = self.minted.approvals.iter();
        approvals.any(|(by, _)| *by == member)
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
