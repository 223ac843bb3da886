//! Temporary stand-in for the rules, until they are there.
use std::collections::{BTreeMap, BTreeSet};
use wayside::crypto::Digest;
use wayside::id::{ShardId, VehicleId};
use wayside::ledger::*;
use wayside::time::Timestamp;
#[derive(Clone, Debug)]
pub struct Executed {
    pub outcomes: Vec<Outcome>,
    pub receipts: Vec<Receipt>,
    pub state: State,
    pub touched: Vec<Vec<(VehicleId, u64)>>,
}
#[derive(Clone, Debug)]
pub enum CheckedEntry {
    Transaction(CheckedTransaction),
    Delivery(Delivery),
}
pub struct BlockContext<'a> {
    pub genesis: &'a Genesis,
    pub shard: ShardId,
    pub height: u64,
    pub time: Timestamp,
    pub parent: Digest,
    pub rules: u16,
}
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct BlockError(&'static str);
pub fn genesis_block(genesis: &Genesis, shard: ShardId) -> (Block, State) {
    let state = State::new();
    (Block::genesis(genesis, shard, state.root()), state)
}
pub fn run(state: &State, entries: usize) -> Executed {
    Executed {
        outcomes: vec![Outcome::Applied; entries],
        receipts: vec![],
        touched: vec![vec![]; entries],
        state: state.apply(BTreeMap::new()),
    }
}
pub fn propose(
    context: &BlockContext<'_>,
    proposer: u16,
    state: &State,
    entries: Vec<CheckedEntry>,
) -> (Block, Executed) {
    let executed = run(state, entries.len());
    let entries: Vec<Entry> = entries
        .into_iter()
        .map(|e| match e {
            CheckedEntry::Transaction(t) => Entry::Transaction(t.signed().clone()),
            CheckedEntry::Delivery(d) => Entry::Delivery(d),
        })
        .collect();
    let outcomes = vec![0; entries.len()];
    (
        Block {
            header: Header {
                version: 1,
                rules: 1,
                chain: context.genesis.chain(),
                shard: context.shard,
                epoch: 0,
                height: context.height,
                proposer,
                parent: context.parent,
                time: context.time,
                entries: entries.len() as u32,
                tx_root: Block::tx_root(&entries, &outcomes),
                receipts_root: List::Receipts.root([]),
                history_root: List::History.root([]),
                state_root: executed.state.root(),
                state_version: 1,
                snapshot_root: None,
            },
            entries,
            outcomes,
        },
        executed,
    )
}
pub fn verify_block(
    context: &BlockContext<'_>,
    state: &State,
    block: &Block,
) -> Result<Executed, BlockError> {
    let executed = run(state, block.entries.len());
    if executed.state.root() != block.header.state_root {
        return Err(BlockError("state root"));
    }
    if context.height != block.header.height {
        return Err(BlockError("height"));
    }
    Ok(executed)
}
#[derive(Debug, thiserror::Error)]
#[error("mempool")]
pub struct MempoolRefusal;
#[derive(Default)]
pub struct Mempool {
    map: BTreeMap<TransactionId, CheckedTransaction>,
}
impl Mempool {
    pub fn insert(&mut self, t: CheckedTransaction) -> Result<(), MempoolRefusal> {
        if self.map.contains_key(&t.id()) {
            return Err(MempoolRefusal);
        };
        self.map.insert(t.id(), t);
        Ok(())
    }
    pub fn get(&self, id: &TransactionId) -> Option<&CheckedTransaction> {
        self.map.get(id)
    }
    pub fn take(
        &self,
        _bytes: usize,
        count: usize,
        except: &BTreeSet<TransactionId>,
    ) -> Vec<CheckedTransaction> {
        self.map
            .values()
            .filter(|t| !except.contains(&t.id()))
            .take(count)
            .cloned()
            .collect()
    }
    pub fn remove(&mut self, id: &TransactionId) {
        self.map.remove(id);
    }
    pub fn len(&self) -> usize {
        self.map.len()
    }
}
