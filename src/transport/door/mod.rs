//! The ledger's door: one request, one answer, between a car and a roadside unit.
//!
//! A car's records must not meet its tickets: whoever sees both on one connection has tied a
//! vehicle's enrolment to where it drives. So records travel apart from the road's traffic, on a QUIC
//! connection of their own, from a port of their own, under a protocol name of their own
//! ([`DOOR_ALPN`]), and the car shows no key at all. Only the unit does: a raw Ed25519 key
//! (RFC 7250), for which its operator's cold key vouches in the first frame
//! ([`UnitCertificate`](crate::security::UnitCertificate)). Address and timing can still tie the two
//! together.
//!
//! What a stranger without a name may cost is bounded here: connections, handshakes, bytes, time,
//! and requests by source prefix. What a request means is left to the handler; for both sides it is
//! a method's name and the bytes of the same messages that the gRPC service of that name takes.
//!
//! One bidirectional stream each:
//!
//! ```text
//! request: length of the name 1 ‖ name ‖ message up to the stream's end
//! answer:  0 ‖ message up to the stream's end
//! refusal: gRPC code 1 ‖ retry after ms 4 (0: of no use) ‖ length of the reason 1 ‖ reason ‖ words
//! ```

mod client;
mod config;
mod frame;
mod rate;
mod server;
mod tls;

pub use client::{CallError, Client, ConnectError, UnitTrust};
pub use config::{ClientConfig, ServerConfig};
pub use frame::{DoorRefusal, DoorRequest, FrameError};
pub use server::{DoorIdentity, Server, ServerCounters};
pub use tls::DOOR_ALPN;

#[cfg(test)]
mod tests;
