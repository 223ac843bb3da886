use std::{
    fs::{self, Permissions},
    net::UdpSocket,
    os::unix::fs::PermissionsExt as _,
    path::Path,
};

use serde_json::Value;
use tempfile::TempDir;
use tokio::{process::Command, time::timeout};

use crate::{
    agent::process::{Agent, PATIENCE, Pki, wayside},
    unit::process::command,
};

/// What the doctor said.
struct Findings(Value);

#[tokio::test]
async fn what_is_well_is_not_called_wrong() {
    let pki = Pki::new(1).await;

    let config = pki.path("vehicle-1/agent.toml");
    let text = fs::read_to_string(&config).unwrap();
    fs::write(&config, text.replace("127.0.0.1:7441", "127.0.0.1:0")).unwrap();

    let found = Findings::of_agent(&config).await;

    for about in ["trust domain", "tickets", "state", "transport.listen"] {
        assert_ne!(found.level(about), "wrong", "{about}: {}", found.0);
    }
    assert!(found.of_level("wrong").iter().all(|it| it == "clock"));
}

#[tokio::test]
async fn everything_that_is_wrong_with_an_agent_is_found_at_once() {
    let pki = Pki::new(1).await;
    let config = pki.path("vehicle-1/agent.toml");
    let tickets = fs::read_dir(pki.path("vehicle-1/tickets")).unwrap();
    let ticket = tickets.map(|it| it.unwrap().path()).min().unwrap();
    fs::set_permissions(&ticket, Permissions::from_mode(0o644)).unwrap();
    let state = pki.path("vehicle-1/state");
    fs::remove_dir_all(&state).unwrap();
    fs::write(&state, "a file").unwrap();
    let taken = UdpSocket::bind("127.0.0.1:0").unwrap();
    let text = fs::read_to_string(&config).unwrap();
    let listen = format!("listen = \"{}\"", taken.local_addr().unwrap());
    let text = text.replace("listen = \"127.0.0.1:7441\"", &listen);
    let key = pki.path("tls/server.key");
    fs::set_permissions(&key, Permissions::from_mode(0o644)).unwrap();
    let more = format!(
        "[ledger]\ngenesis = \"/nonexistent/genesis.toml\"\n[tickets]\nfetch = false\n\
         [grpc.tcp]\naddress = \"127.0.0.1:0\"\n[grpc.tcp.tls]\n\
         certificate = {:?}\nkey = {key:?}\nclient_authority = {:?}\n\
         [transport.discovery]\ninterface = \"203.0.113.1\"\n",
        pki.path("tls/server.pem"),
        pki.path("tls/authority.pem"),
    );
    fs::write(&config, format!("{text}\n{more}")).unwrap();

    let found = Findings::of_agent(&config).await;

    for (about, expected) in [
        ("tickets", "can be read by others"),
        ("state", "is no folder"),
        ("transport.listen", "cannot be had"),
        ("genesis", "/nonexistent/genesis.toml"),
        ("enrolment key", "cannot use"),
        ("gRPC certificate", "can be read by others"),
        ("multicast", "cannot be joined"),
    ] {
        assert_eq!(found.level(about), "wrong", "{about}: {}", found.0);
        assert!(found.text(about).contains(expected), "{}", found.0);
        assert!(!found.remedy(about).is_empty(), "{about}");
    }
}

#[tokio::test]
async fn tickets_that_are_over_are_found() {
    let folder = TempDir::new().unwrap();
    let domain = folder.path().join("domain");
    let made = wayside(&["pki", "init", "--slots", "2", "--vehicles", "1"])
        .args(["--start", "2026-01-31T12:00:00Z", "--out"])
        .arg(&domain)
        .output()
        .await
        .unwrap();
    assert!(made.status.success(), "{made:?}");

    let found = Findings::of(&domain.join("vehicle-1/agent.toml")).await;

    assert_eq!(found.level("tickets"), "wrong");
    assert!(found.text("tickets").contains("all 2 are over"));
}

#[tokio::test]
async fn a_configuration_that_is_refused_is_told_by_its_keys() {
    let folder = TempDir::new().unwrap();
    let config = folder.path().join("unit.toml");
    fs::write(
        &config,
        "profile = [\"archive\"]\n[storage]\nfoldr = \"x\"\n",
    )
    .unwrap();

    let found = Findings::of(&config).await;

    let wrong = found.0.to_string();
    assert!(wrong.contains("did you mean storage.folder?"), "{wrong}");
    assert!(wrong.contains("identity.follower_key"), "{wrong}");
}

