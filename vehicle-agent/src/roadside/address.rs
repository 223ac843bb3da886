use std::net::{IpAddr, SocketAddr};

/// Whether an address may be dialled because somebody at `teller` named it.
///
/// Only who is on this machine may name this machine, and only who is in a private network another in
/// one.
pub(super) fn may_be_dialled(address: SocketAddr, teller: SocketAddr) -> bool {
    let host = address.ip().to_canonical();
    let is_broadcast = matches!(host, IpAddr::V4(host) if host.is_broadcast());
    address.port() != 0
        && !host.is_unspecified()
        && !host.is_multicast()
        && !is_broadcast
        && (!host.is_loopback() || teller.ip().to_canonical().is_loopback())
        && (!is_private(host) || is_private(teller.ip().to_canonical()))
}

fn is_private(host: IpAddr) -> bool {
    host.is_loopback()
        || match host {
            IpAddr::V4(host) => host.is_private() || host.is_link_local(),
            IpAddr::V6(host) => host.is_unique_local() || host.is_unicast_link_local(),
        }
}
