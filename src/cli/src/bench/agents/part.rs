use std::{net::SocketAddr, time::Duration};

use serde::{Deserialize, Serialize};

/// What one process of a case has to be.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub(in crate::bench) struct Part {
    pub(in crate::bench) kind: Kind,
    pub(in crate::bench) role: Role,
    pub(in crate::bench) connections: usize,
    pub(in crate::bench) tick: Duration,
    /// When the case began, from which both processes make the same trust domain.
    pub(in crate::bench) start_unix_ms: u64,
    /// Where the receiver listens; for the sender.
    pub(in crate::bench) receiver: Option<SocketAddr>,
}

/// Which way messages take.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub(in crate::bench) enum Kind {
    /// QUIC alone.
    Bare,
    /// Whole agents on both sides.
    Stations,
    /// Many signers behind one link on the sending side, a whole agent on the other.
    Carrier,
}

#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub(in crate::bench) enum Role {
    Receiver,
    Sender,
}
