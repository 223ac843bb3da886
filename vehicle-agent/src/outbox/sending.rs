use std::time::Duration;

use wayside::{
    ledger::NonceWindow,
    time::{Instant, Now},
};

use super::{
    Answer, Entry, Failure, Outbox, OutboxRequest, Proven, RecordId, Stage, Verdict,
    entry::{Attempt, Step},
};

/// What is between an outbox and the unit in reach.
#[derive(Debug, Default)]
pub(super) struct Sending {
    is_connected: bool,
    /// Whose unit is or was in reach, by the operator's place in the genesis.
    operator: usize,
    /// The vehicle's nonces as last verified; `None` if that was never done since the start.
    account: Option<NonceWindow>,
    account_step: AccountStep,
    /// Requests that the unit has not answered.
    unanswered: usize,
    last_failure: Option<String>,
}

#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
enum AccountStep {
    #[default]
    Idle,
    Asked,
    /// It came to nothing; to be asked again then.
    Waiting(Instant),
}

impl Outbox {
    /// A unit of an operator, by its place in the genesis, is in reach: everything that waits may be
    /// sent at once.
    pub fn handle_connected(&mut self, operator: usize, now: Now) {
        self.sending.is_connected = true;
        self.sending.operator = operator;
        self.sending.account_step = AccountStep::Idle;
        for entry in self.entries.values_mut() {
            if let Stage::Signed(_, attempt) = &mut entry.stage {
                attempt.step = Step::Submit(now.instant);
                attempt.failures_here = 0;
            }
        }
    }

    /// The unit is out of reach; what it has not answered has to be asked again.
    ///
    /// The next unit may be another one, so what this one refused does not wait for as long as it
    /// would have waited for this one, only for longer with every unit.
    pub fn handle_disconnected(&mut self, now: Now) {
        self.sending.is_connected = false;
        self.sending.unanswered = 0;
        self.sending.account_step = AccountStep::Idle;
        let (least, most) = (self.config.retry_pause_min, self.config.retry_pause_max);
        for entry in self.entries.values_mut() {
            let Stage::Signed(_, attempt) = &mut entry.stage else {
                continue;
            };
            if attempt.failures_here > 0 {
                attempt.step = Step::Submit(now.instant + doubled(least, attempt.visits).min(most));
                attempt.visits = attempt.visits.saturating_add(1);
                attempt.failures_here = 0;
            } else if matches!(attempt.step, Step::Submitting | Step::Proving) {
                attempt.step = Step::Submit(now.instant);
            }
        }
    }

    /// The unit answered a request of this connection.
    pub fn handle_answer(&mut self, answer: Answer, now: Now) {
        self.sending.unanswered = self.sending.unanswered.saturating_sub(1);
        match answer {
            Answer::Account(standing) => {
                self.sending.account_step = AccountStep::Idle;
                self.sending.account = Some(standing.nonces());
                self.sending.last_failure = None;
                self.sign();
            }
            Answer::Submitted(id) => self.set_step(id, Step::Prove(now.instant)),
            Answer::Proof(id, proven) => self.handle_proof(id, proven, now),
            Answer::Failed(failure) => self.handle_failure(failure, now),
        }
    }

    /// What to ask the unit in reach; `None` while there is none, or nothing is due.
    pub fn poll_transmit(&mut self, now: Now) -> Option<OutboxRequest> {
        if !self.sending.is_connected || self.sending.unanswered >= UNANSWERED_MAX {
            return None;
        }
        if self.wants_account(now.instant) {
            self.sending.account_step = AccountStep::Asked;
            self.sending.unanswered += 1;
            return Some(OutboxRequest::Account);
        }
        let next = self
            .next()
            .find(|entry| entry.is_due(now.instant))
            .map(|it| it.id);
        let entry = self.entries.get_mut(&next?)?;
        let Stage::Signed(signature, attempt) = &mut entry.stage else {
            return None;
        };
        let (next, request) = match attempt.step {
            Step::Submit(_) => (
                Step::Submitting,
                OutboxRequest::Submit {
                    record: entry.id,
                    bytes: signature.bytes.clone(),
                },
            ),
            Step::Prove(_) => (
                Step::Proving,
                OutboxRequest::Prove {
                    record: entry.id,
                    transaction: signature.transaction,
                },
            ),
            Step::Submitting | Step::Proving => return None,
        };
        attempt.step = next;
        self.sending.unanswered += 1;
        Some(request)
    }

    /// Whether there is something to ask a unit for now, so that one should be reached.
    pub fn wants_unit(&self, now: Now) -> bool {
        self.wants_account(now.instant) || self.next().any(|entry| entry.is_due(now.instant))
    }

    /// Whether the unit in reach owes an answer.
    pub fn is_waiting(&self) -> bool {
        self.sending.unanswered > 0
    }

    /// When [`Self::poll_transmit`] will have something that it has not now, if a unit is in reach.
    pub fn poll_timeout(&self) -> Option<Instant> {
        let account = match self.sending.account_step {
            AccountStep::Waiting(until) => Some(until).filter(|_| self.needs_account()),
            AccountStep::Idle | AccountStep::Asked => None,
        };
        let entries = self.next().filter_map(Entry::due).min();
        [account, entries].into_iter().flatten().min()
    }

    /// Why the last request came to nothing, in words; `None` if one was answered since.
    pub fn last_failure(&self) -> Option<&str> {
        self.sending.last_failure.as_deref()
    }

