use std::{
    collections::{BTreeMap, VecDeque},
    time::Duration,
};

use thiserror::Error;
use wayside::{
    crypto::SigningKey,
    id::{ChainId, ShardId},
    ledger::{Action, SignedTransaction, Transaction, TransactionId},
    time::{Instant, Now, Timestamp},
};

use super::{
    Batch, Entry, JournalRecord, Name, OutboxConfig, RecordId, Stage, Verdict,
    entry::{Attempt, Signature},
    sending::Sending,
};

/// Records on their way to the ledger.
///
/// After each `handle_*`, write [`Self::poll_write`]'s batch and report it by
/// [`Self::handle_written`] or [`Self::handle_write_failed`] before the next one; then drain
/// [`Self::poll_transmit`] while a unit is in reach, and [`Self::poll_event`], until they return
/// `None`. Poll again once [`Self::poll_timeout`] or [`Self::write_timeout`] has passed.
pub struct Outbox {
    pub(super) config: OutboxConfig,
    sender: Sender,
    pub(super) entries: BTreeMap<RecordId, Entry>,
    names: BTreeMap<Name, RecordId>,
    /// Done ones, the oldest first.
    done: VecDeque<RecordId>,
    pub(super) waiting: Waiting,
    next_record: u64,
    /// Above every nonce that was ever used; `None` while the account was never seen.
    pub(super) next_nonce: Option<u64>,
    pub(super) sending: Sending,
    writing: Writing,
    pub(super) events: VecDeque<OutboxEvent>,
    /// When a verdict last came to the disk, since the start.
    pub(super) delivered: Option<Timestamp>,
}

/// Who signs, and where it goes.
pub struct Sender {
    /// The ledger.
    pub chain: ChainId,
    /// The vehicle's home shard.
    pub shard: ShardId,
    /// The vehicle's enrolment key; it is used here and never leaves.
    pub key: SigningKey,
}

/// Something to bring to the ledger.
#[derive(Clone, Debug)]
pub struct Submission {
    /// Its client's name for it; `None` if the agent made it.
    pub name: Option<Name>,
    /// What the client handed in; the same bytes again are a retry.
    pub content: Vec<u8>,
    /// What opens the commitments in it; all zeros if it has none.
    pub salt: [u8; 32],
    /// What it asks of the ledger.
    pub action: Action,
}

/// A submission that was taken.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Taken {
    /// For the first time; [`OutboxEvent::Durable`] or [`OutboxEvent::NotTaken`] follows.
    New(RecordId),
    /// The disk has it since before.
    Before(RecordId),
    /// It is on its way to the disk since before; the event is still to come.
    Pending(RecordId),
}

/// Why a submission was not taken.
#[derive(Clone, Copy, Debug, Eq, Error, PartialEq)]
pub enum SubmissionError {
    /// As many records wait as may, by number or by bytes.
    #[error("{waiting} records wait for the ledger, {bytes} bytes: the outbox is full")]
    Full {
        /// How many.
        waiting: usize,
        /// Their bytes.
        bytes: usize,
    },
    /// The client used the name for another record.
    #[error("the request id was used for another record")]
    NameReused(RecordId),
}

/// What happened to a record.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum OutboxEvent {
    /// The disk has it: it may be acknowledged.
    Durable(RecordId),
    /// The disk refused it: it is forgotten, and its client may try again.
    NotTaken(RecordId),
    /// It was signed, or is done.
    Changed(RecordId),
}

/// How much waits.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(super) struct Waiting {
    pub(super) count: usize,
    pub(super) bytes: usize,
}

/// What is to be written.
#[derive(Debug, Default)]
struct Writing {
    next: Vec<JournalRecord>,
    /// What the last batch given out holds, until it is known whether the disk has it.
    given: Option<Given>,
    /// Lines in the journal, dead ones too.
    lines: usize,
    not_before: Option<Instant>,
}

#[derive(Debug)]
struct Given {
    records: Vec<JournalRecord>,
    replaces: Option<usize>,
}

impl Outbox {
    /// An outbox as its journal's lines say, in their order.
    ///
    /// Lines that contradict each other can come only from damage; what they say of a record that
    /// was never taken is ignored.
    pub fn new(config: OutboxConfig, sender: Sender, journal: Vec<JournalRecord>) -> Self {
        let mut outbox = Self {
            config,
            sender,
            entries: BTreeMap::new(),
            names: BTreeMap::new(),
            done: VecDeque::new(),
            waiting: Waiting::default(),
            next_record: 0,
            next_nonce: None,
            sending: Sending::default(),
            writing: Writing {
                lines: journal.len(),
                ..Writing::default()
            },
            events: VecDeque::new(),
            delivered: None,
        };
        for record in journal {
            outbox.restore(record);
        }
        outbox.sign();
        outbox
    }

