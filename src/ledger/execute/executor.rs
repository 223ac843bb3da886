use std::collections::BTreeSet;

use thiserror::Error;

use super::{
    admission::{Inadmissible, account_after},
    overlay::Overlay,
    step::Step,
};
use crate::{
    crypto::Digest,
    id::{ShardId, VehicleId},
    ledger::{
        CheckedDelivery, CheckedEntry, CheckedTransaction, Genesis, Header, Key, Outcome, Receipt,
        State, StateView, Value,
    },
    time::Timestamp,
};

/// What a block is executed with beside its entries.
#[derive(Clone, Copy, Debug)]
pub struct BlockContext<'a> {
    /// The ledger.
    pub genesis: &'a Genesis,
    /// The shard.
    pub shard: ShardId,
    /// The block's height.
    pub height: u64,
    /// The proposer's time.
    pub time: Timestamp,
    /// The digest of the header before it.
    pub parent: Digest,
    /// The version of the rules that the shard follows at this height.
    pub rules: u16,
}

/// What a block brings about.
#[derive(Clone, Debug)]
pub struct Executed {
    /// What became of each entry.
    pub outcomes: Vec<Outcome>,
    /// What is told to other shards, in order.
    pub receipts: Vec<Receipt>,
    /// The state after the block.
    pub state: State,
    /// For each entry, the vehicles in whose history it is, and its place there.
    pub touched: Vec<Vec<(VehicleId, u64)>>,
}

/// Why a block cannot be executed on a state.
#[derive(Clone, Copy, Debug, Eq, Error, PartialEq)]
pub enum ExecuteError {
    /// The state is of another shard, or not of the height before.
    #[error("the state is of shard {0} at height {1}")]
    OtherState(ShardId, u64),
    /// The block is older than the one before.
    #[error("the block's time is before {0}")]
    TimeWentBack(Timestamp),
    /// Not the version that the shard follows at this height.
    #[error("the shard follows version {0} of the rules here")]
    OtherRules(u16),
    /// A version that this program does not know: it is too old for the ledger.
    #[error("version {0} of the rules is newer than this program")]
    UnknownRules(u16),
    /// A transaction has no place in the block.
    #[error("entry {0}: {1}")]
    Inadmissible(usize, Inadmissible),
    /// A delivery leaves receipts out, or has none that are new.
    #[error("entry {0}: the next receipt of shard {1} is {2}")]
    OutOfOrder(usize, ShardId, u64),
    /// A delivery has something arrive for which this history is not ready: it belongs on another
    /// branch, or later.
    #[error("entry {0}: shard {1} tells of something for which it is too early here")]
    Premature(usize, ShardId),
    /// A delivery was not checked by the committee that this history knows for its epoch.
    #[error("entry {0}: the committee of epoch {1} is another one, or not known yet")]
    OtherCommittee(usize, u64),
    /// A delivery by a committee that its source had retired before.
    #[error("entry {0}: shard {1} was past epoch {2} already")]
    RetiredCommittee(usize, ShardId, u64),
}

/// Executes a block's entries on the state after the block before.
pub fn execute(
    context: &BlockContext<'_>,
    state: &State,
    entries: &[CheckedEntry],
) -> Result<Executed, ExecuteError> {
    let mut executor = Executor::new(context, state)?;
    for entry in entries {
        executor.run(entry)?;
    }
    Ok(executor.finish())
}

impl<'a> BlockContext<'a> {
    /// The context of a block on top of another.
    ///
    /// `state` is the one after `parent`.
    ///
    /// # Panics
    ///
    /// If the state is of no shard, which [`State::genesis`] never makes.
    pub fn after(genesis: &'a Genesis, parent: &Header, state: &State, time: Timestamp) -> Self {
        let height = parent.height + 1;
        let chain = state.chain().expect("every shard knows itself");
        Self {
            genesis,
            shard: parent.shard,
            height,
            time,
            parent: parent.digest(),
            rules: chain.rules_at(height),
        }
    }
}

/// A block being executed, one entry after the other.
pub(in crate::ledger) struct Executor<'a> {
    context: &'a BlockContext<'a>,
    overlay: Overlay<'a>,
    outcomes: Vec<Outcome>,
    receipts: Vec<Receipt>,
    touched: Vec<Vec<(VehicleId, u64)>>,
}

impl<'a> Executor<'a> {
    /// Begins a block: its time, its height, and the header before it become part of the state.
    pub(in crate::ledger) fn new(
        context: &'a BlockContext<'a>,
        state: &'a State,
    ) -> Result<Self, ExecuteError> {
        let mut chain = *state.chain().expect("every shard knows itself");
        if chain.shard != context.shard || chain.height + 1 != context.height {
            return Err(ExecuteError::OtherState(chain.shard, chain.height));
        }
        if context.time < chain.time {
            return Err(ExecuteError::TimeWentBack(chain.time));
        }
        let rules = chain.rules_at(context.height);
        if rules != context.rules {
            return Err(ExecuteError::OtherRules(rules));
        }
        if rules > RULES {
            return Err(ExecuteError::UnknownRules(rules));
        }
        chain.next_rules = chain.next_rules.filter(|next| next.height > context.height);
        (chain.height, chain.time, chain.rules) = (context.height, context.time, rules);
        let mut past = state.past().cloned().unwrap_or_default();
        assert_eq!(past.count(), context.height - 1, "no header is left out");
        past.append(context.parent);
        let mut overlay = Overlay::new(state);
        overlay.put(Key::Chain, Value::Chain(chain));
        overlay.put(Key::History, Value::History(past));
        overlay.keep();
        let mut executor = Self {
            context,
            overlay,
            outcomes: Vec::new(),
            receipts: Vec::new(),
            touched: Vec::new(),
        };
        let mut step = Step {
            context,
            overlay: &mut executor.overlay,
            receipts: &mut executor.receipts,
            entry: context.parent,
            signers: &[],
        };
        step.begin_epoch();
        executor.overlay.keep();
        Ok(executor)
    }

