//! Hands on what vehicles say to those whom it concerns, and keeps hazards for those who come.
//!
//! What is handed on, to whom, and what is left out under load, `wayside::relay` and
//! `wayside::pipeline` decide. This module gives them what a unit has: a key that its operator
//! certified, from which the unit makes its own tickets, slot by slot; the ledger that it follows, which
//! says whose tickets and whose units count, and which do not any more; and a disk.
//!
//! What is hard is that nothing else that a unit does may hold a hazard up. The station therefore has a
//! thread to itself, the [`lane`](lane::Lane), with a runtime of its own: votes, clients and proofs are
//! elsewhere, and whoever wants something of the station has it done there. The disk is never waited for
//! there; hazards that it refuses are relayed all the same, and metrics and log say that they would not
//! survive a restart.
//!
//! ```text
//! vehicles ◀─QUIC─▶ lane: Driver, Station ─▶ Sink ─▶ Store (hazards), SequenceJournal, metrics
//! ledger ─▶ follow: trust domain, operators, revocations ─▶ lane
//! clients ─▶ RoadService ─▶ Roadworks ─▶ lane, Store
//! ```
//!
//! # What is kept where
//!
//! ```text
//! <storage>/relay/sequences.journal  what the unit may have signed with, so that it never does twice
//! <storage>/relay/hazards/           one file for each hazard: its signed bytes, and its signer's ticket
//! ```
//!
//! # What a unit without a list of issuers does
//!
//! Whose tickets count, the ledger says once its operators issue tickets. Before, a unit needs the file
//! of a trust domain (`relay.trust_domain`), as `wayside pki init` writes one. Without either it cannot
//! tell a vehicle from anybody else, and relays nothing until the ledger says so.

mod error;
mod lane;
mod ledger;
mod reloading;
mod roadworks;
mod sequences;
mod sink;
mod speaking;
mod standing;
mod start;
mod store;
mod tending;
mod traffic;
mod unit;

pub use error::RelayStartError;
use ledger::LedgerView;
pub(crate) use speaking::SpeakError;
pub(crate) use start::{RelayParts, start};
pub(crate) use unit::{Relay, RelayError};

#[cfg(test)]
mod tests;
