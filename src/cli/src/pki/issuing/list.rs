use std::{fs, io::Write as _, path::PathBuf};

use anyhow::Context as _;
use clap::Args;
use serde_json::json;

use super::desk::{Desk, DomainArguments};

/// Prints the list of revoked tickets, after its proof was checked: one line of JSON for each series.
#[derive(Args, Debug)]
pub(crate) struct List {
    #[command(flatten)]
    domain: DomainArguments,
    /// Keeps the list with its proof in a file, which `wayside pki inspect` shows.
    #[arg(long, value_name = "FILE")]
    save: Option<PathBuf>,
}

impl List {
    pub(in super::super) async fn run(self) -> anyhow::Result<()> {
        let desk = Desk::open(&self.domain).await?;
        let (update, list) = desk.revocations().await?;
        if let Some(path) = &self.save {
            fs::write(path, update.to_bytes())
                .with_context(|| format!("cannot write {}", path.display()))?;
        }
        let mut out = std::io::stdout().lock();
        for (number, series) in list.live() {
            let line = json!({
                "entry": number,
                "slot_from": series.slot_from.number(),
                "slot_until": series.slot_until.number(),
            });
            writeln!(out, "{line}")?;
        }
        Ok(())
    }
}