    /// Takes a record, or says why not.
    pub fn handle_submission(
        &mut self,
        submission: Submission,
        now: Now,
    ) -> Result<Taken, SubmissionError> {
        if let Some(name) = &submission.name
            && let Some(entry) = self.names.get(name).and_then(|id| self.entries.get(id))
        {
            return match (entry.content == submission.content, entry.is_durable) {
                (false, _) => Err(SubmissionError::NameReused(entry.id)),
                (true, true) => Ok(Taken::Before(entry.id)),
                (true, false) => Ok(Taken::Pending(entry.id)),
            };
        }
        let id = RecordId(self.next_record);
        let entry = Entry {
            id,
            name: submission.name,
            taken: now.timestamp,
            content: submission.content,
            salt: submission.salt,
            action: submission.action,
            stage: Stage::Queued,
            is_durable: false,
        };
        let Waiting { count, bytes } = self.waiting;
        if count >= self.config.waiting_max.get()
            || bytes.saturating_add(entry.len()) > self.config.waiting_bytes_max.get()
        {
            return Err(SubmissionError::Full {
                waiting: count,
                bytes,
            });
        }
        self.next_record += 1;
        self.writing.next.push(taken_record(&entry));
        self.insert(entry);
        Ok(Taken::New(id))
    }

    /// The disk has the batch that [`Self::poll_write`] gave out.
    pub fn handle_written(&mut self, now: Now) {
        let Some(given) = self.writing.given.take() else {
            return;
        };
        self.writing.lines = match given.replaces {
            Some(lines) => lines,
            None => self.writing.lines + given.records.len(),
        };
        for record in given.records {
            match record {
                JournalRecord::Taken { id, .. } => {
                    if let Some(entry) = self.entries.get_mut(&id) {
                        entry.is_durable = true;
                        self.events.push_back(OutboxEvent::Durable(id));
                    }
                }
                JournalRecord::Signed { id, .. } => {
                    self.advance(id, |stage| match stage {
                        Stage::Signing(signature) => {
                            Stage::Signed(signature, Attempt::at(now.instant))
                        }
                        other @ (Stage::Queued
                        | Stage::Signed(..)
                        | Stage::Proven(..)
                        | Stage::Done(..)) => other,
                    });
                }
                JournalRecord::Done { id, .. } => {
                    self.delivered = Some(now.timestamp);
                    self.finish(id);
                }
                JournalRecord::Counters { .. } => {}
            }
        }
        self.sign();
    }

    /// The disk refused the batch that [`Self::poll_write`] gave out; none of it is in the journal.
    ///
    /// What clients wait for is given back to them; the rest is tried again in a while.
    pub fn handle_write_failed(&mut self, now: Now) {
        let Some(given) = self.writing.given.take() else {
            return;
        };
        if given.replaces.is_some() {
            // There may be no room for a second journal, but some in the first.
            self.writing.lines = 0;
        }
        let mut again = Vec::new();
        for record in given.records {
            match record {
                JournalRecord::Taken { id, .. } => {
                    self.remove(id);
                    self.events.push_back(OutboxEvent::NotTaken(id));
                }
                JournalRecord::Signed { .. }
                | JournalRecord::Done { .. }
                | JournalRecord::Counters { .. } => again.push(record),
            }
        }
        again.append(&mut self.writing.next);
        self.writing.next = again;
        self.writing.not_before = Some(now.instant + WRITE_PAUSE);
    }

    /// What has to be written next; `None` while a batch is being written.
    pub fn poll_write(&mut self, now: Now) -> Option<Batch> {
        let is_due = self.writing.not_before.is_none_or(|at| at <= now.instant);
        if self.writing.given.is_some() || self.writing.next.is_empty() || !is_due {
            return None;
        }
        self.writing.not_before = None;
        let records = std::mem::take(&mut self.writing.next);
        let live = self.entries.len() * LINES_PER_ENTRY + 1;
        if self.writing.lines > live * 2 + LINES_SLACK {
            let image: Vec<_> = self.image();
            let lines = image.iter().map(JournalRecord::to_bytes).collect();
            self.writing.given = Some(Given {
                records,
                replaces: Some(image.len()),
            });
            return Some(Batch::Replace(lines));
        }
        let lines = records.iter().map(JournalRecord::to_bytes).collect();
        self.writing.given = Some(Given {
            records,
            replaces: None,
        });
        Some(Batch::Append(lines))
    }

