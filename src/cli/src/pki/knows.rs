use std::{io::Write as _, path::PathBuf};

use clap::Args;
use roadside_unit::read_known;
use serde_json::json;
use wayside::serve::to_hex;

use crate::ledger::read_genesis;

/// Says what a stopped unit knows of tickets by its disk: one line of JSON for each ticket that it had to do
/// with. Only what stands in the same line is known together.
#[derive(Args, Debug)]
pub(super) struct Knows {
    /// The unit's storage folder.
    folder: PathBuf,
    /// The ledger's genesis.
    #[arg(long, value_name = "FILE")]
    genesis: PathBuf,
}

impl Knows {
    pub(super) fn run(self) -> anyhow::Result<()> {
        let genesis = read_genesis(&self.genesis)?;
        let mut out = std::io::stdout().lock();
        for known in read_known(&self.folder, genesis.chain())? {
            let line = json!({
                "role": known.role,
                "slot": known.slot,
                "handle": known.handle,
                "vehicle": known.vehicle.map(|vehicle| vehicle.to_string()),
                "alias": known.alias.map(|alias| to_hex(alias.as_bytes())),
                "ticket_body": known.body,
            });
            writeln!(out, "{line}")?;
        }
        Ok(())
    }
}