    /// The next nonce that may be used; `None` while the account is not known or has no room.
    pub(super) fn take_nonce(&mut self) -> Option<u64> {
        let account = self.sending.account;
        let mut nonce = match (self.next_nonce, account) {
            (Some(own), account) => own.max(account.map_or(0, |account| account.next())),
            (None, Some(account)) => account.next(),
            (None, None) => return None,
        };
        if let Some(account) = account {
            while account.is_used(nonce) {
                nonce = nonce.checked_add(1)?;
            }
        }
        // The lowest one that is still out holds the ledger's window back.
        let lowest = self.entries.values().filter_map(Entry::nonce).min();
        if lowest.is_some_and(|lowest| nonce.saturating_sub(lowest) >= NonceWindow::LENGTH) {
            return None;
        }
        self.next_nonce = Some(nonce.checked_add(1)?);
        Some(nonce)
    }

    /// The records whose turn it is: the oldest that is signed, and those behind it only if it came
    /// to nothing so often that something must be wrong with it.
    ///
    /// The ledger's rules look at the order: an odometer that is read out of turn has gone back.
    fn next(&self) -> impl Iterator<Item = &Entry> {
        let mut is_open = true;
        let signed = self
            .entries
            .values()
            .filter_map(|entry| match &entry.stage {
                Stage::Signed(_, attempt) => Some((entry, attempt)),
                Stage::Queued | Stage::Signing(_) | Stage::Proven(..) | Stage::Done(..) => None,
            });
        signed
            .take_while(move |(_, attempt)| {
                let was_open = is_open;
                is_open &= attempt.is_hopeless();
                was_open
            })
            .map(|(entry, _)| entry)
    }

    fn wants_account(&self, now: Instant) -> bool {
        let is_due = match self.sending.account_step {
            AccountStep::Idle => true,
            AccountStep::Asked => false,
            AccountStep::Waiting(until) => until <= now,
        };
        is_due && self.needs_account()
    }

    fn needs_account(&self) -> bool {
        let is_unknown = self.next_nonce.is_none() && self.sending.account.is_none();
        let is_queued = |entry: &Entry| entry.is_durable && matches!(entry.stage, Stage::Queued);
        is_unknown && self.entries.values().any(is_queued)
    }

    fn handle_proof(&mut self, id: RecordId, proven: Proven, now: Now) {
        let expected = self.entries.get(&id).and_then(Entry::transaction);
        if expected != Some(proven.transaction()) {
            return self.handle_failure(
                Failure {
                    record: Some(id),
                    reason: "the proof is of another transaction".to_owned(),
                    retry_after: None,
                    is_pending: false,
                },
                now,
            );
        }
        self.sending.last_failure = None;
        let verdict: Verdict = proven.into_verdict();
        self.conclude(id, verdict);
    }

    fn handle_failure(&mut self, failure: Failure, now: Now) {
        let (least, most) = (self.config.retry_pause_min, self.config.retry_pause_max);
        let operator = self.sending.operator;
        let pause = |failures: u32| {
            let asked = failure.retry_after.unwrap_or(Duration::ZERO);
            doubled(least, failures).max(asked).min(most.max(least))
        };
        match failure.record {
            None => self.sending.account_step = AccountStep::Waiting(now.instant + pause(0)),
            Some(id) => {
                let Some(entry) = self.entries.get_mut(&id) else {
                    return;
                };
                let Stage::Signed(_, attempt) = &mut entry.stage else {
                    return;
                };
                let failures = attempt.failures_here;
                let step = if failure.is_pending && failures < PENDING_MAX {
                    Step::Prove(now.instant + pause(failures).min(PENDING_PAUSE))
                } else {
                    Step::Submit(now.instant + pause(failures))
                };
                attempt.step = step;
                attempt.failures_here = failures.saturating_add(1);
                attempt.failures = attempt.failures.saturating_add(1);
                attempt.at = attempt.at.and(operator);
            }
        }
        if !failure.is_pending {
            self.sending.last_failure = Some(failure.reason);
        }
    }

    fn set_step(&mut self, id: RecordId, step: Step) {
        if let Some(entry) = self.entries.get_mut(&id)
            && let Stage::Signed(_, attempt) = &mut entry.stage
        {
            attempt.step = step;
        }
    }
}

impl Entry {
    /// Whether it is to be sent or proven now.
    fn is_due(&self, now: Instant) -> bool {
        self.due().is_some_and(|at| at <= now)
    }

    /// When it is to be sent or proven; `None` if not, or if a unit owes an answer.
    fn due(&self) -> Option<Instant> {
        match &self.stage {
            Stage::Signed(
                _,
                Attempt {
                    step: Step::Submit(at) | Step::Prove(at),
                    ..
                },
            ) => Some(*at),
            Stage::Queued
            | Stage::Signing(_)
            | Stage::Signed(..)
            | Stage::Proven(..)
            | Stage::Done(..) => None,
        }
    }

    /// The nonce that it holds, if it is out.
    fn nonce(&self) -> Option<u64> {
        match &self.stage {
            Stage::Signing(signature)
            | Stage::Signed(signature, _)
            | Stage::Proven(signature, _) => Some(signature.nonce),
            Stage::Queued | Stage::Done(..) => None,
        }
    }
}

/// A pause that doubles with every failure.
fn doubled(least: Duration, failures: u32) -> Duration {
    least.saturating_mul(1 << failures.min(DOUBLINGS_MAX))
}

/// Requests that a unit may owe answers to at one time.
const UNANSWERED_MAX: usize = 8;
/// How often in a row a unit is asked for a proof before the transaction is handed in again.
const PENDING_MAX: u32 = 8;
/// Longest pause before a unit is asked again for a proof that it does not have yet.
const PENDING_PAUSE: Duration = Duration::from_secs(2);
/// A pause doubles at most this often.
const DOUBLINGS_MAX: u32 = 16;
