use std::{
    fmt, io,
    sync::{Arc, Mutex},
    time::Duration,
};

use tokio::{
    io::{AsyncRead, AsyncWrite},
    sync::watch,
};
use tokio_stream::Stream;
use tonic::{
    server::NamedService,
    service::Routes,
    transport::{Server, server::Connected},
};
use tonic_health::server::{HealthReporter, health_reporter};
use wayside::{
    rpc::{
        DESCRIPTORS,
        agent::v1::{Readiness, agent_service_server::AgentServiceServer},
        hazard::v1::hazard_service_server::HazardServiceServer,
        replay::v1::replay_service_server::ReplayServiceServer,
        telemetry::v1::telemetry_service_server::TelemetryServiceServer,
        world::v1::world_service_server::WorldServiceServer,
    },
    telemetry::Metrics,
    transport::Handle,
};

use super::{
    About, Bench, Hub, Limits,
    about::AgentDoor,
    gate::Gate,
    hazards::HazardDoor,
    limits::{MESSAGE_BYTES_MAX, STREAMS_PER_CONNECTION_MAX},
    readiness::{keep_up, unknown},
    repeats::Repeats,
    replay::ReplayDoor,
    state::TelemetryDoor,
    world::WorldDoor,
};
use crate::Caller;

/// What the services speak for.
pub struct Agent {
    /// The station.
    pub handle: Handle,
    /// What the station's driver tells; the same that its sink calls.
    pub hub: Hub,
    /// What bounds callers.
    pub limits: Limits,
    /// Where calls, streams and slow readers are counted.
    pub metrics: Arc<Metrics>,
    /// What the server says of itself.
    pub about: About,
    /// Writes the configuration in effect as TOML, secrets masked.
    pub config: Arc<dyn Fn() -> String + Send + Sync>,
    /// The drive that is played into the agent; `None` on a road.
    pub bench: Option<Bench>,
}

/// What one listener shows beside the services.
#[derive(Clone, Copy, Debug)]
pub struct Exposure {
    /// The reflection service: unix sockets and loopback, elsewhere only if asked for.
    pub reflection: bool,
}

/// The running services; clones are the same.
#[derive(Clone)]
pub struct Services {
    inner: Arc<Inner>,
    bench: Option<Arc<Bench>>,
    repeats: Arc<Mutex<Repeats>>,
    gate: Gate,
    health: HealthReporter,
}

/// What all services share.
pub(super) struct Inner {
    pub(super) handle: Handle,
    pub(super) hub: Hub,
    pub(super) limits: Limits,
    pub(super) metrics: Arc<Metrics>,
    pub(super) about: About,
    pub(super) config: Arc<dyn Fn() -> String + Send + Sync>,
    pub(super) readiness: watch::Sender<Readiness>,
    pub(super) draining: watch::Sender<bool>,
    has_bench: bool,
}

impl Services {
    /// Begins to follow the station's readiness. Must be called within a tokio runtime.
    pub fn start(agent: Agent) -> Self {
        let bench = agent.bench.map(Arc::new);
        let gate = Gate::new(&agent.limits, &agent.metrics);
        let inner = Arc::new(Inner {
            handle: agent.handle,
            hub: agent.hub,
            limits: agent.limits,
            metrics: agent.metrics,
            about: agent.about,
            config: agent.config,
            readiness: unknown(),
            draining: watch::Sender::new(false),
            has_bench: bench.is_some(),
        });
        let (health, _) = health_reporter();
        tokio::spawn(keep_up(Arc::clone(&inner), health.clone()));
        Self {
            inner,
            bench,
            repeats: Arc::default(),
            gate,
            health,
        }
    }

    /// Serves one listener until `shutdown`, and then until its calls have ended.
    ///
    /// Call [`Self::drain`] first: open streams would keep it from ending.
    pub async fn serve<IO>(
        &self,
        incoming: impl Stream<Item = io::Result<IO>>,
        exposure: Exposure,
        shutdown: impl Future<Output = ()>,
    ) -> Result<(), tonic::transport::Error>
    where
        IO: AsyncRead + AsyncWrite + Connected<ConnectInfo = Caller> + Unpin + Send + 'static,
    {
        Server::builder()
            .max_concurrent_streams(STREAMS_PER_CONNECTION_MAX)
            .http2_max_pending_accept_reset_streams(Some(RESETS_MAX))
            .http2_max_header_list_size(HEADERS_LEN_MAX)
            .http2_keepalive_interval(Some(KEEPALIVE_INTERVAL))
            .http2_keepalive_timeout(Some(KEEPALIVE_TIMEOUT))
            .layer(self.gate.clone())
            .add_routes(self.routes(exposure))
            .serve_with_incoming_shutdown(incoming, shutdown)
            .await
    }

