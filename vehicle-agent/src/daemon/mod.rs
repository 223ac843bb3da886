//! Puts an agent together and takes it apart again.
//!
//! What can fail is opened first, and the station speaks last: an agent that cannot keep its
//! sequences, or that its driving stack cannot reach, never joins the road. On the way down the
//! order is the reverse: clients learn that the agent is stopping, hazards on their way are
//! delivered, and only then are connections and files closed.

mod error;
mod identity;
mod ledger;
mod monitor;
mod process;
mod risk;
mod roadside;
mod sink;
mod speaking;

use std::{net::SocketAddr, sync::Arc, time::Duration};

use tokio::{
    sync::{mpsc, watch},
    task::JoinHandle,
    time::timeout,
};
use tracing::{info, warn};
use wayside::{
    pipeline::Station,
    risk::Assessor,
    serve::{
        DaemonConfig as _, Listener, SequenceJournal, serve_doors, socket_path, write_reservations,
    },
    telemetry::{Metrics, MetricsServer},
    time::Now,
    transport::{Clock, Driver, Handle, Setup},
};

pub use error::StartError;
pub use process::{AgentArguments, AgentCommand, run_from_arguments};
pub use risk::LanesError;

use crate::{
    config::Config,
    grpc::{About, Agent, Bench, Exposure, Hub, Services},
    identity::IdentityError,
    ledger::Records,
    record::{Recorder, Recording},
    roadside::Roadside,
    speaking::{Speaking, take_over_operators},
};
use sink::Sink;

/// A running agent.
///
/// [`Self::shutdown`] ends it in order; dropping it ends its tasks as they are.
pub struct Daemon {
    handle: Handle,
    driver: JoinHandle<()>,
    services: Services,
    listener: Listener,
    stop: watch::Sender<bool>,
    servers: Vec<JoinHandle<()>>,
    helpers: Vec<JoinHandle<()>>,
    trips: Option<JoinHandle<()>>,
    metrics: Option<MetricsServer>,
    recording: Option<Recording>,
    speaking: Option<Speaking>,
    config: Config,
}

/// What a recorded drive puts in the place of the road's own.
#[derive(Default)]
pub struct Stage {
    /// The station's clock; this machine's, if `None`.
    pub clock: Option<Clock>,
    /// The drive that the gRPC replay service commands.
    pub bench: Option<Bench>,
}

impl Daemon {
    /// Starts an agent on the road.
    pub async fn start(config: Config) -> Result<Self, StartError> {
        Self::start_on(config, Stage::default()).await
    }

    /// Starts an agent in a recorded drive.
    pub async fn start_on(config: Config, stage: Stage) -> Result<Self, StartError> {
        config.validate()?;
        let assessor = risk::open(&config.risk)?;
        let clock = stage.clock.unwrap_or_else(Clock::system);
        let Opened {
            identity,
            ledger,
            speaking,
        } = open(&config, stage.bench.is_none(), clock.now())?;
        let records = ledger.as_ref().map(|ledger| ledger.records.clone());
        let metrics = Arc::new(Metrics::new(env!("CARGO_PKG_VERSION")));
        let (recorder, recording) = record(&config, &identity.domain, &clock, &metrics)?;
        let socket = socket_path(config.grpc.socket.as_ref(), SOCKET)?;
        let (listener, doors) = Listener::open(&config.grpc, socket).await?;
        let encoded = Arc::clone(&metrics);
        let metrics_server = config
            .metrics
            .serve(move || std::future::ready(encoded.encode()))
            .await?;

        let hub = Hub::new();
        let (reservations, wanted) = mpsc::channel(RESERVATIONS_MAX);
        let (roadside, following) = roadside::open(&config, stage.bench.is_none());
        let sink = Sink {
            hub: hub.clone(),
            metrics: Arc::clone(&metrics),
            reservations,
            recorder,
            roadside: roadside.clone(),
        };
        let (handle, driver, journal) = start_driver(&config, identity, clock, sink)?;
        let stop = watch::Sender::new(false);
        let parts = Parts {
            records,
            speaking,
            roadside,
        };
        let shown = (listener.certificate_end(), parts.clone());
        let watch = monitor::watch(handle.clone(), Arc::clone(&metrics), shown);
        let write = write_reservations(journal, wanted, handle.clone());
        let mut helpers = vec![tokio::spawn(write), tokio::spawn(watch)];
        let tasks = start_ledger(ledger, &parts, (&handle, &hub), &stop)?;
        helpers.extend(tasks.helpers);
        // Whose units are believed is known by now.
        helpers.extend(following.map(|it| roadside::start(it, &config, &handle)));
        let speaking = parts.speaking.clone();
        let station = (handle.clone(), hub);
        let services = start_services((&config, assessor), station, parts, metrics, stage.bench);
        let servers = serve_doors(
            (&listener, doors),
            config.grpc.reflection,
            services.gate(),
            &stop,
            |reflection| services.routes(Exposure { reflection }),
        );
        Ok(Self {
            handle,
            driver,
            services,
            listener,
            stop,
            servers,
            helpers,
            trips: tasks.trips,
            metrics: metrics_server,
            recording,
            speaking,
            config,
        })
    }

