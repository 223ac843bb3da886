//! A vehicle with an agent, units that keep its records, and a client that hands them in.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::PathBuf,
};

use rustix::process::Signal;
use tempfile::TempDir;
use tokio::time::timeout;
use tonic::{Request, transport::Channel};
use wayside::rpc::{
    ledger::v1::{GetVehicleRequest, ledger_service_client::LedgerServiceClient},
    record::v1::{
        GetHistoryRequest, GetOutboxRequest, GetOutboxResponse, ListRequest, OdometerReading,
        Progress, Record, RecordState, SubmitRequest, WatchRequest, record::Body,
        record_service_client::RecordServiceClient, watch_response::Event,
    },
};

use super::process::{Agent, PATIENCE, agent, wayside};

/// A vehicle at home in shard 1, and a committee to keep its records.
pub(super) struct Town {
    folder: TempDir,
}

impl Town {
    pub(super) async fn new(operators: u16) -> Self {
        Self::new_with(operators, &[]).await
    }

    /// With further arguments of `wayside pki init`.
    pub(super) async fn new_with(operators: u16, arguments: &[&str]) -> Self {
        Self::of(operators, 2, arguments).await
    }

    /// With so many vehicles, and further arguments of `wayside pki init`.
    pub(super) async fn of(operators: u16, vehicles: u16, arguments: &[&str]) -> Self {
        let folder = TempDir::new().unwrap();
        let made = wayside(&["pki", "init", "--slots", "3"])
            .args(["--vehicles", &vehicles.to_string()])
            .args(["--operators", &operators.to_string()])
            .args(arguments)
            .args(["--shards", "2", "--out"])
            .arg(folder.path().join("domain"))
            .output()
            .await
            .unwrap();
        assert!(made.status.success(), "{made:?}");
        Self { folder }
    }

    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join("domain").join(name)
    }

    /// Starts an operator's unit, counted from 1.
    pub(super) async fn start_unit(&self, number: u16) -> Agent {
        let mut command = wayside(&["unit", "--config"]);
        command.arg(self.path(&format!("unit-{number}/unit.toml")));
        Agent::start(command).await
    }

    pub(super) async fn start_agent(&self, settings: &[(&str, &str)]) -> Agent {
        let mut command = agent(&self.path("vehicle-2/agent.toml"));
        command
            .env("WAYSIDE__TRANSPORT__PEERS", "[]")
            .env("WAYSIDE__LEDGER__DIAL_PAUSE_MAX", "1s")
            .env("WAYSIDE__LEDGER__OUTBOX__RETRY_PAUSE_MAX", "1s");
        for (name, value) in settings {
            command.env(format!("WAYSIDE__{name}"), value);
        }
        Agent::start(command).await
    }

    /// Brings the vehicle to the ledger, and waits until its identification number is known to be
    /// nobody else's.
    pub(super) async fn enrol(&self, unit: &Agent) {
        let mut command = wayside(&["ledger", "enrol", "--model", "test"]);
        for (flag, file) in [
            ("--secret", "vehicle-2/vehicle.toml"),
            ("--owner", "vehicle-2/owner.key"),
            ("--vehicle", "vehicle-2/enrolment.key"),
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
        let secret = std::fs::read_to_string(self.path("vehicle-2/vehicle.toml")).unwrap();
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

pub(super) async fn client(car: &Agent) -> RecordServiceClient<Channel> {
    RecordServiceClient::new(car.channel().await)
}

pub(super) fn request(odometer_km: u32) -> Request<SubmitRequest> {
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

pub(super) async fn submit(
    records: &mut RecordServiceClient<Channel>,
    odometer_km: u32,
) -> RecordState {
    let answer = records.submit(request(odometer_km)).await.unwrap();
    answer.into_inner().state.unwrap()
}

pub(super) async fn everything_is_applied(records: &mut RecordServiceClient<Channel>) {
    everything_is_done(records).await;
    for state in states(records).await {
        assert_eq!(state.progress(), Progress::Applied, "{state:?}");
    }
}

/// Waits until nothing waits any more.
pub(super) async fn everything_is_done(records: &mut RecordServiceClient<Channel>) {
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
pub(super) async fn the_metrics_say_that_nothing_waits(car: &Agent) {
    let written = async { while !car.scrape().await.contains("wayside_outbox_depth 0") {} };
    timeout(PATIENCE, written).await.unwrap();
}

pub(super) async fn the_history_holds_each_once(
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
    let listed: BTreeSet<String> = readings
        .iter()
        .map(|record| record.transaction_id.clone())
        .collect();
    let states = states(records).await;
    let known: BTreeSet<u64> = states.iter().map(|it| it.record_id).collect();
    assert_eq!(known, taken.values().copied().collect());
    let sent = states.into_iter().map(|it| it.transaction_id).collect();
    assert_eq!(
        listed.len(),
        readings.len(),
        "one of them stands there twice"
    );
    assert_eq!(listed, sent);
}

/// Every record that the agent knows.
pub(super) async fn states(records: &mut RecordServiceClient<Channel>) -> Vec<RecordState> {
    let mut states = Vec::new();
    let mut request = ListRequest::default();
    loop {
        let page = records.list(request.clone()).await.unwrap().into_inner();
        states.extend(page.states);
        if page.next_page_token.is_empty() {
            return states;
        }
        request.page_token = page.next_page_token;
    }
}

/// How the way to the ledger is, once it is as wanted.
pub(super) async fn outbox_where(
    records: &mut RecordServiceClient<Channel>,
    wanted: impl Fn(&GetOutboxResponse) -> bool,
) -> GetOutboxResponse {
    let mut last = GetOutboxResponse::default();
    let asking = async {
        loop {
            last = outbox(records).await;
            if wanted(&last) {
                return;
            }
        }
    };
    let asked = timeout(PATIENCE, asking).await;
    assert!(asked.is_ok(), "{last:?}");
    last
}

pub(super) async fn outbox(records: &mut RecordServiceClient<Channel>) -> GetOutboxResponse {
    let outbox = records.get_outbox(GetOutboxRequest {}).await;
    outbox.unwrap().into_inner()
}

/// Ends a process as a power cut would.
pub(super) async fn kill(mut process: Agent) {
    process.signal(Signal::KILL);
    assert_eq!(process.end().await, None);
}
