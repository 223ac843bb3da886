use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use wayside::ledger::{Executed, Header, Results, State, TransactionId};

use crate::block::{OrderedBlock, Payload, payload};

/// A block with the state after it.
pub(crate) struct Node {
    /// Its header.
    pub(crate) header: Header,
    /// The header's digest.
    pub(crate) payload: Payload,
    /// The block; `None` if only the state after it was fetched.
    pub(crate) block: Option<OrderedBlock>,
    /// The state after it.
    pub(crate) state: State,
    /// What it brought about beside the state.
    pub(crate) results: Results,
    /// The transactions that it holds.
    pub(crate) ids: BTreeSet<TransactionId>,
}

/// The newest final block, and the executed blocks above it, of which some will become final.
pub(crate) struct Chain {
    tip: Arc<Node>,
    pending: BTreeMap<Payload, Arc<Node>>,
    /// What was executed last.
    newest: Arc<Node>,
}

impl Node {
    /// A block that was executed, with the ids of its transactions.
    pub(crate) fn new(
        block: OrderedBlock,
        executed: Executed,
        ids: BTreeSet<TransactionId>,
    ) -> Self {
        Self {
            ids,
            header: block.block().header.clone(),
            payload: block.payload(),
            state: executed.state,
            results: Results {
                receipts: executed.receipts,
                touched: executed.touched,
            },
            block: Some(block),
        }
    }

    /// A block of which only the header and the state after it are known.
    pub(crate) fn restored(header: Header, state: State) -> Self {
        Self {
            payload: payload(&header.digest()),
            header,
            block: None,
            state,
            results: Results::default(),
            ids: BTreeSet::new(),
        }
    }
}

impl Chain {
    /// A chain whose newest final block is `tip`.
    pub(crate) fn new(tip: Arc<Node>) -> Self {
        Self {
            newest: Arc::clone(&tip),
            tip,
            pending: BTreeMap::new(),
        }
    }

    /// The newest final block.
    pub(crate) fn tip(&self) -> &Arc<Node> {
        &self.tip
    }

    /// The block that was executed last, which may be on any branch above the final tip, or the tip.
    pub(crate) fn newest(&self) -> &Arc<Node> {
        &self.newest
    }

    /// The final tip or executed block whose header has this digest.
    pub(crate) fn find(&self, payload: &Payload) -> Option<Arc<Node>> {
        if self.tip.payload == *payload {
            return Some(Arc::clone(&self.tip));
        }
        self.pending.get(payload).map(Arc::clone)
    }

    /// Keeps an executed block that is not final yet; forgets it if it came too late.
    pub(crate) fn insert(&mut self, node: Arc<Node>) {
        let height = node.header.height;
        if height > self.tip.header.height && self.pending.len() < PENDING_MAX {
            self.newest = Arc::clone(&node);
            self.pending.insert(node.payload, node);
        }
    }

    /// The transactions of `node` and of its ancestors down to the final tip.
    pub(crate) fn unfinalized_ids(&self, node: &Node) -> BTreeSet<TransactionId> {
        let mut ids = BTreeSet::new();
        if node.header.height <= self.tip.header.height {
            return ids;
        }
        ids.extend(&node.ids);
        let mut parent = payload(&node.header.parent);
        while let Some(node) = self.pending.get(&parent) {
            ids.extend(&node.ids);
            parent = payload(&node.header.parent);
        }
        ids
    }

    /// Makes a block the final tip, which must follow the one before, and drops what cannot become
    /// final any more.
    pub(crate) fn commit(&mut self, node: Arc<Node>) {
        assert_eq!(
            node.header.parent,
            self.tip.header.digest(),
            "a final block follows the one before it"
        );
        let height = node.header.height;
        self.pending.retain(|_, it| it.header.height > height);
        if self.newest.header.height <= height {
            self.newest = Arc::clone(&node);
        }
        self.tip = node;
    }
}

/// Far more than a committee has under way at once; beyond it a block is executed again when it
/// becomes final.
const PENDING_MAX: usize = 256;
