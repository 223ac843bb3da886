use thiserror::Error;

use super::{
    Block, BlockContext, CheckedEntry, ExecuteError, Executed, Genesis, Header, List, State,
    StateView,
    execute::{Executor, execute},
};

/// Why a block is not the next one after another.
#[derive(Clone, Debug, Eq, Error, PartialEq)]
pub enum BlockError {
    /// It cannot be executed.
    #[error(transparent)]
    Execute(#[from] ExecuteError),
    /// Its header says something else than what follows from the block before it and its entries.
    #[error("the header's {0} is not what follows from the entries and the block before")]
    Header(&'static str),
    /// Its entries are not those that were checked.
    #[error("entry {0} is not the one that was checked")]
    OtherEntry(usize),
    /// More entries than the genesis allows.
    #[error("{0} entries are more than a block may have")]
    TooManyEntries(usize),
}

/// Makes the next block from entries in the order given.
///
/// Entries that have no place in it, by the rules or for lack of room, are left out: the block's
/// own entries say which stayed.
pub fn propose(
    context: &BlockContext<'_>,
    state: &State,
    proposer: u16,
    entries: Vec<CheckedEntry>,
) -> Result<(Block, Executed), ExecuteError> {
    let mut executor = Executor::new(context, state)?;
    let limits = &context.genesis.limits;
    let mut count_left = limits.block_transactions_max;
    let mut bytes_left = u64::from(limits.block_bytes_max).saturating_sub(HEADER_BYTES);
    let mut taken = Vec::new();
    for entry in entries {
        let bytes = entry.length() + OUTCOME_BYTES;
        if count_left == 0 || bytes > bytes_left || executor.run(&entry).is_err() {
            continue;
        }
        count_left -= 1;
        bytes_left -= bytes;
        taken.push(entry);
    }
    let executed = executor.finish();
    let outcomes: Vec<u16> = executed.outcomes.iter().map(|it| it.code()).collect();
    let header = header_of(context, state, proposer, &taken, &executed);
    let entries = taken.iter().map(CheckedEntry::to_entry).collect();
    let block = Block {
        header,
        entries,
        outcomes,
    };
    Ok((block, executed))
}

/// Executes a block that somebody else made, and holds everything that it says against what comes
/// out.
///
/// `parent` is the header before it, `state` the one after that, and `checked` the block's entries.
/// That its time is near the clock is left to whoever votes.
pub fn verify_block(
    genesis: &Genesis,
    parent: &Header,
    state: &State,
    block: &Block,
    checked: &[CheckedEntry],
) -> Result<Executed, BlockError> {
    let header = &block.header;
    let count = block.entries.len();
    if u32::try_from(count).map_or(true, |it| it > genesis.limits.block_transactions_max) {
        return Err(BlockError::TooManyEntries(count));
    }
    let differs = |(entry, checked): (&super::Entry, &CheckedEntry)| !checked.is(entry);
    if let Some(index) = block.entries.iter().zip(checked).position(differs) {
        return Err(BlockError::OtherEntry(index));
    }
    if count != checked.len() {
        return Err(BlockError::OtherEntry(count.min(checked.len())));
    }
    let context = BlockContext::after(genesis, parent, state, header.time);
    let epoch = state.epoch_state(genesis);
    let (_, committee) = epoch.at(context.height);
    if committee.key(header.proposer).is_none() {
        return Err(BlockError::Header("proposer"));
    }
    let executed = execute(&context, state, checked)?;
    let expected = header_of(&context, state, header.proposer, checked, &executed);
    compare(header, &expected)?;
    let codes = executed.outcomes.iter().map(|outcome| outcome.code());
    if !block.outcomes.iter().copied().eq(codes) {
        return Err(BlockError::Header("tx_root"));
    }
    Ok(executed)
}

/// The header that a block must have.
fn header_of(
    context: &BlockContext<'_>,
    state: &State,
    proposer: u16,
    entries: &[CheckedEntry],
    executed: &Executed,
) -> Header {
    let genesis = context.genesis;
    let outcomes = executed.outcomes.iter().map(|outcome| outcome.code());
    let leaves = entries.iter().zip(outcomes);
    let past = executed
        .state
        .past()
        .expect("every block adds a header to the past");
    let count = u32::try_from(entries.len()).expect("a block has few entries");
    let epochs = state.epoch_state(genesis);
    let (epoch, _) = epochs.at(context.height);
    let is_border = context.height.is_multiple_of(genesis.snapshot_interval);
    Header {
        version: Header::VERSION,
        rules: context.rules,
        chain: genesis.chain(),
        shard: context.shard,
        epoch,
        height: context.height,
        proposer,
        parent: context.parent,
        time: context.time,
        entries: count,
        tx_root: List::Entries.root(leaves.map(|(entry, outcome)| entry.leaf(outcome))),
        receipts_root: List::Receipts.root(executed.receipts.iter().map(|it| it.digest())),
        history_root: past.root(List::History),
        state_root: executed.state.root(),
        state_version: Header::STATE_VERSION,
        snapshot_root: is_border.then(|| state.snapshot_root()),
    }
}

fn compare(header: &Header, expected: &Header) -> Result<(), BlockError> {
    let fields = [
        ("version", header.version == expected.version),
        ("rules", header.rules == expected.rules),
        ("chain", header.chain == expected.chain),
        ("shard", header.shard == expected.shard),
        ("epoch", header.epoch == expected.epoch),
        ("height", header.height == expected.height),
        ("parent", header.parent == expected.parent),
        ("entries", header.entries == expected.entries),
        ("tx_root", header.tx_root == expected.tx_root),
        (
            "receipts_root",
            header.receipts_root == expected.receipts_root,
        ),
        ("history_root", header.history_root == expected.history_root),
        ("state_root", header.state_root == expected.state_root),
        (
            "state_version",
            header.state_version == expected.state_version,
        ),
        (
            "snapshot_root",
            header.snapshot_root == expected.snapshot_root,
        ),
    ];
    if let Some((name, _)) = fields.into_iter().find(|(_, is_equal)| !is_equal) {
        return Err(BlockError::Header(name));
    }
    assert_eq!(header, expected, "every field of a header is compared");
    Ok(())
}

/// Room for the header and the lengths of both lists.
const HEADER_BYTES: u64 = 512;
const OUTCOME_BYTES: u64 = 2;