    /// Executes the next entry, or says why it has no place in the block; nothing has changed then.
    pub(in crate::ledger) fn run(&mut self, entry: &CheckedEntry) -> Result<Outcome, ExecuteError> {
        let (outcome, touched) = match entry {
            CheckedEntry::Transaction(transaction) => self.run_transaction(transaction)?,
            CheckedEntry::Delivery(delivery) => self.run_delivery(delivery)?,
        };
        let digest = entry.digest();
        let touched = touched.into_iter();
        let touched = touched.filter_map(|vehicle| self.link(vehicle, digest, outcome));
        let touched = touched.collect();
        self.overlay.keep();
        self.outcomes.push(outcome);
        self.touched.push(touched);
        Ok(outcome)
    }

    /// The block's effect.
    pub(in crate::ledger) fn finish(self) -> Executed {
        Executed {
            outcomes: self.outcomes,
            receipts: self.receipts,
            state: self.overlay.finish(),
            touched: self.touched,
        }
    }

    fn run_transaction(
        &mut self,
        checked: &CheckedTransaction,
    ) -> Result<(Outcome, BTreeSet<VehicleId>), ExecuteError> {
        let transaction = checked.transaction();
        let account = account_after(
            self.context.genesis,
            &self.overlay,
            transaction,
            self.context.time,
        );
        let index = self.outcomes.len();
        let account = account.map_err(|error| ExecuteError::Inadmissible(index, error))?;
        let key = Key::Account(transaction.sender);
        self.overlay.put(key, Value::Account(account));
        self.overlay.keep();
        let approvers = transaction.approvers.iter().copied();
        let signers: Vec<_> = [transaction.sender].into_iter().chain(approvers).collect();
        let sent = self.receipts.len();
        let mut step = Step {
            context: self.context,
            overlay: &mut self.overlay,
            receipts: &mut self.receipts,
            entry: checked.id().digest(),
            signers: &signers,
        };
        let vehicles = transaction.action.vehicles();
        match step.act(&transaction.action) {
            Ok(()) => Ok((Outcome::Applied, vehicles.collect())),
            Err(rule) => {
                step.overlay.forget();
                step.receipts.truncate(sent);
                step.after_refusal(&transaction.action, rule);
                let vehicles = vehicles.filter(|_| !rule.is_about_permission());
                Ok((Outcome::Refused(rule), vehicles.collect()))
            }
        }
    }

    fn run_delivery(
        &mut self,
        checked: &CheckedDelivery,
    ) -> Result<(Outcome, BTreeSet<VehicleId>), ExecuteError> {
        let source = checked.source();
        self.require_committee(checked)?;
        let next = self.overlay.received(source);
        let receipts = checked
            .delivery()
            .receipts
            .iter()
            .map(|(receipt, _)| receipt);
        let mut receipts = receipts.skip_while(|it| it.sequence < next).peekable();
        if receipts.peek().map(|it| it.sequence) != Some(next) {
            let index = self.outcomes.len();
            return Err(ExecuteError::OutOfOrder(index, source, next));
        }
        let sent = self.receipts.len();
        let mut step = Step {
            context: self.context,
            overlay: &mut self.overlay,
            receipts: &mut self.receipts,
            entry: checked.digest(),
            signers: &[],
        };
        let mut touched = BTreeSet::new();
        for receipt in receipts {
            let Ok(vehicles) = step.take(receipt) else {
                step.overlay.forget();
                step.receipts.truncate(sent);
                return Err(ExecuteError::Premature(self.outcomes.len(), source));
            };
            touched.extend(vehicles);
        }
        Ok((Outcome::Applied, touched))
    }

    /// Holds that whoever made a delivery's header final could do so, as this history knows it.
    ///
    /// A source tells of its next epoch in order with everything else, so a committee that has
    /// retired there cannot add anything here.
    fn require_committee(&self, checked: &CheckedDelivery) -> Result<(), ExecuteError> {
        let (index, source, epoch) = (self.outcomes.len(), checked.source(), checked.epoch());
        let known = self.overlay.committee(self.context.genesis, epoch);
        if known != Some(checked.committee()) {
            return Err(ExecuteError::OtherCommittee(index, epoch));
        }
        if epoch < self.overlay.shard_epoch(source) {
            return Err(ExecuteError::RetiredCommittee(index, source, epoch));
        }
        Ok(())
    }

    /// Links an entry into the history of a vehicle that is at home here.
    fn link(&mut self, id: VehicleId, entry: Digest, outcome: Outcome) -> Option<(VehicleId, u64)> {
        let mut vehicle = self.overlay.vehicle(id)?.clone();
        let sequence = vehicle.history.sequence;
        vehicle.history = vehicle.history.after(entry, outcome.code());
        assert_eq!(
            vehicle.history.sequence,
            sequence + 1,
            "a history grows by one record at a time"
        );
        let value = Value::Vehicle(Box::new(vehicle));
        self.overlay.put(Key::Vehicle(id), value);
        Some((id, sequence))
    }
}

/// The newest version of the rules that this program knows; it follows every one up to this, each at
/// the heights that governance gave it.
///
/// Version 1 is the one of every genesis. Version 2 lets a scheduled version be taken back. Version 3
/// says who issues tickets, and which are revoked. Version 4 suspends liars by proof.
pub const RULES: u16 = 4;
