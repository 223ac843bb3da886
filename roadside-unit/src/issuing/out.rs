use tokio::sync::oneshot;
use wayside::{
    id::{ShardId, StationId},
    issuing::{Facts, Nonce, Record, Seat, Staged},
    ledger::{Action, IssuingFacts, State},
    security::Slot,
    time::Now,
};

use super::{Refusal, ceremonies::Secret, issuer::Waiting};

/// Where an answer is waited for. Its place is taken until there is one, even if whoever waited has
/// gone: the work is still to be done.
pub(super) struct Reply {
    answer: oneshot::Sender<Result<Vec<u8>, Refusal>>,
    _waiting: Waiting,
}

/// What the offices see of the world while they do one thing.
pub(super) struct View<'a> {
    /// What the ledger says, for the offices.
    pub(super) facts: &'a Facts,
    /// The same with all that the offices do not need.
    pub(super) issuing: &'a IssuingFacts,
    /// The newest final state of the shard that governs.
    pub(super) state: &'a State,
    /// The newest final state of any shard that is kept here.
    pub(super) home: &'a dyn Fn(ShardId) -> Option<State>,
    /// What the time is.
    pub(super) now: Now,
}

/// What the offices want done once everything that they have promised is durable.
#[derive(Default)]
pub(super) struct Out {
    /// What has to be durable first.
    pub(super) records: Vec<Record>,
    /// Secrets that have to be, too.
    pub(super) secrets: Vec<Secret>,
    /// The names of secrets that are of no use any more.
    pub(super) forgotten: Vec<Vec<u8>>,
    /// What comes then, in order.
    pub(super) effects: Vec<Effect>,
}

/// One thing to do.
pub(super) enum Effect {
    /// Answers who waits.
    Reply(Reply, Result<Vec<u8>, Refusal>),
    /// Sends a message to another process, whose answer comes back under this name.
    Send {
        /// Whom.
        to: Seat,
        /// The name.
        nonce: Nonce,
        /// The message.
        message: Vec<u8>,
    },
    /// Says something on the ledger.
    Say(Box<Word>),
}

/// Something that the operator says on the ledger, with what it is about.
#[derive(Clone, Debug)]
pub(super) struct Word {
    /// The shard.
    pub(super) shard: ShardId,
    /// What it says.
    pub(super) action: Action,
    /// About what: one word at a time about each.
    pub(super) about: About,
}

/// What came of a word.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Said {
    /// It happened.
    Applied,
    /// The ledger refused it, and would again.
    Refused,
    /// It was not final in time, or not taken.
    Undecided,
}

/// What a word is about.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(super) enum About {
    /// Tickets that were signed; by a number of its own.
    Batch(u64),
    /// A group's next key.
    Key(u16),
    /// The handle of an order's ticket.
    Handle(u64),
    /// An order's seeds, of the first authority or the second.
    Seed(u64, bool),
    /// The enrolment of an order's vehicle.
    Enrolment(u64),
    /// A station that lied.
    Accusation(StationId),
    /// What a station says against another, and which.
    Testimony(StationId, StationId),
    /// Whether witnesses against a station are believed.
    Belief(StationId),
}

impl Reply {
    pub(super) fn new(answer: oneshot::Sender<Result<Vec<u8>, Refusal>>, waiting: Waiting) -> Self {
        Self {
            answer,
            _waiting: waiting,
        }
    }

    pub(super) fn send(self, answer: Result<Vec<u8>, Refusal>) {
        // Who has gone needs no answer.
        let _ = self.answer.send(answer);
    }
}

impl Word {
    /// Whether it commits to tickets of slots that are over for longer than the ledger takes them, by
    /// the slot that is now.
    pub(super) fn is_too_late(&self, slot: Slot) -> bool {
        let oldest = slot.number().saturating_sub(COMMIT_SLOTS_LATE);
        let Action::CommitTickets(batch) = &self.action else {
            return false;
        };
        batch.slots.iter().any(|it| it.slot < oldest)
    }
}

impl About {
    /// Its name in metrics.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Batch(_) => "batch",
            Self::Key(_) => "key",
            Self::Handle(_) => "handle",
            Self::Seed(..) => "seed",
            Self::Enrolment(_) => "enrolment",
            Self::Accusation(_) => "accusation",
            Self::Testimony(..) => "testimony",
            Self::Belief(_) => "belief",
        }
    }
}

impl Out {
    /// Takes an answer, and keeps what has to be durable before it leaves.
    pub(super) fn stage<T>(&mut self, staged: Staged<T>) -> T {
        self.records.extend_from_slice(staged.records());
        staged.recorded()
    }
}

/// For how many slots that are over tickets are committed to, as the ledger's rules have it.
const COMMIT_SLOTS_LATE: u32 = 2;