    /// The station, for everyone who has something to ask of it.
    pub fn handle(&self) -> &Handle {
        &self.handle
    }

    /// Where local clients connect: `unix:` and the socket's path.
    pub fn grpc_endpoint(&self) -> String {
        format!("unix:{}", self.listener.socket().display())
    }

    /// Where clients connect by TCP; `None` if they cannot.
    pub fn grpc_address(&self) -> Option<SocketAddr> {
        self.listener.tcp_address()
    }

    /// Where other stations connect.
    pub fn quic_address(&self) -> SocketAddr {
        self.handle.local_addr()
    }

    /// Where metrics are served; `None` if they are not.
    pub fn metrics_address(&self) -> Option<SocketAddr> {
        self.metrics.as_ref().map(MetricsServer::address)
    }

    /// Takes new tickets and certificates from their files, and from the configuration who may do what
    /// and how often; what cannot be read stays as it was.
    pub fn reload(&self, config: &Config) {
        self.services.gate().reload(&config.grpc);
        match self.reload_tickets() {
            Ok(count) => info!(count, "read the tickets again"),
            Err(error) => warn!(error = %error, "kept the tickets: they cannot be read again"),
        }
        if let Err(error) = self.listener.reload() {
            warn!(error = %error, "kept the certificates: they cannot be read again");
        }
    }

    /// Whether the station is still fed and drained; waits for whoever holds it.
    pub fn is_alive(&self) -> bool {
        if self.driver.is_finished() {
            return false;
        }
        self.handle.call(|_, _| true)
    }

    /// Ends the agent in order, within the configured grace period.
    ///
    /// Clients are told, hazards on their way are delivered, the recording is closed.
    pub async fn shutdown(self) {
        let grace = self.config.shutdown.grace;
        self.services.drain();
        self.handle.shutdown(grace).await;
        self.stop.send_replace(true);
        for mut server in self.servers {
            if timeout(SERVER_END_TIMEOUT, &mut server).await.is_err() {
                server.abort();
            }
        }
        drop(self.listener);
        if let Some(trips) = self.trips
            && timeout(SERVER_END_TIMEOUT, trips).await.is_err()
        {
            warn!("the last trip was not recorded in time");
        }
        for helper in self.helpers {
            helper.abort();
            // An aborted task says so; what counts is that it has ended and let go of its files.
            let _ = helper.await;
        }
        self.driver.abort();
        let _ = self.driver.await;
        if let Some(metrics) = self.metrics {
            metrics.shutdown();
        }
        // The driver owns the recorder, which may outlive it in the handles of late requests.
        drop(self.services);
        drop(self.handle);
        if let Some(recording) = self.recording {
            let closed = tokio::task::spawn_blocking(|| recording.join());
            if timeout(SERVER_END_TIMEOUT, closed).await.is_err() {
                warn!("the recording was not closed in time");
            }
        }
    }

    fn reload_tickets(&self) -> Result<usize, IdentityError> {
        let domain = self.handle.call(|station, _| Arc::clone(station.domain()));
        let folder = &self.config.identity.tickets;
        let credentials = identity::read(folder, &domain, self.speaking.is_some())?;
        if let Some(speaking) = &self.speaking {
            speaking.handle_held(credentials.iter().map(|it| it.ticket().slot()).collect());
        }
        let count = credentials.len();
        self.handle
            .call(|station, now| station.handle_credentials(credentials, now));
        Ok(count)
    }
}

