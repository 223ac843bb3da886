//! Real sockets on the loopback interface: whole drivers, and strangers who mean them no good.

mod capture;
mod discovery;
mod exchange;
mod handshake;
mod hostile;
pub(crate) mod initial;
mod lists;
mod relay;
pub(crate) mod stranger;
mod targets;
mod vehicle;
