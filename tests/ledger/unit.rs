use std::{
    fs,
    io::{BufRead as _, BufReader},
    path::PathBuf,
    process::{Child, ChildStdout, Command, Output, Stdio},
};

use serde_json::Value;
use tempfile::TempDir;

/// A roadside unit without a configuration: a development committee of one. Killed when dropped.
pub(super) struct Unit {
    folder: TempDir,
    child: Child,
    _stdout: BufReader<ChildStdout>,
    address: String,
}

impl Unit {
    pub(super) fn start() -> Self {
        let folder = TempDir::new().unwrap();
        let mut child = wayside(&["unit", "--storage"])
            .arg(folder.path().join("storage"))
            .arg("--grpc-socket")
            .arg(folder.path().join("unit.sock"))
            .args(["--metrics-address", "127.0.0.1:0"])
            .args(["--parent", &std::process::id().to_string()])
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut stdout = BufReader::new(child.stdout.take().unwrap());
        let mut line = String::new();
        stdout.read_line(&mut line).unwrap();
        let ready: Value = serde_json::from_str(&line).unwrap();
        Self {
            folder,
            child,
            _stdout: stdout,
            address: field(&ready, "grpc").to_owned(),
        }
    }

    /// Ends the unit, as if the network were gone; the files stay.
    pub(super) fn stop(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// A file of the test.
    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// The development genesis.
    pub(super) fn genesis(&self) -> PathBuf {
        self.path("storage/development/genesis.toml")
    }

    /// A development key, as `maker`.
    pub(super) fn key(&self, name: &str) -> String {
        let file = format!("storage/development/keys/{name}.key");
        self.path(&file).to_str().unwrap().to_owned()
    }

    /// Runs `wayside ledger` in the test's folder.
    pub(super) fn ledger(&self, arguments: &[&str]) -> Output {
        wayside(&["ledger"])
            .args(arguments)
            .env("WAYSIDE_UNIT", &self.address)
            .current_dir(self.folder.path())
            .output()
            .unwrap()
    }

    /// Runs what must succeed; its standard output.
    pub(super) fn ledger_ok(&self, arguments: &[&str]) -> String {
        let output = self.ledger(arguments);
        assert!(output.status.success(), "{arguments:?}: {output:?}");
        String::from_utf8(output.stdout).unwrap()
    }

    /// Runs `wayside verify` in the test's folder; its exit code and standard output.
    pub(super) fn verify(&self, arguments: &[&str]) -> (Option<i32>, String) {
        let output = wayside(&["verify", "--genesis"])
            .arg(self.genesis())
            .args(arguments)
            .current_dir(self.folder.path())
            .output()
            .unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        (output.status.code(), text)
    }

    /// Enrols a vehicle of the development owner; its id.
    pub(super) fn enrol(&self, number: u32) -> String {
        let [key, secret] = ["key", "toml"].map(|ending| format!("vehicle-{number}.{ending}"));
        self.ledger_ok(&["key", "new", &key]);
        let vin = format!("WVSTEST{number:010}");
        let enrolled = self.ledger_ok(&[
            "enrol",
            "--vin",
            &vin,
            "--model",
            "test",
            "--built",
            "2025-01-01T00:00:00Z",
            "--key",
            &self.key("maker"),
            "--owner",
            &self.key("owner"),
            "--vehicle",
            &key,
            "--tag-issuer",
            &self.key("tag_issuer"),
            "--secret",
            &secret,
        ]);
        assert_eq!(field(&json(&enrolled), "outcome"), "applied", "{enrolled}");
        let secret = fs::read_to_string(self.path(&secret)).unwrap();
        let line = secret.lines().find(|line| line.starts_with("vehicle"));
        let id = line.unwrap().split('"').nth(1).unwrap().to_owned();
        // Its tag may be kept in the other shard, whose word comes a block later.
        for _ in 0..TRIES {
            let vehicle = self.vehicle(&id);
            if field(&vehicle, "status") == "active" {
                return id;
            }
            self.ledger_ok(&["watch", "--count", "0"]);
        }
        panic!("{id} did not become active");
    }

    /// What the ledger says of a vehicle.
    pub(super) fn vehicle(&self, id: &str) -> Value {
        json(&self.ledger_ok(&["get", id]))
    }
}

impl Drop for Unit {
    fn drop(&mut self) {
        // It may be gone already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn field<'a>(value: &'a Value, name: &str) -> &'a str {
    value.get(name).and_then(Value::as_str).unwrap()
}

pub(super) fn json(text: &str) -> Value {
    serde_json::from_str(text).unwrap()
}

/// What a workshop read.
pub(super) fn reading(vehicle: &str, odometer_km: u32) -> String {
    format!(
        "{{\"action\":\"record_odometer\",\"vehicle\":\"{vehicle}\",\
         \"odometer_km\":{odometer_km},\"read_unix_ms\":{READ_UNIX_MS},\"source\":\"workshop\"}}"
    )
}

fn wayside(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_wayside"));
    command
        .args(arguments)
        .env_remove("WAYSIDE_CONFIG")
        .env_remove("WAYSIDE_UNIT")
        .env("WAYSIDE_LOG", "error")
        .stdin(Stdio::null());
    command
}

/// 2025-06-01, between the vehicles' birth and now.
const READ_UNIX_MS: u64 = 1_748_736_000_000;
/// Each asks a process, which takes longer than a block.
const TRIES: usize = 200;
