//! The daemon at the road, which is not there yet.
//!
//! It will relay messages between vehicles that are out of each other's reach, and keep the ledger.
//! Until then it says so and ends, rather than run and do nothing.

use thiserror::Error;

/// Why a roadside unit does not run.
#[derive(Debug, Error)]
pub enum UnitError {
    /// Neither the relay nor the ledger exists in this version.
    #[error(
        "this version has no roadside unit yet: neither relay nor ledger; \
         vehicles find each other by static peers or link-local discovery"
    )]
    NotBuilt,
}

/// Runs a roadside unit: the whole of `roadside-unit` and `wayside unit`.
pub fn run() -> Result<(), UnitError> {
    Err(UnitError::NotBuilt)
}
