//! The vehicle's tickets and trust domain, on disk.
//!
//! A trust domain is a public text file. Each ticket is a file of its own together with its private
//! key, readable by the agent's user alone; a file that is not as it should be is an error that
//! names it, since a car that quietly lacks a ticket falls silent in the middle of a drive.

use std::{
    collections::BTreeSet,
    fs::{self, DirBuilder, File},
    io,
    os::unix::fs::{DirBuilderExt as _, PermissionsExt as _},
    path::{Path, PathBuf},
};

use serde::{Deserialize, Serialize};
use thiserror::Error;
use wayside::{
    crypto::SigningKey,
    security::{Credential, Refusal, Slot, Ticket, TrustDomain, Wallet},
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
    let paths = ticket_files(folder)?;
    if paths.is_empty() {
        return Err(IdentityError::NoTickets(folder.to_owned()));
    }
    let mut read = read_files(paths, domain)?;
    match read.refused.pop() {
        Some(refused) => Err(refused),
        None => Ok(read.credentials),
    }
}

/// The tickets of a folder.
pub struct FetchedTickets {
    /// Those that count in the trust domain.
    pub credentials: Vec<Credential>,
    /// Why others do not: their issuer may have been withdrawn.
    pub refused: Vec<IdentityError>,
    /// The slots of these.
    pub outdated: Vec<Slot>,
}

/// Reads the tickets of a folder that the vehicle fills by itself, and makes the folder if there is
/// none. There may be no ticket yet, and some may not count any more.
///
/// Fails for the first file that is not a ticket.
pub fn read_fetched(folder: &Path, domain: &TrustDomain) -> Result<FetchedTickets, IdentityError> {
    DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(folder)
        .map_err(unusable(folder))?;
    read_files(ticket_files(folder)?, domain)
}

fn ticket_files(folder: &Path) -> Result<Vec<PathBuf>, IdentityError> {
    let mut paths: Vec<PathBuf> = fs::read_dir(folder)
        .and_then(|entries| {
            entries
                .map(|entry| entry.map(|entry| entry.path()))
                .collect()
        })
        .map_err(unusable(folder))?;
    paths.retain(|path| path.extension().is_some_and(|ending| ending == ENDING));
    paths.sort();
    Ok(paths)
}

fn read_files(paths: Vec<PathBuf>, domain: &TrustDomain) -> Result<FetchedTickets, IdentityError> {
    let mut read = FetchedTickets {
        credentials: Vec::new(),
        refused: Vec::new(),
        outdated: Vec::new(),
    };
    for path in paths {
        let credential = read_credential(&path)?;
        match domain.admit(credential.ticket()) {
            Ok(_) => read.credentials.push(credential),
            Err(reason) => {
                read.outdated.push(credential.ticket().slot());
                read.refused.push(IdentityError::Refused { path, reason });
            }
        }
    }
    Ok(read)
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

/// Writes one ticket with its private key into a folder, readable by its owner alone, whole or not
/// at all; returns the file.
///
/// Fails if the slot's file is there already.
pub fn write_credential(folder: &Path, credential: &Credential) -> Result<PathBuf, IdentityError> {
    let path = ticket_file(folder, credential.ticket().slot());
    if path.try_exists().map_err(unusable(&path))? {
        return Err(unusable(&path)(io::ErrorKind::AlreadyExists.into()));
    }
    replace_credential(folder, credential)
}

/// The same, in the place of whatever the slot's file holds.
pub fn replace_credential(
    folder: &Path,
    credential: &Credential,
) -> Result<PathBuf, IdentityError> {
    let path = ticket_file(folder, credential.ticket().slot());
    let text = Text {
        version: VERSION,
        ticket: to_hex(credential.ticket().as_bytes()),
        key: to_hex(credential.key().to_seed().as_slice()),
    };
    let text = Zeroizing::new(toml::to_string(&text).expect("a number and text are TOML"));
    let next = path.with_extension("next");
    remove_if_there(&next)
        .and_then(|()| write_private(&next, text.as_bytes()))
        .and_then(|()| fs::rename(&next, &path))
        .and_then(|()| File::open(folder)?.sync_all())
        .map_err(unusable(&path))?;
    Ok(path)
}

/// Removes a slot's ticket and its private key, if they are there.
pub fn remove_credential(folder: &Path, slot: Slot) -> Result<(), IdentityError> {
    let path = ticket_file(folder, slot);
    remove_if_there(&path).map_err(unusable(&path))
}

/// The slots after which files of a folder are named, whether their tickets count or not.
pub fn slots_of_files(folder: &Path) -> Result<BTreeSet<Slot>, IdentityError> {
    let paths = ticket_files(folder)?;
    let slots = paths.iter().filter_map(|path| {
        let number = path.file_stem()?.to_str()?.strip_prefix("slot-")?;
        number.parse().ok().map(Slot::from_number)
    });
    Ok(slots.collect())
}

fn ticket_file(folder: &Path, slot: Slot) -> PathBuf {
    folder.join(format!("slot-{:08}.{ENDING}", slot.number()))
}

fn remove_if_there(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        other => other,
    }
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
