//! Real sockets on the loopback interface: whole drivers, and strangers who mean them no good.

mod discovery;
mod exchange;
mod handshake;
mod hostile;
mod initial;
mod stranger;
mod vehicle;
