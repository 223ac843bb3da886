use std::{net::SocketAddr, time::Duration};

use serde::{Deserialize, Serialize};

/// What one process of a case has to be.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub(super) struct Part {
    pub(super) role: Role,
    /// How many cars or connections, where that may differ.
    pub(super) cars: usize,
    /// How long the unit gathers telemetry.
    pub(super) tick: Duration,
    /// When the case began, from which all processes make the same trust domain.
    pub(super) start_unix_ms: u64,
    /// Where the unit listens; for all others.
    pub(super) unit: Option<SocketAddr>,
}

#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub(super) enum Role {
    /// QUIC alone: passes on what comes to all who asked.
    BareRelay,
    BareReceiver,
    BareSender,
    /// A station at the road.
    Unit,
    /// A car that wants to hear of everything around.
    Receiver,
    /// Cars that are whole stations, and want to hear nothing.
    Cars,
    /// Cars in rows that want to hear of their neighbours, and take no trouble with what they hear.
    Rows,
    /// A car that reports a hazard each second.
    Hazards,
    /// Cars that say the same much too often.
    Junk,
    /// One car that says the same as often as the network takes it.
    Flooder,
    /// Cars that come, speak for a second and go, ever others.
    Churn,
}