    /// What happened.
    pub fn poll_event(&mut self) -> Option<OutboxEvent> {
        self.events.pop_front()
    }

    /// A record, if it is remembered.
    pub fn entry(&self, id: RecordId) -> Option<&Entry> {
        self.entries.get(&id)
    }

    /// The record that a client gave this name.
    pub fn named(&self, name: &Name) -> Option<&Entry> {
        self.names.get(name).and_then(|id| self.entries.get(id))
    }

    /// All records that are remembered, the oldest first.
    pub fn entries(&self) -> impl Iterator<Item = &Entry> {
        self.entries.values()
    }

    /// How many records are not done.
    pub fn waiting(&self) -> usize {
        self.waiting.count
    }

    /// When [`Self::poll_write`] will have something that it has not now.
    pub fn write_timeout(&self) -> Option<Instant> {
        self.writing
            .not_before
            .filter(|_| self.writing.given.is_none())
    }

    /// Signs what can be signed: on disk, in order, not too much at one time.
    pub(super) fn sign(&mut self) {
        let is_out = |entry: &&Entry| {
            matches!(
                entry.stage,
                Stage::Signing(_) | Stage::Signed(..) | Stage::Proven(..)
            )
        };
        let mut free = self
            .config
            .signed_max()
            .saturating_sub(self.entries.values().filter(is_out).count());
        let queued: Vec<RecordId> = self
            .entries
            .values()
            .filter(|entry| entry.is_durable && matches!(entry.stage, Stage::Queued))
            .map(|entry| entry.id)
            .collect();
        for id in queued {
            if free == 0 {
                return;
            }
            let Some(nonce) = self.take_nonce() else {
                return;
            };
            free -= 1;
            let sender = &self.sender;
            let Some(entry) = self.entries.get_mut(&id) else {
                continue;
            };
            let transaction = Transaction {
                version: Transaction::VERSION,
                chain: sender.chain,
                shard: sender.shard,
                sender: sender.key.verifying_key().into(),
                nonce,
                expires: None,
                approvers: Vec::new(),
                action: entry.action.clone(),
            };
            let bytes = transaction.sign(&sender.key).to_bytes();
            self.waiting.bytes += bytes.len();
            entry.stage = Stage::Signing(Signature {
                nonce,
                transaction: TransactionId::of(&bytes),
                bytes: bytes.clone(),
            });
            self.writing.next.push(JournalRecord::Signed { id, bytes });
        }
    }

    /// Notes a verified verdict, to be written.
    pub(super) fn conclude(&mut self, id: RecordId, verdict: Verdict) {
        self.replace_stage(id, |stage| match stage {
            Stage::Signed(signature, _) => Stage::Proven(signature, verdict),
            other @ (Stage::Queued | Stage::Signing(_) | Stage::Proven(..) | Stage::Done(..)) => {
                other
            }
        });
        let line = self.entries.get(&id).and_then(done_record);
        self.writing.next.extend(line);
    }

    /// Changes a record's stage and tells of it.
    fn advance(&mut self, id: RecordId, change: impl FnOnce(Stage) -> Stage) {
        self.replace_stage(id, change);
        self.events.push_back(OutboxEvent::Changed(id));
    }

    fn replace_stage(&mut self, id: RecordId, change: impl FnOnce(Stage) -> Stage) {
        if let Some(entry) = self.entries.get_mut(&id) {
            let stage = std::mem::replace(&mut entry.stage, Stage::Queued);
            entry.stage = change(stage);
        }
    }

    /// The verdict is on disk: the record is done.
    fn finish(&mut self, id: RecordId) {
        let Some(entry) = self.entries.get(&id) else {
            return;
        };
        let freed = entry.len();
        self.advance(id, |stage| match stage {
            Stage::Proven(signature, verdict) => Stage::Done(signature.transaction, verdict),
            other @ (Stage::Queued | Stage::Signing(_) | Stage::Signed(..) | Stage::Done(..)) => {
                other
            }
        });
        self.forget_waiting(freed);
        self.remember_done(id);
    }

    fn remember_done(&mut self, id: RecordId) {
        self.done.push_back(id);
        while self.done.len() > self.config.done_max.get() {
            if let Some(oldest) = self.done.pop_front() {
                self.remove(oldest);
            }
        }
    }

    fn insert(&mut self, entry: Entry) {
        self.waiting.count += 1;
        self.waiting.bytes += entry.len();
        if let Some(name) = &entry.name {
            self.names.insert(name.clone(), entry.id);
        }
        self.entries.insert(entry.id, entry);
    }

