use std::path::PathBuf;

use thiserror::Error;
use wayside::{
    security::TrustDomainError,
    serve::{ConfigError, ListenError, MetricsServeError, SequenceJournalError, SocketError},
    transport,
};

use super::risk::LanesError;
use crate::{
    checkpoint::CheckpointFileError, identity::IdentityError, ledger::LedgerIdentityError,
    outbox::OutboxFileError, record::RecordError, state_file::StateFileError,
    tickets::RequestStoreError,
};

/// Why an agent did not start; nothing is left running.
#[derive(Debug, Error)]
pub enum StartError {
    /// The configuration is dangerous.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The trust domain or the tickets are not as they should be.
    #[error(transparent)]
    Identity(#[from] IdentityError),
    /// Neither a file nor the ledger says whose tickets count.
    #[error(
        "no trust domain: {} is not there, and the ledger was not heard of before", .0.display()
    )]
    NoDomain(PathBuf),
    /// The ledger's keys make no trust domain.
    #[error("the ledger's issuers make no trust domain")]
    Domain(#[from] TrustDomainError),
    /// What is kept of the ledger cannot be read.
    #[error(transparent)]
    StateFile(#[from] StateFileError),
    /// The requests for tickets cannot be read.
    #[error(transparent)]
    Requests(#[from] RequestStoreError),
    /// The state folder cannot be used.
    #[error(transparent)]
    Journal(#[from] SequenceJournalError),
    /// The ledger's configuration cannot be used.
    #[error(transparent)]
    Ledger(#[from] LedgerIdentityError),
    /// The journal of records for the ledger cannot be used.
    #[error(transparent)]
    Outbox(#[from] OutboxFileError),
    /// The checkpoint that was kept cannot be read.
    #[error(transparent)]
    Checkpoint(#[from] CheckpointFileError),
    /// The map of lanes cannot be used.
    #[error(transparent)]
    Lanes(#[from] LanesError),
    /// Clients cannot be let in.
    #[error(transparent)]
    Listen(#[from] ListenError),
    /// Metrics cannot be served.
    #[error(transparent)]
    Metrics(#[from] MetricsServeError),
    /// Nothing can be recorded.
    #[error(transparent)]
    Record(#[from] RecordError),
    /// The network endpoint cannot be opened.
    #[error(transparent)]
    Transport(#[from] transport::StartError),
    /// There is no usual place for this user's socket.
    #[error(transparent)]
    Socket(#[from] SocketError),
}
