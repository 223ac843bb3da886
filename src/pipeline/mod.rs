//! One station: everything between its driving stack, its peers and its picture of the road.
//!
//! ```text
//! handle_state ─▶ generation rule ─▶ message ─▶ Signer ─▶ Link of each peer ─▶ poll_transmit
//! handle_datagram, handle_hazard_stream ─▶ Link ─▶ Verifier ─▶ plausibility ─▶ World ─▶ poll_event
//! ```
//!
//! [`Station`] owns the machines and the order of their steps; each step changes the type
//! (`Bytes → Envelope → Verified → Judged → Object`), so that none can be skipped. What it decides
//! itself is what no single machine can: whether a state is worth sending, whether this station may
//! sign at all (its clock, its tickets, its driving stack), which of its own hazards a new peer
//! must hear, which dangers that `hazards` found are told and when they are over, what is left
//! unverified under load, and what a refusal leads to. At the road the same
//! machine is a unit's: it passes on what it verified, as `relay` decides; in a car it tells units what
//! the car wants to hear. Sockets, disks and clocks are for `transport` and the
//! daemons; `sim` drives the same machine in virtual time, and there is no third caller.

mod accusing;
mod config;
mod counters;
mod detecting;
mod error;
mod event;
mod generation;
mod hazards;
mod inbound;
mod lists;
mod outbound;
mod peers;
mod readiness;
mod relaying;
mod restored;
mod roadside;
mod shedding;
mod station;
mod trust;
mod waiting;

pub use config::Config;
pub use counters::Counters;
pub use error::PublishError;
pub use event::{Accusation, Delivery, DisconnectReason, Event};
pub use generation::GenerationRule;
pub use hazards::{HazardReport, OwnHazard};
pub use inbound::Handshake;
pub use lists::ListError;
pub use outbound::{OwnState, Published};
pub use readiness::{NotReady, Readiness};
pub use restored::hazard_in;
pub use roadside::RoadsideConfig;
pub use station::{Identity, Station};

#[cfg(test)]
mod tests;
