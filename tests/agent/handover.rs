//! Vehicles that drive from one roadside unit to the next, and back to one that was killed.

use std::{
    collections::BTreeSet,
    sync::{Arc, Mutex},
};

use rustix::process::Signal;
use tokio::{
    task::JoinHandle,
    time::{Duration, Instant, MissedTickBehavior, interval, sleep, timeout},
};
use tonic::transport::Channel;
use wayside::rpc::{
    agent::v1::{Readiness, WatchReadinessRequest, agent_service_client::AgentServiceClient},
    hazard::v1::{
        Event, ReportRequest, SubscribeRequest, hazard_service_client::HazardServiceClient,
        subscribe_response,
    },
    road::v1::{GetRelayRequest, road_service_client::RoadServiceClient},
    telemetry::v1::{PublishStateRequest, telemetry_service_client::TelemetryServiceClient},
    types::v1::{Cause, Position, VehicleState},
};

use super::{
    process::{Agent, PATIENCE},
    roadside::{ALONE, is_connected, start},
    town::Town,
};

/// The two units stand 350 m to the west and to the east of the middle of the road, and serve 650 m
/// around. With one unit at a time, a vehicle changes behind the middle.
#[tokio::test]
async fn a_vehicle_drives_from_one_unit_to_the_next_and_no_hazard_is_lost() {
    let town = Town::of(2, 3, &["--relays", "2"]).await;
    let (west_unit, east_unit) = tokio::join!(town.start_unit(1), town.start_unit(2));
    let west = Car::start(&town, 1, -340.0).await;
    let east = Car::start(&town, 2, 340.0).await;
    let driving = Car::start(&town, 3, -150.0).await;
    west.uses(&west_unit).await;
    east.uses(&east_unit).await;
    driving.uses(&west_unit).await;
    let connected = driving.watch_connections().await;

    // 30 m/s for 10 s: the change comes in the middle of it.
    let (by_west, by_east, by_driving) =
        tokio::join!(west.drive(0.0), east.drive(0.0), driving.drive(30.0));

    driving.uses(&east_unit).await;
    for (car, of_others) in [
        (&driving, [&by_west, &by_east]),
        (&west, [&by_east, &by_driving]),
        (&east, [&by_west, &by_driving]),
    ] {
        for reported in of_others {
            assert_eq!(reported.len(), REPORTS);
            car.hears_all(reported).await;
        }
    }
    let connected = connected.stop();
    assert!(connected.len() > 1, "nothing changed: {connected:?}");
    let gaps = connected
        .iter()
        .filter(|readiness| !is_connected(readiness));
    assert_eq!(
        gaps.count(),
        0,
        "nobody was there for a moment: {connected:?}"
    );
}

/// With the usual timeout of 10 s on both sides, within a part of which they must be back.
#[tokio::test]
async fn vehicles_come_back_at_once_to_a_unit_that_was_killed_and_started_again() {
    let town = Town::new_with(1, &["--relays", "1"]).await;
    let mut unit = town.start_unit(1).await;
    let patient = [ALONE, &[("WAYSIDE__TRANSPORT__IDLE_TIMEOUT", "10s")]].concat();
    let car = start(&town, 1, &patient).await;
    car.wait_ready(is_connected).await;
    let speak = async {
        let mut east_m = 0.0;
        let mut telemetry = TelemetryServiceClient::new(car.channel().await);
        loop {
            publish(&mut telemetry, east_m, 10.0).await;
            east_m += 1.0;
            sleep(Duration::from_millis(100)).await;
        }
    };

    let come_back = async {
        vehicles_come(&unit).await;
        unit.signal(Signal::KILL);
        unit.end().await;
        let killed = Instant::now();
        let again = town.start_unit(1).await;
        let ready = Instant::now();
        vehicles_come(&again).await;
        (killed.elapsed(), ready.elapsed())
    };

    let (after_kill, after_start) = tokio::select! {
        () = speak => unreachable!("a drive does not end"),
        took = come_back => took,
    };
    println!("back {after_kill:?} after the kill, {after_start:?} after the unit was ready again");
    // Without being told they would notice by silence alone, which takes ten seconds.
    assert!(after_start < Duration::from_secs(8), "{after_start:?}");
}

/// A vehicle that hears others through one unit at a time.
struct Car {
    agent: Agent,
    east_m: f64,
    /// The hazards that it was told of.
    heard: Arc<Mutex<BTreeSet<String>>>,
}

/// How a vehicle stood with units, each time that it changed.
struct Watch {
    seen: Arc<Mutex<Vec<Readiness>>>,
    task: JoinHandle<()>,
}

impl Car {
    /// Starts one that stands so far to the east of the middle, and listens.
    async fn start(town: &Town, vehicle: u16, east_m: f64) -> Self {
        let one_unit = [ALONE, &[("WAYSIDE__ROADSIDE__UNITS_MAX", "1")]].concat();
        let agent = start(town, vehicle, &one_unit).await;
        let mut telemetry = TelemetryServiceClient::new(agent.channel().await);
        publish(&mut telemetry, east_m, 0.0).await;
        let heard = Arc::default();
        tokio::spawn(listen(agent.channel().await, Arc::clone(&heard)));
        Self {
            agent,
            east_m,
            heard,
        }
    }

