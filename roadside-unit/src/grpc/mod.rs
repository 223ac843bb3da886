//! The services: parses what clients ask, asks engine and index, and converts what they answer.
//!
//! Nothing about the ledger is decided here, and no answer has to be believed: what counts is handed
//! out as bytes that prove themselves. Clients come by gRPC, and vehicles by the QUIC door with the
//! same messages; both end at one [`Desk`], so that no rule holds at one door only. What is said on the road
//! goes to the unit's relay.
//!
//! ```text
//! gRPC ─▶ Gate: caller, role, rate, deadline ─▶ service ─┐
//! QUIC ─▶ door: source's rate, deadline, the role table ─┴─▶ Desk ─▶ engine, index, relay
//! ```
//!
//! [`Services::start`] once, [`Services::routes`] for each door, [`Services::drain`] before the end, so
//! that clients learn of it from health and from their streams.

mod backup;
mod desk;
mod door;
mod governance;
mod handovers;
mod health;
mod issuing;
mod ledger;
mod notes;
mod proof;
mod reading;
mod refusal;
mod road;
mod roles;
mod server;
mod submission;
mod vault;
mod watch;
mod witness;

pub(crate) use backup::fetch_backup;
pub(crate) use desk::{Desk, DeskParts};
pub(crate) use roles::METHODS;
pub(crate) use server::Services;

#[cfg(test)]
mod tests;
