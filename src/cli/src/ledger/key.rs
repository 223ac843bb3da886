use std::{
    fs,
    io::Write as _,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    str::FromStr,
};

use anyhow::{Context as _, ensure};
use clap::{Args, Subcommand};
use serde::Deserialize;
use wayside::serve::{from_hex, to_hex, write_private};
use wayside::{crypto::SigningKey, ledger::AccountKey};

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
            Command::Show { file } => read(&file)?,
        };
        writeln!(std::io::stdout(), "{}", account(&key))?;
        Ok(())
    }
}

/// The private part of a key's file; whatever else stands in it is for people.
#[derive(Deserialize)]
struct Text {
    key: String,
}

/// Somebody who may sign here, or only be named.
#[derive(Clone, Debug)]
pub(super) struct Party {
    account: AccountKey,
    file: Option<PathBuf>,
}

impl Party {
    /// How the ledger names them.
    pub(super) fn account(&self) -> AccountKey {
        self.account
    }

    /// Their private key, if its file was given.
    pub(super) fn into_key(self) -> anyhow::Result<Option<SigningKey>> {
        self.file.as_deref().map(read).transpose()
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
        let key = read(&path).map_err(|error| format!("{error:#}"))?;
        Ok(Self {
            account: account(&key),
            file: Some(path),
        })
    }
}

/// Reads a private key from a file of `wayside ledger key new` or `wayside pki`.
pub(crate) fn read(path: &Path) -> anyhow::Result<SigningKey> {
    let failed = || format!("cannot read the key {}", path.display());
    let mode = fs::metadata(path)
        .with_context(failed)?
        .permissions()
        .mode();
    ensure!(
        mode & 0o077 == 0,
        "{} can be read by others: allow its owner alone (chmod 600)",
        path.display()
    );
    let text = fs::read_to_string(path).with_context(failed)?;
    // The parser's message would show the key.
    let text: Option<Text> = toml::from_str(&text).ok();
    let seed: Option<[u8; 32]> = text
        .and_then(|text| from_hex(&text.key))
        .and_then(|seed| seed.as_slice().try_into().ok());
    let seed = seed.with_context(|| format!("{} holds no key of 64 digits", path.display()))?;
    Ok(SigningKey::from_seed(&seed))
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
    let text = format!(
        "# A private key for a Wayside ledger. Whoever can read this file can sign for its owner.\n\
         public = \"{}\"\nkey = \"{}\"\n",
        account(&key),
        to_hex(key.to_seed().as_slice())
    );
    write_private(path, text.as_bytes())?;
    Ok(key)
}
