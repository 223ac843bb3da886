use std::{
    fs,
    path::Path,
    process::{Command, Stdio},
};

use rustix::process::{Resource, getrlimit};
use wayside::{crypto::verification_backend, transport::SOCKET_BUFFER_LEN};

use super::report::Report;

/// Looks at what no configuration decides.
pub(super) fn look(report: &mut Report) {
    look_at_backend(verification_backend(), std::env::consts::ARCH, report);
    look_at_clock(clock_state().as_deref(), report);
    for name in ["rmem_max", "wmem_max"] {
        let text = fs::read_to_string(format!("/proc/sys/net/core/{name}"));
        look_at_buffers(
            name,
            text.ok().and_then(|it| it.trim().parse().ok()),
            report,
        );
    }
    look_at_open_files(getrlimit(Resource::Nofile).current, report);
    let pattern = fs::read_to_string("/proc/sys/kernel/core_pattern");
    look_at_core_dumps(pattern.ok().as_deref(), report);
}

pub(super) fn look_at_backend(backend: &str, architecture: &str, report: &mut Report) {
    let about = "signatures";
    let found = format!("Ed25519 is verified by the backend `{backend}`");
    if cfg!(debug_assertions) {
        report.doubtful(
            about,
            format!("{found}, in a build for debugging"),
            "use --release",
        );
    } else if backend == "serial" && architecture == "x86_64" {
        report.doubtful(
            about,
            format!("{found}, which is the slowest"),
            "build within the repository, whose .cargo/config.toml chooses a faster one",
        );
    } else {
        report.well(about, found);
    }
}

/// What the system's time service says; `None` if there is nobody to ask.
fn clock_state() -> Option<String> {
    if Path::new("/run/systemd/timesync/synchronized").exists() {
        return Some("yes".to_owned());
    }
    let asked = Command::new("timedatectl")
        .args(["show", "--property=NTPSynchronized", "--value"])
        .stdin(Stdio::null())
        .stderr(Stdio::null())
        .output();
    let answer = asked.ok().filter(|it| it.status.success())?;
    Some(String::from_utf8_lossy(&answer.stdout).trim().to_owned())
}

pub(super) fn look_at_clock(state: Option<&str>, report: &mut Report) {
    let about = "clock";
    let remedy = "run a time service (chrony, systemd-timesyncd, or gpsd with PPS in a car): a clock \
                  that is wrong by more than 500 ms signs nothing";
    match state {
        Some("yes") => report.well(about, "the kernel says that it is synchronised"),
        Some("no") => report.wrong(about, "the kernel says that it is not synchronised", remedy),
        Some(_) | None => report.doubtful(
            about,
            "nobody can be asked here whether it is synchronised",
            remedy,
        ),
    }
}

pub(super) fn look_at_buffers(name: &str, len_max: Option<usize>, report: &mut Report) {
    let about = format!("net.core.{name}");
    let remedy = format!("sysctl -w net.core.{name}={SOCKET_BUFFER_LEN}, and in /etc/sysctl.d");
    match len_max {
        Some(len) if len >= SOCKET_BUFFER_LEN => report.well(&about, format!("{len} bytes")),
        Some(len) => report.doubtful(
            &about,
            format!("{len} bytes: bursts of messages are lost, {SOCKET_BUFFER_LEN} are asked for"),
            remedy,
        ),
        None => report.doubtful(&about, "cannot be read", remedy),
    }
}

pub(super) fn look_at_open_files(limit: Option<u64>, report: &mut Report) {
    let about = "open files";
    let remedy =
        "raise it: LimitNOFILE=65536 in the service, or `ulimit -n 65536` before the start";
    match limit {
        None => report.well(about, "no limit"),
        Some(limit) if limit >= OPEN_FILES_WANTED => {
            report.well(about, format!("at most {limit}"));
        }
        Some(limit) if limit >= OPEN_FILES_NEEDED => {
            report.doubtful(about, format!("at most {limit}: few for a unit"), remedy);
        }
        Some(limit) => report.wrong(about, format!("at most {limit}: too few"), remedy),
    }
}

pub(super) fn look_at_core_dumps(pattern: Option<&str>, report: &mut Report) {
    let about = "core dumps";
    match pattern.map(str::trim) {
        // It gets the memory whatever the limit is, and decides by itself what to keep.
        Some(program) if program.starts_with('|') && !program.contains("systemd-coredump") => {
            report.doubtful(
                about,
                format!("a crash's memory, with keys, goes to `{program}`, whatever the limit"),
                "see that it keeps nothing for a limit of 0 (%c), or set kernel.core_pattern=core",
            )
        }
        Some(_) | None => report.well(about, "every daemon forbids its own"),
    }
}

/// What a unit with many vehicles at its door takes.
const OPEN_FILES_WANTED: u64 = 4_096;
/// What a unit takes for its stores and a few clients.
const OPEN_FILES_NEEDED: u64 = 512;
