use thiserror::Error;

/// Why the offices give no answer.
#[derive(Clone, Debug, Eq, Error, PartialEq)]
pub(crate) enum Refusal {
    /// As many wait as may.
    #[error("too many requests wait")]
    Busy,
    /// What may have been revoked since the newest block cannot be known here.
    #[error("the newest block known here is too old to issue by")]
    LedgerOld,
    /// The offices stopped, for instance since their journal cannot be written.
    #[error("this unit's offices have stopped")]
    Stopped,
    /// The unit has no part in issuing that could answer this.
    #[error("this unit has no such part in issuing tickets")]
    NotIssuing,
    /// Sealed to a key that does not count.
    #[error("the request is not sealed to a key that counts here")]
    NotOpened,
    /// No request with this token was accepted, or it is forgotten.
    #[error("no request is known by this token")]
    TokenUnknown,
    /// Not a request.
    #[error("{0}")]
    Malformed(String),
    /// Another operator's message that does not count.
    #[error("{0}")]
    MessageRefused(String),
}

impl Refusal {
    /// Its name, for clients and metrics.
    pub(crate) fn reason(&self) -> &'static str {
        match self {
            Self::Busy => "ISSUING_BUSY",
            Self::LedgerOld => "CATCHING_UP",
            Self::Stopped => "ISSUING_FAILED",
            Self::NotIssuing => "NOT_ISSUING",
            Self::NotOpened => "NOT_OPENED",
            Self::TokenUnknown => "TOKEN_UNKNOWN",
            Self::Malformed(_) => "REQUEST_MALFORMED",
            Self::MessageRefused(_) => "MESSAGE_REFUSED",
        }
    }
}
