//! Records of a car that meets no roadside unit for a whole drive.

use std::{collections::BTreeMap, path::PathBuf};

use rustix::process::Signal;
use tempfile::TempDir;
use tokio::time::timeout;
use tonic::{Code, Request, transport::Channel};
use tonic_types::StatusExt as _;
use wayside::rpc::{
    ledger::v1::{GetVehicleRequest, ledger_service_client::LedgerServiceClient},
    record::v1::{
        GetHistoryRequest, GetOutboxRequest, GetRequest, ListRequest, OdometerReading, Progress,
        Record, RecordState, SubmitRequest, WatchRequest, record::Body,
        record_service_client::RecordServiceClient, watch_response::Event,
    },
};

use super::process::{Agent, PATIENCE, Pki, agent, wayside};

#[tokio::test]
async fn killed_twice_on_a_drive_without_units_a_car_delivers_every_record_once() {
    let town = Town::new().await;
    let unit = town.start_unit().await;
    town.enrol(&unit).await;
    drop(unit);

    let mut taken = BTreeMap::new();
    for life in 0..3_u32 {
        let mut car = town.start_agent().await;
        let mut records = client(&car).await;
        for reading in 0..4 {
            let km = 10 * life + reading + 1;
            let state = submit(&mut records, km).await;
            assert_eq!(state.progress(), Progress::Queued);
            taken.insert(km, state.record_id);
        }
        // A client that never heard the answer asks again.
        for (km, record_id) in &taken {
            assert_eq!(submit(&mut records, *km).await.record_id, *record_id);
        }
        let outbox = records.get_outbox(GetOutboxRequest {}).await.unwrap();
        let outbox = outbox.into_inner();
        assert_eq!(outbox.waiting, 4 * (life + 1));
        assert!(outbox.enabled && outbox.development);
        if life < 2 {
            car.signal(Signal::KILL);
            assert_eq!(car.end().await, None);
        } else {
            let unit = town.start_unit().await;
            everything_is_applied(&mut records).await;
            the_history_holds_each_once(&mut records, &taken).await;
            the_metrics_say_that_nothing_waits(&car).await;
            drop(unit);
        }
    }
}

#[tokio::test]
async fn a_record_that_breaks_a_rule_is_refused_with_proof_and_the_rules_name() {
    let town = Town::new().await;
    let unit = town.start_unit().await;
    town.enrol(&unit).await;
    let car = town.start_agent().await;
    let mut records = client(&car).await;
    submit(&mut records, 50).await;
    let back = submit(&mut records, 20).await.record_id;
    everything_is_done(&mut records).await;

    let request = GetRequest {
        record_id: Some(back),
        ..GetRequest::default()
    };
    let state = records.get(request).await.unwrap().into_inner();
    let state = state.state.unwrap();
    assert_eq!(state.progress(), Progress::Refused);
    assert_eq!(state.rule, "odometer_decreased");
    assert!(!state.proof.is_empty());
    assert!(state.place.is_some());
}

#[tokio::test]
async fn without_a_ledger_records_are_refused_and_say_why() {
    let pki = Pki::new(1).await;
    let car = pki.start(1, &[]).await;
    let mut records = client(&car).await;
    let refused = records.submit(request(1)).await.unwrap_err();
    assert_eq!(refused.code(), Code::FailedPrecondition);
    let info = refused.get_details_error_info().unwrap();
    assert_eq!(info.reason, "LEDGER_OFF");
    let outbox = records.get_outbox(GetOutboxRequest {}).await.unwrap();
    assert!(!outbox.into_inner().enabled);
}

/// A vehicle, and a committee of one to keep its records.
struct Town {
    folder: TempDir,
}

impl Town {
    async fn new() -> Self {
        let folder = TempDir::new().unwrap();
        let made = wayside(&["pki", "init", "--slots", "3", "--vehicles", "1"])
            .args(["--operators", "1", "--shards", "2", "--out"])
            .arg(folder.path().join("domain"))
            .output()
            .await
            .unwrap();
        assert!(made.status.success(), "{made:?}");
        Self { folder }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join("domain").join(name)
    }

    async fn start_unit(&self) -> Agent {
        let mut command = wayside(&["unit", "--config"]);
        command.arg(self.path("unit-1/unit.toml"));
        Agent::start(command).await
    }

    async fn start_agent(&self) -> Agent {
        let mut command = agent(&self.path("vehicle-1/agent.toml"));
        command
            .env("WAYSIDE__TRANSPORT__PEERS", "[]")
            .env("WAYSIDE__LEDGER__DIAL_PAUSE_MAX", "1s");
        Agent::start(command).await
    }

