use std::{net::SocketAddr, path::PathBuf, process::ExitStatus};

use serde::Deserialize;

use super::daemon::Daemon;

/// An agent in a process of its own; the process is killed when this is dropped.
pub(super) struct Agent {
    folder: PathBuf,
    links: Links,
    daemon: Daemon,
    ready: Ready,
}

/// Whom an agent connects to.
#[derive(Clone, Debug)]
pub(super) struct Links {
    /// Other agents.
    pub(super) peers: Vec<SocketAddr>,
    /// Whether it hears through roadside units, too.
    pub(super) uses_unit: bool,
}

/// What an agent says of itself once it can be reached.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct Ready {
    /// Where its driving stack connects to.
    pub(super) grpc: String,
    /// Where other agents connect to.
    pub(super) quic: SocketAddr,
    /// Where its metrics are.
    pub(super) metrics: Option<SocketAddr>,
    /// Its process.
    pub(super) pid: u32,
}

impl Links {
    /// Nobody but units.
    pub(super) fn unit_alone() -> Self {
        Self {
            peers: Vec::new(),
            uses_unit: true,
        }
    }
}

impl Agent {
    /// Starts the agent of a vehicle of `wayside pki init`, and waits until it is ready.
    ///
    /// It listens at any free port, so that no port can be in use.
    pub(super) async fn start(folder: PathBuf, links: Links) -> anyhow::Result<Self> {
        let any = SocketAddr::from(([127, 0, 0, 1], 0));
        Self::start_at(folder, links, any).await
    }

    /// Starts the agent of this one's vehicle again, with the same files and addresses.
    pub(super) async fn restart(&self) -> anyhow::Result<Self> {
        Self::start_at(self.folder.clone(), self.links.clone(), self.ready.quic).await
    }

    async fn start_at(folder: PathBuf, links: Links, quic: SocketAddr) -> anyhow::Result<Self> {
        let config = folder.join("agent.toml").display().to_string();
        let mut arguments = vec!["--config".to_owned(), config];
        arguments.extend(["--quic-address".to_owned(), quic.to_string()]);
        arguments.extend(["--metrics-address".to_owned(), "127.0.0.1:0".to_owned()]);
        for peer in &links.peers {
            arguments.extend(["--peer".to_owned(), peer.to_string()]);
        }
        let units = if links.uses_unit {
            INTRODUCED_TO_NOBODY
        } else {
            NO_UNITS
        };
        let log = folder.join("agent.log");
        let (daemon, ready) = Daemon::start("agent", (&arguments, &[units]), log).await?;
        Ok(Self {
            folder,
            links,
            daemon,
            ready,
        })
    }

    /// What it said when it was ready.
    pub(super) fn ready(&self) -> &Ready {
        &self.ready
    }

    /// How the process ended, if it did.
    pub(super) fn ended(&mut self) -> Option<ExitStatus> {
        self.daemon.ended()
    }

    /// Its log's last line.
    pub(super) fn last_words(&self) -> String {
        self.daemon.last_words()
    }

    /// Ends it with SIGKILL, which no process can see coming.
    pub(super) async fn kill(&mut self) -> anyhow::Result<()> {
        self.daemon.kill().await
    }

    /// Asks it to end; returns whether it did, and without an error.
    pub(super) async fn stop(&mut self) -> bool {
        self.daemon.stop().await
    }
}

/// The agents that are to hear each other directly are told of each other when they start.
const INTRODUCED_TO_NOBODY: (&str, &str) = ("WAYSIDE__ROADSIDE__INTRODUCE", "false");
const NO_UNITS: (&str, &str) = ("WAYSIDE__ROADSIDE__UNITS", "[]");
