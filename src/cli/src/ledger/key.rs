use std::{
    io::Write as _,
    path::{Path, PathBuf},
    str::FromStr,
};

use anyhow::ensure;
use clap::{Args, Subcommand};
use wayside::{
    crypto::SigningKey,
    ledger::AccountKey,
    serve::{read_key, write_key},
};

/// Arguments of `wayside ledger key`.
#[derive(Args, Debug)]
pub(super) struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Makes a key in a new file, and prints its public half, by which the ledger knows you.
    New {
        /// The file to make; only you may read it.
        file: PathBuf,
    },
    /// Prints the public half of a key.
    Show {
        /// The key's file.
        file: PathBuf,
    },
}

impl Arguments {
    pub(super) fn run(self) -> anyhow::Result<()> {
        let key = match self.command {
            Command::New { file } => make(&file)?,
            Command::Show { file } => read_key(&file)?,
        };
        writeln!(std::io::stdout(), "{}", account(&key))?;
        Ok(())
    }
}

/// Somebody who may sign here, or only be named.
#[derive(Clone, Debug)]
pub(super) struct Party {
    account: AccountKey,
    file: Option<PathBuf>,
}

impl Party {
    /// Somebody whose private key is elsewhere.
    pub(super) fn named(account: AccountKey) -> Self {
        Self {
            account,
            file: None,
        }
    }

    /// How the ledger names them.
    pub(super) fn account(&self) -> AccountKey {
        self.account
    }

    /// Their private key, if its file was given.
    pub(super) fn into_key(self) -> anyhow::Result<Option<SigningKey>> {
        Ok(self.file.as_deref().map(read_key).transpose()?)
    }
}

impl FromStr for Party {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if let Ok(account) = text.parse() {
            return Ok(Self {
                account,
                file: None,
            });
        }
        let path = PathBuf::from(text);
        let key = read_key(&path).map_err(|error| error.to_string())?;
        Ok(Self {
            account: account(&key),
            file: Some(path),
        })
    }
}

/// How the ledger names whoever holds a key.
pub(crate) fn account(key: &SigningKey) -> AccountKey {
    key.verifying_key().into()
}

fn make(path: &Path) -> anyhow::Result<SigningKey> {
    ensure!(
        !path.exists(),
        "{} is there already: nothing is overwritten",
        path.display()
    );
    let key = SigningKey::generate();
    write_key(path, &key, NOTE)?;
    Ok(key)
}

const NOTE: &str =
    "A private key for a Wayside ledger. Whoever can read it can sign for its owner.";
