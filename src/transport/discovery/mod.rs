//! Finds stations on the same link.
//!
//! Each station says once a second to a multicast group that it is there. What it says is not
//! signed: it names nobody, and whoever answers must prove a ticket in the handshake. A forged
//! announcement costs a dial in vain, and how many can be outstanding is bounded.

mod announcer;
mod frame;
mod table;

pub(super) use announcer::Announcer;

#[cfg(test)]
mod tests;
