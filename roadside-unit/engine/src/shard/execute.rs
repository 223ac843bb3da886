use std::{cell::RefCell, collections::BTreeSet, sync::Arc};

use wayside::{
    id::ShardId,
    ledger::{
        CheckedTransaction, Entry, Genesis, Key, KeyCache, SignedTransaction, State,
        TransactionError, Value,
    },
    time::Timestamp,
};

use super::{Node, Shard};
use crate::{
    block::OrderedBlock,
    shim::{self, BlockContext, BlockError, CheckedEntry},
};

thread_local! {
    /// Admitted keys of whoever signs here; holds nothing that changes an answer.
    static KEYS: RefCell<KeyCache> = RefCell::default();
}

/// The block before all others.
pub(super) fn genesis_node(genesis: &Genesis, shard: ShardId) -> Node {
    let (block, state) = shim::genesis_block(genesis, shard);
    let executed = shim::Executed {
        outcomes: vec![],
        receipts: vec![],
        state,
        touched: vec![],
    };
    Node {
        block: OrderedBlock::new(block),
        executed,
        ids: BTreeSet::new(),
    }
}

/// How many receipts of `source` a state has taken.
pub(super) fn received(state: &State, source: ShardId) -> u64 {
    match state.get(&Key::ChannelIn(source)) {
        Some(Value::ChannelIn(channel)) => channel.next,
        _ => 0,
    }
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
    ) -> Result<Arc<Node>, BlockError> {
        let header = &block.block().header;
        let executed = shim::verify_block(
            &self.context(parent, header.time),
            parent.state(),
            block.block(),
        )?;
        let ids = ids(block.block().entries.iter());
        Ok(Arc::new(Node {
            block,
            executed,
            ids,
        }))
    }

    /// Makes the next block, or `None` if it would hold nothing.
    pub(crate) fn build(&self, parent: &Node, time: Timestamp) -> Option<Arc<Node>> {
        let (block, executed) = self.assemble(parent, time, self.entries(parent));
        if block.entries.is_empty() {
            return None;
        }
        Some(self.built(block, executed))
    }

    /// Makes the next block without entries.
    pub(crate) fn build_empty(&self, parent: &Node, time: Timestamp) -> Arc<Node> {
        let (block, executed) = self.assemble(parent, time, Vec::new());
        self.built(block, executed)
    }

    fn built(&self, block: wayside::ledger::Block, executed: shim::Executed) -> Arc<Node> {
        let ids = ids(block.entries.iter());
        Arc::new(Node {
            block: OrderedBlock::new(block),
            executed,
            ids,
        })
    }

    fn assemble(
        &self,
        parent: &Node,
        time: Timestamp,
        entries: Vec<CheckedEntry>,
    ) -> (wayside::ledger::Block, shim::Executed) {
        let time = time.max(parent.header().time);
        shim::propose(
            &self.context(parent, time),
            self.member,
            parent.state(),
            entries,
        )
    }

    fn context(&self, parent: &Node, time: Timestamp) -> BlockContext<'_> {
        BlockContext {
            genesis: &self.genesis,
            shard: self.id,
            height: parent.header().height + 1,
            time,
            parent: parent.header().digest(),
            rules: 1,
        }
    }

    /// What waits and is not in an ancestor that is not final yet.
    fn entries(&self, parent: &Node) -> Vec<CheckedEntry> {
        let except = self.chain.lock().unfinalized_ids(parent);
        let limits = &self.genesis.limits;
        let bytes_max = usize::try_from(limits.block_bytes_max).unwrap_or(usize::MAX);
        let count_max = usize::try_from(limits.block_transactions_max).unwrap_or(usize::MAX);
        let taken = self.mempool.lock().take(bytes_max, count_max, &except);
        taken.into_iter().map(CheckedEntry::Transaction).collect()
    }
}

fn ids<'a>(entries: impl Iterator<Item = &'a Entry>) -> BTreeSet<wayside::ledger::TransactionId> {
    entries
        .filter_map(|entry| match entry {
            Entry::Transaction(signed) => Some(signed.id()),
            Entry::Delivery(_) => None,
        })
        .collect()
}
