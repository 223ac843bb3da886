use std::{
    net::{IpAddr, SocketAddr, TcpListener, UdpSocket},
    os::unix::net::UnixStream,
    path::Path,
};

use wayside::{
    serve::{GrpcConfig, MetricsConfig, Role, socket_path},
    time::Timestamp,
    transport::DiscoveryConfig,
};

use super::{
    files::{look_at_secret, look_at_tls},
    report::Report,
};

/// Looks at where clients and scrapers come; returns whether the daemon runs already.
pub(super) fn look_at_doors<R: Role>(
    (grpc, socket): (&GrpcConfig<R>, &str),
    metrics: &MetricsConfig,
    now: Timestamp,
    report: &mut Report,
) -> bool {
    let runs = match socket_path(grpc.socket.as_ref(), socket) {
        Ok(path) => look_at_socket(&path, report),
        Err(error) => {
            report.wrong("gRPC socket", error, "set grpc.socket to a path");
            false
        }
    };
    if let Some(tcp) = &grpc.tcp {
        look_at_tcp("grpc.tcp.address", tcp.address, runs, report);
        if let Some(files) = &tcp.tls {
            look_at_tls(files, now, report);
        }
    }
    if metrics.enabled {
        look_at_tcp("metrics.address", metrics.address, runs, report);
    }
    if let Some(token) = &metrics.bearer_token_file {
        look_at_secret(token, "metrics token", report);
    }
    runs
}

/// Looks whether a daemon listens there already.
fn look_at_socket(path: &Path, report: &mut Report) -> bool {
    let about = "gRPC socket";
    let shown = path.display();
    if UnixStream::connect(path).is_ok() {
        report.well(about, format!("a daemon runs and listens at {shown}"));
        return true;
    }
    if path.as_os_str().len() > SOCKET_PATH_LEN_MAX {
        report.wrong(
            about,
            format!("{shown} is too long for a unix socket"),
            "set grpc.socket to a path of at most 107 bytes",
        );
    } else {
        report.well(
            about,
            format!("nobody listens at {shown}: the daemon does not run"),
        );
    }
    false
}

/// Looks whether a TCP address can be had.
pub(super) fn look_at_tcp(key: &str, address: SocketAddr, runs: bool, report: &mut Report) {
    look_at_port(
        key,
        address,
        runs,
        TcpListener::bind(address).map(drop),
        report,
    );
}

/// Looks whether a UDP address can be had.
pub(super) fn look_at_udp(key: &str, address: SocketAddr, runs: bool, report: &mut Report) {
    look_at_port(
        key,
        address,
        runs,
        UdpSocket::bind(address).map(drop),
        report,
    );
}

fn look_at_port(
    key: &str,
    address: SocketAddr,
    runs: bool,
    bound: std::io::Result<()>,
    report: &mut Report,
) {
    match bound {
        Ok(()) => report.well(key, format!("{address} is free")),
        Err(error) if runs && error.kind() == std::io::ErrorKind::AddrInUse => {
            report.well(key, format!("{address} is in use, and the daemon runs"));
        }
        Err(error) => report.wrong(
            key,
            format!("{address} cannot be had: {error}"),
            format!("end what uses it (`ss -lpn`), or set {key} to another address"),
        ),
    }
}

/// Looks whether stations on the same link can be found.
pub(super) fn look_at_multicast(discovery: &DiscoveryConfig, report: &mut Report) {
    let about = "multicast";
    let joined = match discovery.group {
        SocketAddr::V4(group) => UdpSocket::bind("0.0.0.0:0")
            .and_then(|socket| socket.join_multicast_v4(group.ip(), &discovery.interface)),
        SocketAddr::V6(group) => UdpSocket::bind("[::]:0")
            .and_then(|socket| socket.join_multicast_v6(group.ip(), group.scope_id())),
    };
    let group = discovery.group;
    match joined {
        Ok(()) => report.well(about, format!("the group {group} can be joined")),
        Err(error) => report.wrong(
            about,
            format!("the group {group} cannot be joined: {error}"),
            "set transport.discovery.interface to the address of the interface to other vehicles",
        ),
    }
}

/// Looks whether vehicles elsewhere can reach an address.
pub(super) fn look_at_reach(key: &str, address: IpAddr, report: &mut Report) {
    if address.is_loopback() {
        report.doubtful(
            key,
            format!("{address} is reached from this machine alone"),
            "on a road, set it to an address that others reach",
        );
    }
}

/// Without the zero at the end (unix(7)).
const SOCKET_PATH_LEN_MAX: usize = 107;
