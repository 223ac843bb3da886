//! One peer: what goes to it by which way, and what it may send us.
//!
//! Telemetry is worth nothing a moment later, so a newer message of the same signer replaces a
//! waiting one, a message that waited too long is dropped, and what is left is packed into few
//! datagrams: at ten messages a second a wake-up costs more than the bytes. Hazards never wait and
//! each has a stream of its own, so that one lost packet delays one hazard. Control frames open the
//! connection ([`HelloFrame`]), hand over tickets, and let the revocation list spread: who knows more
//! of it says so ([`ListNews`]), and the other side asks for what it has not, a few times at most.
//!
//! Every message says by how many stations it was passed on ([`HOPS_MAX`] at most). Nobody signs that:
//! whoever passes a message on may lie, so it is information only and never a reason to believe.
//!
//! ```text
//! datagram       (hops, 4 bits ‖ length, 12 bits ‖ envelope) once or more
//! hazard stream  hops, 1 byte ‖ envelope
//! ```
//!
//! A peer proved who it is, not that it is friendly: everything inbound passes a [`Rate`] before
//! anything is decoded, every queue has a bound, and every drop a name in [`LinkCounters`].
//!
//! Messages are opaque here; whether they are true is for `security` and `plausibility`. Keeping
//! live hazards for a peer that comes back is for `pipeline`, since a link ends with its connection.

mod budget;
mod config;
mod control;
mod counters;
mod machine;
mod outbound;

pub use config::{Config, Rate, UnitRates};
pub use control::{
    ControlFrame, HelloFrame, LIST_UPDATE_LEN_MAX, ListNews, PROTOCOL_VERSION, ROADSIDE_LEN_MAX,
    TICKET_LEN, TicketBytes, UNIT_TICKET_LEN,
};
pub use counters::{ClassCounters, DropReason, LinkCounters};
pub use machine::{Class, HOPS_MAX, Link, LinkError, LinkEvent, Transmit};

#[cfg(test)]
mod tests;
