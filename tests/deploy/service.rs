use std::{fs, path::Path, time::Duration};

use rustix::process::Signal;
use tempfile::TempDir;
use tokio::{net::UnixDatagram, process::Command, time::timeout};

use crate::agent::process::{Agent, PATIENCE, Pki, wayside};

/// What a service manager is told of a daemon, and what it hears from it.
struct Manager {
    /// The text of the unit file.
    text: String,
    /// Holds what the daemon writes, and the socket.
    folder: TempDir,
    socket: UnixDatagram,
}

#[tokio::test]
async fn an_agent_runs_as_its_unit_file_says() {
    let pki = Pki::new(1).await;
    let manager = Manager::new("vehicle-agent/deploy/wayside-agent.service");
    let config = pki.path("vehicle-1/agent.toml");
    let mut command = manager.command(&config);
    command.env("WAYSIDE__TRANSPORT__LISTEN", "127.0.0.1:0");

    manager.follow_life_of(command).await;
}

#[tokio::test]
async fn a_unit_runs_as_its_unit_file_says() {
    let manager = Manager::new("roadside-unit/deploy/wayside-unit.service");
    let config = manager.folder.path().join("roadside-unit.toml");
    let text = format!(
        "[grpc]\nsocket = {:?}\n[storage]\nfolder = {:?}\n",
        manager.folder.path().join("unit.sock"),
        manager.folder.path().join("data"),
    );
    fs::write(&config, text).unwrap();

    manager.follow_life_of(manager.command(&config)).await;
}

#[test]
fn unit_files_leave_time_to_end_in_order() {
    for file in FILES {
        let text = read(file);
        let stop = humantime::parse_duration(setting(&text, "TimeoutStopSec")).unwrap();
        // The longest shutdown.grace.
        assert!(stop > Duration::from_secs(60), "{file}");
        assert_eq!(setting(&text, "Type"), "notify");
        assert_eq!(setting(&text, "WatchdogSec"), "30s");
        assert_eq!(setting(&text, "KillSignal"), "SIGTERM");
        assert_eq!(setting(&text, "ExecReload"), "/bin/kill -HUP $MAINPID");
        // The usual places of a daemon that is not root's are in the folder `wayside` of these.
        let places = "XDG_RUNTIME_DIR=/run XDG_STATE_HOME=/var/lib";
        assert_eq!(setting(&text, "Environment"), places);
        assert_eq!(setting(&text, "RuntimeDirectory"), "wayside");
        assert_eq!(setting(&text, "StateDirectory"), "wayside");
    }
}

impl Manager {
    fn new(file: &str) -> Self {
        let folder = TempDir::new().unwrap();
        let socket = UnixDatagram::bind(folder.path().join("notify.sock")).unwrap();
        Self {
            text: read(file),
            folder,
            socket,
        }
    }

    /// What the file starts, with a configuration and folders of the test's own.
    fn command(&self, config: &Path) -> Command {
        let mut words = setting(&self.text, "ExecStart").split(' ');
        assert_eq!(words.next(), Some("/usr/local/bin/wayside"));
        let words: Vec<&str> = words.collect();
        let [daemon, "--config", _] = words.as_slice() else {
            panic!("{words:?}");
        };
        let mut command = wayside(&[daemon, "--config"]);
        command
            .arg(config)
            .env("WAYSIDE__METRICS__ADDRESS", "127.0.0.1:0")
            .env("NOTIFY_SOCKET", self.folder.path().join("notify.sock"))
            .env("WATCHDOG_USEC", "300000");
        for variable in setting(&self.text, "Environment").split(' ') {
            let (name, value) = variable.split_once('=').unwrap();
            command.env(name, value);
        }
        command
    }

    /// Starts, reloads and ends a daemon, and hears of each.
    async fn follow_life_of(&self, command: Command) {
        let mut daemon = Agent::start(command).await;
        assert_eq!(self.next().await, "READY=1");
        for _ in 0..3 {
            assert_eq!(self.next().await, "WATCHDOG=1");
        }
        daemon.signal(Signal::HUP);
        let reloading = self.next_but_pulses().await;
        assert!(reloading.starts_with("RELOADING=1\n"), "{reloading}");
        assert_eq!(self.next_but_pulses().await, "READY=1");
        daemon.signal(Signal::TERM);
        assert_eq!(self.next_but_pulses().await, "STOPPING=1");
        assert_eq!(daemon.end().await, Some(0));
    }

    async fn next(&self) -> String {
        let mut buffer = [0; 256];
        let received = timeout(PATIENCE, self.socket.recv(&mut buffer)).await;
        let len = received.unwrap().unwrap();
        String::from_utf8(buffer.get(..len).unwrap().to_vec()).unwrap()
    }

    async fn next_but_pulses(&self) -> String {
        loop {
            let told = self.next().await;
            if told != "WATCHDOG=1" {
                return told;
            }
        }
    }
}

/// The value of a setting that stands there once.
fn setting<'a>(text: &'a str, name: &str) -> &'a str {
    let values = text.lines().filter_map(|line| line.split_once('='));
    let mut values = values.filter(|(key, _)| *key == name);
    let (_, value) = values.next().unwrap();
    assert_eq!(values.next(), None, "{name}");
    value
}

fn read(file: &str) -> String {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    fs::read_to_string(root.join(file)).unwrap()
}

const FILES: [&str; 2] = [
    "vehicle-agent/deploy/wayside-agent.service",
    "roadside-unit/deploy/wayside-unit.service",
];
