use std::{
    net::SocketAddr,
    num::NonZeroU64,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use tokio::{
    sync::watch,
    task::{JoinHandle, spawn_blocking},
    time::timeout,
};
use tracing::{error, warn};
use wayside::{
    crypto::SigningKey,
    id::ShardId,
    ledger::Genesis,
    serve::{DaemonConfig as _, Listener, MetricsServeError, serve_doors, socket_path},
    telemetry::{IssuingMetrics, LedgerMetrics, Metrics, MetricsServer, RelayMetrics},
    time::Timestamp,
    transport::{Clock, door},
};
use wayside_engine::{Application, Handle, Running, Seat};

use super::{
    StartError,
    audit::Audits,
    identity::{self, DoorFiles, Opened},
    monitor::Monitor,
    relaying::{self, RelayCounts, Relaying},
};
use crate::{
    config::{Config, Profile},
    follow::{Followed, Follower},
    grpc::{Desk, DeskParts, Services},
    index::Index,
    issuing::{self, Issuer, IssuerParts, KeyRing, Peers},
    vault::{Sweeper, Vault},
    voice::{Voice, VoiceParts},
};

/// A running roadside unit.
///
/// [`Self::shutdown`] ends it in order; dropping it ends its tasks as they are.
pub struct Daemon {
    genesis: Arc<Genesis>,
    clock: Clock,
    engine: Handle,
    running: Running,
    services: Services,
    listener: Listener,
    door: Option<Door>,
    issuing: Issuing,
    relaying: Option<Relaying>,
    stop: watch::Sender<bool>,
    servers: Vec<JoinHandle<()>>,
    helpers: Vec<JoinHandle<()>>,
    failed: watch::Receiver<bool>,
    metrics: Option<MetricsServer>,
    grace: Duration,
}

/// Where vehicles come, and where what they are shown is read again.
struct Door {
    server: door::Server,
    files: DoorFiles,
}

/// What issues tickets, if the operator gave keys for that, and where these are read again.
struct Issuing {
    issuer: Option<Issuer>,
    files: Vec<PathBuf>,
}

/// What is counted.
#[derive(Clone)]
struct Counts {
    grpc: Arc<Metrics>,
    ledger: Arc<LedgerMetrics>,
    issuing: Arc<IssuingMetrics>,
    /// Of a unit that relays.
    relay: Option<Arc<RelayMetrics>>,
}

impl Counts {
    fn new(config: &Config) -> Self {
        let version = env!("CARGO_PKG_VERSION");
        let grpc = match config.relay {
            Some(_) => Metrics::of_relay(version),
            None => Metrics::without_station(version),
        };
        Self {
            relay: config.relay.as_ref().map(|_| Arc::default()),
            grpc: Arc::new(grpc),
            ledger: Arc::new(LedgerMetrics::new()),
            issuing: Arc::new(IssuingMetrics::new()),
        }
    }
}

impl Counts {
    fn of_relay(&self) -> RelayCounts {
        RelayCounts {
            messages: Arc::clone(&self.grpc),
            relay: self.relay.clone().unwrap_or_default(),
        }
    }
}

impl Daemon {
    /// Starts a unit; returns once it has executed what it had stored before.
    pub async fn start(config: Config) -> Result<Self, StartError> {
        config.validate()?;
        let clock = Clock::system();
        let mut opened = identity::open(&config, clock.now().timestamp)?;
        let index = open_index(&opened.folder, &opened.genesis)?;
        let socket = socket_path(config.grpc.socket.as_ref(), SOCKET)?;
        let (listener, doors) = Listener::open(&config.grpc, socket).await?;
        let (engine, running) = start_engine(&config, &opened)?;
        engine.ready().await?;

        let counts = Counts::new(&config);
        let metrics = serve_metrics(&config, &counts, &engine).await?;
        let followed = Arc::new(Followed::new(engine.clone(), index));
        let (follow, failed) = follow(&engine, &followed, &counts, &clock);
        let certificate_end = listener.certificate_end();
        let watchers = watch_over(&opened, &engine, &counts, &clock, certificate_end);
        let (kept, sweep) = open_vault(&config, &mut opened, &engine, &followed, &clock)?;
        let (issuing, wake) =
            start_issuing(&config, &opened, (&engine, &followed, &clock), &counts)?;
        let counted = counts.of_relay();
        let (accuser, engines) = (issuing.issuer.clone(), (&engine, &clock));
        let relaying = relaying::start(&config, &opened, engines, accuser, counted).await?;
        let helpers = [follow, sweep].into_iter().chain(watchers).chain(wake);
        let helpers = helpers.collect();
        let desk = Arc::new(Desk::new(DeskParts {
            genesis: Arc::clone(&opened.genesis),
            engine: engine.clone(),
            followed,
            metrics: counts.grpc,
            ledger_metrics: counts.ledger,
            limits: config.grpc.limits.clone(),
            clock: clock.clone(),
            profile: config.profile.clone(),
            key: opened.key,
            witnesses: config.witnesses.parsed()?,
            vault: kept.vault,
            custodian: kept.custodian,
            issuer: issuing.issuer.clone(),
            peers: Arc::new(Peers::new(opened.genesis.chain(), clock.clone())),
        }));
        let door = open_door(&config, (opened.door, &opened.genesis), &desk, &clock)?;
        let services = Services::start(desk, relaying.as_ref().map(Relaying::relay));
        let stop = watch::Sender::new(false);
        let servers = serve_doors(
            (&listener, doors),
            config.grpc.reflection,
            services.gate(),
            &stop,
            |reflection| services.routes(reflection),
        );
        Ok(Self {
            genesis: opened.genesis,
            clock,
            engine,
            running,
            services,
            listener,
            door,
            issuing,
            relaying,
            stop,
            servers,
            helpers,
            failed,
            metrics,
            grace: config.shutdown.grace,
        })
    }

    /// The ledger that it keeps.
    pub fn genesis(&self) -> &Genesis {
        &self.genesis
    }

    /// Where local clients connect: `unix:` and the socket's path.
    pub fn grpc_endpoint(&self) -> String {
        format!("unix:{}", self.listener.socket().display())
    }

    /// Where clients connect by TCP; `None` if they cannot.
    pub fn grpc_address(&self) -> Option<SocketAddr> {
        self.listener.tcp_address()
    }

    /// Where vehicles connect; `None` if they cannot.
    pub fn door_address(&self) -> Option<SocketAddr> {
        self.door.as_ref().map(|door| door.server.address())
    }

    /// Where vehicles hear each other; `None` while they cannot.
    pub fn relay_address(&self) -> Option<SocketAddr> {
        self.relaying.as_ref()?.relay().address()
    }

    /// Where metrics are served; `None` if they are not.
    pub fn metrics_address(&self) -> Option<SocketAddr> {
        self.metrics.as_ref().map(MetricsServer::address)
    }

    /// Whether the engine and the relay still answer and blocks are followed; never returns while one of
    /// them does not answer.
    pub async fn is_alive(&self) -> bool {
        let has_failed = *self.failed.borrow();
        if has_failed || self.engine.metrics().await.is_none() {
            return false;
        }
        match &self.relaying {
            Some(relaying) => relaying.relay().is_alive().await,
            None => true,
        }
    }

    /// Returns once the unit cannot go on, for instance because its disk is full.
    pub async fn failed(&self) {
        let mut failed = self.failed.clone();
        // Nobody left to say so has failed, too.
        let _ = failed.wait_for(|failed| *failed).await;
    }

    /// Takes new keys and certificates from their files, and from the configuration who may do what and
    /// how often. What is connected stays connected; what cannot be read stays as it was.
    pub fn reload(&self, config: &Config) {
        self.services.gate().reload(&config.grpc);
        if let Err(error) = self.listener.reload() {
            warn!(%error, "kept the certificates: they cannot be read again");
        }
        if let Some(issuer) = &self.issuing.issuer {
            let files = match config.issuing.keys.is_empty() {
                true => &self.issuing.files,
                false => &config.issuing.keys,
            };
            match KeyRing::read(files) {
                Ok(keys) => issuer.reload(keys, config.issuing.ticket_key_lifetime),
                Err(error) => warn!(%error, "kept the issuing keys: they cannot be read again"),
            }
        }
        match &self.relaying {
            Some(relaying) => {
                relaying.reload(config, (&self.genesis, &self.engine, &self.clock));
            }
            None if config.relay.is_some() => {
                warn!("the unit relays once it is started again");
            }
            None => {}
        }
        if let Some(door) = &self.door
            && let Err(error) = self.reload_door(door, config)
        {
            warn!(%error, "kept the door's key: another cannot be used");
        }
    }

    fn reload_door(&self, door: &Door, config: &Config) -> Result<(), StartError> {
        let files = DoorFiles::of(config).unwrap_or_else(|| door.files.clone());
        let now = self.clock.now().timestamp;
        let identity = files.read(&self.genesis, &self.engine, now)?;
        door.server.reload(config.door.server.clone(), &identity)?;
        Ok(())
    }

    /// Ends the unit in order, within the configured grace period.
    pub async fn shutdown(self) {
        self.services.drain();
        if let Some(relaying) = self.relaying {
            relaying.shutdown(self.grace).await;
        }
        if let Some(door) = self.door {
            door.server.shutdown(self.grace).await;
        }
        if let Some(issuer) = self.issuing.issuer {
            // Off this thread, since it waits for a flush at most.
            let _ = spawn_blocking(move || issuer.stop()).await;
        }
        self.stop.send_replace(true);
        for mut server in self.servers {
            if timeout(self.grace, &mut server).await.is_err() {
                server.abort();
            }
        }
        drop(self.listener);
        for helper in self.helpers {
            helper.abort();
            // An aborted task says so; what counts is that it has ended and let go of its files.
            let _ = helper.await;
        }
        if let Some(metrics) = self.metrics {
            metrics.shutdown();
        }
        self.engine.shutdown();
        let running = self.running;
        let ended = spawn_blocking(|| running.join());
        match timeout(ENGINE_END_TIMEOUT, ended).await {
            Ok(Ok(Ok(()))) => {}
            Ok(Ok(Err(error))) => error!(%error, "the engine did not end in order"),
            Ok(Err(_)) | Err(_) => warn!("the engine did not end in time"),
        }
    }
}

/// Looks from time to time at what nothing announces.
fn watch_over(
    opened: &Opened,
    engine: &Handle,
    counts: &Counts,
    clock: &Clock,
    certificate_end: Option<Timestamp>,
) -> [JoinHandle<()>; 2] {
    let monitor = Monitor {
        engine: engine.clone(),
        metrics: Arc::clone(&counts.grpc),
        ledger: Arc::clone(&counts.ledger),
        clock: clock.clone(),
        folder: opened.folder.clone(),
        certificate_end,
    };
    let audits = Audits {
        genesis: Arc::clone(&opened.genesis),
        engine: engine.clone(),
        metrics: Arc::clone(&counts.ledger),
        clock: clock.clone(),
    };
    [tokio::spawn(monitor.run()), tokio::spawn(audits.run())]
}

fn open_index(folder: &Path, genesis: &Genesis) -> Result<Index, StartError> {
    let (index, was_damaged) = Index::open(&folder.join(INDEX_FILE), genesis.chain())?;
    if was_damaged {
        warn!("the index was damaged: it is made again from the blocks");
    }
    Ok(index)
}

/// What is kept off the ledger, and for whom.
struct Kept {
    vault: Arc<Vault>,
    custodian: Option<Arc<Voice>>,
}

fn open_vault(
    config: &Config,
    opened: &mut Opened,
    engine: &Handle,
    followed: &Arc<Followed>,
    clock: &Clock,
) -> Result<(Kept, JoinHandle<()>), StartError> {
    let vault = Vault::open(opened.folder.join(VAULT_FOLDER), config.vault.bytes_max)?;
    let custodian = opened.custodian.take().map(|key| {
        Arc::new(Voice::new(VoiceParts {
            key,
            genesis: Arc::clone(&opened.genesis),
            engine: engine.clone(),
            followed: Arc::clone(followed),
            clock: clock.clone(),
        }))
    });
    let kept = Kept {
        vault: Arc::new(vault),
        custodian,
    };
    let skew = opened.genesis.limits.clock_skew_max_ms;
    let sweeper = Sweeper {
        vault: Arc::clone(&kept.vault),
        custodian: kept.custodian.clone(),
        engine: engine.clone(),
        followed: Arc::clone(followed),
        fresh_from: clock
            .now()
            .timestamp
            .saturating_add(Duration::from_millis(skew.into())),
    };
    Ok((kept, tokio::spawn(sweeper.run())))
}

/// Begins to issue, if the operator gave keys for that.
fn start_issuing(
    config: &Config,
    opened: &Opened,
    (engine, followed, clock): (&Handle, &Arc<Followed>, &Clock),
    counts: &Counts,
) -> Result<(Issuing, Option<JoinHandle<()>>), StartError> {
    let files = opened.issuing.clone();
    if files.is_empty() {
        let issuer = None;
        return Ok((Issuing { issuer, files }, None));
    }
    let (issuer, wake) = issuing::start(IssuerParts {
        genesis: Arc::clone(&opened.genesis),
        engine: engine.clone(),
        followed: Arc::clone(followed),
        clock: clock.clone(),
        metrics: Arc::clone(&counts.issuing),
        peers: Peers::new(opened.genesis.chain(), clock.clone()),
        folder: opened.folder.clone(),
        keys: KeyRing::read(&opened.issuing)?,
        master: config.issuing.master.clone(),
        ticket_key_lifetime: config.issuing.ticket_key_lifetime,
    })?;
    let issuer = Some(issuer);
    Ok((Issuing { issuer, files }, Some(wake)))
}

fn start_engine(config: &Config, opened: &Opened) -> Result<(Handle, Running), StartError> {
    let is_archive = config.profile.has(Profile::Archive);
    let retention = config.storage.retention.filter(|_| !is_archive);
    let key = SigningKey::from_seed(&opened.key.to_seed());
    let seat = if config.is_validator() {
        Seat::Member {
            vote_key: key,
            followers: config.engine.followers.iter().copied().collect(),
        }
    } else {
        Seat::Follower { key }
    };
    let started = wayside_engine::start(wayside_engine::Config {
        genesis: Arc::clone(&opened.genesis),
        shards: shards(config, &opened.genesis),
        seat,
        storage: ledger_folder(&opened.folder),
        listen: config.engine.listen,
        timing: config.engine.timing(),
        retention: retention.map(NonZeroU64::get),
        mempool: config.engine.mempool,
        application: Application::Ledger,
    });
    Ok(started?)
}

/// The shards that the unit keeps.
pub(super) fn shards(config: &Config, genesis: &Genesis) -> Vec<ShardId> {
    if config.engine.shards.is_empty() {
        genesis.shards.iter().map(|entry| entry.id).collect()
    } else {
        config.engine.shards.iter().copied().map(ShardId).collect()
    }
}

/// Where the engine keeps blocks and state.
pub(super) fn ledger_folder(folder: &Path) -> PathBuf {
    folder.join("ledger")
}

/// Follows until the unit ends; the receiver turns true if that fails.
fn follow(
    engine: &Handle,
    followed: &Arc<Followed>,
    counts: &Counts,
    clock: &Clock,
) -> (JoinHandle<()>, watch::Receiver<bool>) {
    let follower = Follower {
        engine: engine.clone(),
        followed: Arc::clone(followed),
        metrics: Arc::clone(&counts.ledger),
        clock: clock.clone(),
    };
    let (fail, failed) = watch::channel(false);
    let task = tokio::spawn(async move {
        match follower.run().await {
            Ok(()) => error!("the engine has stopped"),
            Err(error) => error!(%error, "the ledger is no longer followed"),
        }
        fail.send_replace(true);
    });
    (task, failed)
}

fn open_door(
    config: &Config,
    (files, genesis): (Option<DoorFiles>, &Genesis),
    desk: &Arc<Desk>,
    clock: &Clock,
) -> Result<Option<Door>, StartError> {
    let Some(files) = files else {
        return Ok(None);
    };
    let identity = files.read(genesis, desk.engine(), clock.now().timestamp)?;
    let desk = Arc::clone(desk);
    let answer = move |request| Arc::clone(&desk).answer(request);
    let server = door::Server::start(config.door.server.clone(), &identity, answer)?;
    Ok(Some(Door { server, files }))
}

async fn serve_metrics(
    config: &Config,
    counts: &Counts,
    engine: &Handle,
) -> Result<Option<MetricsServer>, MetricsServeError> {
    let (counts, engine) = (counts.clone(), engine.clone());
    let encode = move || {
        let (counts, engine) = (counts.clone(), engine.clone());
        async move {
            let engine = engine.metrics().await.unwrap_or_default();
            let (ledger, issuing) = (counts.ledger.encode(), counts.issuing.encode());
            let relay = counts.relay.map(|relay| relay.encode());
            let relay = relay.unwrap_or_default();
            let parts = [ledger, issuing, relay, engine, counts.grpc.encode()];
            // Each part may end with the mark that only the whole may have.
            let texts = parts.iter().map(|text| text.trim_end_matches(END_MARK));
            texts.chain([END_MARK]).collect()
        }
    };
    config.metrics.serve(encode).await
}

pub(super) const INDEX_FILE: &str = "index.redb";
const VAULT_FOLDER: &str = "vault";
const END_MARK: &str = "# EOF\n";
const ENGINE_END_TIMEOUT: Duration = Duration::from_secs(20);
pub(super) const SOCKET: &str = "unit.sock";
