use std::{
    ffi::OsString,
    future::{Future, pending, ready},
    io,
    os::{
        linux::net::SocketAddrExt as _,
        unix::net::{SocketAddr, UnixDatagram},
    },
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use serde::{Deserialize, Serialize};
use tempfile::TempDir;
use tokio::sync::Notify;

use crate::{
    serve::{ConfigError, Daemon, DaemonConfig, daemon::pulse, notify::Manager},
    telemetry::LogConfig,
};

#[test]
fn nobody_is_told_without_a_manager() {
    let manager = Manager::from_variables(|_| None, 7);

    manager.tell_ready();

    assert_eq!(manager.pulse(), None);
}

#[test]
fn managers_are_reached_by_path_and_by_abstract_name() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("notify.sock");
    let by_path = UnixDatagram::bind(&path).unwrap();
    let name = format!("wayside-test-{}", std::process::id());
    let address = SocketAddr::from_abstract_name(name.as_bytes()).unwrap();
    let by_name = UnixDatagram::bind_addr(&address).unwrap();
    for (socket, variable) in [
        (by_path, path.into_os_string()),
        (by_name, format!("@{name}").into()),
    ] {
        let manager = manager(variable, &[]);

        manager.tell_ready();
        manager.tell_reloading();
        manager.tell_stopping();

        assert_eq!(receive(&socket).unwrap(), "READY=1");
        let reloading = receive(&socket).unwrap();
        let since_boot = reloading
            .strip_prefix("RELOADING=1\nMONOTONIC_USEC=")
            .unwrap();
        assert!(since_boot.parse::<u64>().unwrap() > 0);
        assert_eq!(receive(&socket).unwrap(), "STOPPING=1");
    }
}

#[test]
fn a_watchdog_is_told_three_times_in_what_it_waits_for() {
    let pulse = |variables: &[(&str, &str)]| manager("@nobody".into(), variables).pulse();

    let watched = [("WATCHDOG_USEC", "30000000"), ("WATCHDOG_PID", "7")];
    assert_eq!(pulse(&watched), Some(Duration::from_secs(10)));
    assert_eq!(
        pulse(&[("WATCHDOG_USEC", "3000000")]),
        Some(Duration::from_secs(1))
    );
    let meant_for_another = [("WATCHDOG_USEC", "30000000"), ("WATCHDOG_PID", "8")];
    assert_eq!(pulse(&meant_for_another), None);
    assert_eq!(pulse(&[("WATCHDOG_USEC", "0")]), None);
    assert_eq!(pulse(&[("WATCHDOG_USEC", "often")]), None);
}

#[tokio::test]
async fn a_stuck_daemon_is_not_said_to_be_alive() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("notify.sock");
    let socket = UnixDatagram::bind(&path).unwrap();
    let manager = manager(path.into_os_string(), &[("WATCHDOG_USEC", "3000")]);
    let daemon = StuckAfter {
        answers: 2.into(),
        stuck: Arc::default(),
    };

    tokio::select! {
        never = pulse(&daemon, &manager) => match never {},
        () = daemon.stuck.notified() => {}
    }

    assert_eq!(receive(&socket).unwrap(), "WATCHDOG=1");
    assert_eq!(receive(&socket).unwrap(), "WATCHDOG=1");
    let nothing = receive(&socket).unwrap_err();
    assert_eq!(nothing.kind(), io::ErrorKind::WouldBlock);
}

/// Answers so many times that it is alive, and then not any more.
struct StuckAfter {
    answers: AtomicU32,
    stuck: Arc<Notify>,
}

#[derive(Clone, Deserialize, Serialize)]
struct NoConfig {}

impl DaemonConfig for NoConfig {
    const FILE_USUAL: &str = "/nonexistent";

    fn refusals(&self) -> Vec<ConfigError> {
        Vec::new()
    }

    fn log(&self) -> &LogConfig {
        unreachable!("nothing is logged")
    }
}

impl Daemon for StuckAfter {
    type Config = NoConfig;

    fn ready(&self) -> serde_json::Value {
        serde_json::Value::Null
    }

    fn reload(&self, _config: &NoConfig) {}

    async fn is_alive(&self) -> bool {
        if self.answers.fetch_sub(1, Ordering::Relaxed) == 0 {
            self.stuck.notify_one();
            return pending().await;
        }
        true
    }

    fn failed(&self) -> impl Future<Output = ()> {
        pending()
    }

    fn shutdown(self) -> impl Future<Output = ()> {
        ready(())
    }
}

fn manager(socket: OsString, variables: &[(&str, &str)]) -> Manager {
    let variable = |name: &str| {
        if name == "NOTIFY_SOCKET" {
            return Some(socket.clone());
        }
        let found = variables.iter().find(|(known, _)| *known == name);
        found.map(|(_, value)| OsString::from(value))
    };
    Manager::from_variables(variable, 7)
}

fn receive(socket: &UnixDatagram) -> io::Result<String> {
    socket.set_nonblocking(true)?;
    let mut buffer = [0; 256];
    let len = socket.recv(&mut buffer)?;
    Ok(String::from_utf8_lossy(&buffer[..len]).into_owned())
}