#[tokio::test]
async fn a_unit_that_runs_holds_its_ports_and_its_key_is_looked_at() {
    let folder = TempDir::new().unwrap();
    let unit = Agent::start(command(folder.path())).await;
    let own = folder.path().join("data/development");
    let key = own.join("unit-1/vote.key");
    fs::set_permissions(&key, Permissions::from_mode(0o640)).unwrap();
    let config = folder.path().join("unit.toml");
    let text = format!(
        "profile = [\"validator\"]\n[identity]\ngenesis = {:?}\nvote_key = {key:?}\n\
         [grpc]\nsocket = {:?}\n[metrics]\naddress = \"{}\"\n",
        own.join("genesis.toml"),
        folder.path().join("unit.sock"),
        unit.address("metrics"),
    );
    fs::write(&config, text).unwrap();

    let found = Findings::of(&config).await;

    assert_eq!(found.level("vote key"), "wrong");
    assert!(found.remedy("vote key").starts_with("chmod 600"));
    assert_eq!(found.level("metrics.address"), "well");
    assert!(found.text("gRPC socket").starts_with("a daemon runs"));
    assert_eq!(found.level("genesis"), "doubtful", "for development");
}

#[tokio::test]
async fn health_is_told_by_the_exit_code() {
    let folder = TempDir::new().unwrap();
    let endpoint = format!("unix:{}", folder.path().join("unit.sock").display());
    let health = || {
        let mut health = wayside(&["health", "--timeout", "30s", "--endpoint", &endpoint]);
        async move { health.output().await.unwrap() }
    };

    let before = health().await;
    let _unit = Agent::start(command(folder.path())).await;
    let serves = async {
        loop {
            let running = health().await;
            if running.status.success() {
                return running;
            }
            assert_eq!(running.stdout, b"NOT_SERVING\n", "still starting");
        }
    };
    let running = timeout(PATIENCE, serves).await.unwrap();

    assert_eq!(before.status.code(), Some(1));
    let error = String::from_utf8(before.stderr).unwrap();
    assert!(error.contains("nobody answers at unix:"), "{error}");
    assert_eq!(running.stdout, b"SERVING\n");
}

impl Findings {
    /// About an agent's configuration, with ports that nobody else can have.
    async fn of_agent(config: &Path) -> Self {
        let mut doctor = doctor(config);
        doctor.env("WAYSIDE__METRICS__ADDRESS", "127.0.0.1:0");
        Self::by(doctor).await
    }

    async fn of(config: &Path) -> Self {
        Self::by(doctor(config)).await
    }

    async fn by(mut doctor: Command) -> Self {
        let output = doctor.output().await.unwrap();
        let found = Self(serde_json::from_slice(&output.stdout).unwrap());
        let code = i32::from(!found.of_level("wrong").is_empty());
        assert_eq!(output.status.code(), Some(code), "{}", found.0);
        found
    }

    fn all(&self) -> &Vec<Value> {
        self.0.get("findings").and_then(Value::as_array).unwrap()
    }

    fn of_level(&self, level: &str) -> Vec<String> {
        let found = self.all().iter();
        let found = found.filter(|it| field(it, "level") == level);
        found.map(|it| field(it, "about")).collect()
    }

    fn find(&self, about: &str) -> &Value {
        let found = self.all().iter().find(|it| field(it, "about") == about);
        found.unwrap_or_else(|| panic!("nothing about {about}: {}", self.0))
    }

    fn level(&self, about: &str) -> String {
        field(self.find(about), "level")
    }

    fn text(&self, about: &str) -> String {
        field(self.find(about), "found")
    }

    fn remedy(&self, about: &str) -> String {
        field(self.find(about), "remedy")
    }
}

fn doctor(config: &Path) -> Command {
    let mut doctor = wayside(&["doctor", "--json", "--config"]);
    doctor.arg(config);
    doctor
}

fn field(finding: &Value, name: &str) -> String {
    let value = finding.get(name).and_then(Value::as_str);
    value.unwrap_or_default().to_owned()
}
