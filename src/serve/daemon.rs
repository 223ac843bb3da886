use std::{
    convert::Infallible,
    error::Error,
    future::{Future, pending},
    io,
    net::SocketAddr,
    path::PathBuf,
    pin::pin,
};

use clap::Args;
use serde::{Serialize, de::DeserializeOwned};
use thiserror::Error;
use tokio::{
    signal::unix::{SignalKind, signal},
    time::{MissedTickBehavior, interval},
};
use tracing::{info, warn};

use super::{
    AnnounceError, ConfigError, Override, Sources,
    notify::Manager,
    process::{Ends, announce, forbid_core_dumps, orphaned},
    read,
};
use crate::telemetry::{LogConfig, LogError, LogHandle, init_logs};

/// Flags that every daemon has; each comes before the environment and the file.
#[derive(Args, Clone, Debug, Default)]
pub struct DaemonArguments {
    /// The unix socket for gRPC.
    #[arg(long, value_name = "PATH")]
    pub grpc_socket: Option<PathBuf>,
    /// A TCP address for gRPC besides.
    #[arg(long, value_name = "ADDRESS")]
    pub grpc_address: Option<SocketAddr>,
    /// The address of the metrics.
    #[arg(long, value_name = "ADDRESS")]
    pub metrics_address: Option<SocketAddr>,
    /// The form of log lines.
    #[arg(long, value_name = "FORMAT", value_parser = ["auto", "text", "json"])]
    pub log_format: Option<String>,
    /// What is logged, as info,wayside=debug.
    #[arg(long, value_name = "DIRECTIVES")]
    pub log_filter: Option<String>,
    /// Writes the addresses in use there, one JSON object, once the daemon is ready; they are
    /// printed on standard output, too.
    #[arg(long, value_name = "FILE")]
    pub ready_file: Option<PathBuf>,
    /// Ends when this process, which started the daemon, has ended, however that came; for tests.
    #[arg(long, value_name = "PID")]
    pub parent: Option<i32>,
}

/// What a daemon can be told: the `Config` of `vehicle_agent`, and that of `roadside_unit`.
pub trait DaemonConfig: Clone + DeserializeOwned + Serialize {
    /// Where the file is unless something names another.
    const FILE_USUAL: &str;

    /// Everything that is dangerous or meaningless in combination.
    fn refusals(&self) -> Vec<ConfigError>;

    /// Refuses what is dangerous or meaningless in combination.
    fn validate(&self) -> Result<(), ConfigError> {
        self.refusals().into_iter().next().map_or(Ok(()), Err)
    }

    /// What the log says.
    fn log(&self) -> &LogConfig;

    /// Every key with its value, as TOML that can be read again.
    ///
    /// Secrets stand in files that the configuration only names, so nothing has to be masked.
    fn to_toml(&self) -> String {
        toml::to_string_pretty(self).expect("numbers, text and tables are TOML")
    }
}

/// A running daemon, as its process sees it: that of `vehicle_agent`, and that of `roadside_unit`.
pub trait Daemon {
    /// What it can be told.
    type Config: DaemonConfig;

    /// Where it is reached, and whatever else who started it wants to know, as a JSON object.
    fn ready(&self) -> serde_json::Value;

    /// Takes over from the configuration, and from the files that it names, what may change while it
    /// runs; what cannot be read stays as it was.
    fn reload(&self, config: &Self::Config);

    /// Whether what it is there for still goes on: asked of whoever does it, who may never answer. For
    /// a service manager's watchdog.
    fn is_alive(&self) -> impl Future<Output = bool>;

    /// Returns once it cannot go on.
    fn failed(&self) -> impl Future<Output = ()>;

    /// Ends it in order, within the configured grace period.
    fn shutdown(self) -> impl Future<Output = ()>;
}

/// A process that has its configuration and its log, and is about to run a daemon.
pub struct Process<'a, C> {
    arguments: &'a DaemonArguments,
    sources: Sources,
    config: C,
    log: LogHandle,
}

