use std::{future::Future, net::SocketAddr, path::PathBuf};

use anyhow::Context as _;
use clap::{Args, Subcommand};
use tracing::warn;
use wayside::serve::{self, ConfigCommand, DaemonArguments, Override, Process, Sources};

use wayside_engine::RebuildFrom;

use super::{
    Daemon, StartError,
    backup::{back_up, forget_votes, restore},
    rebuild::rebuild_state,
};
use crate::{config::Config, development::WARNING};

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
    /// The address that other operators' units connect to.
    #[arg(long, value_name = "ADDRESS")]
    pub engine_address: Option<SocketAddr>,
    /// The address that vehicles connect to.
    #[arg(long, value_name = "ADDRESS")]
    pub door_address: Option<SocketAddr>,
    /// What every daemon can be told.
    #[command(flatten)]
    pub daemon: DaemonArguments,
    /// What to do instead of running.
    #[command(subcommand)]
    pub command: Option<UnitCommand>,
}

/// What a unit's program does besides running.
#[derive(Clone, Debug, Subcommand)]
pub enum UnitCommand {
    /// Checks or shows the configuration.
    Config {
        /// Which of them.
        #[command(subcommand)]
        command: ConfigCommand,
    },
    /// Writes a backup of the running unit to a file: every block that it has, with the votes that
    /// made them final. No key and no vote of the unit is in it.
    Backup {
        /// The file; it appears when it is whole.
        #[arg(long, value_name = "FILE")]
        out: PathBuf,
    },
    /// Begins a new journal of votes, as if the unit had never voted, while it does not run. Only to
    /// begin again together after more than a third of the operators lost their disks at once: if any
    /// unit votes meanwhile, the ledger can fork.
    ForgetVotes {
        /// Says that the operators have agreed on it, and that no unit of theirs runs.
        #[arg(long, required = true)]
        every_unit_is_stopped: bool,
    },
    /// Puts a backup in the place of what the unit lost, while it does not run and nothing is there.
    /// Everything in it is checked.
    Restore {
        /// The file.
        backup: PathBuf,
    },
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
    let daemon = &arguments.daemon;
    let sources = daemon.sources::<Config>(arguments.config.clone(), arguments.overrides());
    if let Some(command) = &arguments.command {
        return command.run(daemon, sources);
    }
    let process = Process::begin(daemon, sources)?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(WORKERS)
        .enable_all()
        .build()
        .context("cannot start the runtime")?;
    Ok(runtime.block_on(process.run(start))?)
}

impl UnitCommand {
    fn run(&self, arguments: &DaemonArguments, sources: Sources) -> anyhow::Result<()> {
        let begin = || Process::<Config>::begin(arguments, sources.clone());
        match self {
            Self::Config { command } => Ok(command.run::<Config>(&sources)?),
            Self::Backup { out } => back_up(begin()?.config(), out),
            Self::ForgetVotes { .. } => forget_votes(begin()?.config()),
            Self::RebuildState { from_genesis: true } => {
                rebuild_state(begin()?.config(), RebuildFrom::Genesis)
            }
            Self::RebuildState {
                from_genesis: false,
            } => rebuild_state(begin()?.config(), RebuildFrom::Snapshot),
            Self::Restore { backup } => restore(begin()?.config(), backup),
        }
    }
}

async fn start(config: Config) -> Result<Daemon, StartError> {
    let daemon = Daemon::start(config).await?;
    if daemon.genesis().development {
        warn!("{WARNING}");
    }
    Ok(daemon)
}

impl serve::Daemon for Daemon {
    type Config = Config;

    fn ready(&self) -> serde_json::Value {
        serde_json::json!({
            "grpc": self.grpc_endpoint(),
            "grpc_tcp": self.grpc_address(),
            "ledger": self.door_address(),
            "metrics": self.metrics_address(),
            "relay": self.relay_address(),
            "chain": self.genesis().chain().to_string(),
            "development": self.genesis().development,
            "pid": std::process::id(),
        })
    }

    fn reload(&self, config: &Config) {
        self.reload(config);
    }

    fn is_alive(&self) -> impl Future<Output = bool> {
        self.is_alive()
    }

    fn failed(&self) -> impl Future<Output = ()> {
        self.failed()
    }

    fn shutdown(self) -> impl Future<Output = ()> {
        self.shutdown()
    }
}

impl UnitArguments {
    /// What the flags say that only units have.
    fn overrides(&self) -> Vec<Override> {
        let flags = [
            Override::of_path("genesis", "identity.genesis", self.genesis.as_ref()),
            Override::of_path("storage", "storage.folder", self.storage.as_ref()),
            Override::of_address("engine-address", "engine.listen", self.engine_address),
            Override::of_address("door-address", "door.server.listen", self.door_address),
        ];
        flags.into_iter().flatten().collect()
    }
}

/// The engine has threads of its own; these answer clients.
const WORKERS: usize = 2;
