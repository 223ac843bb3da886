use std::{io, path::PathBuf};

use thiserror::Error;
use wayside::{telemetry::MetricsError, transport};

use crate::{
    config::ConfigError, identity::IdentityError, journal::JournalError, listen::ListenError,
    record::RecordError,
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
    /// The state folder cannot be used.
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// Clients cannot be let in.
    #[error(transparent)]
    Listen(#[from] ListenError),
    /// Metrics cannot be served.
    #[error(transparent)]
    Metrics(#[from] MetricsError),
    /// The file of the metrics' token cannot be read.
    #[error("cannot read the metrics' token {}", path.display())]
    Token {
        /// The file.
        path: PathBuf,
        /// What the operating system says.
        source: io::Error,
    },
    /// An empty token would let everybody in.
    #[error("the metrics' token {} is empty", .0.display())]
    EmptyToken(PathBuf),
    /// Nothing can be recorded.
    #[error(transparent)]
    Record(#[from] RecordError),
    /// The network endpoint cannot be opened.
    #[error(transparent)]
    Transport(#[from] transport::StartError),
    /// There is no usual place for this user's socket.
    #[error("no place for the gRPC socket: set grpc.socket or XDG_RUNTIME_DIR")]
    NoSocketPlace,
}
