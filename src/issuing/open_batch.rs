use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use super::{
    Facts, LinkageAnswer, Minted, WishMark, approval::ApprovalOf, body::EscrowedSeed,
    facts::escrow_threshold,
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
        let late = self.is_stuck().then_some(self.formed + MEMBERS_WAIT);
        unanswered.chain(mint).chain(late).min()
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
        !self.is_done && self.is_in_escrow() && self.clean().len() >= self.threshold
    }

    /// Whether so many members have answered as could sign, and do not want to sign all of it.
    pub(super) fn is_stuck(&self) -> bool {
        let has_enough = self.taken.len() >= self.threshold;
        !self.is_done && has_enough && self.clean().len() < self.threshold
    }

    pub(super) fn has_all_answers(&self) -> bool {
        let linked = self.linked.as_ref();
        linked.is_some_and(|linked| self.taken.len() >= linked.members.len())
    }

    /// Whether its tickets are there and nobody has to be told anything any more.
    pub(super) fn is_over(&self) -> bool {
        let kept = |linked: &Linked| linked.kept.len() >= linked.custodians.len();
        self.is_done && self.linked.as_ref().is_some_and(kept)
    }

    /// The members that sign all of the batch, and the same.
    pub(super) fn clean(&self) -> Vec<u16> {
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
    pub(super) fn agreed(&self) -> BTreeMap<TicketHandle, WishMark> {
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
        let members = self.clean();
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
pub(super) const MEMBERS_WAIT: Duration = Duration::from_secs(10);