    /// Tells every client that the agent is stopping: health and readiness say so, and streams end
    /// with `UNAVAILABLE`.
    pub fn drain(&self) {
        self.inner.draining.send_replace(true);
    }

    fn routes(&self, exposure: Exposure) -> Routes {
        let agent = AgentServiceServer::new(AgentDoor(Arc::clone(&self.inner)))
            .max_decoding_message_size(MESSAGE_BYTES_MAX)
            .max_encoding_message_size(MESSAGE_BYTES_MAX);
        let hazard = HazardServiceServer::new(HazardDoor {
            agent: Arc::clone(&self.inner),
            repeats: Arc::clone(&self.repeats),
        })
        .max_decoding_message_size(MESSAGE_BYTES_MAX)
        .max_encoding_message_size(MESSAGE_BYTES_MAX);
        let telemetry = TelemetryServiceServer::new(TelemetryDoor(Arc::clone(&self.inner)))
            .max_decoding_message_size(MESSAGE_BYTES_MAX)
            .max_encoding_message_size(MESSAGE_BYTES_MAX);
        let world = WorldServiceServer::new(WorldDoor(Arc::clone(&self.inner)))
            .max_decoding_message_size(MESSAGE_BYTES_MAX)
            .max_encoding_message_size(MESSAGE_BYTES_MAX);
        let health = tonic_health::pb::health_server::HealthServer::new(
            tonic_health::server::HealthService::from_health_reporter(self.health.clone()),
        )
        .max_decoding_message_size(MESSAGE_BYTES_MAX);
        let mut routes = Routes::new(agent)
            .add_service(hazard)
            .add_service(telemetry)
            .add_service(world)
            .add_service(health);
        if let Some(bench) = &self.bench {
            let replay = ReplayServiceServer::new(ReplayDoor {
                agent: Arc::clone(&self.inner),
                bench: Arc::clone(bench),
            })
            .max_decoding_message_size(MESSAGE_BYTES_MAX)
            .max_encoding_message_size(MESSAGE_BYTES_MAX);
            routes = routes.add_service(replay);
        }
        if exposure.reflection {
            routes = with_reflection(routes);
        }
        routes
    }
}

impl Inner {
    /// The names of the services, and whether each needs that the station can sign.
    pub(super) fn services(&self) -> impl Iterator<Item = (&'static str, bool)> {
        let replay = (ReplayServiceServer::<ReplayDoor>::NAME, false);
        [
            (AgentServiceServer::<AgentDoor>::NAME, false),
            (HazardServiceServer::<HazardDoor>::NAME, true),
            (TelemetryServiceServer::<TelemetryDoor>::NAME, true),
            (WorldServiceServer::<WorldDoor>::NAME, false),
        ]
        .into_iter()
        .chain(self.has_bench.then_some(replay))
    }

    /// The packages that are served, as `wayside.world.v1`.
    pub(super) fn packages(&self) -> Vec<String> {
        let package = |name: &str| name.rsplit_once('.').map(|(package, _)| package.to_owned());
        self.services()
            .filter_map(|(service, _)| package(service))
            .collect()
    }
}

impl fmt::Debug for Inner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Inner")
            .field("about", &self.about)
            .finish_non_exhaustive()
    }
}

/// Both versions of reflection: older tools know only the first.
fn with_reflection(routes: Routes) -> Routes {
    let builder = || {
        tonic_reflection::server::Builder::configure()
            .register_encoded_file_descriptor_set(DESCRIPTORS)
            .register_encoded_file_descriptor_set(tonic_health::pb::FILE_DESCRIPTOR_SET)
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
const KEEPALIVE_INTERVAL: Duration = Duration::from_secs(20);
const KEEPALIVE_TIMEOUT: Duration = Duration::from_secs(10);
