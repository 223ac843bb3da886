use std::{cell::RefCell, collections::BTreeSet, sync::Arc};

use wayside::{
    id::ShardId,
    ledger::{
        self, Block, BlockContext, BlockError, CheckedEntry, CheckedTransaction, Entry, Executed,
        Genesis, KeyCache, SignedTransaction, State, StateView as _, TransactionError,
        TransactionId, verify_block,
    },
    time::Timestamp,
};

use super::{Node, Shard, bare};
use crate::{Application, block::OrderedBlock};

thread_local! {
    /// Admitted keys of whoever signs here; holds nothing that changes an answer.
    static KEYS: RefCell<KeyCache> = RefCell::default();
}

/// The block before all others.
pub(crate) fn genesis_node(genesis: &Genesis, shard: ShardId) -> Node {
    let state = State::genesis(genesis, shard);
    let block = Block::genesis(genesis, shard, state.root());
    let executed = Executed {
        outcomes: Vec::new(),
        receipts: Vec::new(),
        state,
        touched: Vec::new(),
    };
    Node::new(OrderedBlock::new(block), executed, BTreeSet::new())
}

impl Shard {
    /// Checks everything of a transaction that does not depend on state.
    pub(super) fn check_transaction(
        &self,
        signed: SignedTransaction,
    ) -> Result<CheckedTransaction, TransactionError> {
        let checked = KEYS.with_borrow_mut(|keys| signed.check(&self.genesis, self.id, keys))?;
        self.recent.lock().insert(checked.clone());
        Ok(checked)
    }

    /// Executes a block on its parent, as anybody who votes for it or takes it for final must.
    pub(crate) fn execute(
        &self,
        parent: &Node,
        block: OrderedBlock,
    ) -> Result<Arc<Node>, ExecuteError> {
        if let Some(rules) = self.rules_missing(parent) {
            return Err(ExecuteError::Rules(rules));
        }
        let checked = self.check_entries(block.block(), &parent.state)?;
        let executed = match self.application {
            Application::Ledger => {
                let (genesis, header) = (&self.genesis, &parent.header);
                verify_block(genesis, header, &parent.state, block.block(), &checked)?
            }
            Application::Bare => bare::execute(parent, checked.len()),
        };
        Ok(Arc::new(Node::new(block, executed, ids(&checked))))
    }

    /// Makes the next block with at most so many entries, or `None` if it would hold nothing and
    /// nobody waits for it.
    pub(crate) fn build(
        &self,
        parent: &Node,
        time: Timestamp,
        entries_max: usize,
    ) -> Option<Arc<Node>> {
        let entries = self.entries(parent, entries_max);
        // Whoever waits for the next epoch waits for blocks.
        let is_waiting = parent.state.epoch_state(&self.genesis).next.is_some();
        if entries.is_empty() && !is_waiting {
            return None;
        }
        let node = self.assemble(parent, time, entries);
        (is_waiting || node.header.entries > 0).then_some(node)
    }

    /// Makes the next block without entries.
    pub(crate) fn build_empty(&self, parent: &Node, time: Timestamp) -> Arc<Node> {
        self.assemble(parent, time, Vec::new())
    }

    fn assemble(&self, parent: &Node, time: Timestamp, entries: Vec<CheckedEntry>) -> Arc<Node> {
        let time = time.max(parent.header.time);
        let member = self.session().member;
        let member = member.expect("only a member is asked to propose");
        let (count, mut ids) = (entries.len(), ids(&entries));
        let (block, executed) = match self.application {
            Application::Ledger => {
                let (genesis, header) = (&self.genesis, &parent.header);
                let context = BlockContext::after(genesis, header, &parent.state, time);
                ledger::propose(&context, &parent.state, member, entries)
                    .expect("the next block after an executed one can be made")
            }
            Application::Bare => bare::propose(parent, time, member, entries),
        };
        if block.entries.len() < count {
            // Some had no place.
            let held = block.entries.iter().filter_map(transaction_id);
            ids = held.collect();
        }
        Arc::new(Node::new(OrderedBlock::new(block), executed, ids))
    }

    /// What waits and is not in an ancestor that is not final yet: receipts first, since other
    /// shards wait for what they bring about.
    fn entries(&self, parent: &Node, entries_max: usize) -> Vec<CheckedEntry> {
        let except = self.chain.lock().unfinalized_ids(parent);
        let limits = &self.genesis.limits;
        let bytes_max = usize::try_from(limits.block_bytes_max).unwrap_or(usize::MAX);
        let inbox = self.inbox.lock();
        let deliveries = inbox.next(DELIVERIES_MAX, |source| parent.state.received(source));
        drop(inbox);
        let taken = self.mempool.lock().take(bytes_max, entries_max, &except);
        let deliveries = deliveries.into_iter().map(CheckedEntry::Delivery);
        deliveries
            .chain(taken.into_iter().map(CheckedEntry::Transaction))
            .collect()
    }

    /// Checks a block's entries, but not again those that were checked before.
    fn check_entries(
        &self,
        block: &Block,
        state: &State,
    ) -> Result<Vec<CheckedEntry>, ledger::EntryError> {
        let ids: Vec<_> = block.entries.iter().map(transaction_id).collect();
        let known: Vec<_> = {
            let (mempool, recent) = (self.mempool.lock(), self.recent.lock());
            let known = |id| mempool.get(id).or_else(|| recent.get(id)).cloned();
            ids.iter().map(|id| id.as_ref().and_then(known)).collect()
        };
        let check = |(entry, known): (&Entry, Option<CheckedTransaction>)| match (known, entry) {
            (Some(known), _) => Ok(CheckedEntry::Transaction(known)),
            (None, Entry::Transaction(signed)) => {
                let checked = self.check_transaction(signed.clone())?;
                Ok(CheckedEntry::Transaction(checked))
            }
            (None, Entry::Delivery(_)) => KEYS.with_borrow_mut(|keys| {
                CheckedEntry::check(entry.clone(), &self.genesis, state, self.id, keys)
            }),
        };
        block.entries.iter().zip(known).map(check).collect()
    }
}

fn transaction_id(entry: &Entry) -> Option<TransactionId> {
    match entry {
        Entry::Transaction(signed) => Some(signed.id()),
        Entry::Delivery(_) => None,
    }
}

/// The ids of the transactions among these.
fn ids(entries: &[CheckedEntry]) -> BTreeSet<TransactionId> {
    let ids = entries.iter().filter_map(|entry| match entry {
        CheckedEntry::Transaction(checked) => Some(checked.id()),
        CheckedEntry::Delivery(_) => None,
    });
    ids.collect()
}

/// Why a block is not the next one after its parent.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ExecuteError {
    /// It follows rules that this program does not know.
    #[error("version {0} of the rules is newer than this program")]
    Rules(u16),
    /// One of its entries has no place in any block.
    #[error(transparent)]
    Entry(#[from] ledger::EntryError),
    /// It says something else than what follows.
    #[error(transparent)]
    Block(#[from] BlockError),
}

/// Deliveries in one block; each has a certificate that every member checks.
const DELIVERIES_MAX: usize = 64;
