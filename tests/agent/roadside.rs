//! Vehicles that hear each other through a roadside unit alone.

use rustix::process::Signal;
use tokio::time::{Duration, sleep, timeout};
use wayside::rpc::{
    agent::v1::{LoadState, Readiness},
    hazard::v1::{
        Event, ReportRequest, SubscribeRequest, hazard_service_client::HazardServiceClient,
        subscribe_response,
    },
    types::v1::Cause,
    world::v1::{GetWorldRequest, world_service_client::WorldServiceClient},
};

use super::{
    process::{Agent, PATIENCE, agent},
    town::{Town, kill},
};

/// Within reach of the only relay, which stands in the middle of the road.
const HERE_DEG: f64 = 55.0;

#[tokio::test]
async fn two_vehicles_that_do_not_know_each_other_hear_each_other_through_a_unit() {
    let town = Town::new_with(1, &["--relays", "1"]).await;
    let _unit = town.start_unit(1).await;
    let first = start(&town, 1, ALONE).await;
    let second = start(&town, 2, ALONE).await;
    for car in [&first, &second] {
        let is_well = |it: &Readiness| is_connected(it) && it.load() == LoadState::Normal;
        let readiness = car.wait_ready(is_well).await;
        assert_eq!(readiness.peers, 1, "only the unit");
    }

    let speak = async { tokio::join!(drive(&first, HERE_DEG), drive(&second, HERE_DEG + 0.0005)) };
    let hear = async {
        hears(&first, &second).await;
        hears(&second, &first).await;
    };
    tokio::select! {
        _ = speak => unreachable!("a drive does not end"),
        heard = timeout(PATIENCE, hear) => heard.unwrap(),
    }

    for car in [&first, &second] {
        // They are looked at once a second.
        let connected = "wayside_roadside_units{state=\"connected\"} 1";
        let shown = async {
            loop {
                let metrics = car.scrape().await;
                if metrics.contains(connected) {
                    return metrics;
                }
            }
        };
        let metrics = timeout(PATIENCE, shown).await.unwrap();
        assert!(!metrics.contains("bad_signature"), "{metrics}");
        let readiness = car.wait_ready(is_connected).await;
        assert_eq!(readiness.peers, 1, "nobody dialled the other one");
    }
}

#[tokio::test]
async fn neighbours_whom_a_unit_introduces_connect_directly_and_stay_when_it_is_gone() {
    let town = Town::new_with(1, &["--relays", "1"]).await;
    let unit = town.start_unit(1).await;
    let first = start(&town, 1, &[]).await;
    let second = start(&town, 2, &[]).await;
    let is_introduced = |readiness: &Readiness| {
        let roadside = readiness.roadside.as_ref();
        roadside.is_some_and(|it| it.neighbours_connected == 1) && readiness.peers == 2
    };
    let speak = async { tokio::join!(drive(&first, HERE_DEG), drive(&second, HERE_DEG + 0.0005)) };
    tokio::select! {
        _ = speak => unreachable!("a drive does not end"),
        () = async {
            first.wait_ready(is_introduced).await;
            second.wait_ready(is_introduced).await;
        } => {}
    }

    kill(unit).await;

    for car in [&first, &second] {
        car.wait_ready(|it| !is_connected(it) && it.peers == 1)
            .await;
    }
    let speak = drive(&second, HERE_DEG + 0.001);
    let hear = timeout(PATIENCE, hears(&first, &second));
    tokio::select! {
        () = speak => unreachable!("a drive does not end"),
        heard = hear => heard.unwrap(),
    }
}

#[tokio::test]
async fn a_hazard_reaches_a_newcomer_and_survives_a_restart_of_the_unit() {
    let town = Town::new_with(1, &["--relays", "1"]).await;
    let mut unit = town.start_unit(1).await;
    let mut reporter = start(&town, 1, ALONE).await;
    reporter.wait_ready(is_connected).await;
    reporter.publish(HERE_DEG).await;
    let reported = report(&reporter).await;
    is_kept(&town).await;
    // From now on nobody but the unit can tell of it.
    reporter.signal(Signal::KILL);
    reporter.end().await;

    let newcomer = start(&town, 2, ALONE).await;
    newcomer.wait_ready(is_connected).await;
    newcomer.publish(HERE_DEG + 0.0005).await;
    assert_eq!(first_hazard(&newcomer).await, reported);
    drop(newcomer);

    unit.signal(Signal::KILL);
    unit.end().await;
    let _unit = town.start_unit(1).await;
    let late = start(&town, 2, ALONE).await;
    late.wait_ready(is_connected).await;
    late.publish(HERE_DEG + 0.0005).await;
    assert_eq!(first_hazard(&late).await, reported);
}

