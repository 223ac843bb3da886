use std::{
    path::{Path, PathBuf},
    process::Output,
};

use tempfile::TempDir;
use tokio::{process::Command, time::timeout};
use tonic::{
    Code,
    transport::{Channel, Endpoint},
};
use wayside::{
    crypto::SigningKey,
    id::{ShardId, VehicleId},
    ledger::{
        AccountKey, Action, Genesis, OdometerSource, RecordOdometer, SignedTransaction, Transaction,
    },
    rpc::ledger::v1::{
        GetVehicleRequest, Outcome, SubmitRequest, SubmitResponse, WatchRequest,
        ledger_service_client::LedgerServiceClient,
    },
    serve::read_key,
    time::Timestamp,
};

use crate::agent::process::{Agent, PATIENCE, wayside};

/// A unit's process that keeps a development ledger of its own, in a folder that outlives it.
pub(crate) struct Alone {
    pub(super) folder: TempDir,
    pub(crate) process: Agent,
}

/// A vehicle that is on the ledger.
pub(crate) struct Enrolled {
    pub(super) id: VehicleId,
    pub(super) key: SigningKey,
}

impl Alone {
    pub(crate) async fn start() -> Self {
        let folder = TempDir::new().unwrap();
        let process = Agent::start(command(folder.path())).await;
        Self { folder, process }
    }

    /// Takes the place of a unit that has ended.
    pub(super) async fn restart(&mut self) {
        self.process = Agent::start(command(self.folder.path())).await;
    }

    pub(super) fn domain(&self) -> PathBuf {
        self.folder.path().join("data/development")
    }

    pub(super) fn genesis(&self) -> Genesis {
        read_genesis(&self.domain())
    }

    pub(super) async fn client(&self) -> LedgerServiceClient<Channel> {
        LedgerServiceClient::new(self.process.channel().await)
    }

    /// Brings a vehicle to the ledger that is at home in shard 1.
    pub(crate) async fn enrol(&self) -> Enrolled {
        enrol(&self.domain(), self.process.address("grpc")).await
    }
}

/// The command that starts a unit of its own on free ports.
pub(crate) fn command(folder: &Path) -> Command {
    let mut command = wayside(&["unit", "--metrics-address", "127.0.0.1:0"]);
    command
        .arg("--storage")
        .arg(folder.join("data"))
        .arg("--grpc-socket")
        .arg(folder.join("unit.sock"));
    command
}

pub(super) fn read_genesis(domain: &Path) -> Genesis {
    let text = std::fs::read_to_string(domain.join("genesis.toml")).unwrap();
    Genesis::from_toml(&text).unwrap()
}

/// Brings a vehicle to the ledger that is at home in shard 1.
pub(super) async fn enrol(domain: &Path, unit: &str) -> Enrolled {
    enrol_vin(domain, unit, "WVSTEST0000000001").await
}

pub(super) async fn enrol_vin(domain: &Path, unit: &str, vin: &str) -> Enrolled {
    let (output, enrolled) = ask_to_enrol(domain, unit, vin, 1).await;
    assert!(output.status.success(), "{output:?}");
    timeout(PATIENCE, wait_until(unit, enrolled.id, "active"))
        .await
        .unwrap();
    enrolled
}

/// Has a maker bring a vehicle to the ledger; returns what the command said.
pub(super) async fn ask_to_enrol(
    domain: &Path,
    unit: &str,
    vin: &str,
    home: u16,
) -> (Output, Enrolled) {
    let made = TempDir::new().unwrap();
    let (key, secret) = (made.path().join("vehicle.key"), made.path().join("secret"));
    let key_of = |role: &str| domain.join(format!("keys/{role}.key"));
    run(wayside(&["ledger", "key", "new"]).arg(&key)).await;
    let mut enrol = wayside(&["ledger", "enrol", "--model", "test", "--vin", vin]);
    enrol
        .args(["--home", &home.to_string(), "--unit", unit, "--secret"])
        .arg(&secret)
        .arg("--vehicle")
        .arg(&key)
        .arg("--owner")
        .arg(key_of("owner"))
        .arg("--tag-issuer")
        .arg(key_of("tag_issuer"))
        .arg("--key")
        .arg(key_of("maker"));
    let output = timeout(PATIENCE, enrol.output()).await.unwrap().unwrap();
    let text = std::fs::read_to_string(&secret).unwrap();
    let line = text.lines().find(|line| line.starts_with("vehicle"));
    let enrolled = Enrolled {
        id: line.unwrap().split('"').nth(1).unwrap().parse().unwrap(),
        key: read_key(&key).unwrap(),
    };
    (output, enrolled)
}

/// Waits until the shard that keeps the vehicle's tag has said whether the tag is free.
pub(super) async fn wait_until(unit: &str, vehicle: VehicleId, status: &str) {
    let channel = Endpoint::from_shared(unit.to_owned()).unwrap();
    let mut client = LedgerServiceClient::new(channel.connect().await.unwrap());
    let request = WatchRequest::default();
    let mut events = client.watch(request).await.unwrap().into_inner();
    loop {
        let request = GetVehicleRequest {
            vehicle_id: vehicle.to_string(),
        };
        match client.get_vehicle(request).await {
            Ok(told) if told.get_ref().vehicle.as_ref().unwrap().status == status => return,
            Ok(_) => {}
            // Another unit took it in, and is a block ahead.
            Err(refused) => assert_eq!(refused.code(), Code::NotFound, "{refused}"),
        }
        events.message().await.unwrap().unwrap();
    }
}

pub(super) async fn run(command: &mut Command) {
    let output = timeout(PATIENCE, command.output()).await.unwrap().unwrap();
    assert!(output.status.success(), "{output:?}");
}

/// A reading of a vehicle's odometer by the vehicle itself.
pub(super) fn reading(
    genesis: &Genesis,
    vehicle: &Enrolled,
    nonce: u64,
    odometer_km: u32,
) -> SignedTransaction {
    let transaction = Transaction {
        version: Transaction::VERSION,
        chain: genesis.chain(),
        shard: ShardId(1),
        sender: AccountKey::from(vehicle.key.verifying_key()),
        nonce,
        expires: None,
        approvers: Vec::new(),
        action: Action::RecordOdometer(RecordOdometer {
            vehicle: vehicle.id,
            odometer_km,
            read: now(),
            source: OdometerSource::Telemetry,
        }),
    };
    transaction.sign(&vehicle.key)
}

/// Hands a transaction in and waits for its outcome.
pub(super) async fn submit(
    client: &mut LedgerServiceClient<Channel>,
    transaction: &SignedTransaction,
) -> SubmitResponse {
    let request = SubmitRequest {
        transaction: transaction.to_bytes().into(),
        wait: Some(prost_types::Duration {
            seconds: 30,
            nanos: 0,
        }),
    };
    let submitted = timeout(PATIENCE, client.submit(request)).await.unwrap();
    submitted.unwrap().into_inner()
}

/// The outcome of a transaction that is final.
pub(super) fn outcome(response: &SubmitResponse) -> Outcome {
    let status = response.status.clone().unwrap();
    status.finalized.expect("final").outcome.unwrap()
}

fn now() -> Timestamp {
    wayside::transport::Clock::system().now().timestamp
}
