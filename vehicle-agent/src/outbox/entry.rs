use std::fmt;

use borsh::{BorshDeserialize, BorshSerialize};
use wayside::{
    id::ShardId,
    ledger::{Action, Rule, TransactionId},
    time::{Instant, Timestamp},
};

/// A record of this vehicle, by the agent's own count; never used twice.
#[derive(
    BorshDeserialize, BorshSerialize, Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd,
)]
pub struct RecordId(pub u64);

/// A record as its client named it; two clients may use one name.
#[derive(BorshDeserialize, BorshSerialize, Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct Name {
    /// Who the client is.
    pub caller: String,
    /// Its own name for the record.
    pub request_id: String,
}

/// A record and how far it has come.
#[derive(Clone, Debug)]
pub struct Entry {
    /// Its number.
    pub id: RecordId,
    /// Its client's name for it; `None` if the agent made it.
    pub name: Option<Name>,
    /// When it was taken.
    pub taken: Timestamp,
    /// What the client handed in, to know a retry and to show.
    pub content: Vec<u8>,
    /// What opens its commitments; all zeros if it has none.
    pub salt: [u8; 32],
    /// What it asks of the ledger.
    pub action: Action,
    /// How far it has come.
    pub stage: Stage,
    /// Whether the disk has it, so that it may be acknowledged.
    pub(crate) is_durable: bool,
}

/// How far a record has come.
#[derive(Clone, Debug)]
pub enum Stage {
    /// Not signed yet.
    Queued,
    /// Signed; the disk does not have it yet, so it must not leave the car.
    Signing(Signature),
    /// To be sent until a proof comes.
    Signed(Signature, Attempt),
    /// Proven; the disk does not have that yet, so nobody is told.
    Proven(Signature, Verdict),
    /// Proven, for ever.
    Done(TransactionId, Verdict),
}

/// A record as it goes to the ledger.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Signature {
    /// Its nonce.
    pub(super) nonce: u64,
    /// The signed transaction.
    pub(super) bytes: Vec<u8>,
    /// Its name there.
    pub(super) transaction: TransactionId,
}

/// What is being done to get a signed record proven.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Attempt {
    pub(super) step: Step,
    /// How often in a row it came to nothing.
    pub(super) failures: u32,
    /// How often of these while the unit in reach is.
    pub(super) failures_here: u32,
    /// How many units in a row came to nothing.
    pub(super) visits: u32,
    /// At whose units, by the operator's place in the genesis.
    pub(super) at: Failed,
}

/// At how many operators' units a record came to nothing.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(super) enum Failed {
    /// None.
    #[default]
    Nowhere,
    /// Those of one.
    At(usize),
    /// Those of two or more.
    Widely,
}

impl Failed {
    /// The same after it came to nothing at a unit of `operator`.
    pub(super) fn and(self, operator: usize) -> Self {
        match self {
            Self::Nowhere => Self::At(operator),
            Self::At(other) if other == operator => self,
            Self::At(_) | Self::Widely => Self::Widely,
        }
    }
}

impl Attempt {
    /// Whether it came to nothing so often, and so widely, that something must be wrong with it.
    ///
    /// The unit of a single operator may want the later records to arrive before it, so its word
    /// counts for little.
    pub(super) fn is_hopeless(&self) -> bool {
        let most = match self.at {
            Failed::Nowhere | Failed::At(_) => FAILURES_ALONE_MAX,
            Failed::Widely => FAILURES_MAX,
        };
        self.failures >= most
    }

    /// To be handed in from `instant` on.
    pub(super) fn at(instant: Instant) -> Self {
        Self {
            step: Step::Submit(instant),
            failures: 0,
            failures_here: 0,
            visits: 0,
            at: Failed::Nowhere,
        }
    }
}

/// One step of an attempt.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Step {
    /// To be handed in, not before then.
    Submit(Instant),
    /// Handed in to the unit in reach, which has not answered.
    Submitting,
    /// To be proven by the unit in reach, not before then.
    Prove(Instant),
    /// The unit in reach was asked for the proof.
    Proving,
}

/// What the ledger made of a record, with the proof that says so.
#[derive(BorshDeserialize, BorshSerialize, Clone, Debug, Eq, PartialEq)]
pub struct Verdict {
    /// 0 if it was applied, else the number of the rule that refused it.
    pub outcome: u16,
    /// Where that stands.
    pub place: Place,
    /// The proof, in the ledger's canonical form.
    pub proof: Vec<u8>,
}

/// A place on the ledger.
#[derive(BorshDeserialize, BorshSerialize, Clone, Copy, Debug, Eq, PartialEq)]
pub struct Place {
    /// The shard.
    pub shard: ShardId,
    /// The block's height.
    pub height: u64,
    /// The block's time.
    pub time: Timestamp,
}

impl Entry {
    /// Its name on the ledger; `None` before it is signed.
    pub fn transaction(&self) -> Option<TransactionId> {
        match &self.stage {
            Stage::Queued => None,
            Stage::Signing(signature)
            | Stage::Signed(signature, _)
            | Stage::Proven(signature, _) => Some(signature.transaction),
            Stage::Done(transaction, _) => Some(*transaction),
        }
    }

    /// What became of it; `None` until that is proven and on disk.
    pub fn verdict(&self) -> Option<&Verdict> {
        match &self.stage {
            Stage::Queued | Stage::Signing(_) | Stage::Signed(..) | Stage::Proven(..) => None,
            Stage::Done(_, verdict) => Some(verdict),
        }
    }

    /// Whether nothing is left to be done.
    pub fn is_done(&self) -> bool {
        self.verdict().is_some()
    }

    /// About how many bytes it takes.
    pub(super) fn len(&self) -> usize {
        let signed = match &self.stage {
            Stage::Queued | Stage::Done(..) => 0,
            Stage::Signing(signature)
            | Stage::Signed(signature, _)
            | Stage::Proven(signature, _) => signature.bytes.len(),
        };
        ENTRY_LEN + self.content.len() + signed
    }
}

impl Verdict {
    /// The name of the rule that refused the record; `None` if it was applied.
    pub fn rule(&self) -> Option<String> {
        let named = |code| match Rule::from_code(code) {
            Some(rule) => rule.name().to_owned(),
            None => format!("rule_{code}"),
        };
        (self.outcome != APPLIED).then(|| named(self.outcome))
    }
}

impl fmt::Display for RecordId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

/// How often in a row a record comes to nothing before the next ones no longer wait for it.
pub(super) const FAILURES_MAX: u32 = 12;
/// The same where units of one operator alone are met.
pub(super) const FAILURES_ALONE_MAX: u32 = 96;
/// The outcome of what was applied.
const APPLIED: u16 = 0;
/// What an entry takes beside its content and its signed bytes.
const ENTRY_LEN: usize = 512;
