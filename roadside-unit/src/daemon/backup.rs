use std::{
    fs::{self, File},
    io::{self, BufReader, Write as _},
    path::Path,
};

use anyhow::Context as _;
use wayside::{ledger::AccountKey, serve::socket_path};

use super::{
    identity,
    rebuild::forget_index,
    unit::{INDEX_FILE, SOCKET, ledger_folder},
};
use crate::{config::Config, grpc::fetch_backup, issuing::mark_restored};

/// Has the running unit of this configuration write a backup to a file, which appears when it is
/// whole.
pub(super) fn back_up(config: &Config, out: &Path) -> anyhow::Result<()> {
    let socket = socket_path(config.grpc.socket.as_ref(), SOCKET)?;
    let part = out.with_extension("part");
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .context("cannot start the runtime")?;
    let fetched = runtime.block_on(fetch_backup(&socket, &part));
    let length = fetched.inspect_err(|_| {
        // What is left of it is not used by anybody.
        let _ = fs::remove_file(&part);
    })?;
    fs::rename(&part, out).with_context(|| format!("cannot name {}", out.display()))?;
    let line = serde_json::json!({ "backup": out.display().to_string(), "bytes": length });
    writeln!(io::stdout(), "{line}").context("cannot print")
}

/// Puts a backup in the place of what the unit lost, checks all of it, and prints what it came to,
/// one JSON object for each shard.
///
/// Fails while the unit runs, and where anything of the ledger is there still.
pub(super) fn restore(config: &Config, backup: &Path) -> anyhow::Result<()> {
    let file = File::open(backup).with_context(|| format!("cannot read {}", backup.display()))?;
    let opened = identity::open(config, wayside::transport::Clock::system().now().timestamp)?;
    let key = AccountKey::from(opened.key.verifying_key());
    let storage = ledger_folder(&opened.folder);
    let source = BufReader::new(file);
    let restored = wayside_engine::restore(&storage, &opened.genesis, key, source)?;
    for shard in restored {
        let line = serde_json::json!({
            "shard": shard.shard.0,
            "from": shard.from,
            "height": shard.height,
            "state_root": shard.state_root.to_string(),
            "entries": shard.entries,
        });
        writeln!(io::stdout(), "{line}").context("cannot print")?;
    }
    // What was issued since the backup is not known here.
    mark_restored(&opened.folder, opened.genesis.chain())?;
    forget_index(&opened.folder.join(INDEX_FILE))
}

/// Lets the unit begin a new journal of votes, as if it had never voted.
///
/// Fails while the unit runs.
pub(super) fn forget_votes(config: &Config) -> anyhow::Result<()> {
    let opened = identity::open(config, wayside::transport::Clock::system().now().timestamp)?;
    let key = AccountKey::from(opened.key.verifying_key());
    let storage = ledger_folder(&opened.folder);
    wayside_engine::forget_votes(&storage, &opened.genesis, key)?;
    Ok(())
}
