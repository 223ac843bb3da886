use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use super::{
    BatchId, Body, Facts, LinkageAnswer, Minted, WishMark, approval::ApprovalOf,
    body::EscrowedSeed, facts::escrow_threshold,
};
use crate::{
    crypto::Signature,
    id::GroupId,
    ledger::TicketHandle,
    security::{LinkageAuthority, LinkageSeed, Slot},
    time::{Instant, Timestamp},
};

/// Tickets that are made together.
pub(super) struct Batch {
    pub(super) issuer: u16,
    pub(super) members: Vec<u16>,
    pub(super) threshold: usize,
    pub(super) handles: BTreeSet<TicketHandle>,
    pub(super) slots: BTreeSet<u32>,
    pub(super) formed: Instant,
    pub(super) linked: Option<Linked>,
    /// What each member that took the batch would sign of it.
    pub(super) taken: BTreeMap<u16, BTreeMap<TicketHandle, WishMark>>,
    /// Who was asked last to sign, and until when.
    pub(super) coordinator: Option<(u16, Instant)>,
    pub(super) is_done: bool,
    /// When whom to tell the next thing again.
    pub(super) again: BTreeMap<(u16, What), Instant>,
    /// Who does not want to do what he was told.
    pub(super) refused: BTreeSet<(u16, What)>,
    /// The members that sign all of the batch, and the same.
    pub(super) clean: Vec<u16>,
    /// From when on it is to be taken apart, since not enough of them do.
    pub(super) split_at: Option<Instant>,
}

/// What one ticket of a batch that nobody signs whole has to hope for.
pub(super) struct Outlook {
    /// Too many refuse it.
    pub(super) is_lost: bool,
    /// Enough would sign it.
    pub(super) is_agreed: bool,
    /// Who does not.
    pub(super) refused_by: BTreeSet<u16>,
}

/// What was asked of another role about a batch.
#[derive(Clone, Copy)]
pub(super) struct Question {
    pub(super) batch: BatchId,
    pub(super) what: What,
}

pub(super) struct Linked {
    pub(super) answer: LinkageAnswer,
    pub(super) tickets: Vec<(TicketHandle, u32, [u8; 12])>,
    /// Those members that can read the batch: the others are not asked to sign it.
    pub(super) members: Vec<u16>,
    pub(super) custodians: Vec<u16>,
    pub(super) shares: Vec<Vec<EscrowedSeed>>,
    pub(super) kept: BTreeSet<u16>,
}

/// What comes next between the authority and another role.
#[derive(Clone, Copy, Eq, Ord, PartialEq, PartialOrd)]
pub(super) enum What {
    Link,
    Deposit,
    Offer,
    Mint,
}

impl Question {
    /// What a message asks, if it is about a batch.
    pub(super) fn of(body: &Body) -> Option<Self> {
        let (batch, what) = match body {
            Body::Link(it) => (it.batch, What::Link),
            Body::Deposit(it) => (it.batch, What::Deposit),
            Body::Batch(it) => (it.batch, What::Offer),
            Body::Mint(it) => (it.batch, What::Mint),
            Body::Linked(_)
            | Body::Deposited(_)
            | Body::Taken(_)
            | Body::Minting(_)
            | Body::Minted(_)
            | Body::Received(_)
            | Body::Prepare(_)
            | Body::Prepared(_)
            | Body::Sign(_)
            | Body::Signed(_)
            | Body::Approve(_)
            | Body::Approved(_)
            | Body::Release(_)
            | Body::Released(_)
            | Body::Refused(_) => return None,
        };
        Some(Self { batch, what })
    }
}

impl Batch {
    /// Whom to tell what now.
    pub(super) fn due(
        &mut self,
        facts: &Facts,
        group: GroupId,
        now: Instant,
    ) -> Option<(u16, What)> {
        let wanted = self.wanted(facts, group, now);
        let (to, what) = wanted.into_iter().find(|(to, what)| {
            let again = self.again.get(&(*to, *what));
            again.is_none_or(|again| *again <= now)
        })?;
        let wait = match what {
            What::Mint => COORDINATOR_WAIT,
            What::Deposit if self.is_done => DEPOSIT_WAIT,
            What::Link | What::Deposit | What::Offer => ANSWER_WAIT,
        };
        if let What::Mint = what {
            self.coordinator = Some((to, now + COORDINATOR_WAIT));
        }
        self.again.insert((to, what), now + wait);
        Some((to, what))
    }

    /// All that is still to be told.
    fn wanted(&self, facts: &Facts, group: GroupId, now: Instant) -> Vec<(u16, What)> {
        let mut wanted = self.unanswered(facts, group);
        if self.is_ready() && self.coordinator.is_none_or(|(_, until)| until <= now) {
            wanted.extend(self.next_coordinator().map(|to| (to, What::Mint)));
        }
        wanted
    }

