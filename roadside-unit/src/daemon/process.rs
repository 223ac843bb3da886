use std::{future::Future, net::SocketAddr, path::PathBuf};

use anyhow::Context as _;
use clap::{Args, Subcommand};
use tracing::warn;
use wayside::serve::{self, DaemonArguments, Override, Process};

use wayside_engine::RebuildFrom;

use super::{Daemon, StartError, rebuild::rebuild_state};
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
    let begun = Process::begin(
        &arguments.daemon,
        arguments.config.clone(),
        arguments.overrides(),
    );
    let Some(process) = begun? else {
        return Ok(());
    };
    if let Some(UnitCommand::RebuildState { from_genesis }) = arguments.command {
        let from = if from_genesis {
            RebuildFrom::Genesis
        } else {
            RebuildFrom::Snapshot
        };
        return rebuild_state(process.config(), from);
    }
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(WORKERS)
        .enable_all()
        .build()
        .context("cannot start the runtime")?;
    Ok(runtime.block_on(process.run(start))?)
}

async fn start(config: Config) -> Result<Daemon, StartError> {
    let daemon = Daemon::start(config).await?;
    if daemon.genesis().development {
        warn!("{WARNING}");
    }
    Ok(daemon)
}

impl serve::Daemon for Daemon {
    fn ready(&self) -> serde_json::Value {
        serde_json::json!({
            "grpc": self.grpc_endpoint(),
            "grpc_tcp": self.grpc_address(),
            "ledger": self.door_address(),
            "metrics": self.metrics_address(),
            "chain": self.genesis().chain().to_string(),
            "development": self.genesis().development,
            "pid": std::process::id(),
        })
    }

    fn reload(&self) {
        self.reload();
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
