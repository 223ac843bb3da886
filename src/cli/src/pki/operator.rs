use std::{
    fmt::Write as _,
    fs,
    io::Write as _,
    net::SocketAddr,
    path::{Path, PathBuf},
};

use anyhow::{Context as _, ensure};
use clap::Args;
use wayside::{
    crypto::SigningKey,
    ledger::{AddOperator, Label},
    serve::write_key,
};

use super::files::{make_private_folder, quoted};
use crate::ledger::read_genesis;

/// Makes the keys of an operator that joins a ledger which is there, what it asks to be taken in
/// with, and the configuration of its roadside unit.
#[derive(Args, Debug)]
pub(super) struct Operator {
    /// The ledger's genesis.
    #[arg(long, value_name = "FILE")]
    genesis: PathBuf,
    /// What people call the operator: 1 to 32 characters of A-Z a-z 0-9 _ - . : /
    #[arg(long, value_name = "NAME")]
    name: Label,
    /// Where other operators reach its unit.
    #[arg(long, value_name = "HOST:PORT")]
    address: String,
    /// Where its unit listens for them, if not at that address.
    #[arg(long, value_name = "IP:PORT")]
    listen: Option<SocketAddr>,
    /// The folder to make; it must be empty or not exist.
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
}

impl Operator {
    pub(super) fn run(self) -> anyhow::Result<()> {
        let genesis = read_genesis(&self.genesis)?;
        let listen = self.listen()?;
        let folder = self.folder()?;
        let (cold_file, vote_file) = (folder.join("cold.key"), folder.join("vote.key"));
        let (cold, vote) = (SigningKey::generate(), SigningKey::generate());
        write_key(&cold_file, &cold, NOTE)?;
        write_key(&vote_file, &vote, NOTE)?;
        // A unit takes its genesis from here, wherever the folder goes.
        let own_genesis = folder.join("genesis.toml");
        write(&own_genesis, &genesis.to_toml())?;
        let asked = AddOperator {
            name: self.name.clone(),
            cold_key: cold.verifying_key().into(),
            vote_key: vote.verifying_key().into(),
            address: self.address.clone(),
        };
        write(&folder.join("operator.toml"), &toml::to_string(&asked)?)?;
        let text = configuration(&folder, &own_genesis, &vote_file, listen)?;
        write(&folder.join("unit.toml"), &text)?;
        writeln!(
            std::io::stdout(),
            "{}: keep cold.key offline; operators take {} in with `wayside ledger committee change \
             --add {}`",
            folder.display(),
            self.name,
            folder.join("operator.toml").display()
        )?;
        Ok(())
    }

    fn folder(&self) -> anyhow::Result<PathBuf> {
        make_private_folder(&self.out)?;
        let folder = self.out.canonicalize()?;
        let is_empty = fs::read_dir(&folder)?.next().is_none();
        ensure!(
            is_empty,
            "{} is not empty: nothing is overwritten",
            folder.display()
        );
        Ok(folder)
    }

    fn listen(&self) -> anyhow::Result<SocketAddr> {
        self.listen
            .map_or_else(|| self.address.parse(), Ok)
            .with_context(|| {
                format!(
                    "{} is a name: say where to listen with --listen",
                    self.address
                )
            })
    }
}

fn configuration(
    folder: &Path,
    genesis: &Path,
    vote_key: &Path,
    listen: SocketAddr,
) -> anyhow::Result<String> {
    let mut text = String::from("version = \"v1\"\nprofile = [\"validator\", \"archive\"]\n");
    writeln!(text, "\n[identity]")?;
    writeln!(text, "genesis = {}", quoted(genesis))?;
    writeln!(text, "vote_key = {}", quoted(vote_key))?;
    writeln!(text, "\n[engine]")?;
    writeln!(text, "listen = \"{listen}\"")?;
    writeln!(text, "\n[storage]")?;
    writeln!(text, "folder = {}", quoted(&folder.join("data")))?;
    writeln!(text, "\n[grpc]")?;
    writeln!(text, "socket = {}", quoted(&folder.join("unit.sock")))?;
    writeln!(text, "\n[metrics]")?;
    writeln!(text, "address = \"127.0.0.1:0\"")?;
    Ok(text)
}

fn write(path: &Path, text: &str) -> anyhow::Result<()> {
    fs::write(path, text).with_context(|| format!("cannot write {}", path.display()))
}

const NOTE: &str =
    "An operator's private key on a Wayside ledger. Whoever can read it can act for the operator.";
