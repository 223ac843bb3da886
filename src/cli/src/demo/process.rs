use std::{
    fs::{self, File},
    net::SocketAddr,
    path::{Path, PathBuf},
    process::{ExitStatus, Stdio},
    time::Duration,
};

use anyhow::{Context as _, bail};
use rustix::process::{Pid, Signal, kill_process};
use serde::Deserialize;
use tokio::{
    io::{AsyncBufReadExt as _, BufReader, Lines},
    process::{Child, ChildStdout, Command},
    time::timeout,
};

/// An agent in a process of its own; the process is killed when this is dropped.
pub(super) struct Agent {
    folder: PathBuf,
    peers: Vec<SocketAddr>,
    child: Child,
    ready: Ready,
    /// Kept, so that the agent never writes into a closed pipe.
    _output: Lines<BufReader<ChildStdout>>,
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

impl Agent {
    /// Starts the agent of a vehicle of `wayside pki init`, and waits until it is ready.
    ///
    /// It listens at any free port, so that no port can be in use, and dials `peers`.
    pub(super) async fn start(folder: PathBuf, peers: Vec<SocketAddr>) -> anyhow::Result<Self> {
        let any = SocketAddr::from(([127, 0, 0, 1], 0));
        Self::start_at(folder, peers, any).await
    }

    /// Starts the agent of this one's vehicle again, with the same files and addresses.
    pub(super) async fn restart(&self) -> anyhow::Result<Self> {
        Self::start_at(self.folder.clone(), self.peers.clone(), self.ready.quic).await
    }

    async fn start_at(
        folder: PathBuf,
        peers: Vec<SocketAddr>,
        quic: SocketAddr,
    ) -> anyhow::Result<Self> {
        let mut child = command(&folder, &peers, quic)?
            .spawn()
            .context("cannot start an agent")?;
        let output = child.stdout.take().context("an agent without an output")?;
        let mut output = BufReader::new(output).lines();
        let line = timeout(START_MAX, output.next_line()).await;
        let ready = match line {
            Ok(Ok(Some(line))) => serde_json::from_str(&line)
                .with_context(|| format!("an agent that says {line:?} when it is ready"))?,
            Ok(Ok(None) | Err(_)) => bail!("an agent ended at its start: {}", last_words(&folder)),
            Err(_) => bail!("an agent was not ready in {START_MAX:?}"),
        };
        Ok(Self {
            folder,
            peers,
            child,
            ready,
            _output: output,
        })
    }

    /// What it said when it was ready.
    pub(super) fn ready(&self) -> &Ready {
        &self.ready
    }

    /// How the process ended, if it did.
    pub(super) fn ended(&mut self) -> Option<ExitStatus> {
        self.child.try_wait().ok().flatten()
    }

    /// Its log's last line.
    pub(super) fn last_words(&self) -> String {
        last_words(&self.folder)
    }

    /// Ends it with SIGKILL, which no process can see coming.
    pub(super) async fn kill(&mut self) -> anyhow::Result<()> {
        self.child.kill().await.context("cannot kill an agent")
    }

    /// Asks it to end with SIGTERM; with SIGKILL, if it does not within [`STOP_MAX`].
    ///
    /// Returns whether it ended by itself, and without an error.
    pub(super) async fn stop(&mut self) -> bool {
        let pid = self.child.id().and_then(|pid| i32::try_from(pid).ok());
        if let Some(pid) = pid.and_then(Pid::from_raw) {
            // One that has ended already is what was wanted.
            kill_process(pid, Signal::TERM).ok();
        }
        if let Ok(Ok(status)) = timeout(STOP_MAX, self.child.wait()).await {
            return status.success();
        }
        self.child.kill().await.ok();
        false
    }
}

/// `wayside agent` of this very executable, deaf to what the user's environment says of agents.
fn command(folder: &Path, peers: &[SocketAddr], quic: SocketAddr) -> anyhow::Result<Command> {
    let executable = std::env::current_exe().context("cannot find this executable")?;
    let log = File::options()
        .create(true)
        .append(true)
        .open(folder.join(LOG))
        .context("cannot write an agent's log")?;
    let mut command = Command::new(executable);
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("WAYSIDE") {
            command.env_remove(name);
        }
    }
    command
        .arg("agent")
        .arg("--config")
        .arg(folder.join("agent.toml"))
        .args(["--quic-address", &quic.to_string()])
        .args(["--metrics-address", "127.0.0.1:0"])
        .args(["--log-format", "text"])
        .args(["--parent", &std::process::id().to_string()]);
    for peer in peers {
        command.args(["--peer", &peer.to_string()]);
    }
    // A group of its own: Ctrl-C is for the demo, which then ends its agents in order.
    command
        .process_group(0)
        .kill_on_drop(true)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(log);
    Ok(command)
}

fn last_words(folder: &Path) -> String {
    let path = folder.join(LOG);
    let log = fs::read_to_string(&path).unwrap_or_default();
    let last = log.lines().rfind(|line| !line.trim().is_empty());
    last.unwrap_or("it said nothing").to_owned()
}

const LOG: &str = "agent.log";
const START_MAX: Duration = Duration::from_secs(10);
/// Longer than the grace that an agent gives to its clients.
const STOP_MAX: Duration = Duration::from_secs(8);
