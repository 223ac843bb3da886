use std::{
    fmt, io,
    sync::{Arc, Mutex},
};

use tokio::{
    io::{AsyncRead, AsyncWrite},
    sync::watch,
};
use tokio_stream::Stream;
use tonic::{server::NamedService, service::Routes, transport::server::Connected};
use tonic_health::server::{HealthReporter, health_reporter};
use wayside::{
    risk::Assessor,
    rpc::{
        agent::v1::{Readiness, agent_service_server::AgentServiceServer},
        hazard::v1::hazard_service_server::HazardServiceServer,
        record::v1::record_service_server::RecordServiceServer,
        replay::v1::replay_service_server::ReplayServiceServer,
        telemetry::v1::telemetry_service_server::TelemetryServiceServer,
        world::v1::world_service_server::WorldServiceServer,
    },
    serve::{Caller, Gate, Limits, MESSAGE_BYTES_MAX, serve_routes, with_reflection},
    telemetry::Metrics,
    transport::Handle,
};

use super::{
    About, Bench, Hub,
    about::AgentDoor,
    hazards::HazardDoor,
    readiness::{keep_up, unknown},
    records::RecordDoor,
    repeats::Repeats,
    replay::ReplayDoor,
    state::TelemetryDoor,
    world::WorldDoor,
};
use crate::{Role, ledger::Records, roadside::Roadside, speaking::Speaking};

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
    /// How dangers are measured.
    pub assessor: Assessor,
    /// What the server says of itself.
    pub about: About,
    /// Writes the configuration in effect as TOML, secrets masked.
    pub config: Arc<dyn Fn() -> String + Send + Sync>,
    /// The drive that is played into the agent; `None` on a road.
    pub bench: Option<Bench>,
    /// The vehicle's records; `None` if it has no ledger.
    pub records: Option<Records>,
    /// How the vehicle comes by its tickets; `None` if it does not ask for them itself.
    pub speaking: Option<Speaking>,
    /// The roadside units that the vehicle uses; `None` if it uses none.
    pub roadside: Option<Roadside>,
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
    gate: Gate<Role>,
    health: HealthReporter,
}

/// What all services share.
pub(super) struct Inner {
    pub(super) handle: Handle,
    pub(super) hub: Hub,
    pub(super) limits: Limits,
    pub(super) metrics: Arc<Metrics>,
    pub(super) assessor: Assessor,
    pub(super) about: About,
    pub(super) config: Arc<dyn Fn() -> String + Send + Sync>,
    pub(super) readiness: watch::Sender<Readiness>,
    pub(super) draining: watch::Sender<bool>,
    pub(super) records: Option<Records>,
    pub(super) speaking: Option<Speaking>,
    pub(super) roadside: Option<Roadside>,
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
            assessor: agent.assessor,
            about: agent.about,
            config: agent.config,
            readiness: unknown(),
            draining: watch::Sender::new(false),
            records: agent.records,
            speaking: agent.speaking,
            roadside: agent.roadside,
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
        IO: AsyncRead + AsyncWrite + Connected<ConnectInfo = Caller<Role>> + Unpin + Send + 'static,
    {
        serve_routes(self.gate.clone(), self.routes(exposure), incoming, shutdown).await
    }

    /// What stands before every method.
    pub(crate) fn gate(&self) -> &Gate<Role> {
        &self.gate
    }

    /// Tells every client that the agent is stopping: health and readiness say so, and streams end
    /// with `UNAVAILABLE`.
    pub fn drain(&self) {
        self.inner.draining.send_replace(true);
    }

    /// The services, for a door that shows so much.
    pub(crate) fn routes(&self, exposure: Exposure) -> Routes {
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
        let records = RecordServiceServer::new(RecordDoor(Arc::clone(&self.inner)))
            .max_decoding_message_size(MESSAGE_BYTES_MAX)
            .max_encoding_message_size(HISTORY_BYTES_MAX);
        let health = tonic_health::pb::health_server::HealthServer::new(
            tonic_health::server::HealthService::from_health_reporter(self.health.clone()),
        )
        .max_decoding_message_size(MESSAGE_BYTES_MAX);
        let mut routes = Routes::new(agent)
            .add_service(hazard)
            .add_service(records)
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
            let services = self.inner.services().map(|(service, _)| service);
            routes = with_reflection(routes, services);
        }
        routes
    }
}

impl Inner {
    /// The names of the services, and whether each needs that the station can sign.
    pub(super) fn services(&self) -> impl Iterator<Item = (&'static str, bool)> + Clone {
        let replay = (ReplayServiceServer::<ReplayDoor>::NAME, false);
        [
            (AgentServiceServer::<AgentDoor>::NAME, false),
            (HazardServiceServer::<HazardDoor>::NAME, true),
            (RecordServiceServer::<RecordDoor>::NAME, false),
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

/// The largest history that is told: what a unit may give, and the records in it once more.
const HISTORY_BYTES_MAX: usize = 48 * MESSAGE_BYTES_MAX;
