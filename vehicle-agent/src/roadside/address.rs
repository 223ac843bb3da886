use std::net::{IpAddr, SocketAddr};

/// Whether an address may be dialled because somebody at `teller` named it.
///
/// Only who is on this machine may name this machine.
pub(super) fn may_be_dialled(address: SocketAddr, teller: SocketAddr) -> bool {
    let host = address.ip().to_canonical();
    let is_broadcast = matches!(host, IpAddr::V4(host) if host.is_broadcast());
    address.port() != 0
        && !host.is_unspecified()
        && !host.is_multicast()
        && !is_broadcast
        && (!host.is_loopback() || teller.ip().to_canonical().is_loopback())
}
