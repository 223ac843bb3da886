//! Blocks without rules and state, to measure what these cost.

use wayside::{
    ledger::{Block, CheckedEntry, Executed, Header, List, Outcome},
    time::Timestamp,
};

use super::Node;

/// Makes the next block: every entry is applied, and nothing comes of it.
pub(super) fn propose(
    parent: &Node,
    time: Timestamp,
    proposer: u16,
    entries: Vec<CheckedEntry>,
) -> (Block, Executed) {
    let executed = execute(parent, entries.len());
    let entries: Vec<_> = entries.iter().map(CheckedEntry::to_entry).collect();
    let outcomes = vec![Outcome::Applied.code(); entries.len()];
    let header = Header {
        height: parent.header.height + 1,
        proposer,
        parent: parent.header.digest(),
        time,
        entries: u32::try_from(entries.len()).expect("a block has few entries"),
        tx_root: Block::tx_root(&entries, &outcomes),
        receipts_root: List::Receipts.root([]),
        ..parent.header.clone()
    };
    let block = Block {
        header,
        entries,
        outcomes,
    };
    (block, executed)
}

/// What comes of a block with this many entries.
pub(super) fn execute(parent: &Node, entries: usize) -> Executed {
    Executed {
        outcomes: vec![Outcome::Applied; entries],
        receipts: Vec::new(),
        state: parent.state.clone(),
        touched: vec![Vec::new(); entries],
    }
}
