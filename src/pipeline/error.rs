use std::time::Duration;

use thiserror::Error;

use crate::{id::ActionId, security::SignError};

/// Why a station did not publish what its driving stack asked for.
#[derive(Clone, Debug, Eq, Error, PartialEq)]
pub enum PublishError {
    /// The station's clock and the stack's, or the station's two clocks, disagree: it signs
    /// nothing until they agree again.
    #[error("clock is doubted: off by {0:?}")]
    ClockDoubted(Duration),
    /// Too many own hazards are open; cancel one.
    #[error("{0} own hazards are open, no more are allowed")]
    HazardsFull(usize),
    /// Measured further ahead of this station's clock than receivers would believe.
    #[error("state was measured {0:?} in the future")]
    Future(Duration),
    /// No such hazard is open here.
    #[error("no open hazard {0}")]
    HazardUnknown(ActionId),
    /// The event needs a place, and no own position is known yet.
    #[error("no position is given and none is known")]
    NoPosition,
    /// Measured no later than the state before it.
    #[error("state is not newer than the one before")]
    NotNewer,
    /// The signer cannot sign.
    #[error(transparent)]
    Sign(#[from] SignError),
    /// Measured too long ago to be sent.
    #[error("state was measured {0:?} ago")]
    Stale(Duration),
}

impl PublishError {
    /// Its name in metrics and reports.
    pub fn reason(&self) -> &'static str {
        match self {
            Self::ClockDoubted(_) => "clock_doubted",
            Self::HazardsFull(_) => "hazards_full",
            Self::Future(_) => "future",
            Self::HazardUnknown(_) => "hazard_unknown",
            Self::NoPosition => "no_position",
            Self::NotNewer => "not_newer",
            Self::Sign(error) => error.reason(),
            Self::Stale(_) => "stale",
        }
    }
}