    /// Waits until this unit and no other is used.
    async fn uses(&self, unit: &Agent) {
        let address = unit.address("relay");
        let uses = |readiness: &Readiness| {
            let roadside = readiness.roadside.as_ref();
            roadside.is_some_and(|it| match it.units.as_slice() {
                [one] => one.connected && one.address == address,
                _ => false,
            })
        };
        self.agent.wait_ready(uses).await;
    }

    /// Notes from now on how it stands with units.
    async fn watch_connections(&self) -> Watch {
        let mut client = AgentServiceClient::new(self.agent.channel().await);
        let request = WatchReadinessRequest {};
        let mut changes = client.watch_readiness(request).await.unwrap().into_inner();
        let seen: Arc<Mutex<Vec<Readiness>>> = Arc::default();
        let noted = Arc::clone(&seen);
        let task = tokio::spawn(async move {
            while let Ok(Some(change)) = changes.message().await {
                noted.lock().unwrap().extend(change.readiness);
            }
        });
        Watch { seen, task }
    }

    /// Drives to the east at so many metres a second, and reports hazards all the way; their names.
    async fn drive(&self, speed_m_per_s: f64) -> BTreeSet<String> {
        let channel = self.agent.channel().await;
        let mut telemetry = TelemetryServiceClient::new(channel.clone());
        let mut hazards = HazardServiceClient::new(channel);
        let mut reported = BTreeSet::new();
        let mut ticks = interval(TICK);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let begun = Instant::now();
        for number in 0..REPORTS * TICKS_PER_REPORT {
            ticks.tick().await;
            let driven_m = speed_m_per_s * begun.elapsed().as_secs_f64();
            publish(&mut telemetry, self.east_m + driven_m, speed_m_per_s).await;
            if number % TICKS_PER_REPORT == 0 {
                let answer = hazards.report(breakdown()).await.unwrap().into_inner();
                reported.insert(format!("{:?}", answer.action_id.unwrap()));
            }
        }
        reported
    }

    /// Waits until it was told of all of these.
    async fn hears_all(&self, hazards: &BTreeSet<String>) {
        let missing = || {
            let heard = self.heard.lock().unwrap();
            hazards.difference(&heard).count()
        };
        let heard = async {
            while missing() > 0 {
                sleep(TICK).await;
            }
        };
        let heard = timeout(LATEST, heard).await;
        assert!(heard.is_ok(), "{} of {REPORTS} were lost", missing());
    }
}

impl Watch {
    fn stop(self) -> Vec<Readiness> {
        self.task.abort();
        std::mem::take(&mut *self.seen.lock().unwrap())
    }
}

/// Notes the names of all hazards that a vehicle is told of.
async fn listen(channel: Channel, heard: Arc<Mutex<BTreeSet<String>>>) {
    let mut client = HazardServiceClient::new(channel);
    let request = SubscribeRequest::default();
    let mut events = client.subscribe(request).await.unwrap().into_inner();
    while let Ok(Some(told)) = events.message().await {
        if let Some(subscribe_response::Event::Hazard(hazard)) = told.event {
            let name = format!("{:?}", hazard.action_id.unwrap());
            heard.lock().unwrap().insert(name);
        }
    }
}

/// Says where on the road a vehicle is that drives to the east.
async fn publish(telemetry: &mut TelemetryServiceClient<Channel>, east_m: f64, speed_m_per_s: f64) {
    let state = VehicleState {
        position: Some(Position {
            latitude_deg: Some(55.0),
            longitude_deg: Some(2.5 + east_m / DEGREE_M),
            altitude_m: None,
        }),
        heading_deg: Some(90.0),
        speed_m_per_s: Some(speed_m_per_s),
        ..VehicleState::default()
    };
    let request = PublishStateRequest {
        state: Some(state),
        ..PublishStateRequest::default()
    };
    telemetry.publish_state(request).await.unwrap();
}

/// A stationary vehicle here, of which the whole road should know.
fn breakdown() -> ReportRequest {
    ReportRequest {
        request_id: String::new(),
        event: Some(Event {
            cause: Some(Cause {
                code: Some(94),
                ..Cause::default()
            }),
            relevance_radius_m: Some(2_000.0),
            ..Event::default()
        }),
    }
}

/// Waits until a vehicle has said hello to a unit.
async fn vehicles_come(unit: &Agent) {
    let mut client = RoadServiceClient::new(unit.channel().await);
    let come = async {
        loop {
            let answer = client.get_relay(GetRelayRequest {}).await.unwrap();
            if answer.into_inner().relay.unwrap().vehicles > 0 {
                return;
            }
            sleep(Duration::from_millis(20)).await;
        }
    };
    timeout(PATIENCE, come).await.unwrap();
}

/// How often a vehicle publishes.
const TICK: Duration = Duration::from_millis(100);
/// Five hazards in two seconds.
const TICKS_PER_REPORT: usize = 4;
/// Hazards that each vehicle reports in ten seconds.
const REPORTS: usize = 25;
/// What comes later is lost; units and vehicles share this machine's cores with other tests.
const LATEST: Duration = Duration::from_secs(20);
/// A degree of longitude, in metres.
const DEGREE_M: f64 = 63_850.0;
