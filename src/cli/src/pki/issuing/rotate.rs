use std::{fs, path::Path};

use anyhow::{Context as _, ensure};
use clap::Args;
use roadside_unit::development::{WARNING, certify_door};
use rustix::process::{Pid, Signal, kill_process};
use wayside::{crypto::SigningKey, serve::write_key};

use super::{
    desk::{Desk, DomainArguments, KeyKind},
    setup::certify,
};

/// Gives an operator's running unit new keys, while it goes on: one that speaks about tickets, which the
/// operator's cold key certifies on the ledger, and one that vehicles are shown. The issuing key before
/// counts until the unit has taken over the new one, and a while beside it. DEVELOPMENT only.
#[derive(Args, Debug)]
pub(crate) struct Rotate {
    #[command(flatten)]
    domain: DomainArguments,
    /// The operator's index on the ledger, as `wayside pki show` prints it.
    operator: u16,
    /// The unit's process, which is told to read its files again (SIGHUP).
    #[arg(long)]
    pid: i32,
}

impl Rotate {
    pub(in super::super) async fn run(self) -> anyhow::Result<()> {
        let desk = Desk::open(&self.domain).await?;
        let folder = desk.unit_folder(self.operator)?;
        let pid = Pid::from_raw(self.pid).context("--pid is no process")?;
        let cold = desk.key(self.operator, KeyKind::Cold)?;
        replace(folder, "door.key", |path| {
            let door = SigningKey::generate();
            let certificate = folder.join("door.certificate.new");
            certify_door(&certificate, &cold, &door, desk.genesis())?;
            write_key(path, &door, WARNING)?;
            Ok(fs::rename(&certificate, folder.join("door.certificate"))?)
        })?;
        fs::copy(folder.join(ISSUING), folder.join(EARLIER))?;
        replace(folder, ISSUING, |path| {
            Ok(write_key(path, &SigningKey::generate(), WARNING)?)
        })?;
        name_both(&folder.join("unit.toml"))?;
        // The unit has the key before anybody seals to it.
        kill_process(pid, Signal::HUP).context("cannot signal the unit's process")?;
        certify(&desk, self.operator).await?;
        eprintln!("operator {}: new keys", self.operator);
        Ok(())
    }
}

/// Writes another file in place of one.
fn replace(
    folder: &Path,
    name: &str,
    write: impl FnOnce(&Path) -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    let new = folder.join(format!("{name}.new"));
    write(&new)?;
    fs::rename(&new, folder.join(name)).with_context(|| format!("cannot replace {name}"))
}

/// Has the configuration name the issuing key before, too.
fn name_both(config: &Path) -> anyhow::Result<()> {
    let text = fs::read_to_string(config)?;
    if text.contains(EARLIER) {
        return Ok(());
    }
    let one = format!("/{ISSUING}\"]");
    ensure!(
        text.contains(&one),
        "{} names no issuing key of `wayside pki init`",
        config.display()
    );
    let folder = config.parent().context("a file lies in a folder")?;
    let both = format!(
        "/{ISSUING}\", {:?}]",
        folder.join(EARLIER).display().to_string()
    );
    Ok(fs::write(config, text.replace(&one, &both))?)
}

const EARLIER: &str = "issuing-earlier.key";
const ISSUING: &str = "issuing.key";
