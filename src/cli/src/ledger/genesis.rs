use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context as _, ensure};
use clap::Args;
use wayside::{ledger::Genesis, rpc::ledger::v1::GetGenesisRequest};

use super::unit::{Unit, refused};

/// What the ledger begins with.
#[derive(Args, Clone, Debug)]
pub(super) struct GenesisArguments {
    /// The ledger's genesis, from somebody you trust; the unit's word is taken, if not given.
    #[arg(long, value_name = "FILE")]
    genesis: Option<PathBuf>,
}

impl GenesisArguments {
    /// The genesis of the ledger that a unit keeps.
    ///
    /// Fails if that is another one than the user's file says.
    pub(super) async fn of(&self, unit: &Unit) -> anyhow::Result<Genesis> {
        let mut client = unit.ledger.clone();
        let answer = client.get_genesis(GetGenesisRequest {}).await;
        let answer = answer.map_err(|status| refused(&status))?.into_inner();
        let told = Genesis::from_toml(&answer.toml).context("the unit's genesis is none")?;
        if let Some(path) = &self.genesis {
            let own = read(path)?;
            ensure!(
                own.chain() == told.chain(),
                "the unit keeps the ledger {}, and {} is the genesis of {}",
                told.chain(),
                path.display(),
                own.chain()
            );
        }
        if told.development {
            eprintln!("{DEVELOPMENT}");
        }
        Ok(told)
    }
}

/// Reads a genesis from a file.
pub(crate) fn read(path: &Path) -> anyhow::Result<Genesis> {
    let text =
        fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
    Genesis::from_toml(&text).with_context(|| format!("{} is no genesis", path.display()))
}

/// What every surface says of a ledger whose promises do not hold.
pub(crate) const DEVELOPMENT: &str =
    "DEVELOPMENT ledger: no promise holds against whoever has its operators' keys.";
