use std::{
    fs,
    io::{self, Write as _},
    num::NonZeroI32,
    path::{Path, PathBuf},
    time::Duration,
};

use rustix::process::{Pid, Resource, Rlimit, geteuid, getppid, setrlimit};
use thiserror::Error;
use tokio::{
    signal::unix::{Signal, SignalKind, signal},
    time::sleep,
};

/// Lets the system write no image of this process's memory, in which keys would be, should it crash.
/// Nothing that it starts can have one either.
pub fn forbid_core_dumps() -> io::Result<()> {
    let none = Rlimit {
        current: Some(0),
        maximum: Some(0),
    };
    setrlimit(Resource::Core, none).map_err(io::Error::from)
}

/// The signals that end a daemon.
pub(super) struct Ends {
    terminate: Signal,
    interrupt: Signal,
}

/// There is no usual place for this user's socket.
#[derive(Debug, Error)]
#[error("no place for the gRPC socket: set grpc.socket or XDG_RUNTIME_DIR")]
pub struct SocketError;

/// Why a daemon cannot say where it is reached.
#[derive(Debug, Error)]
pub enum AnnounceError {
    /// Standard output is closed.
    #[error("cannot print the addresses")]
    Print(#[source] io::Error),
    /// The file cannot be written.
    #[error("cannot write {}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What the operating system says.
        source: io::Error,
    },
}

impl Ends {
    /// Takes the signals from now on.
    pub(super) fn new() -> io::Result<Self> {
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
        })
    }

    /// Waits for the next of them.
    pub(super) async fn next(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }
}

/// Returns once the parent is no longer this process; never, if there is none to look after.
pub(super) async fn orphaned(parent: Option<i32>) {
    let Some(parent) = parent else {
        return std::future::pending().await;
    };
    // Who loses its parent is given another one.
    while getppid().map(Pid::as_raw_nonzero).map(NonZeroI32::get) == Some(parent) {
        sleep(PARENT_CHECK_EVERY).await;
    }
}

/// Says that a daemon is ready and where it is reached, as one line of JSON on standard output, and
/// in a file if one is asked for.
pub(super) fn announce(
    ready: &serde_json::Value,
    file: Option<&Path>,
) -> Result<(), AnnounceError> {
    let mut output = io::stdout();
    writeln!(output, "{ready}")
        .and_then(|()| output.flush())
        .map_err(AnnounceError::Print)?;
    let Some(path) = file else {
        return Ok(());
    };
    let unready = path.with_extension("tmp");
    fs::write(&unready, format!("{ready}\n"))
        .and_then(|()| fs::rename(&unready, path))
        .map_err(|source| AnnounceError::File {
            path: path.to_owned(),
            source,
        })
}

/// The configured socket, or the usual place of a daemon whose socket has this name.
pub fn socket_path(configured: Option<&PathBuf>, name: &str) -> Result<PathBuf, SocketError> {
    if let Some(path) = configured {
        return Ok(path.clone());
    }
    if geteuid().is_root() {
        return Ok(Path::new(FOLDER_OF_ROOT).join(name));
    }
    let runtime = std::env::var_os("XDG_RUNTIME_DIR").ok_or(SocketError)?;
    Ok(PathBuf::from(runtime).join("wayside").join(name))
}

const FOLDER_OF_ROOT: &str = "/run/wayside";
const PARENT_CHECK_EVERY: Duration = Duration::from_millis(500);
