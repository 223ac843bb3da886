use std::{io, time::Duration};

use tokio::{
    io::{AsyncRead, AsyncWrite},
    sync::watch,
    task::JoinHandle,
};
use tokio_stream::Stream;
use tonic::{
    service::Routes,
    transport::{Server, server::Connected},
};
use tracing::warn;

use super::{
    Caller, Doors, Gate, Incoming, Listener, Reflection, Role, STREAMS_PER_CONNECTION_MAX,
};
use crate::rpc::DESCRIPTORS;

/// Serves one listener behind the gate until `shutdown`, and then until its calls have ended.
pub async fn serve_routes<R, IO>(
    gate: Gate<R>,
    routes: Routes,
    incoming: impl Stream<Item = io::Result<IO>>,
    shutdown: impl Future<Output = ()>,
) -> Result<(), tonic::transport::Error>
where
    R: Role,
    IO: AsyncRead + AsyncWrite + Connected<ConnectInfo = Caller<R>> + Unpin + Send + 'static,
{
    Server::builder()
        .max_concurrent_streams(STREAMS_PER_CONNECTION_MAX)
        .http2_max_pending_accept_reset_streams(Some(RESETS_MAX))
        .http2_max_header_list_size(HEADERS_LEN_MAX)
        .http2_keepalive_interval(Some(KEEPALIVE_INTERVAL))
        .http2_keepalive_timeout(Some(KEEPALIVE_TIMEOUT))
        .layer(gate)
        .add_routes(routes)
        .serve_with_incoming_shutdown(incoming, shutdown)
        .await
}

/// Serves the unix socket, and the TCP address if there is one, each by a task of its own until
/// `stop` turns true.
///
/// `routes` makes the services of one door, with or without reflection.
pub fn serve_doors<R: Role>(
    (listener, doors): (&Listener, Doors<R>),
    reflection: Reflection,
    gate: &Gate<R>,
    stop: &watch::Sender<bool>,
    routes: impl Fn(bool) -> Routes,
) -> Vec<JoinHandle<()>> {
    let is_near = listener
        .tcp_address()
        .is_none_or(|at| at.ip().is_loopback());
    let serve = |incoming: Incoming<R>, is_near| {
        let routes = routes(reflection.is_shown(is_near));
        let (gate, mut stop) = (gate.clone(), stop.subscribe());
        tokio::spawn(async move {
            let stopped = async move {
                // A dropped sender is an end, too.
                let _ = stop.wait_for(|is_stopped| *is_stopped).await;
            };
            if let Err(error) = serve_routes(gate, routes, incoming, stopped).await {
                warn!(%error, "gRPC is no longer served");
            }
        })
    };
    let mut servers = vec![serve(doors.unix, true)];
    servers.extend(doors.tcp.map(|tcp| serve(tcp, is_near)));
    servers
}

/// Adds both versions of reflection over these services: older tools know only the first.
pub fn with_reflection<'a>(
    routes: Routes,
    services: impl Iterator<Item = &'a str> + Clone,
) -> Routes {
    let builder = || {
        services.clone().chain([HEALTH]).fold(
            tonic_reflection::server::Builder::configure()
                .register_encoded_file_descriptor_set(DESCRIPTORS)
                .register_encoded_file_descriptor_set(tonic_health::pb::FILE_DESCRIPTOR_SET),
            |builder, service| builder.with_service_name(service),
        )
    };
    let latest = builder().build_v1();
    let older = builder().build_v1alpha();
    let (Ok(latest), Ok(older)) = (latest, older) else {
        unreachable!("the descriptors were compiled by this build");
    };
    routes.add_service(latest).add_service(older)
}

/// Streams that a client reset before they were looked at (rapid reset); then the connection ends.
const RESETS_MAX: usize = 32;
const HEADERS_LEN_MAX: u32 = 16 * 1024;
const HEALTH: &str = "grpc.health.v1.Health";
const KEEPALIVE_INTERVAL: Duration = Duration::from_secs(20);
const KEEPALIVE_TIMEOUT: Duration = Duration::from_secs(10);
