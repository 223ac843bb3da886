use std::path::Path;

use bytes::Bytes;
use prost::Message as _;
use rustix::process::Signal;
use tempfile::TempDir;
use tokio::{process::Command, time::timeout};
use wayside::{
    ledger::{Committees, Genesis, Proof},
    rpc::ledger::v1::{
        GetTransactionRequest, ProveRequest, ProveResponse, SubmitRequest, SubmitResponse,
        TransactionState, ledger_service_client::LedgerServiceClient, prove_request::Subject,
    },
    transport::door::{Client, ClientConfig, UnitTrust},
};

use super::process::{enrol, outcome, read_genesis, reading, run, submit};
use crate::agent::process::{Agent, PATIENCE, wayside};

/// Several operators' units, as `wayside pki init` sets them up.
pub(super) struct Committee {
    // Before the folder, which they write to.
    units: Vec<Agent>,
    folder: TempDir,
}

impl Committee {
    pub(super) async fn start(operators: u16) -> Self {
        Self::start_with(operators, 2).await
    }

    pub(super) async fn start_with(operators: u16, shards: u16) -> Self {
        Self::start_as(operators, &["--shards", &shards.to_string()]).await
    }

    /// With further arguments of `wayside pki init`.
    pub(super) async fn start_as(operators: u16, arguments: &[&str]) -> Self {
        let folder = TempDir::new().unwrap();
        run(wayside(&["pki", "init", "--slots", "1"])
            .args(arguments)
            .args(["--operators", &operators.to_string(), "--out"])
            .arg(folder.path()))
        .await;
        let starts = (1..=operators).map(|number| Agent::start(command(folder.path(), number)));
        let mut units = Vec::new();
        for started in starts.map(tokio::spawn).collect::<Vec<_>>() {
            units.push(started.await.unwrap());
        }
        Self { units, folder }
    }

    pub(super) fn folder(&self) -> &Path {
        self.folder.path()
    }

    pub(super) fn unit(&self, index: usize) -> &Agent {
        self.units.get(index).unwrap()
    }

    pub(super) fn units(&self) -> &[Agent] {
        &self.units
    }

    /// Ends a unit as a power cut would.
    pub(super) async fn kill(&mut self, index: usize) {
        let unit = self.units.get_mut(index).unwrap();
        unit.signal(Signal::KILL);
        assert_eq!(unit.end().await, None);
    }

    /// Starts a unit again that was killed.
    pub(super) async fn restart(&mut self, index: usize) {
        let number = u16::try_from(index).unwrap() + 1;
        let unit = Agent::start(command(self.folder(), number)).await;
        *self.units.get_mut(index).unwrap() = unit;
    }

    /// Starts another unit, which is the last one from now on.
    pub(super) async fn join(&mut self, config: &Path) {
        let mut unit = wayside(&["unit", "--config"]);
        unit.arg(config);
        self.units.push(Agent::start(unit).await);
    }

    pub(super) fn genesis(&self) -> Genesis {
        read_genesis(self.folder())
    }
}

fn command(folder: &Path, number: u16) -> Command {
    let mut unit = wayside(&["unit", "--config"]);
    unit.arg(folder.join(format!("unit-{number}/unit.toml")));
    unit
}

#[tokio::test]
async fn what_one_unit_takes_every_unit_tells() {
    let committee = Committee::start(4).await;
    let vehicle = enrol(committee.folder(), committee.unit(0).address("grpc")).await;
    let genesis = committee.genesis();
    let once = reading(&genesis, &vehicle, 0, 10);
    let mut first = LedgerServiceClient::new(committee.unit(1).channel().await);

    let submitted = submit(&mut first, &once).await;
    assert!(outcome(&submitted).applied);

    for unit in &committee.units {
        let mut client = LedgerServiceClient::new(unit.channel().await);
        let told = submit(&mut client, &once).await;
        assert_eq!(told.transaction_id, submitted.transaction_id);
        assert_eq!(told.status, submitted.status);
        let request = GetTransactionRequest {
            transaction_id: submitted.transaction_id.clone(),
        };
        let found = client.get_transaction(request).await.unwrap().into_inner();
        assert_eq!(found.status, submitted.status);
    }
}

#[tokio::test]
async fn a_vehicle_hands_in_at_the_door_and_gets_its_proof() {
    let committee = Committee::start(1).await;
    let vehicle = enrol(committee.folder(), committee.unit(0).address("grpc")).await;
    let genesis = committee.genesis();
    let once = reading(&genesis, &vehicle, 0, 10);
    let door = connect(&genesis, committee.unit(0).address("ledger")).await;

    let request = SubmitRequest {
        transaction: once.to_bytes().into(),
        wait: Some(prost_types::Duration {
            seconds: 30,
            nanos: 0,
        }),
    };
    let answer = call(&door, "Submit", &request).await.unwrap();
    let submitted = SubmitResponse::decode(answer).unwrap();
    let state = submitted.status.clone().unwrap().state;
    assert_eq!(state, i32::from(TransactionState::Finalized));
    assert!(outcome(&submitted).applied);

    let request = ProveRequest {
        subject: Some(Subject::TransactionId(submitted.transaction_id)),
    };
    let answer = call(&door, "Prove", &request).await.unwrap();
    let proof = ProveResponse::decode(answer).unwrap().proof;
    let proof = Proof::from_bytes(&proof).unwrap();
    proof.verify(&Committees::of(&genesis)).unwrap();

    // Records of vehicles that the caller may never have heard of are not told here.
    for method in ["ListRecords", "Watch", "SubmitMany", "ListRoles"] {
        let refused = call(&door, method, &()).await.unwrap_err();
        assert!(refused.contains("METHOD_UNKNOWN"), "{refused}");
    }
}

async fn connect(genesis: &Genesis, address: &str) -> Client {
    let operators = (0..).zip(&genesis.operators);
    let trust = UnitTrust {
        chain: genesis.chain(),
        operators: operators
            .map(|(index, operator)| (index, operator.cold_key.admit().unwrap()))
            .collect(),
    };
    let now = wayside::transport::Clock::system().now().timestamp;
    let address = address.parse().unwrap();
    let connecting = Client::connect(address, &trust, ClientConfig::default(), now);
    timeout(PATIENCE, connecting).await.unwrap().unwrap()
}

async fn call(door: &Client, method: &str, request: &impl prost::Message) -> Result<Bytes, String> {
    let body = Bytes::from(request.encode_to_vec());
    let called = timeout(PATIENCE, door.call(method, body)).await.unwrap();
    called.map_err(|error| error.to_string())
}
