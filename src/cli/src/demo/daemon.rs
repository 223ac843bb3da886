use std::{
    fs::{self, File},
    path::{Path, PathBuf},
    process::{ExitStatus, Stdio},
    time::Duration,
};

use anyhow::{Context as _, bail};
use rustix::process::{Pid, Signal, kill_process};
use serde::de::DeserializeOwned;
use tokio::{
    io::{AsyncBufReadExt as _, BufReader, Lines},
    process::{Child, ChildStdout, Command},
    time::timeout,
};

/// An agent or a roadside unit in a process of its own; the process is killed when this is dropped.
pub(crate) struct Daemon {
    child: Child,
    log: PathBuf,
    /// Kept, so that the daemon never writes into a closed pipe.
    _output: Lines<BufReader<ChildStdout>>,
}

impl Daemon {
    /// Runs `wayside NAME` of this very executable with arguments and settings, deaf to what the user's
    /// environment says of daemons, and waits until it says that it is ready.
    pub(crate) async fn start<R: DeserializeOwned>(
        name: &'static str,
        (arguments, settings): (&[String], &[(&str, &str)]),
        log: PathBuf,
    ) -> anyhow::Result<(Self, R)> {
        let mut child = command(name, arguments, &log)?
            .envs(settings.iter().copied())
            .spawn()
            .with_context(|| format!("cannot start the {name}"))?;
        let output = child.stdout.take().context("a daemon without an output")?;
        let mut output = BufReader::new(output).lines();
        let line = timeout(START_MAX, output.next_line()).await;
        let ready = match line {
            Ok(Ok(Some(line))) => serde_json::from_str(&line)
                .with_context(|| format!("{name}: says {line:?} when it is ready"))?,
            Ok(Ok(None) | Err(_)) => bail!("{name}: ended at its start: {}", last_words(&log)),
            Err(_) => bail!("{name}: not ready in {START_MAX:?}"),
        };
        let daemon = Self {
            child,
            log,
            _output: output,
        };
        Ok((daemon, ready))
    }

    /// How the process ended, if it did.
    pub(super) fn ended(&mut self) -> Option<ExitStatus> {
        self.child.try_wait().ok().flatten()
    }

    /// Its log's last line.
    pub(super) fn last_words(&self) -> String {
        last_words(&self.log)
    }

    /// Ends it with SIGKILL, which no process can see coming.
    pub(crate) async fn kill(&mut self) -> anyhow::Result<()> {
        self.child.kill().await.context("cannot kill a process")
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

fn command(name: &str, arguments: &[String], log: &Path) -> anyhow::Result<Command> {
    let executable = std::env::current_exe().context("cannot find this executable")?;
    let log = File::options()
        .create(true)
        .append(true)
        .open(log)
        .context("cannot write a daemon's log")?;
    let mut command = Command::new(executable);
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("WAYSIDE") {
            command.env_remove(name);
        }
    }
    command
        .arg(name)
        .args(arguments)
        .args(["--log-format", "text"])
        .args(["--parent", &std::process::id().to_string()]);
    // A group of its own: Ctrl-C is for the demo, which then ends its daemons in order.
    command
        .process_group(0)
        .kill_on_drop(true)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(log);
    Ok(command)
}

fn last_words(log: &Path) -> String {
    let log = fs::read_to_string(log).unwrap_or_default();
    let last = log.lines().rfind(|line| !line.trim().is_empty());
    last.unwrap_or("it said nothing").to_owned()
}

const START_MAX: Duration = Duration::from_secs(15);
/// Longer than the grace that a daemon gives to its clients.
const STOP_MAX: Duration = Duration::from_secs(8);
