use std::{
    io::{BufRead as _, BufReader, Write as _},
    path::Path,
    process::{Child, ChildStdin, ChildStdout, Command, Stdio},
};

use anyhow::Context as _;
use serde::{Serialize, de::DeserializeOwned};
use tokio::sync::mpsc;

/// A process of a benchmark, which is told what to do and says what it found, one line of JSON
/// each; ended when dropped.
pub(super) struct Process {
    child: Child,
    orders: ChildStdin,
    words: BufReader<ChildStdout>,
}

impl Process {
    /// Starts `wayside bench NAME` as one of its parts.
    pub(super) fn start(name: &str, part: &impl Serialize) -> anyhow::Result<Self> {
        let mut command = Command::new(std::env::current_exe()?);
        command.args(["bench", name, "--part", &serde_json::to_string(part)?]);
        Self::spawn(command)
    }

    /// Starts one of Wayside's daemons, which logs errors only and is deaf to the user's environment.
    pub(super) fn daemon(arguments: &[String]) -> anyhow::Result<Self> {
        let mut command = Command::new(std::env::current_exe()?);
        for (name, _) in std::env::vars_os() {
            if name.to_string_lossy().starts_with("WAYSIDE") {
                command.env_remove(name);
            }
        }
        command.args(arguments).env("WAYSIDE_LOG", "error");
        Self::spawn(command)
    }

    /// Starts one of the processes of another product.
    pub(super) fn other(program: &Path, part: &impl Serialize) -> anyhow::Result<Self> {
        let mut command = Command::new(program);
        command.args(["--part", &serde_json::to_string(part)?]);
        Self::spawn(command)
    }

    fn spawn(mut command: Command) -> anyhow::Result<Self> {
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let orders = child.stdin.take().context("standard input is a pipe")?;
        let words = child.stdout.take().context("standard output is a pipe")?;
        Ok(Self {
            child,
            orders,
            words: BufReader::new(words),
        })
    }

    /// By which the system knows it.
    pub(super) fn id(&self) -> u32 {
        self.child.id()
    }

    /// Tells it what to do.
    pub(super) fn order(&mut self, order: &impl Serialize) -> anyhow::Result<()> {
        serde_json::to_writer(&mut self.orders, order)?;
        writeln!(self.orders)?;
        Ok(self.orders.flush()?)
    }

    /// Waits for what it says next.
    pub(super) fn word<W: DeserializeOwned>(&mut self) -> anyhow::Result<W> {
        let mut line = String::new();
        self.words.read_line(&mut line)?;
        serde_json::from_str(&line).context("a process of the benchmark failed")
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // It may be gone already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The orders that a part is given, on a thread of their own, since standard input can only be
/// waited for.
pub(super) fn listen<O: DeserializeOwned + Send + 'static>() -> mpsc::UnboundedReceiver<O> {
    let (sender, receiver) = mpsc::unbounded_channel();
    std::thread::spawn(move || {
        for line in std::io::stdin().lock().lines() {
            let order = line.ok().and_then(|line| serde_json::from_str(&line).ok());
            let Some(order) = order else { return };
            if sender.send(order).is_err() {
                return;
            }
        }
    });
    receiver
}

/// What a part says.
pub(super) fn say(word: &impl Serialize) -> anyhow::Result<()> {
    let mut out = std::io::stdout().lock();
    serde_json::to_writer(&mut out, word)?;
    writeln!(out)?;
    out.flush()?;
    Ok(())
}

/// Lets other processes work.
#[expect(
    clippy::disallowed_methods,
    reason = "the conductor only waits while other processes work"
)]
pub(super) fn pause(length: std::time::Duration) {
    std::thread::sleep(length);
}
