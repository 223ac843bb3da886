use std::{net::SocketAddr, path::PathBuf, time::Duration};

use tempfile::TempDir;
use tokio::time::{Instant, timeout};
use tonic::{Streaming, transport::Channel};
use wayside::rpc::{
    agent::v1::Readiness,
    hazard::v1::{
        Event, ReportRequest, SubscribeRequest, SubscribeResponse,
        hazard_service_client::HazardServiceClient, subscribe_response::Event as Told,
    },
    types::v1::{ActionId, Cause},
};

use crate::agent::process::{Agent, PATIENCE, agent, wayside};

/// Where the only unit stands, in degrees north.
pub(super) const HERE_DEG: f64 = 55.0;

/// A committee of one, whose unit relays, and vehicles that hear each other through it alone.
pub(super) struct Scene {
    // Before the folder, which it writes to.
    pub(super) unit: Agent,
    domain: Domain,
}

/// The files of a scene that is not started.
pub(super) struct Domain {
    folder: TempDir,
}

/// Someone who reports, and someone who listens.
pub(super) struct Pair {
    reporter: Agent,
    told: Streaming<SubscribeResponse>,
    _listener: Agent,
}

impl Domain {
    pub(super) async fn new(vehicles: u16) -> Self {
        let folder = TempDir::new().unwrap();
        let made = wayside(&["pki", "init", "--slots", "3", "--operators", "1"])
            .args(["--relays", "1", "--vehicles", &vehicles.to_string()])
            .arg("--out")
            .arg(folder.path().join("domain"))
            .output()
            .await
            .unwrap();
        assert!(made.status.success(), "{made:?}");
        Self { folder }
    }

    /// Where the unit listens to vehicles.
    pub(super) fn relay(&self) -> SocketAddr {
        let text = std::fs::read_to_string(self.path("unit-1/unit.toml")).unwrap();
        let config: toml::Table = text.parse().unwrap();
        let relay = config.get("relay").unwrap().get("listen").unwrap();
        relay.as_str().unwrap().parse().unwrap()
    }

    /// Starts the unit, with further settings.
    pub(super) async fn start(self, settings: &[(&str, &str)]) -> Scene {
        let mut command = wayside(&["unit", "--config"]);
        command.arg(self.path("unit-1/unit.toml"));
        for (name, value) in settings {
            command.env(name, value);
        }
        Scene {
            unit: Agent::start(command).await,
            domain: self,
        }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join("domain").join(name)
    }
}

impl Scene {
    /// A unit with this setting, and so many vehicles that are not started.
    pub(super) async fn new(vehicles: u16, settings: &[(&str, &str)]) -> Self {
        Domain::new(vehicles).await.start(settings).await
    }

    /// Where the unit listens to vehicles.
    pub(super) fn relay(&self) -> SocketAddr {
        self.domain.relay()
    }

    /// Starts a vehicle, which knows where it is once it has the unit.
    pub(super) async fn vehicle(&self, number: u16, settings: &[(&str, &str)]) -> Agent {
        let mut command = agent(&self.domain.path(&format!("vehicle-{number}/agent.toml")));
        command
            .env("WAYSIDE__TRANSPORT__PEERS", "[]")
            .env("WAYSIDE__TRANSPORT__IDLE_TIMEOUT", "10s")
            .env("WAYSIDE__ROADSIDE__INTRODUCE", "false");
        for (name, value) in settings {
            command.env(name, value);
        }
        let vehicle = Agent::start(command).await;
        vehicle.wait_ready(is_connected).await;
        vehicle.publish(HERE_DEG).await;
        vehicle
    }

    /// Starts the first two vehicles.
    pub(super) async fn pair(&self) -> Pair {
        let reporter = self.vehicle(1, &[]).await;
        let listener = self.vehicle(2, &[]).await;
        Pair {
            reporter,
            told: hazards_of(&listener).await,
            _listener: listener,
        }
    }

    /// Memory that the unit has, in KiB.
    pub(super) fn rss_kib(&self) -> i64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.unit.pid())).unwrap();
        let line = status.lines().find(|line| line.starts_with("VmRSS:"));
        let kib = line.unwrap().split_whitespace().nth(1).unwrap();
        kib.parse().unwrap()
    }

    /// Holds what the unit's memory has grown by against what an attack may cost; says how much it was.
    pub(super) fn memory_is_flat_since(&self, before_kib: i64) -> i64 {
        let grown_kib = self.rss_kib() - before_kib;
        assert!(grown_kib < GROWN_MAX_KIB, "{grown_kib} KiB");
        grown_kib
    }
}

impl Pair {
    /// Has one vehicle report a hazard, and waits until the other one hears of it; how long that took.
    pub(super) async fn a_hazard_passes(&mut self) -> Duration {
        self.reporter.publish(HERE_DEG).await;
        let begun = Instant::now();
        let action = report(&self.reporter).await;
        let heard = async { while next_hazard(&mut self.told).await != action {} };
        timeout(PATIENCE, heard).await.unwrap();
        begun.elapsed()
    }
}

/// What a vehicle hears of hazards.
pub(super) async fn hazards_of(vehicle: &Agent) -> Streaming<SubscribeResponse> {
    let mut client = HazardServiceClient::<Channel>::new(vehicle.channel().await);
    let told = client.subscribe(SubscribeRequest::default()).await;
    told.unwrap().into_inner()
}

/// The next hazard that is told.
pub(super) async fn next_hazard(told: &mut Streaming<SubscribeResponse>) -> ActionId {
    loop {
        let event = told.message().await.unwrap().unwrap().event;
        if let Some(Told::Hazard(hazard)) = event {
            return hazard.action_id.unwrap();
        }
    }
}

/// Has a vehicle report that it stands; the event's name.
pub(super) async fn report(vehicle: &Agent) -> ActionId {
    let mut client = HazardServiceClient::<Channel>::new(vehicle.channel().await);
    let stationary = Cause {
        code: Some(94),
        ..Cause::default()
    };
    let request = ReportRequest {
        request_id: String::new(),
        event: Some(Event {
            cause: Some(stationary),
            ..Event::default()
        }),
    };
    let reported = client.report(request).await.unwrap().into_inner();
    reported.action_id.unwrap()
}

pub(super) fn is_connected(readiness: &Readiness) -> bool {
    let roadside = readiness.roadside.as_ref();
    roadside.is_some_and(|it| it.units.iter().any(|unit| unit.connected))
}

const GROWN_MAX_KIB: i64 = 64 * 1_024;
