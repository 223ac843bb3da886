/// What the edge did and shed; counts only grow.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Counters {
    /// Inbound connections that finished their handshake.
    pub accepted: u64,
    /// Outbound connections that finished their handshake.
    pub dialled: u64,
    /// Outbound attempts that failed.
    pub dials_failed: u64,
    /// Inbound handshakes that failed, by a wrong protocol, key or signature among others.
    pub handshakes_failed: u64,
    /// Inbound attempts ignored since [`Config::handshakes_max`](super::Config::handshakes_max) was
    /// reached, by all or by one network, or refused since connections were at their bound or no
    /// ticket was at hand.
    pub handshakes_shed: u64,
    /// Strangers asked to show that their address is theirs.
    pub retries: u64,
    /// Connections closed because the two sides had dialled each other.
    pub duplicates: u64,
    /// Inbound streams cut because they took too long or were too long.
    pub streams_cut: u64,
    /// Outbound streams dropped because too many waited for a peer that takes none.
    pub streams_dropped: u64,
    /// Datagrams that the connection did not take: too large for its path, or closed.
    pub datagrams_dropped: u64,
}
