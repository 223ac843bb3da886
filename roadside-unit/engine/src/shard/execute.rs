use std::{cell::RefCell, sync::Arc};

use wayside::{
    id::ShardId,
    ledger::{
        self, Block, BlockContext, BlockError, CheckedEntry, CheckedTransaction, Entry, Executed,
        Genesis, KeyCache, SignedTransaction, State, StateView as _, TransactionError,
        verify_block,
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
    Node::new(OrderedBlock::new(block), executed)
}

impl Shard {
    /// Checks everything of a transaction that does not depend on state.
    pub(super) fn check_transaction(
        &self,
        signed: SignedTransaction,
    ) -> Result<CheckedTransaction, TransactionError> {
        KEYS.with_borrow_mut(|keys| signed.check(&self.genesis, self.id, keys))
    }

    /// Executes a block on its parent, as anybody who votes for it or takes it for final must.
    pub(crate) fn execute(
        &self,
        parent: &Node,
        block: OrderedBlock,
    ) -> Result<Arc<Node>, ExecuteError> {
        let checked = self.check_entries(block.block())?;
        let executed = match self.application {
            Application::Ledger => {
                let (genesis, header) = (&self.genesis, &parent.header);
                verify_block(genesis, header, &parent.state, block.block(), &checked)?
            }
            Application::Bare => bare::execute(parent, checked.len()),
        };
        Ok(Arc::new(Node::new(block, executed)))
    }

    /// Makes the next block with at most so many entries, or `None` if it would hold nothing.
    pub(crate) fn build(
        &self,
        parent: &Node,
        time: Timestamp,
        entries_max: usize,
    ) -> Option<Arc<Node>> {
        let entries = self.entries(parent, entries_max);
        if entries.is_empty() {
            return None;
        }
        let node = self.assemble(parent, time, entries);
        (node.header.entries > 0).then_some(node)
    }

    /// Makes the next block without entries.
    pub(crate) fn build_empty(&self, parent: &Node, time: Timestamp) -> Arc<Node> {
        self.assemble(parent, time, Vec::new())
    }

    fn assemble(&self, parent: &Node, time: Timestamp, entries: Vec<CheckedEntry>) -> Arc<Node> {
        let time = time.max(parent.header.time);
        let member = self.member.expect("only a member is asked to propose");
        let (block, executed) = match self.application {
            Application::Ledger => {
                let (genesis, header) = (&self.genesis, &parent.header);
                let context = BlockContext::after(genesis, header, &parent.state, time);
                ledger::propose(&context, &parent.state, member, entries)
                    .expect("the next block after an executed one can be made")
            }
            Application::Bare => bare::propose(parent, time, member, entries),
        };
        Arc::new(Node::new(OrderedBlock::new(block), executed))
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

    /// Checks a block's entries, but not again those that wait here and so were checked before.
    fn check_entries(&self, block: &Block) -> Result<Vec<CheckedEntry>, ledger::EntryError> {
        let mut known = Vec::with_capacity(block.entries.len());
        let mempool = self.mempool.lock();
        for entry in &block.entries {
            known.push(match entry {
                Entry::Transaction(signed) => mempool.get(&signed.id()).cloned(),
                Entry::Delivery(_) => None,
            });
        }
        drop(mempool);
        let check = |(entry, known): (&Entry, Option<CheckedTransaction>)| match known {
            Some(known) => Ok(CheckedEntry::Transaction(known)),
            None => KEYS.with_borrow_mut(|keys| {
                CheckedEntry::check(entry.clone(), &self.genesis, self.id, keys)
            }),
        };
        block.entries.iter().zip(known).map(check).collect()
    }
}

/// Why a block is not the next one after its parent.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ExecuteError {
    /// One of its entries has no place in any block.
    #[error(transparent)]
    Entry(#[from] ledger::EntryError),
    /// It says something else than what follows.
    #[error(transparent)]
    Block(#[from] BlockError),
}

/// Deliveries in one block; each has a certificate that every member checks.
const DELIVERIES_MAX: usize = 64;
