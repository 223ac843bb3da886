use std::{
    fs, io,
    io::Write as _,
    path::{Path, PathBuf},
};

use anyhow::Context as _;
use wayside::ledger::AccountKey;
use wayside_engine::RebuildFrom;

use super::{
    identity,
    unit::{INDEX_FILE, ledger_folder, shards},
};
use crate::config::Config;

/// Makes the state of every shard again, compares every root on the way, and prints what they come to,
/// one JSON object a line. The index is thrown away: the next start makes it from the blocks.
///
/// Fails while the unit runs, and for the first block that does not hold.
pub(super) fn rebuild_state(config: &Config, from: RebuildFrom) -> anyhow::Result<()> {
    let opened = identity::open(config, wayside::transport::Clock::system().now().timestamp)?;
    let key = AccountKey::from(opened.key.verifying_key());
    let storage: PathBuf = ledger_folder(&opened.folder);
    for shard in shards(config, &opened.genesis) {
        let rebuilt = wayside_engine::rebuild_state(&storage, &opened.genesis, key, shard, from)
            .with_context(|| format!("shard {shard}"))?;
        let line = serde_json::json!({
            "shard": shard.0,
            "from": rebuilt.from,
            "height": rebuilt.height,
            "state_root": rebuilt.state_root.to_string(),
            "entries": rebuilt.entries,
        });
        writeln!(io::stdout(), "{line}").context("cannot print")?;
    }
    forget_index(&opened.folder.join(INDEX_FILE))
}

/// Has the next start make the index from the blocks.
pub(super) fn forget_index(path: &Path) -> anyhow::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            Err(error).with_context(|| format!("cannot remove {}", path.display()))
        }
        Ok(()) | Err(_) => Ok(()),
    }
}
