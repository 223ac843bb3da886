use std::{io::Write as _, net::SocketAddr, path::PathBuf};

use anyhow::{Context as _, bail};
use clap::Args;
use figment::value::Value;
use tokio::signal::unix::{SignalKind, signal};
use tracing::{info, warn};
use wayside::{
    serve::{self, Ends, Override, Sources, orphaned},
    telemetry::{LogHandle, init_logs},
};

use super::Daemon;
use crate::config::{Config, FILE_USUAL, load};

/// Flags of `vehicle-agent` and `wayside agent`; each comes before the environment and the file.
#[derive(Args, Clone, Debug, Default)]
pub struct AgentArguments {
    /// The configuration; else $WAYSIDE_CONFIG, else /etc/wayside/vehicle-agent.toml if it exists.
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// The unix socket for gRPC.
    #[arg(long, value_name = "PATH")]
    pub grpc_socket: Option<PathBuf>,
    /// A TCP address for gRPC besides.
    #[arg(long, value_name = "ADDRESS")]
    pub grpc_address: Option<SocketAddr>,
    /// The address that other stations connect to.
    #[arg(long, value_name = "ADDRESS")]
    pub quic_address: Option<SocketAddr>,
    /// A station to be connected to; may be given several times.
    #[arg(long = "peer", value_name = "ADDRESS")]
    pub peers: Vec<SocketAddr>,
    /// The address of the metrics.
    #[arg(long, value_name = "ADDRESS")]
    pub metrics_address: Option<SocketAddr>,
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
    /// The form of log lines.
    #[arg(long, value_name = "FORMAT", value_parser = ["auto", "text", "json"])]
    pub log_format: Option<String>,
    /// What is logged, as info,wayside=debug.
    #[arg(long, value_name = "DIRECTIVES")]
    pub log_filter: Option<String>,
    /// Writes the addresses in use there, one JSON object, once the agent is ready; they are
    /// printed on standard output, too.
    #[arg(long, value_name = "FILE")]
    pub ready_file: Option<PathBuf>,
    /// Ends when this process, which started the agent, has ended, however that came; for tests.
    #[arg(long, value_name = "PID")]
    pub parent: Option<i32>,
    /// Checks the configuration and ends.
    #[arg(long)]
    pub check_config: bool,
    /// Prints the configuration in effect and ends.
    #[arg(long)]
    pub show_config: bool,
}

/// Runs an agent until it is told to end: the whole of `vehicle-agent` and `wayside agent`.
pub fn run_from_arguments(arguments: &AgentArguments) -> anyhow::Result<()> {
    let sources = arguments.sources();
    let config = load(&sources)?;
    if arguments.show_config {
        return Ok(write!(std::io::stdout(), "{}", config.to_toml())?);
    }
    if arguments.check_config {
        return Ok(());
    }
    let log = init_logs(&config.log)?;
    // One thread, on which the station's mutex is never contended.
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .context("cannot start the runtime")?
        .block_on(run(arguments, &sources, config, &log))
}

async fn run(
    arguments: &AgentArguments,
    sources: &Sources,
    config: Config,
    log: &LogHandle,
) -> anyhow::Result<()> {
    let mut ends = Ends::new().context("cannot take signals")?;
    let mut hangup = signal(SignalKind::hangup()).context("cannot take signals")?;
    let daemon = Daemon::start(config).await?;
    if daemon
        .handle()
        .call(|station, _| station.domain().is_development())
    {
        warn!("DEVELOPMENT trust domain: no promise about tickets holds");
    }
    announce(&daemon, arguments)?;
    loop {
        tokio::select! {
            () = ends.next() => break,
            _ = hangup.recv() => reload(&daemon, sources, log),
            () = orphaned(arguments.parent) => break,
        }
    }
    info!("stopping");
    tokio::select! {
        () = daemon.shutdown() => {
            info!("stopped");
            Ok(())
        }
        () = ends.next() => bail!("told to end at once, before everything was delivered"),
    }
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

/// Says where the agent can be reached, as one line of JSON.
fn announce(daemon: &Daemon, arguments: &AgentArguments) -> anyhow::Result<()> {
    let ready = serde_json::json!({
        "grpc": daemon.grpc_endpoint(),
        "grpc_tcp": daemon.grpc_address(),
        "quic": daemon.quic_address(),
        "metrics": daemon.metrics_address(),
        "pid": std::process::id(),
    });
    Ok(serve::announce(&ready, arguments.ready_file.as_deref())?)
}

impl AgentArguments {
    fn sources(&self) -> Sources {
        let path = |path: &Option<PathBuf>| path.as_ref().map(|path| path.display().to_string());
        let address = |address: &Option<SocketAddr>| address.map(|address| address.to_string());
        let texts = [
            ("grpc-socket", "grpc.socket", path(&self.grpc_socket)),
            (
                "grpc-address",
                "grpc.tcp.address",
                address(&self.grpc_address),
            ),
            (
                "quic-address",
                "transport.listen",
                address(&self.quic_address),
            ),
            (
                "metrics-address",
                "metrics.address",
                address(&self.metrics_address),
            ),
            (
                "trust-domain",
                "identity.trust_domain",
                path(&self.trust_domain),
            ),
            ("tickets", "identity.tickets", path(&self.tickets)),
            ("state", "identity.state", path(&self.state)),
            ("record", "record.folder", path(&self.record)),
            ("log-format", "log.format", self.log_format.clone()),
            ("log-filter", "log.filter", self.log_filter.clone()),
        ];
        let mut flags: Vec<Override> = texts
            .into_iter()
            .filter_map(|(flag, key, value)| Override::of_flag(flag, key, value))
            .collect();
        if !self.peers.is_empty() {
            let peers: Vec<Value> = self
                .peers
                .iter()
                .map(|peer| peer.to_string().into())
                .collect();
            flags.extend(Override::of_flag("peer", "transport.peers", Some(peers)));
        }
        Sources::of_process(FILE_USUAL, self.config.clone(), flags)
    }
}
