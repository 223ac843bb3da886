use std::{io::Write as _, path::PathBuf, process::ExitCode};

use anyhow::ensure;
use clap::{Args, Subcommand};
use wayside::{
    crypto::SigningKey,
    ledger::{NoteKey, NoteKeyKind},
    serve::{read_key, write_key},
};

/// Arguments of `wayside witness key`.
#[derive(Args, Debug)]
pub(super) struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Makes a key in a new file, and prints its public half.
    New(Named),
    /// Prints the public half of a key.
    Show(Named),
}

#[derive(Args, Debug)]
struct Named {
    /// The key's file; only you may read it.
    file: PathBuf,
    /// The name that the witness signs under, as club.example.
    #[arg(long)]
    name: String,
}

impl Arguments {
    pub(super) fn run(self) -> anyhow::Result<ExitCode> {
        let (key, named) = match self.command {
            Command::New(named) => {
                let key = SigningKey::generate();
                public(&named.name, &key)?;
                ensure!(
                    !named.file.exists(),
                    "{} is there already: nothing is overwritten",
                    named.file.display()
                );
                write_key(&named.file, &key, NOTE)?;
                (key, named)
            }
            Command::Show(named) => (read_key(&named.file)?, named),
        };
        writeln!(std::io::stdout(), "{}", public(&named.name, &key)?)?;
        Ok(ExitCode::SUCCESS)
    }
}

/// What a witness signs with, to be told to others.
pub(super) fn public(name: &str, key: &SigningKey) -> anyhow::Result<NoteKey> {
    let kind = NoteKeyKind::Cosignature;
    Ok(NoteKey::new(name, kind, key.verifying_key())?)
}

const NOTE: &str = "A witness' private key. Whoever can read it can say that a past was seen.";
