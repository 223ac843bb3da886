use std::path::PathBuf;

use serde::{Deserialize, Serialize};

/// What one process of a case has to be.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub(super) struct Part {
    pub(super) role: Role,
    /// The unix socket of the relay or of the agent.
    pub(super) socket: PathBuf,
    /// When the case began, from which all processes make the same trust domain.
    pub(super) start_unix_ms: u64,
}

#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub(super) enum Role {
    BarePublisher,
    BareRelay,
    BareSubscriber,
    /// A driving stack that tells its agent where its vehicle is.
    Publisher,
    /// A driving stack that is told of the others.
    Subscriber,
}