    fn remove(&mut self, id: RecordId) {
        let Some(entry) = self.entries.remove(&id) else {
            return;
        };
        if !entry.is_done() {
            self.forget_waiting(entry.len());
        }
        if let Some(name) = &entry.name {
            self.names.remove(name);
        }
    }

    /// Takes one line of the journal as it was written before.
    fn restore(&mut self, record: JournalRecord) {
        match record {
            JournalRecord::Taken {
                id,
                name,
                taken,
                content,
                salt,
                action,
            } => {
                self.next_record = self.next_record.max(id.0.saturating_add(1));
                if !self.entries.contains_key(&id) {
                    self.insert(Entry {
                        id,
                        name,
                        taken,
                        content,
                        salt,
                        action,
                        stage: Stage::Queued,
                        is_durable: true,
                    });
                }
            }
            JournalRecord::Signed { id, bytes } => self.restore_signature(id, bytes),
            JournalRecord::Done {
                id,
                transaction,
                verdict,
            } => self.restore_verdict(id, transaction, verdict),
            JournalRecord::Counters {
                next_record,
                next_nonce,
            } => {
                self.next_record = self.next_record.max(next_record);
                self.next_nonce = self.next_nonce.max(next_nonce);
            }
        }
    }

    fn restore_signature(&mut self, id: RecordId, bytes: Vec<u8>) {
        let Ok(signed) = SignedTransaction::from_bytes(&bytes, bytes.len()) else {
            return;
        };
        let nonce = signed.transaction.nonce;
        self.next_nonce = self.next_nonce.max(Some(nonce.saturating_add(1)));
        let Some(entry) = self.entries.get_mut(&id) else {
            return;
        };
        if matches!(entry.stage, Stage::Queued) {
            self.waiting.bytes += bytes.len();
            let signature = Signature {
                nonce,
                transaction: TransactionId::of(&bytes),
                bytes,
            };
            entry.stage = Stage::Signed(signature, Attempt::at(Instant::default()));
        }
    }

    fn restore_verdict(&mut self, id: RecordId, transaction: TransactionId, verdict: Verdict) {
        let Some(entry) = self.entries.get(&id).filter(|entry| !entry.is_done()) else {
            return;
        };
        let freed = entry.len();
        self.replace_stage(id, |_| Stage::Done(transaction, verdict));
        self.forget_waiting(freed);
        self.remember_done(id);
    }

    fn forget_waiting(&mut self, bytes: usize) {
        self.waiting.count = self.waiting.count.saturating_sub(1);
        self.waiting.bytes = self.waiting.bytes.saturating_sub(bytes);
    }

    /// The journal as it would be if it began now, what is not written yet included.
    fn image(&self) -> Vec<JournalRecord> {
        let mut image = vec![JournalRecord::Counters {
            next_record: self.next_record,
            next_nonce: self.next_nonce,
        }];
        for entry in self.entries.values() {
            image.push(taken_record(entry));
            image.extend(signed_record(entry));
            image.extend(done_record(entry));
        }
        image
    }
}

fn taken_record(entry: &Entry) -> JournalRecord {
    JournalRecord::Taken {
        id: entry.id,
        name: entry.name.clone(),
        taken: entry.taken,
        content: entry.content.clone(),
        salt: entry.salt,
        action: entry.action.clone(),
    }
}

/// Needed for as long as the signed bytes may have to be sent again.
fn signed_record(entry: &Entry) -> Option<JournalRecord> {
    match &entry.stage {
        Stage::Queued | Stage::Done(..) => None,
        Stage::Signing(signature) | Stage::Signed(signature, _) | Stage::Proven(signature, _) => {
            Some(JournalRecord::Signed {
                id: entry.id,
                bytes: signature.bytes.clone(),
            })
        }
    }
}

fn done_record(entry: &Entry) -> Option<JournalRecord> {
    let (transaction, verdict) = match &entry.stage {
        Stage::Queued | Stage::Signing(_) | Stage::Signed(..) => return None,
        Stage::Proven(signature, verdict) => (signature.transaction, verdict),
        Stage::Done(transaction, verdict) => (*transaction, verdict),
    };
    Some(JournalRecord::Done {
        id: entry.id,
        transaction,
        verdict: verdict.clone(),
    })
}

/// How long to wait after the disk refused.
const WRITE_PAUSE: Duration = Duration::from_secs(1);
/// Lines of a record in the journal: taken, signed, done.
const LINES_PER_ENTRY: usize = 3;
/// Dead lines that are always put up with.
pub(super) const LINES_SLACK: usize = 4_096;
