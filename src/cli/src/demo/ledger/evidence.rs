use std::{fs, path::Path};

use super::{outage::VICTIM, proof::verify, script::Ledger};
use crate::{
    files::write_whole,
    ledger::{checkpoint, history, places_of_bundle},
};
use anyhow::{Context as _, ensure};

impl Ledger {
    /// A buyer takes the sold car's history from the unit that was killed, a checkpoint from
    /// another operator's, and trusts neither.
    pub(super) async fn prove(&mut self, say: &impl Fn(&str)) -> anyhow::Result<String> {
        say("a buyer fetches the sold car's history from the unit that was killed, and a");
        say("checkpoint from another operator's, and verifies both without a network");
        let id = self.people()?.car(2)?.id.to_string();
        let unit = self.committee.connect(VICTIM).await?;
        let bytes = history(unit, id, Vec::new()).await?;
        let [bundle, checkpoint, forged] =
            ["car.wayside", "checkpoint", "forged.wayside"].map(|name| self.folder.join(name));
        write_whole(&bundle, &bytes)?;
        self.write_checkpoint(&bytes, &checkpoint).await?;
        let genesis = self.folder.join("genesis.toml");
        let verified = verify(&bundle, &genesis, Some(&checkpoint)).await?;
        say(&format!("verify says: {}", verified.first_line));
        ensure!(verified.exit_code == Some(0), "it is not verified");
        let alone = verify(&bundle, &genesis, None).await?;
        ensure!(
            alone.exit_code == Some(3),
            "without a checkpoint it ends with {:?}",
            alone.exit_code
        );
        let changed = flip(&bytes, bytes.len() / 2);
        fs::write(&forged, changed)?;
        let false_one = verify(&forged, &genesis, Some(&checkpoint)).await?;
        say(&format!(
            "of a copy with one byte changed: {}",
            false_one.first_line
        ));
        ensure!(false_one.exit_code == Some(1), "a forgery was not refused");
        Ok(format!(
            "{} bytes verified offline (exit 0), without a checkpoint 3, with one byte changed 1",
            bytes.len()
        ))
    }

    /// Recent headers, tied to those of a bundle.
    async fn write_checkpoint(&self, bundle: &[u8], path: &Path) -> anyhow::Result<()> {
        let mut unit = self.committee.connect(1).await?;
        let answer = checkpoint(&mut unit, Vec::new(), places_of_bundle(bundle)?).await?;
        write_whole(path, &answer.checkpoint).context("the checkpoint")
    }
}

fn flip(bytes: &[u8], index: usize) -> Vec<u8> {
    let mut changed = bytes.to_vec();
    if let Some(byte) = changed.get_mut(index) {
        *byte ^= 1;
    }
    changed
}
