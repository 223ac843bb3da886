//! The vehicle's tickets and trust domain, on disk.
//!
//! A trust domain is a public text file. Each ticket is a file of its own together with its private
//! key, readable by the agent's user alone; a file that is not as it should be is an error that
//! names it, since a car that quietly lacks a ticket falls silent in the middle of a drive.

use std::{
    fs, io,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
};

use serde::{Deserialize, Serialize};
use thiserror::Error;
use wayside::{
    crypto::SigningKey,
    security::{Credential, Refusal, Ticket, TrustDomain, Wallet},
    serve::{from_hex, to_hex, write_private},
};
use zeroize::{Zeroize as _, Zeroizing};

#[cfg(test)]
mod tests;

/// Why a vehicle's identity cannot be read or written.
#[derive(Debug, Error)]
pub enum IdentityError {
    /// A file or folder cannot be read or written.
    #[error("cannot use {}", path.display())]
    Unusable {
        /// The file or folder.
        path: PathBuf,
        /// What the operating system says.
        source: io::Error,
    },
    /// Others than its owner may read a private key.
    #[error("{} can be read by others: allow its owner alone (chmod 600)", .0.display())]
    Exposed(PathBuf),
    /// The file does not hold what its name says.
    #[error("{} is not {what}: {reason}", path.display())]
    Malformed {
        /// The file.
        path: PathBuf,
        /// What it should be.
        what: &'static str,
        /// What is wrong.
        reason: String,
    },
    /// The trust domain does not believe the ticket.
    #[error("ticket {} does not count in the trust domain: {reason}", path.display())]
    Refused {
        /// The ticket's file.
        path: PathBuf,
        /// Why.
        reason: Refusal,
    },
    /// There is no ticket at all.
    #[error("no tickets in {}: the vehicle could not sign anything", .0.display())]
    NoTickets(PathBuf),
}

/// Reads the file of a trust domain.
pub fn read_trust_domain(path: &Path) -> Result<TrustDomain, IdentityError> {
    let text = fs::read_to_string(path).map_err(unusable(path))?;
    TrustDomain::from_toml(&text).map_err(|error| IdentityError::Malformed {
        path: path.to_owned(),
        what: "a trust domain",
        reason: error.to_string().trim_end().replace('\n', " "),
    })
}

/// Reads all tickets of a folder, in the order of their files' names, and checks each against the
/// trust domain.
///
/// Fails for the first file that is not a ticket that counts there. Files without the ending
/// `.ticket` are not looked at.
pub fn read_credentials(
    folder: &Path,
    domain: &TrustDomain,
) -> Result<Vec<Credential>, IdentityError> {
    let mut paths: Vec<PathBuf> = fs::read_dir(folder)
        .and_then(|entries| {
            entries
                .map(|entry| entry.map(|entry| entry.path()))
                .collect()
        })
        .map_err(unusable(folder))?;
    paths.retain(|path| path.extension().is_some_and(|ending| ending == ENDING));
    paths.sort();
    if paths.is_empty() {
        return Err(IdentityError::NoTickets(folder.to_owned()));
    }
    paths
        .into_iter()
        .map(|path| {
            let credential = read_credential(&path)?;
            domain
                .admit(credential.ticket())
                .map_err(|reason| IdentityError::Refused { path, reason })?;
            Ok(credential)
        })
        .collect()
}

/// Reads the tickets of a folder into a wallet.
pub fn read_wallet(folder: &Path, domain: &TrustDomain) -> Result<Wallet, IdentityError> {
    Ok(Wallet::new(
        domain.slots(),
        read_credentials(folder, domain)?,
    ))
}

/// Reads one ticket with its private key.
pub fn read_credential(path: &Path) -> Result<Credential, IdentityError> {
    let malformed = |reason: String| IdentityError::Malformed {
        path: path.to_owned(),
        what: "a ticket",
        reason,
    };
    let mode = fs::metadata(path)
        .map_err(unusable(path))?
        .permissions()
        .mode();
    if mode & 0o077 != 0 {
        return Err(IdentityError::Exposed(path.to_owned()));
    }
    let text = Zeroizing::new(fs::read_to_string(path).map_err(unusable(path))?);
    // The parser's message would quote the line, which may hold the key.
    let parsed: Text = toml::from_str(&text)
        .map_err(|_| malformed("expected version, ticket and key in TOML".to_owned()))?;
    if parsed.version != VERSION {
        return Err(malformed(format!("unknown version {}", parsed.version)));
    }
    let bytes = from_hex(&parsed.ticket).ok_or_else(|| malformed(NOT_HEX.to_owned()))?;
    let ticket = Ticket::from_bytes(&bytes).map_err(|error| malformed(error.to_string()))?;
    let seed: Zeroizing<[u8; 32]> = from_hex(&parsed.key)
        .and_then(|seed| seed.as_slice().try_into().ok())
        .map(Zeroizing::new)
        .ok_or_else(|| malformed("the key is not 64 hexadecimal digits".to_owned()))?;
    Credential::new(ticket, SigningKey::from_seed(&seed))
        .map_err(|error| malformed(error.to_string()))
}

/// Writes one ticket with its private key into a folder, readable by its owner alone; returns the
/// file.
///
/// Fails if the slot's file is there already.
pub fn write_credential(folder: &Path, credential: &Credential) -> Result<PathBuf, IdentityError> {
    let slot = credential.ticket().slot().number();
    let path = folder.join(format!("slot-{slot:08}.{ENDING}"));
    let text = Text {
        version: VERSION,
        ticket: to_hex(credential.ticket().as_bytes()),
        key: to_hex(credential.key().to_seed().as_slice()),
    };
    let text = Zeroizing::new(toml::to_string(&text).expect("a number and text are TOML"));
    write_private(&path, text.as_bytes()).map_err(unusable(&path))?;
    Ok(path)
}

#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct Text {
    version: u32,
    ticket: String,
    key: String,
}

impl Drop for Text {
    fn drop(&mut self) {
        self.key.zeroize();
    }
}

fn unusable(path: &Path) -> impl FnOnce(io::Error) -> IdentityError {
    let path = path.to_owned();
    |source| IdentityError::Unusable { path, source }
}

const ENDING: &str = "ticket";
const NOT_HEX: &str = "the ticket is not hexadecimal digits";
const VERSION: u32 = 1;
