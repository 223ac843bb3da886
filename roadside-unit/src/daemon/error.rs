use std::{io, path::PathBuf};

use thiserror::Error;
use wayside::{
    ledger::GenesisTextError,
    serve::{ConfigError, KeyFileError, ListenError, MetricsServeError, SocketError},
    transport,
};

use crate::{
    development::DevelopmentError, index::IndexError, issuing::IssuerStartError,
    relay::RelayStartError, vault::VaultError,
};

/// Why a roadside unit did not start; nothing is left running.
#[derive(Debug, Error)]
pub enum StartError {
    /// The configuration is dangerous or contradicts itself.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// A file or folder cannot be used.
    #[error("cannot use {}", path.display())]
    File {
        /// The file or folder.
        path: PathBuf,
        /// What the operating system says.
        source: io::Error,
    },
    /// The genesis' file holds none.
    #[error("{} is not a genesis: {reason}", path.display())]
    Genesis {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        reason: GenesisTextError,
    },
    /// A key's file cannot be used.
    #[error(transparent)]
    Key(#[from] KeyFileError),
    /// The certificate for the vehicles' door cannot be used.
    #[error("{} is not a unit's certificate for this ledger: {reason}", path.display())]
    DoorCertificate {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
    /// The development ledger cannot be made.
    #[error(transparent)]
    Development(#[from] DevelopmentError),
    /// There is no usual place for what the unit keeps.
    #[error("no place for the ledger: set storage.folder, XDG_STATE_HOME or HOME")]
    NoFolder,
    /// The engine does not start.
    #[error(transparent)]
    Engine(#[from] wayside_engine::StartError),
    /// The engine ended before it had executed what it had stored.
    #[error(transparent)]
    EngineFailed(#[from] wayside_engine::EngineFailed),
    /// The index cannot be used.
    #[error(transparent)]
    Index(#[from] IndexError),
    /// What is kept off the ledger cannot be used.
    #[error(transparent)]
    Vault(#[from] VaultError),
    /// The unit cannot issue tickets.
    #[error(transparent)]
    Issuing(#[from] IssuerStartError),
    /// The unit cannot relay.
    #[error(transparent)]
    Relay(#[from] RelayStartError),
    /// Clients cannot be let in.
    #[error(transparent)]
    Listen(#[from] ListenError),
    /// Metrics cannot be served.
    #[error(transparent)]
    Metrics(#[from] MetricsServeError),
    /// There is no usual place for this user's socket.
    #[error(transparent)]
    Socket(#[from] SocketError),
    /// The vehicles' door cannot be opened.
    #[error(transparent)]
    Door(#[from] transport::StartError),
}
