//! Runs one station on one QUIC endpoint: the only caller of its verbs outside the simulator.
//!
//! [`Driver`] decides nothing about traffic; it turns `poll_*` into packets and packets into
//! `handle_*`. What it does decide is whom to connect to, when to try again, and what a stranger
//! may cost before the handshake has told who it is.
//!
//! **One mutex, no queue.** At ten messages a second a peer, a message costs its wake-ups and not
//! its bytes. The station therefore stands behind one mutex, held without waiting for anything, and
//! the task that quinn wakes for a connection takes it, feeds in all datagrams that are there,
//! and sends all that the station wants sent, before it lets go. A task of its own for the station
//! would add one more wake-up and one queue for each message, and the queue would need a policy for
//! when it is full. For the same reason [`Handle::call`] runs in the caller's task. Run the driver
//! on a current-thread runtime: there the mutex is never contended.
//!
//! **Identity.** Both sides of a connection prove a raw Ed25519 key in the handshake (RFC 7250), a
//! car its ticket's. There are no certificates, names, resumption or early data, each of which would
//! tie two tickets together or could be replayed. When the ticket changes, the side that dialled
//! makes a new connection under the new key, from a new socket, before it closes the old one. A
//! socket that listens changes too unless others were told its port; announcements then name the new
//! one. What both tickets share is the address, and the short time in which both sockets are open.
//! No key lives long: a connection ends with its ticket, and changes its packet keys before that. A
//! roadside unit, which is known by its port and its key anyhow, has a [`ResetKey`] besides: peers of
//! one that was killed notice as soon as it is back.
//!
//! **Limits.** Streams, windows, buffers, handshakes, connections and the time a stream may take are
//! bounded in [`Config`]; what is shed is counted in [`Counters`].

mod backoff;
mod clock;
mod config;
mod core;
mod counters;
mod discovery;
pub mod door;
mod driver;
mod peer;
mod quic;
mod reset;
mod shared;
mod sockets;
mod strangers;
mod target;
mod tls;
mod udp;

pub use clock::Clock;
pub use config::{Config, DiscoveryConfig};
pub use counters::Counters;
pub use driver::{Driver, EventSink, Handle, Setup, StartError};
pub use quic::{ACKNOWLEDGED_AT_ONCE, ALPN, CloseCode, SOCKET_BUFFER_LEN};
pub use reset::ResetKey;

#[cfg(test)]
mod tests;