    /// Brings the vehicle to the ledger, and waits until its identification number is known to be
    /// nobody else's.
    async fn enrol(&self, unit: &Agent) {
        let mut command = wayside(&["ledger", "enrol", "--model", "test"]);
        for (flag, file) in [
            ("--secret", "vehicle-1/vehicle.toml"),
            ("--owner", "vehicle-1/owner.key"),
            ("--vehicle", "vehicle-1/enrolment.key"),
            ("--tag-issuer", "keys/tag_issuer.key"),
            ("--key", "keys/maker.key"),
        ] {
            command.arg(flag).arg(self.path(file));
        }
        let socket = self.path("unit-1/unit.sock");
        command
            .arg("--unit")
            .arg(format!("unix:{}", socket.display()));
        let enrolled = timeout(PATIENCE, command.output()).await.unwrap().unwrap();
        assert!(enrolled.status.success(), "{enrolled:?}");
        let secret = std::fs::read_to_string(self.path("vehicle-1/vehicle.toml")).unwrap();
        let secret: toml::Table = secret.parse().unwrap();
        let vehicle_id = secret.get("vehicle").unwrap().as_str().unwrap().to_owned();
        let mut ledger = LedgerServiceClient::new(unit.channel().await);
        let known = async {
            loop {
                let request = GetVehicleRequest {
                    vehicle_id: vehicle_id.clone(),
                };
                let vehicle = ledger.get_vehicle(request).await.unwrap().into_inner();
                if vehicle.vehicle.unwrap().status == "active" {
                    return;
                }
            }
        };
        timeout(PATIENCE, known).await.unwrap();
    }
}

async fn client(car: &Agent) -> RecordServiceClient<Channel> {
    RecordServiceClient::new(car.channel().await)
}

fn request(odometer_km: u32) -> Request<SubmitRequest> {
    Request::new(SubmitRequest {
        request_id: format!("odometer-{odometer_km}"),
        record: Some(Record {
            at: None,
            body: Some(Body::Odometer(OdometerReading {
                odometer_km: Some(odometer_km),
            })),
        }),
    })
}

async fn submit(records: &mut RecordServiceClient<Channel>, odometer_km: u32) -> RecordState {
    let answer = records.submit(request(odometer_km)).await.unwrap();
    answer.into_inner().state.unwrap()
}

async fn everything_is_applied(records: &mut RecordServiceClient<Channel>) {
    everything_is_done(records).await;
    let states = records.list(ListRequest::default()).await.unwrap();
    for state in states.into_inner().states {
        assert_eq!(state.progress(), Progress::Applied, "{state:?}");
    }
}

/// Waits until nothing waits any more.
async fn everything_is_done(records: &mut RecordServiceClient<Channel>) {
    let mut changes = records.watch(WatchRequest {}).await.unwrap().into_inner();
    let mut waiting = BTreeMap::new();
    let mut has_begun = false;
    let watched = async {
        while !has_begun || !waiting.is_empty() {
            match changes.message().await.unwrap().unwrap().event.unwrap() {
                Event::State(state) => match state.progress() {
                    Progress::Applied | Progress::Refused => {
                        waiting.remove(&state.record_id);
                    }
                    Progress::Unspecified | Progress::Queued | Progress::Sending => {
                        waiting.insert(state.record_id, state);
                    }
                },
                Event::SnapshotEnd(_) => has_begun = true,
            }
        }
    };
    if timeout(PATIENCE, watched).await.is_err() {
        let outbox = records.get_outbox(GetOutboxRequest {}).await.unwrap();
        panic!("still waits: {waiting:?}; {outbox:?}");
    }
}

/// They are written once a second.
async fn the_metrics_say_that_nothing_waits(car: &Agent) {
    let written = async { while !car.scrape().await.contains("wayside_outbox_depth 0") {} };
    timeout(PATIENCE, written).await.unwrap();
}

async fn the_history_holds_each_once(
    records: &mut RecordServiceClient<Channel>,
    taken: &BTreeMap<u32, u64>,
) {
    let history = records.get_history(GetHistoryRequest::default()).await;
    let history = history.unwrap().into_inner();
    let readings = history.records.iter();
    let readings = readings.filter(|record| record.kind == "record_odometer");
    let readings: Vec<_> = readings.collect();
    assert_eq!(readings.len(), taken.len());
    assert!(readings.iter().all(|record| record.outcome == "applied"));
    assert!(!history.anchored, "no checkpoint was given");
    let mut listed: Vec<String> = readings
        .iter()
        .map(|record| record.transaction_id.clone())
        .collect();
    let states = records.list(ListRequest::default()).await.unwrap();
    let states = states.into_inner().states;
    let mut sent: Vec<String> = states.into_iter().map(|it| it.transaction_id).collect();
    listed.sort();
    sent.sort();
    assert_eq!(listed, sent);
}
