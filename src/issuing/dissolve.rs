use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use super::{
    BatchId, EnrolmentAuthority, Facts, OperatorRefusal, Seat,
    enrolment::open_of,
    open_batch::{Batch, Question, What},
};
use crate::{
    ledger::TicketHandle,
    security::Slot,
    time::{Instant, Now},
};

/// What becomes of batches that cannot be signed as they are: they are taken apart, and their tickets
/// wait again, in other company or after a while.
impl EnrolmentAuthority {
    /// Takes in that somebody does not do what he was told.
    pub(super) fn handle_refusal(
        &mut self,
        from: Seat,
        question: Question,
        refusal: OperatorRefusal,
        (facts, now): (&Facts, Now),
    ) {
        let operator = from.operator;
        let Some(batch) = self.batches.0.get_mut(&question.batch) else {
            return;
        };
        batch.pass_over(operator, question.what, now.instant);
        match refusal {
            OperatorRefusal::UnknownBatch => {
                // A member that was restarted has to be given its batches again.
                batch.forget(operator);
                batch.again(operator, What::Offer, now.instant + AFTER_FAILURE);
            }
            OperatorRefusal::Busy | OperatorRefusal::NoSession => {
                batch.again(operator, question.what, now.instant + AFTER_FAILURE);
            }
            OperatorRefusal::BadBatch if batch.has_passed(facts, now.timestamp) => {
                let handles = std::mem::take(&mut batch.handles);
                self.batches.0.remove(&question.batch);
                self.wait_again(&open_of(&self.tickets, &handles));
            }
            OperatorRefusal::NotInRole
            | OperatorRefusal::NotForYou
            | OperatorRefusal::BadBatch
            | OperatorRefusal::BadLinkage
            | OperatorRefusal::NoKey
            | OperatorRefusal::BadCommitments
            | OperatorRefusal::BadSignatures
            | OperatorRefusal::NotOrdered
            | OperatorRefusal::UnknownHandle
            | OperatorRefusal::Unexpected => {
                batch.refuse(operator, question.what);
                if batch.is_refused() {
                    let handles = std::mem::take(&mut batch.handles);
                    self.batches.0.remove(&question.batch);
                    self.set_aside(&open_of(&self.tickets, &handles), now.instant);
                }
            }
        }
    }

    /// Takes in that something did not reach another role, or no answer came.
    pub(super) fn handle_failure(&mut self, to: Seat, question: Question, now: Instant) {
        if let Some(batch) = self.batches.0.get_mut(&question.batch) {
            batch.pass_over(to.operator, question.what, now);
            batch.again(to.operator, question.what, now + AFTER_FAILURE);
        }
    }

    /// Takes apart what cannot be signed any more, and lets go of what is over.
    pub(super) fn tidy_batches(&mut self, facts: &Facts, now: Now) {
        self.batches.0.retain(|_, batch| !batch.is_over());
        self.forget_deposits();
        self.dissolve_outdated(facts, now);
        self.split_stuck(now.instant);
        self.resume(now.instant);
        self.drop_passed(facts, now);
    }

    /// How many of a key's batches are not signed yet.
    pub(super) fn open_batches(&self, issuer: u16) -> usize {
        let batches = self.batches.0.values();
        let is_open = |it: &&Batch| it.issuer == issuer && !it.is_done;
        batches.filter(is_open).count()
    }

    /// Of the batches that are signed, and whose seeds some custodian does not have: enough have.
    fn forget_deposits(&mut self) {
        let done = self.batches.0.iter().filter(|(_, batch)| batch.is_done);
        let mut done: Vec<(Instant, BatchId)> = done.map(|(id, it)| (it.formed, *id)).collect();
        done.sort_unstable();
        for (_, id) in done.iter().rev().skip(DEPOSITS_MAX) {
            self.batches.0.remove(id);
        }
    }

