use std::{
    ffi::{OsStr, OsString},
    io,
    os::{
        linux::net::SocketAddrExt as _,
        unix::{
            ffi::OsStrExt as _,
            net::{SocketAddr, UnixDatagram},
        },
    },
    time::Duration,
};

use rustix::time::{ClockId, clock_gettime};
use tracing::warn;

/// The service manager that started this process, if it wants to hear how the process is doing.
///
/// It speaks as sd_notify(3) has it, to systemd and to whatever else sets `NOTIFY_SOCKET`. What it
/// cannot be told costs a warning and nothing else: a daemon serves cars first.
#[derive(Debug, Default)]
pub(super) struct Manager {
    told: Option<(UnixDatagram, SocketAddr)>,
    watchdog: Option<Duration>,
}

impl Manager {
    /// The one that this process's environment names; nobody, if it names none.
    pub(super) fn of_process() -> Self {
        Self::from_variables(|name| std::env::var_os(name), std::process::id())
    }

    /// The one that these variables name to the process with this id.
    pub(super) fn from_variables(
        variable: impl Fn(&str) -> Option<OsString>,
        process: u32,
    ) -> Self {
        let Some(name) = variable("NOTIFY_SOCKET") else {
            return Self::default();
        };
        let told = match open(&name) {
            Ok(told) => Some(told),
            Err(error) => {
                warn!(%error, "cannot tell the service manager anything");
                None
            }
        };
        let number = |name| variable(name)?.to_str()?.parse::<u64>().ok();
        // It may be meant for the process that started this one.
        let is_meant = number("WATCHDOG_PID").is_none_or(|meant| meant == u64::from(process));
        let watchdog = number("WATCHDOG_USEC").filter(|timeout| is_meant && *timeout > 0);
        Self {
            told,
            watchdog: watchdog.map(Duration::from_micros),
        }
    }

    /// How often it wants to hear that the daemon lives: three times in what it waits for; `None` if
    /// it does not watch.
    pub(super) fn pulse(&self) -> Option<Duration> {
        self.watchdog.map(|timeout| timeout / PULSES_PER_TIMEOUT)
    }

    /// The daemon can be reached, or has taken over what was reloaded.
    pub(super) fn tell_ready(&self) {
        self.tell("READY=1");
    }

    /// The daemon reads its configuration again.
    pub(super) fn tell_reloading(&self) {
        let now = clock_gettime(ClockId::Monotonic);
        let now_us = i128::from(now.tv_sec) * 1_000_000 + i128::from(now.tv_nsec) / 1_000;
        self.tell(&format!("RELOADING=1\nMONOTONIC_USEC={now_us}"));
    }

    /// The daemon ends.
    pub(super) fn tell_stopping(&self) {
        self.tell("STOPPING=1");
    }

    /// The daemon does what it is there for.
    pub(super) fn tell_alive(&self) {
        self.tell("WATCHDOG=1");
    }

    fn tell(&self, state: &str) {
        let Some((socket, manager)) = &self.told else {
            return;
        };
        if let Err(error) = socket.send_to_addr(state.as_bytes(), manager) {
            warn!(%error, "the service manager was not told");
        }
    }
}

/// A path, or a name without a file that begins with `@`.
fn open(name: &OsStr) -> io::Result<(UnixDatagram, SocketAddr)> {
    let manager = match name.as_bytes().strip_prefix(b"@") {
        Some(abstract_name) => SocketAddr::from_abstract_name(abstract_name)?,
        None => SocketAddr::from_pathname(name)?,
    };
    let socket = UnixDatagram::unbound()?;
    // A manager that does not read must not hold up the daemon.
    socket.set_nonblocking(true)?;
    Ok((socket, manager))
}

const PULSES_PER_TIMEOUT: u32 = 3;