#[tokio::test]
async fn vehicles_come_back_to_a_unit_that_was_killed() {
    let town = Town::new_with(1, &["--relays", "1"]).await;
    let mut unit = town.start_unit(1).await;
    let car = start(&town, 1, ALONE).await;
    car.wait_ready(is_connected).await;

    unit.signal(Signal::KILL);
    unit.end().await;
    car.wait_ready(|it| !is_connected(it) && it.peers == 0)
        .await;
    let isolated = car.wait_ready(|it| it.load() == LoadState::Isolated).await;
    assert!(isolated.can_sign, "{isolated:?}");
    let _unit = town.start_unit(1).await;

    let again = car.wait_ready(is_connected).await;
    assert_eq!(again.peers, 1);
}

/// Nobody is introduced: vehicles hear each other through the unit or not at all.
pub(super) const ALONE: &[(&str, &str)] = &[("WAYSIDE__ROADSIDE__INTRODUCE", "false")];

pub(super) async fn start(town: &Town, vehicle: u16, settings: &[(&str, &str)]) -> Agent {
    let mut command = agent(&town.path(&format!("vehicle-{vehicle}/agent.toml")));
    command.env("WAYSIDE__TRANSPORT__PEERS", "[]");
    for (name, value) in settings {
        command.env(name, value);
    }
    let car = Agent::start(command).await;
    car.wait_ready(|readiness| readiness.can_sign).await;
    car
}

pub(super) fn is_connected(readiness: &Readiness) -> bool {
    let roadside = readiness.roadside.as_ref();
    roadside.is_some_and(|it| it.units.iter().any(|unit| unit.connected))
}

/// Publishes ten states a second of a vehicle that drives to the north from here.
async fn drive(car: &Agent, mut latitude_deg: f64) {
    loop {
        car.publish(latitude_deg).await;
        // 10 m/s.
        latitude_deg += 0.000_009;
        sleep(Duration::from_millis(100)).await;
    }
}

/// Waits until one vehicle sees the other.
async fn hears(listener: &Agent, speaker: &Agent) {
    let readiness = speaker.wait_ready(|it| it.can_sign).await;
    let mut world = WorldServiceClient::new(listener.channel().await);
    loop {
        let request = GetWorldRequest::default();
        let answer = world.get_world(request).await.unwrap().into_inner();
        let mut objects = answer.objects.iter();
        if objects.any(|object| object.station_id == readiness.station_id) {
            return;
        }
        sleep(Duration::from_millis(50)).await;
    }
}

/// Has a vehicle report that it broke down here; the event's name.
async fn report(car: &Agent) -> String {
    let mut client = HazardServiceClient::new(car.channel().await);
    let event = Event {
        cause: Some(Cause {
            code: Some(94),
            ..Cause::default()
        }),
        ..Event::default()
    };
    let request = ReportRequest {
        request_id: String::new(),
        event: Some(event),
    };
    let reported = client.report(request).await.unwrap().into_inner();
    format!("{:?}", reported.action_id.unwrap())
}

/// Waits until the unit has the hazard on disk.
async fn is_kept(town: &Town) {
    let folder = town.path("unit-1/data/relay/hazards");
    let written = async {
        while !std::fs::read_dir(&folder).is_ok_and(|mut files| files.next().is_some()) {
            sleep(Duration::from_millis(50)).await;
        }
    };
    timeout(PATIENCE, written).await.unwrap();
}

/// The first hazard that a vehicle hears of; the event's name.
async fn first_hazard(car: &Agent) -> String {
    let mut client = HazardServiceClient::new(car.channel().await);
    let request = SubscribeRequest::default();
    let mut events = client.subscribe(request).await.unwrap().into_inner();
    let heard = async {
        loop {
            let event = events.message().await.unwrap().unwrap().event.unwrap();
            if let subscribe_response::Event::Hazard(hazard) = event {
                return format!("{:?}", hazard.action_id.unwrap());
            }
        }
    };
    timeout(PATIENCE, heard).await.unwrap()
}
