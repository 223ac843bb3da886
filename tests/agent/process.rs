use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
    process::{Output, Stdio},
    time::Duration,
};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use tempfile::TempDir;
use tokio::{
    io::{AsyncBufReadExt as _, AsyncReadExt as _, BufReader},
    process::{Child, ChildStdout, Command},
    time::timeout,
};
use tonic::transport::{Channel, Endpoint};
use wayside::rpc::{
    agent::v1::{Readiness, WatchReadinessRequest, agent_service_client::AgentServiceClient},
    telemetry::v1::{PublishStateRequest, telemetry_service_client::TelemetryServiceClient},
    types::v1::{Position, VehicleState},
};

/// Long enough for a busy machine; what takes longer hangs.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// A trust domain in a folder of its own.
pub(crate) struct Pki {
    folder: TempDir,
}

/// A running agent; killed when dropped.
pub(crate) struct Agent {
    child: Child,
    _stdout: BufReader<ChildStdout>,
    addresses: Value,
}

impl Pki {
    pub(crate) async fn new(vehicles: u16) -> Self {
        let folder = TempDir::new().unwrap();
        let domain = folder.path().join("domain");
        let made = wayside(&["pki", "init", "--slots", "3", "--out"])
            .arg(&domain)
            .args(["--vehicles", &vehicles.to_string()])
            .output()
            .await
            .unwrap();
        assert!(made.status.success(), "{made:?}");
        Self { folder }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join("domain").join(name)
    }

    /// The command that starts a vehicle's agent on free ports.
    pub(crate) fn agent(&self, vehicle: u16) -> Command {
        let config = self.path(&format!("vehicle-{vehicle}/agent.toml"));
        agent(&config)
    }

    /// Starts a vehicle's agent, which dials the given peers.
    pub(crate) async fn start(&self, vehicle: u16, peers: &[SocketAddr]) -> Agent {
        let mut command = self.agent(vehicle);
        for peer in peers {
            command.args(["--peer", &peer.to_string()]);
        }
        if peers.is_empty() {
            command.env("WAYSIDE__TRANSPORT__PEERS", "[]");
        }
        Agent::start(command).await
    }
}

impl Agent {
    pub(crate) async fn start(mut command: Command) -> Self {
        let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
        let mut stdout = BufReader::new(child.stdout.take().unwrap());
        let mut line = String::new();
        timeout(PATIENCE, stdout.read_line(&mut line))
            .await
            .unwrap()
            .unwrap();
        Self {
            child,
            _stdout: stdout,
            addresses: serde_json::from_str(&line).unwrap(),
        }
    }

    pub(crate) fn address(&self, name: &str) -> &str {
        self.addresses.get(name).and_then(Value::as_str).unwrap()
    }

    pub(crate) fn quic(&self) -> SocketAddr {
        self.address("quic").parse().unwrap()
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id().unwrap()
    }

    pub(crate) fn signal(&self, signal: Signal) {
        let id = self.child.id().unwrap().try_into().unwrap();
        kill_process(Pid::from_raw(id).unwrap(), signal).unwrap();
    }

    /// Waits for the process to end; its exit code, or `None` if a signal ended it.
    pub(crate) async fn end(&mut self) -> Option<i32> {
        timeout(PATIENCE, self.child.wait())
            .await
            .unwrap()
            .unwrap()
            .code()
    }

    pub(crate) async fn channel(&self) -> Channel {
        let endpoint = Endpoint::from_shared(self.address("grpc").to_owned()).unwrap();
        timeout(PATIENCE, endpoint.connect())
            .await
            .unwrap()
            .unwrap()
    }

    /// Waits until the agent's readiness is as wanted.
    pub(crate) async fn wait_ready(&self, wanted: impl Fn(&Readiness) -> bool) -> Readiness {
        let mut client = AgentServiceClient::new(self.channel().await);
        let request = WatchReadinessRequest {};
        let mut changes = client.watch_readiness(request).await.unwrap().into_inner();
        let watched = async {
            loop {
                let change = changes.message().await.unwrap().unwrap();
                let readiness = change.readiness.unwrap();
                if wanted(&readiness) {
                    return readiness;
                }
            }
        };
        timeout(PATIENCE, watched).await.unwrap()
    }

    /// Publishes where the vehicle is, and returns what became of it.
    pub(crate) async fn publish(&self, latitude_deg: f64) -> i32 {
        let mut client = TelemetryServiceClient::new(self.channel().await);
        client
            .publish_state(state(latitude_deg))
            .await
            .unwrap()
            .into_inner()
            .outcome
    }

    pub(crate) async fn scrape(&self) -> String {
        let mut stream = tokio::net::TcpStream::connect(self.address("metrics"))
            .await
            .unwrap();
        let request = b"GET /metrics HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
        tokio::io::AsyncWriteExt::write_all(&mut stream, request)
            .await
            .unwrap();
        let mut answer = String::new();
        timeout(PATIENCE, stream.read_to_string(&mut answer))
            .await
            .unwrap()
            .unwrap();
        answer
    }
}

/// A vehicle that drives north at 10 m/s.
pub(super) fn state(latitude_deg: f64) -> PublishStateRequest {
    let state = VehicleState {
        position: Some(Position {
            latitude_deg: Some(latitude_deg),
            longitude_deg: Some(2.5),
            altitude_m: None,
        }),
        heading_deg: Some(0.0),
        speed_m_per_s: Some(10.0),
        ..VehicleState::default()
    };
    PublishStateRequest {
        measured_at: None,
        state: Some(state),
        ..PublishStateRequest::default()
    }
}

/// The command that starts an agent on free ports.
pub(crate) fn agent(config: &Path) -> Command {
    let mut command = wayside(&["agent", "--config"]);
    command
        .arg(config)
        .args([
            "--quic-address",
            "127.0.0.1:0",
            "--metrics-address",
            "127.0.0.1:0",
        ])
        .env("WAYSIDE__TRANSPORT__IDLE_TIMEOUT", "1s");
    command
}

/// Runs a command that is expected to fail, and returns the one line of its error.
pub(crate) async fn refused(mut command: Command) -> String {
    let output: Output = timeout(PATIENCE, command.output()).await.unwrap().unwrap();
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert!(!output.status.success(), "{stderr}");
    let errors: Vec<&str> = stderr
        .lines()
        .filter(|line| line.starts_with("error: "))
        .collect();
    let [error] = errors.as_slice() else {
        panic!("not one error:\n{stderr}");
    };
    assert_eq!(stderr.lines().last(), Some(*error), "{stderr}");
    (*error).to_owned()
}

pub(crate) fn wayside(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_wayside"));
    command
        .args(arguments)
        .env_remove("WAYSIDE_CONFIG")
        .env("WAYSIDE_LOG", "error")
        .kill_on_drop(true);
    command
}
