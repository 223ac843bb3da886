use std::{
    future::{Future, pending},
    net::SocketAddr,
    path::PathBuf,
};

use anyhow::Context as _;
use clap::{Args, Subcommand};
use figment::value::Value;
use tracing::warn;
use wayside::serve::{self, ConfigCommand, DaemonArguments, Override, Process};

use super::{Daemon, StartError};
use crate::config::Config;

/// Flags of `vehicle-agent` and `wayside agent`; each comes before the environment and the file.
#[derive(Args, Clone, Debug, Default)]
pub struct AgentArguments {
    /// The configuration; else $WAYSIDE_CONFIG, else /etc/wayside/vehicle-agent.toml if it exists.
    #[arg(long, value_name = "FILE", global = true)]
    pub config: Option<PathBuf>,
    /// The address that other stations connect to.
    #[arg(long, value_name = "ADDRESS")]
    pub quic_address: Option<SocketAddr>,
    /// A station to be connected to; may be given several times.
    #[arg(long = "peer", value_name = "ADDRESS")]
    pub peers: Vec<SocketAddr>,
    /// The trust domain's file.
    #[arg(long, value_name = "FILE")]
    pub trust_domain: Option<PathBuf>,
    /// The folder of the tickets.
    #[arg(long, value_name = "DIR")]
    pub tickets: Option<PathBuf>,
    /// The folder of what must survive a restart.
    #[arg(long, value_name = "DIR")]
    pub state: Option<PathBuf>,
    /// Records what is heard into this folder.
    #[arg(long, value_name = "DIR")]
    pub record: Option<PathBuf>,
    /// What every daemon can be told.
    #[command(flatten)]
    pub daemon: DaemonArguments,
    /// What to do instead of running.
    #[command(subcommand)]
    pub command: Option<AgentCommand>,
}

/// What an agent's program does besides running.
#[derive(Clone, Debug, Subcommand)]
pub enum AgentCommand {
    /// Checks or shows the configuration.
    Config {
        /// Which of them.
        #[command(subcommand)]
        command: ConfigCommand,
    },
}

/// Runs an agent until it is told to end: the whole of `vehicle-agent` and `wayside agent`.
pub fn run_from_arguments(arguments: &AgentArguments) -> anyhow::Result<()> {
    let daemon = &arguments.daemon;
    let sources = daemon.sources::<Config>(arguments.config.clone(), arguments.overrides());
    if let Some(AgentCommand::Config { command }) = &arguments.command {
        return Ok(command.run::<Config>(&sources)?);
    }
    let process = Process::begin(daemon, sources)?;
    // One thread, on which the station's mutex is never contended.
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .context("cannot start the runtime")?;
    Ok(runtime.block_on(process.run(start))?)
}

async fn start(config: Config) -> Result<Daemon, StartError> {
    let daemon = Daemon::start(config).await?;
    let station = daemon.handle();
    if station.call(|station, _| station.domain().is_development()) {
        warn!("DEVELOPMENT trust domain: no promise about tickets holds");
    }
    Ok(daemon)
}

impl serve::Daemon for Daemon {
    type Config = Config;

    fn ready(&self) -> serde_json::Value {
        serde_json::json!({
            "grpc": self.grpc_endpoint(),
            "grpc_tcp": self.grpc_address(),
            "quic": self.quic_address(),
            "metrics": self.metrics_address(),
            "pid": std::process::id(),
        })
    }

    fn reload(&self, config: &Config) {
        self.reload(config);
    }

    fn is_alive(&self) -> impl Future<Output = bool> {
        std::future::ready(self.is_alive())
    }

    /// An agent goes on whatever happens: what it lost, its health says.
    fn failed(&self) -> impl Future<Output = ()> {
        pending()
    }

    fn shutdown(self) -> impl Future<Output = ()> {
        self.shutdown()
    }
}

impl AgentArguments {
    /// What the flags say that only agents have.
    fn overrides(&self) -> Vec<Override> {
        let peers = self.peers.iter().map(|peer| peer.to_string().into());
        let peers: Vec<Value> = peers.collect();
        let peers = (!peers.is_empty()).then_some(peers);
        let flags = [
            Override::of_address("quic-address", "transport.listen", self.quic_address),
            Override::of_flag("peer", "transport.peers", peers),
            Override::of_path(
                "trust-domain",
                "identity.trust_domain",
                self.trust_domain.as_ref(),
            ),
            Override::of_path("tickets", "identity.tickets", self.tickets.as_ref()),
            Override::of_path("state", "identity.state", self.state.as_ref()),
            Override::of_path("record", "record.folder", self.record.as_ref()),
        ];
        flags.into_iter().flatten().collect()
    }
}
