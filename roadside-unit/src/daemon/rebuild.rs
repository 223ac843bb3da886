use std::{fs, io, io::Write as _};

use anyhow::{Context as _, anyhow};
use wayside::ledger::List;

use super::{Daemon, identity, unit::INDEX_FILE};
use crate::config::Config;

/// Makes state and index again, and prints for each shard what they come to, one JSON object a line.
///
/// The state of a unit is never read from a database: every start executes the blocks above the newest
/// snapshot, which itself is held against the header that binds it, and fails if a root differs. So
/// what is to be thrown away is the index.
pub(super) async fn rebuild_state(config: Config) -> anyhow::Result<()> {
    let folder = identity::folder(&config)?;
    let index = folder.join(INDEX_FILE);
    match fs::remove_file(&index) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            return Err(error).with_context(|| format!("cannot remove {}", index.display()));
        }
        Ok(()) | Err(_) => {}
    }
    let daemon = Daemon::start(config).await?;
    let rebuilt = print_shards(&daemon).await;
    daemon.shutdown().await;
    rebuilt
}

async fn print_shards(daemon: &Daemon) -> anyhow::Result<()> {
    for shard in daemon.engine().shards() {
        let tip = daemon.engine().tip(shard);
        let tip = tip.ok_or_else(|| anyhow!("shard {shard} is not kept here"))?;
        daemon.followed().wait_for_tip(shard).await;
        let found = tip.state.root();
        let expected = tip.header.state_root;
        anyhow::ensure!(
            found == expected,
            "shard {shard} comes to the root {found} and not to {expected}"
        );
        let history = daemon.followed().with_log(shard, |log| {
            let headers = (0..tip.header.height).map_while(|height| log.header(height));
            List::History.root(headers)
        });
        anyhow::ensure!(
            history == tip.header.history_root,
            "the headers of shard {shard} come to another root than the newest one says"
        );
        let line = serde_json::json!({
            "shard": shard.0,
            "height": tip.header.height,
            "state_root": found.to_string(),
            "entries": tip.state.len(),
        });
        writeln!(io::stdout(), "{line}").context("cannot print")?;
    }
    Ok(())
}