/// Why a process does not come to run a daemon.
#[derive(Debug, Error)]
pub enum BeginError {
    /// The configuration is refused.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The system might write the process's memory to a file.
    #[error("cannot forbid core dumps")]
    CoreDumps(#[source] io::Error),
    /// There can be no log.
    #[error(transparent)]
    Log(#[from] LogError),
}

/// Why a daemon did not run until it was told to end, and end in order.
#[derive(Debug, Error)]
pub enum RunError<E: Error + 'static> {
    /// The process cannot hear when it shall end.
    #[error("cannot take signals")]
    Signals(#[source] io::Error),
    /// It did not start.
    #[error(transparent)]
    Start(E),
    /// Nobody can be told where it is reached.
    #[error(transparent)]
    Announce(#[from] AnnounceError),
    /// It was told to end a second time.
    #[error("told to end at once, before everything was in order")]
    Interrupted,
    /// It ended by itself; the log says why.
    #[error("the daemon could not go on")]
    Failed,
}

/// Reads a configuration and checks it: flags before environment before file before defaults.
pub fn load<C: DaemonConfig>(sources: &Sources) -> Result<C, ConfigError> {
    let config: C = read(sources)?;
    config.validate()?;
    Ok(config)
}

impl DaemonArguments {
    /// Where a daemon's configuration comes from, with the file and the flags that only this daemon
    /// has.
    pub fn sources<C: DaemonConfig>(
        &self,
        file: Option<PathBuf>,
        mut flags: Vec<Override>,
    ) -> Sources {
        flags.extend(self.overrides());
        Sources::of_process(C::FILE_USUAL, file, flags)
    }

    /// What these flags say.
    fn overrides(&self) -> Vec<Override> {
        let flags = [
            Override::of_path("grpc-socket", "grpc.socket", self.grpc_socket.as_ref()),
            Override::of_address("grpc-address", "grpc.tcp.address", self.grpc_address),
            Override::of_address("metrics-address", "metrics.address", self.metrics_address),
            Override::of_flag("log-format", "log.format", self.log_format.clone()),
            Override::of_flag("log-filter", "log.filter", self.log_filter.clone()),
        ];
        flags.into_iter().flatten().collect()
    }
}

impl<'a, C: DaemonConfig> Process<'a, C> {
    /// Reads the configuration and begins the log.
    pub fn begin(arguments: &'a DaemonArguments, sources: Sources) -> Result<Self, BeginError> {
        // Before any key is read.
        forbid_core_dumps().map_err(BeginError::CoreDumps)?;
        let config: C = load(&sources)?;
        let log = init_logs(config.log())?;
        Ok(Self {
            arguments,
            sources,
            config,
            log,
        })
    }

    /// The configuration.
    pub fn config(&self) -> &C {
        &self.config
    }

    /// Starts a daemon and runs it until it is told to end, by a signal or by the end of the process
    /// that started it. Whoever manages it as a service is told how it is doing.
    pub async fn run<D, E, F>(self, start: impl FnOnce(C) -> F) -> Result<(), RunError<E>>
    where
        D: Daemon<Config = C>,
        E: Error + 'static,
        F: Future<Output = Result<D, E>>,
    {
        let mut ends = Ends::new().map_err(RunError::Signals)?;
        let mut hangup = signal(SignalKind::hangup()).map_err(RunError::Signals)?;
        let manager = Manager::of_process();
        let mut config = self.config.clone();
        let daemon = tokio::select! {
            started = start(self.config) => started.map_err(RunError::Start)?,
            () = ends.next() => return Ok(()),
        };
        announce(&daemon.ready(), self.arguments.ready_file.as_deref())?;
        manager.tell_ready();
        let has_failed = {
            let mut pulse = pin!(pulse(&daemon, &manager));
            loop {
                tokio::select! {
                    () = ends.next() => break false,
                    () = daemon.failed() => break true,
                    _ = hangup.recv() => {
                        manager.tell_reloading();
                        reread(&mut config, &self.sources, &self.log);
                        daemon.reload(&config);
                        info!("reloaded");
                        manager.tell_ready();
                    }
                    () = orphaned(self.arguments.parent) => break false,
                    never = &mut pulse => match never {},
                }
            }
        };
        info!("stopping");
        manager.tell_stopping();
        tokio::select! {
            () = daemon.shutdown() => {}
            () = ends.next() => return Err(RunError::Interrupted),
        }
        info!("stopped");
        if has_failed {
            return Err(RunError::Failed);
        }
        Ok(())
    }
}

/// Tells a watchdog that the daemon lives, for as long as it does: one that does not answer is never
/// asked again, and what it answers is all that is told.
pub(super) async fn pulse<D: Daemon>(daemon: &D, manager: &Manager) -> Infallible {
    let Some(every) = manager.pulse() else {
        return pending().await;
    };
    let mut ticks = interval(every);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        if daemon.is_alive().await {
            manager.tell_alive();
        } else {
            warn!("the daemon does not do its work: the watchdog is not told otherwise");
        }
    }
}

/// Reads the configuration again; one that is refused changes nothing.
fn reread<C: DaemonConfig>(config: &mut C, sources: &Sources, log: &LogHandle) {
    match load::<C>(sources) {
        Ok(newer) => {
            if let Err(error) = log.reload(newer.log()) {
                warn!(%error, "kept the log's filter");
            }
            *config = newer;
        }
        Err(error) => warn!(%error, "kept the configuration: it cannot be read again"),
    }
}
