use std::{
    fs,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    time::Duration,
};

use rustix::fs::{Access, access, statvfs};
use wayside::{
    ledger::Genesis,
    serve::{KeyFileError, TlsFiles, in_words, read_key},
    time::Timestamp,
};

use super::report::Report;
use crate::ledger::utc;

/// Looks at a private key's file; returns whether it can be used.
pub(super) fn look_at_key(path: &Path, about: &str, report: &mut Report) -> bool {
    let Err(error) = read_key(path) else {
        report.well(about, format!("{} is its owner's alone", path.display()));
        return true;
    };
    let remedy = match &error {
        KeyFileError::Exposed(path) => format!(
            "chmod 600 {}; if anybody may have read it, make another key",
            path.display()
        ),
        KeyFileError::Unusable { path, .. } => format!(
            "put the key there, readable by the daemon's user: {}",
            path.display()
        ),
        KeyFileError::Malformed(_) => {
            "make one by `wayside ledger key new`, or take it from a backup".to_owned()
        }
    };
    report.wrong(about, in_words(&error), remedy);
    false
}

/// Looks at a folder in which a daemon writes, and which it makes if it is not there.
pub(super) fn look_at_folder(path: &Path, about: &str, report: &mut Report) {
    let shown = path.display();
    let there = path.ancestors().find(|it| it.exists());
    let Some(there) = there else {
        report.wrong(
            about,
            format!("{shown} cannot be made"),
            "use another folder",
        );
        return;
    };
    let remedy = format!(
        "give it to the daemon's user: chown wayside {}",
        there.display()
    );
    if !there.is_dir() {
        report.wrong(
            about,
            format!("{} is no folder", there.display()),
            "use another folder",
        );
        return;
    }
    if let Err(error) = access(there, Access::WRITE_OK | Access::EXEC_OK) {
        report.wrong(
            about,
            format!("{} cannot be written to: {error}", there.display()),
            remedy,
        );
        return;
    }
    let mode = fs::metadata(there).map_or(0, |it| it.permissions().mode());
    if there == path && mode & 0o077 != 0 {
        report.doubtful(
            about,
            format!("{shown} is open to others (mode {:03o})", mode & 0o777),
            format!("chmod 700 {shown}"),
        );
    } else {
        report.well(about, format!("{shown} can be written to"));
    }
    look_at_space(there, about, report);
}

fn look_at_space(folder: &Path, about: &str, report: &mut Report) {
    let Ok(disk) = statvfs(folder) else {
        return;
    };
    let free_mib = (disk.f_bavail.saturating_mul(disk.f_frsize)) >> 20;
    let found = format!("{free_mib} MiB are free at {}", folder.display());
    let remedy = "make room: what cannot be written down is not signed, voted or recorded";
    if free_mib < FREE_MIB_NEEDED {
        report.wrong(about, found, remedy);
    } else if free_mib < FREE_MIB_WANTED {
        report.doubtful(about, found, remedy);
    }
}

/// Looks at the certificates for gRPC over TCP.
pub(super) fn look_at_tls(files: &TlsFiles, now: Timestamp, report: &mut Report) {
    let about = "gRPC certificate";
    let mode = fs::metadata(&files.key).map_or(0, |it| it.permissions().mode());
    if mode & 0o077 != 0 {
        let key = files.key.display();
        report.wrong(
            about,
            format!("{key} can be read by others"),
            format!("chmod 600 {key}; if anybody may have read it, make another key"),
        );
    }
    match files.certificate_end() {
        Ok(Some(end)) => look_at_end(about, end, now, report),
        Ok(None) => report.doubtful(about, "does not say when it ends", "make another"),
        Err(error) => report.wrong(
            about,
            in_words(&error),
            "put PEM files there: grpc.tcp.tls names them",
        ),
    }
}

/// Looks at when something ends.
pub(super) fn look_at_end(about: &str, end: Timestamp, now: Timestamp, report: &mut Report) {
    let remedy = "put a newer one in its place and send the daemon SIGHUP";
    let ends = utc(end);
    if end <= now {
        report.wrong(about, format!("ended at {ends}"), remedy);
    } else if end.since(now) < SOON {
        report.doubtful(about, format!("ends soon, at {ends}"), remedy);
    } else {
        report.well(about, format!("good until {ends}"));
    }
}

/// Looks at a file that the daemon reads and whose content is nobody else's business.
pub(super) fn look_at_secret(path: &Path, about: &str, report: &mut Report) {
    let shown = path.display();
    match fs::metadata(path) {
        Ok(found) if found.permissions().mode() & 0o077 != 0 => report.wrong(
            about,
            format!("{shown} can be read by others"),
            format!("chmod 600 {shown}"),
        ),
        Ok(found) if found.len() == 0 => {
            report.wrong(about, format!("{shown} is empty"), "fill it")
        }
        Ok(_) => report.well(about, format!("{shown} is its owner's alone")),
        Err(error) => report.wrong(about, format!("{shown}: {error}"), "make it, with mode 600"),
    }
}

/// Reads a genesis, and looks whether this machine's clock can be right.
pub(super) fn look_at_genesis(
    path: &PathBuf,
    now: Timestamp,
    report: &mut Report,
) -> Option<Genesis> {
    let about = "genesis";
    let remedy = "take it from somebody whom you trust: all else rests on it";
    let text = match fs::read_to_string(path) {
        Ok(text) => text,
        Err(error) => {
            report.wrong(about, format!("{}: {error}", path.display()), remedy);
            return None;
        }
    };
    let genesis = match Genesis::from_toml(&text) {
        Ok(genesis) => genesis,
        Err(error) => {
            let found = format!("{} is none: {}", path.display(), in_words(&error));
            report.wrong(about, found.trim_end(), remedy);
            return None;
        }
    };
    let found = format!("`{}`, chain {}", genesis.name, genesis.chain());
    if genesis.development {
        report.doubtful(
            about,
            format!("{found}: for DEVELOPMENT, nothing that it holds is promised by anybody"),
            "on a real road, take one that its operators agreed on",
        );
    } else {
        report.well(about, found);
    }
    if now < genesis.created {
        report.wrong(
            "clock",
            format!(
                "this machine's clock is before {}, when the ledger began",
                utc(genesis.created)
            ),
            "set it by a time service",
        );
    }
    Some(genesis)
}

const FREE_MIB_NEEDED: u64 = 64;
const FREE_MIB_WANTED: u64 = 1_024;
const SOON: Duration = Duration::from_secs(14 * 86_400);