    /// When something is due of what is not due now.
    pub(super) fn timeout(&self, facts: &Facts, group: GroupId) -> Option<Instant> {
        let again = |to: u16, what: What| self.again.get(&(to, what)).copied();
        let unanswered = self.unanswered(facts, group).into_iter();
        let unanswered = unanswered.map(|(to, what)| again(to, what).unwrap_or_default());
        let mint = self
            .coordinator
            .filter(|_| self.is_ready())
            .map(|(_, until)| {
                let next = self.next_coordinator();
                until.max(
                    next.and_then(|to| again(to, What::Mint))
                        .unwrap_or_default(),
                )
            });
        let split = self.split_at.filter(|_| !self.is_done);
        unanswered.chain(mint).chain(split).min()
    }

    /// All that is still to be told, but for the order to sign.
    fn unanswered(&self, facts: &Facts, group: GroupId) -> Vec<(u16, What)> {
        let Some(linked) = &self.linked else {
            let group = facts.groups.get(&group);
            return group
                .map(|it| (it.linkage, What::Link))
                .into_iter()
                .collect();
        };
        let missing = linked
            .custodians
            .iter()
            .filter(|it| !linked.kept.contains(it));
        let mut wanted: Vec<_> = missing.map(|to| (*to, What::Deposit)).collect();
        if !self.is_done && self.is_in_escrow() {
            let untold = linked
                .members
                .iter()
                .filter(|it| !self.taken.contains_key(it));
            wanted.extend(untold.map(|to| (*to, What::Offer)));
        }
        wanted
    }

    /// Whether enough custodians keep its seeds: else no ticket is signed.
    fn is_in_escrow(&self) -> bool {
        self.linked.as_ref().is_some_and(|linked| {
            let custodians = u16::try_from(linked.custodians.len()).unwrap_or(u16::MAX);
            linked.kept.len() >= usize::from(escrow_threshold(custodians))
        })
    }

    /// Whether it can be signed, and is not.
    pub(super) fn is_ready(&self) -> bool {
        !self.is_done && self.is_in_escrow() && self.clean.len() >= self.threshold
    }

    /// From when on it is clear that the members that answered will not sign all of it, while they
    /// would sign a part, or some of it is lost: at once if all have, else after a while.
    fn find_split(&self) -> Option<Instant> {
        let has_enough = self.taken.len() >= self.threshold;
        if !has_enough || self.clean.len() >= self.threshold {
            return None;
        }
        let mut outlook = self.outlook().into_values();
        let is_of_use = outlook.any(|it| it.is_lost || it.is_agreed);
        let wait = if self.silent() == 0 {
            Duration::ZERO
        } else {
            MEMBERS_WAIT
        };
        is_of_use.then(|| self.formed + wait)
    }

    /// What each ticket has to hope for, as far as members have answered.
    pub(super) fn outlook(&self) -> BTreeMap<TicketHandle, Outlook> {
        let agreed = self.agreed();
        let silent = self.silent();
        let outlook = |handle: &TicketHandle| {
            let mark = agreed.get(handle);
            let refuses = |taken: &BTreeMap<_, WishMark>| match (taken.get(handle), mark) {
                (Some(taken), Some(mark)) => taken != mark,
                // Nobody knows yet who is right.
                (Some(_), None) => false,
                (None, _) => true,
            };
            let refused_by = self.taken.iter().filter(|(_, taken)| refuses(taken));
            Outlook {
                is_lost: mark.is_none() && self.most_alike(handle) + silent < self.threshold,
                is_agreed: mark.is_some(),
                refused_by: refused_by.map(|(member, _)| *member).collect(),
            }
        };
        let handles = self.handles.iter();
        handles.map(|handle| (*handle, outlook(handle))).collect()
    }

    /// How many members would sign the same for a ticket.
    fn most_alike(&self, handle: &TicketHandle) -> usize {
        let mut counts: BTreeMap<WishMark, usize> = BTreeMap::new();
        for mark in self.taken.values().filter_map(|it| it.get(handle)) {
            *counts.entry(*mark).or_default() += 1;
        }
        counts.into_values().max().unwrap_or(0)
    }

    /// How many members have not answered.
    fn silent(&self) -> usize {
        let members = self.linked.iter().flat_map(|it| it.members.iter());
        let silent = members.filter(|member| {
            !self.taken.contains_key(member) && !self.refused.contains(&(**member, What::Offer))
        });
        silent.count()
    }

    /// Whether so many refuse that nothing can come of it.
    pub(super) fn is_refused(&self) -> bool {
        let left = |all: &[u16], what| {
            let refuse = |it: &&u16| self.refused.contains(&(**it, what));
            all.len() - all.iter().filter(refuse).count()
        };
        if self.is_done {
            return false;
        }
        let Some(linked) = &self.linked else {
            return self.refused.iter().any(|(_, what)| *what == What::Link);
        };
        let custodians = u16::try_from(linked.custodians.len()).unwrap_or(u16::MAX);
        left(&linked.custodians, What::Deposit) < escrow_threshold(custodians).into()
            || left(&linked.members, What::Offer) < self.threshold
    }