    /// Takes batches apart whose key was withdrawn, since no member would sign them; and those of which
    /// a slot is over before anybody was dealt anything. One that was dealt has cost custodians their
    /// room: it is taken apart once a member does refuse it.
    fn dissolve_outdated(&mut self, facts: &Facts, now: Now) {
        let group = self.group;
        let mut again = BTreeSet::new();
        self.batches.0.retain(|_, batch| {
            let slots = batch.slots.iter().copied();
            let is_current = facts.issuer_of((batch.issuer, group), slots).is_some();
            let has_passed = batch.linked.is_none() && batch.has_passed(facts, now.timestamp);
            let (current, _) = facts.window(now.timestamp);
            let is_past = batch.slots.last().is_none_or(|it| *it < current.number());
            let is_kept = batch.is_done || (is_current && !has_passed && !is_past);
            if !is_kept {
                again.append(&mut batch.handles);
            }
            is_kept
        });
        self.wait_again(&open_of(&self.tickets, &again));
    }

    /// Gives up the tickets that wait for slots that are over. Needs no record: they stay over.
    fn drop_passed(&mut self, facts: &Facts, now: Now) {
        let (current, _) = facts.window(now.timestamp);
        let later = self.waiting.split_off(&current.number());
        let passed = std::mem::replace(&mut self.waiting, later);
        self.fail(passed.into_values().flat_map(BTreeMap::into_keys));
    }

    /// Once it is clear that no sufficient number of members will sign a whole batch: gives up those
    /// tickets that too many refuse, and forms batches anew of the rest, each of tickets that the same
    /// members refuse. So none waits for another. Needs no record: after a restart the members would
    /// refuse the same.
    fn split_stuck(&mut self, now: Instant) {
        let is_stuck = |batch: &Batch| !batch.is_done && batch.split_at.is_some_and(|at| at <= now);
        let stuck = self.batches.0.iter().filter(|(_, it)| is_stuck(it));
        let stuck: Vec<_> = stuck.map(|(id, it)| (*id, it.outlook())).collect();
        for (id, outlooks) in stuck {
            self.batches.0.remove(&id);
            let mut later = BTreeSet::new();
            for (handle, outlook) in outlooks {
                let Some(wanted) = self.tickets.get_mut(&handle).filter(|it| it.is_open()) else {
                    continue;
                };
                wanted.refused_by.extend(outlook.refused_by);
                if outlook.is_lost {
                    self.fail([handle]);
                } else if outlook.is_agreed {
                    self.wait_again(&[handle].into());
                } else {
                    later.insert(handle);
                }
            }
            self.set_aside(&later, now);
        }
    }

    /// Puts tickets among those that wait, as having waited long enough.
    fn wait_again(&mut self, handles: &BTreeSet<TicketHandle>) {
        for handle in handles {
            if let Some(wanted) = self.tickets.get(handle) {
                let waiting = self.waiting.entry(wanted.slot).or_default();
                waiting.insert(*handle, Instant::default());
            }
        }
    }

    /// The same after a while, which grows.
    fn set_aside(&mut self, handles: &BTreeSet<TicketHandle>, now: Instant) {
        for handle in handles {
            if let Some(wanted) = self.tickets.get_mut(handle) {
                let pause = PAUSE_MIN.saturating_mul(1 << wanted.failures.min(6));
                wanted.failures = wanted.failures.saturating_add(1);
                self.aside.insert((now + pause.min(PAUSE_MAX), *handle));
            }
        }
    }

    /// Lets those go on that were set aside for long enough.
    fn resume(&mut self, now: Instant) {
        let mut due = BTreeSet::new();
        while let Some((_, handle)) = self.aside.first().filter(|(at, _)| *at <= now) {
            due.insert(*handle);
            self.aside.pop_first();
        }
        self.wait_again(&open_of(&self.tickets, &due));
    }

    /// Whether a slot's tickets could be put into a batch now.
    pub(super) fn has_room(&self, facts: &Facts, slot: u32) -> bool {
        let issuer = facts.issuer(self.group, Slot::from_number(slot));
        issuer.is_some_and(|it| self.open_batches(it.id) < OPEN_MAX)
    }
}

/// When to try somebody again who was not reached.
const AFTER_FAILURE: Duration = Duration::from_secs(1);
/// How long a batch that was refused is left alone at first, and at most.
const PAUSE_MIN: Duration = Duration::from_secs(5);
const PAUSE_MAX: Duration = Duration::from_secs(300);
/// How many batches of a key may wait for others, about; further tickets wait, and go together.
pub(super) const OPEN_MAX: usize = 16;
/// How many batches that are signed are remembered for the sake of custodians that are away; of the
/// oldest ones these then have no shares, and the others, who are enough, do.
pub(super) const DEPOSITS_MAX: usize = 64;