/// What is on disk.
struct Opened {
    identity: identity::Opened,
    ledger: Option<ledger::OpenedLedger>,
    speaking: Option<Speaking>,
}

/// What an agent may have beside its station.
#[derive(Clone)]
struct Parts {
    records: Option<Records>,
    speaking: Option<Speaking>,
    roadside: Option<Roadside>,
}

/// Reads who the vehicle is and what it was doing; what belongs to a ledger's tickets only on a road.
fn open(config: &Config, is_on_road: bool, now: Now) -> Result<Opened, StartError> {
    let trusted = speaking::open(config, is_on_road)?;
    let is_fetched = trusted.ledger.is_some() && config.tickets.fetch;
    let identity = identity::open(&config.identity, trusted.domain, is_fetched, now)?;
    let ledger = ledger::open(config)?;
    let speaking = match (trusted.ledger, &ledger) {
        (Some(trusted), Some(ledger)) => {
            let held = identity.slots.clone();
            Some(speaking::begin(config, trusted, &ledger.records, held)?)
        }
        (None, _) | (_, None) => None,
    };
    Ok(Opened {
        identity,
        ledger,
        speaking,
    })
}

/// Puts the station on its endpoint.
fn start_driver(
    config: &Config,
    identity: identity::Opened,
    clock: Clock,
    sink: Sink,
) -> Result<(Handle, JoinHandle<()>, SequenceJournal), StartError> {
    let mut station_config = config.station.clone();
    station_config.report_received |= sink.recorder.is_some();
    let domain = identity.domain.id();
    let station = Station::new(
        station_config,
        identity.domain,
        identity.wallet,
        &identity.reservations,
        clock.now(),
    );
    let setup = Setup {
        config: config.transport.clone(),
        seed: seed(),
        clock,
        domain,
        reset_key: None,
    };
    let (handle, driver) = Driver::start(setup, station, sink)?;
    Ok((handle, driver, identity.journal))
}

/// Starts whatever has to do with a ledger; nothing without one.
fn start_ledger(
    ledger: Option<ledger::OpenedLedger>,
    parts: &Parts,
    (handle, hub): (&Handle, &Hub),
    stop: &watch::Sender<bool>,
) -> Result<ledger::LedgerTasks, StartError> {
    let mut tasks = match ledger {
        Some(ledger) => ledger::start(ledger, hub, stop.subscribe()),
        None => ledger::LedgerTasks::default(),
    };
    if let Some(speaking) = &parts.speaking {
        take_over_operators(speaking, handle);
        speaking::restore_list(speaking, handle)?;
        tasks.helpers.extend(speaking::start(speaking, handle, hub));
    }
    Ok(tasks)
}

fn start_services(
    (config, assessor): (&Config, Assessor),
    (handle, hub): (Handle, Hub),
    parts: Parts,
    metrics: Arc<Metrics>,
    bench: Option<Bench>,
) -> Services {
    let shown = config.to_toml();
    Services::start(Agent {
        handle,
        hub,
        limits: config.grpc.limits.clone(),
        metrics,
        assessor,
        about: About {
            name: "vehicle-agent".to_owned(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            ..About::default()
        },
        config: Arc::new(move || shown.clone()),
        bench,
        records: parts.records,
        speaking: parts.speaking,
        roadside: parts.roadside,
    })
}

fn record(
    config: &Config,
    domain: &wayside::security::TrustDomain,
    clock: &Clock,
    metrics: &Arc<Metrics>,
) -> Result<(Option<Recorder>, Option<Recording>), StartError> {
    let Some(folder) = &config.record.folder else {
        return Ok((None, None));
    };
    let about = (domain, clock.now().timestamp);
    let (recorder, recording) =
        Recorder::start(folder, &config.record, about, Arc::clone(metrics))?;
    Ok((Some(recorder), Some(recording)))
}

/// Differs between agents that start at the same moment.
fn seed() -> u64 {
    let key = wayside::crypto::SigningKey::generate().verifying_key();
    let [a, b, c, d, e, f, g, h, ..] = *key.as_bytes();
    u64::from_be_bytes([a, b, c, d, e, f, g, h])
}

/// Reservations that wait for the disk; a station asks for few at a time.
const RESERVATIONS_MAX: usize = 64;
/// How long a part of the agent may take to end once it was told to.
const SERVER_END_TIMEOUT: Duration = Duration::from_secs(1);
const SOCKET: &str = "agent.sock";