    /// Whether it has tickets of slots that are over, or too far ahead.
    pub(super) fn has_passed(&self, facts: &Facts, now: Timestamp) -> bool {
        let (first, last) = facts.window(now);
        let window = first.number()..=last.number();
        !self.slots.iter().all(|it| window.contains(it))
    }

    /// Has another member coordinate, if this one does.
    pub(super) fn pass_over(&mut self, operator: u16, what: What, now: Instant) {
        let is_it = self.coordinator.is_some_and(|(it, _)| it == operator);
        if is_it && what == What::Mint {
            self.coordinator = Some((operator, now));
        }
    }

    /// Tells somebody something again, at `at`.
    pub(super) fn again(&mut self, operator: u16, what: What, at: Instant) {
        self.again.insert((operator, what), at);
    }

    /// Whether its tickets are there and nobody has to be told anything any more.
    pub(super) fn is_over(&self) -> bool {
        let kept = |linked: &Linked| linked.kept.len() >= linked.custodians.len();
        self.is_done && self.linked.as_ref().is_some_and(kept)
    }

    /// Takes in what a member would sign.
    pub(super) fn take(&mut self, member: u16, tickets: &[(TicketHandle, WishMark)]) {
        self.taken.insert(member, tickets.iter().copied().collect());
        self.refused.remove(&(member, What::Offer));
        self.look();
    }

    /// Takes in that a member has forgotten it.
    pub(super) fn forget(&mut self, member: u16) {
        self.taken.remove(&member);
        self.look();
    }

    /// Takes in that somebody does not want to do what he was told.
    pub(super) fn refuse(&mut self, operator: u16, what: What) {
        self.refused.insert((operator, what));
        self.look();
    }

    /// Finds what follows from the members' answers.
    fn look(&mut self) {
        self.clean = self.find_clean();
        self.split_at = self.find_split();
    }

    fn find_clean(&self) -> Vec<u16> {
        let agreed = self.agreed();
        let signs = |taken: &BTreeMap<_, _>| {
            let mut handles = self.handles.iter();
            handles.all(|it| {
                agreed
                    .get(it)
                    .is_some_and(|mark| taken.get(it) == Some(mark))
            })
        };
        let clean = self.taken.iter().filter(|(_, taken)| signs(taken));
        clean.map(|(member, _)| *member).collect()
    }

    /// What so many members would sign for each ticket as are needed, where they are: a car may have
    /// asked some for something else, and so may have lied to them.
    fn agreed(&self) -> BTreeMap<TicketHandle, WishMark> {
        let mut counts: BTreeMap<(TicketHandle, WishMark), usize> = BTreeMap::new();
        for (handle, mark) in self.taken.values().flatten() {
            *counts.entry((*handle, *mark)).or_default() += 1;
        }
        let enough = counts.into_iter().filter(|(_, it)| *it >= self.threshold);
        enough.map(|(agreed, _)| agreed).collect()
    }

    /// Whether so many members as sign say that these are all tickets of the batch, each the right one.
    /// One of them at least is honest then.
    pub(super) fn is_approved(
        &self,
        minted: &Minted,
        (group, facts, now): (GroupId, &Facts, Timestamp),
    ) -> bool {
        let is_signed = |(by, signature): &&(u16, Signature)| {
            let of = ApprovalOf {
                chain: facts.chain,
                group,
                batch: minted.batch,
                by: *by,
            };
            self.members.contains(by) && of.is_signed(&minted.tickets, signature, (facts, now))
        };
        let approvals = minted.approvals.iter().take(self.members.len());
        let by: BTreeSet<_> = approvals.filter(is_signed).map(|(by, _)| *by).collect();
        by.len() >= self.threshold
    }

    /// The first member that shall coordinate, or the one after the last.
    fn next_coordinator(&self) -> Option<u16> {
        let members = &self.clean;
        let last = self.coordinator.map(|(last, _)| last);
        let later = members
            .iter()
            .find(|it| last.is_none_or(|last| **it > last));
        later.or(members.first()).copied()
    }
}

pub(super) fn linked_ticket(
    (handle, slot, seed): &(TicketHandle, u32, LinkageSeed),
) -> (TicketHandle, u32, [u8; 12]) {
    let share = seed.share(LinkageAuthority::First, Slot::from_number(*slot));
    (*handle, *slot, *share.as_bytes())
}

/// How long an answer may take before its question is put again.
const ANSWER_WAIT: Duration = Duration::from_secs(20);
/// The same for all the conversation of a coordinator with the other members.
const COORDINATOR_WAIT: Duration = Duration::from_secs(30);
/// The same for a custodian that is away, of a batch that is signed.
const DEPOSIT_WAIT: Duration = Duration::from_secs(60);
/// How long to wait for members that were not reached, before it is decided what cannot be signed.
const MEMBERS_WAIT: Duration = Duration::from_secs(10);
