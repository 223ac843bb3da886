use std::{io::Write as _, net::SocketAddr, path::PathBuf};

use anyhow::{Context as _, bail};
use clap::{Args, Subcommand};
use tokio::signal::unix::{SignalKind, signal};
use tracing::{info, warn};
use wayside::{
    serve::{self, Ends, Override, Sources, orphaned},
    telemetry::{LogHandle, init_logs},
};

use wayside_engine::RebuildFrom;

use super::{Daemon, rebuild::rebuild_state};
use crate::{
    config::{Config, FILE_USUAL, load},
    development::WARNING,
};

/// Flags of `roadside-unit` and `wayside unit`; each comes before the environment and the file.
#[derive(Args, Clone, Debug, Default)]
pub struct UnitArguments {
    /// The configuration; else $WAYSIDE_CONFIG, else /etc/wayside/roadside-unit.toml if it exists.
    /// Without any, the unit is a development committee of one.
    #[arg(long, value_name = "FILE", global = true)]
    pub config: Option<PathBuf>,
    /// The genesis' file.
    #[arg(long, value_name = "FILE")]
    pub genesis: Option<PathBuf>,
    /// The folder of blocks, state and index.
    #[arg(long, value_name = "DIR", global = true)]
    pub storage: Option<PathBuf>,
    /// The unix socket for gRPC.
    #[arg(long, value_name = "PATH")]
    pub grpc_socket: Option<PathBuf>,
    /// A TCP address for gRPC besides.
    #[arg(long, value_name = "ADDRESS")]
    pub grpc_address: Option<SocketAddr>,
    /// The address that other operators' units connect to.
    #[arg(long, value_name = "ADDRESS")]
    pub engine_address: Option<SocketAddr>,
    /// The address that vehicles connect to.
    #[arg(long, value_name = "ADDRESS")]
    pub door_address: Option<SocketAddr>,
    /// The address of the metrics.
    #[arg(long, value_name = "ADDRESS")]
    pub metrics_address: Option<SocketAddr>,
    /// The form of log lines.
    #[arg(long, value_name = "FORMAT", value_parser = ["auto", "text", "json"])]
    pub log_format: Option<String>,
    /// What is logged, as info,wayside=debug.
    #[arg(long, value_name = "DIRECTIVES")]
    pub log_filter: Option<String>,
    /// Writes the addresses in use there, one JSON object, once the unit is ready; they are printed
    /// on standard output, too.
    #[arg(long, value_name = "FILE")]
    pub ready_file: Option<PathBuf>,
    /// Ends when this process, which started the unit, has ended, however that came; for tests.
    #[arg(long, value_name = "PID")]
    pub parent: Option<i32>,
    /// Checks the configuration and ends.
    #[arg(long)]
    pub check_config: bool,
    /// Prints the configuration in effect and ends.
    #[arg(long)]
    pub show_config: bool,
    /// What to do instead of running.
    #[command(subcommand)]
    pub command: Option<UnitCommand>,
}

/// What a unit's program does besides running.
#[derive(Clone, Copy, Debug, Subcommand)]
pub enum UnitCommand {
    /// Makes the state again from the newest snapshot and the blocks, while the unit does not run,
    /// compares every root, and says what it comes to. The next start makes the index again, too.
    RebuildState {
        /// Begins with the genesis instead of the newest snapshot; needs every block.
        #[arg(long)]
        from_genesis: bool,
    },
}

/// Runs a unit until it is told to end: the whole of `roadside-unit` and `wayside unit`.
pub fn run_from_arguments(arguments: &UnitArguments) -> anyhow::Result<()> {
    let sources = arguments.sources();
    let config = load(&sources)?;
    if arguments.show_config {
        return Ok(write!(std::io::stdout(), "{}", config.to_toml())?);
    }
    if arguments.check_config {
        return Ok(());
    }
    let log = init_logs(&config.log)?;
    if let Some(UnitCommand::RebuildState { from_genesis }) = arguments.command {
        let from = if from_genesis {
            RebuildFrom::Genesis
        } else {
            RebuildFrom::Snapshot
        };
        return rebuild_state(&config, from);
    }
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(WORKERS)
        .enable_all()
        .build()
        .context("cannot start the runtime")?;
    runtime.block_on(run(arguments, &sources, config, &log))
}

async fn run(
    arguments: &UnitArguments,
    sources: &Sources,
    config: Config,
    log: &LogHandle,
) -> anyhow::Result<()> {
    let mut ends = Ends::new().context("cannot take signals")?;
    let mut hangup = signal(SignalKind::hangup()).context("cannot take signals")?;
    let daemon = tokio::select! {
        started = Daemon::start(config) => started?,
        () = ends.next() => return Ok(()),
    };
    if daemon.genesis().development {
        warn!("{WARNING}");
    }
    announce(&daemon, arguments)?;
    let has_failed = loop {
        tokio::select! {
            () = ends.next() => break false,
            () = daemon.failed() => break true,
            _ = hangup.recv() => reload(&daemon, sources, log),
            () = orphaned(arguments.parent) => break false,
        }
    };
    info!("stopping");
    tokio::select! {
        () = daemon.shutdown() => {}
        () = ends.next() => bail!("told to end at once, before everything was in order"),
    }
    info!("stopped");
    if has_failed {
        bail!("the unit could not go on");
    }
    Ok(())
}

fn reload(daemon: &Daemon, sources: &Sources, log: &LogHandle) {
    match load(sources) {
        Ok(config) => {
            if let Err(error) = log.reload(&config.log) {
                warn!(%error, "kept the log's filter");
            }
        }
        Err(error) => warn!(%error, "kept the configuration: it cannot be read again"),
    }
    daemon.reload();
    info!("reloaded");
}

/// Says where the unit can be reached, as one line of JSON.
fn announce(daemon: &Daemon, arguments: &UnitArguments) -> anyhow::Result<()> {
    let ready = serde_json::json!({
        "grpc": daemon.grpc_endpoint(),
        "grpc_tcp": daemon.grpc_address(),
        "ledger": daemon.door_address(),
        "metrics": daemon.metrics_address(),
        "chain": daemon.genesis().chain().to_string(),
        "development": daemon.genesis().development,
        "pid": std::process::id(),
    });
    Ok(serve::announce(&ready, arguments.ready_file.as_deref())?)
}

impl UnitArguments {
    fn sources(&self) -> Sources {
        let path = |path: &Option<PathBuf>| path.as_ref().map(|path| path.display().to_string());
        let address = |address: &Option<SocketAddr>| address.map(|address| address.to_string());
        let texts = [
            ("genesis", "identity.genesis", path(&self.genesis)),
            ("storage", "storage.folder", path(&self.storage)),
            ("grpc-socket", "grpc.socket", path(&self.grpc_socket)),
            (
                "grpc-address",
                "grpc.tcp.address",
                address(&self.grpc_address),
            ),
            (
                "engine-address",
                "engine.listen",
                address(&self.engine_address),
            ),
            (
                "door-address",
                "door.server.listen",
                address(&self.door_address),
            ),
            (
                "metrics-address",
                "metrics.address",
                address(&self.metrics_address),
            ),
            ("log-format", "log.format", self.log_format.clone()),
            ("log-filter", "log.filter", self.log_filter.clone()),
        ];
        let flags = texts
            .into_iter()
            .filter_map(|(flag, key, value)| Override::of_flag(flag, key, value));
        Sources::of_process(FILE_USUAL, self.config.clone(), flags.collect())
    }
}

/// The engine has threads of its own; these answer clients.
const WORKERS: usize = 2;
