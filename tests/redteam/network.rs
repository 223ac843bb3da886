use std::{
    collections::BTreeSet,
    sync::{Arc, Mutex},
    time::Duration,
};

use tokio::{
    task::JoinHandle,
    time::{Instant, interval, sleep, timeout},
};
use tonic::{Streaming, transport::Channel};
use wayside::rpc::{
    hazard::v1::SubscribeResponse,
    telemetry::v1::{PublishStateRequest, telemetry_service_client::TelemetryServiceClient},
    types::v1::{ActionId, Position, Times, VehicleState},
    world::v1::{
        EventType, SubscribeRequest, subscribe_response::Event as Told,
        world_service_client::WorldServiceClient,
    },
};

use super::{
    scene::{Domain, HERE_DEG, hazards_of, next_hazard, report},
    wire::{Weather, Wire},
};
use crate::agent::process::Agent;

/// What one vehicle hears of the others.
struct Ear {
    hazards: Streaming<SubscribeResponse>,
    /// How old telemetry was when it came, in milliseconds.
    ages_ms: Arc<Mutex<Vec<i64>>>,
}

/// The way is through user space, on real sockets; neither vehicles nor the unit know of it.
#[tokio::test]
async fn hazards_all_arrive_and_telemetry_is_fresh_where_datagrams_are_lost_late_and_overtaken() {
    let domain = Domain::new(VEHICLES).await;
    let wire = Wire::to(domain.relay(), Weather::default()).await;
    let address = wire.address.to_string();
    let scene = domain.start(&[("WAYSIDE__RELAY__ADDRESS", &address)]).await;
    let units = format!("[\"{address}\"]");
    let mut vehicles = Vec::new();
    for number in 1..=VEHICLES {
        let settings = [("WAYSIDE__ROADSIDE__UNITS", units.as_str())];
        vehicles.push(scene.vehicle(number, &settings).await);
    }
    let mut ears = Vec::new();
    for vehicle in &vehicles {
        ears.push(listen(vehicle).await);
    }
    wire.set_weather(STORM);
    let before = wire.counts();

    let mut drives = Vec::new();
    for (lane, vehicle) in (0..).zip(&vehicles) {
        drives.push(drive(vehicle, lane).await);
    }
    let mut reported = BTreeSet::new();
    for _ in 0..REPORTS {
        for (number, vehicle) in vehicles.iter().enumerate() {
            reported.insert((number, name(&report(vehicle).await)));
            sleep(REPORT_PAUSE).await;
        }
    }

    let [sent, lost, overtaken] = {
        let begun = Instant::now();
        for (number, ear) in ears.iter_mut().enumerate() {
            let others = reported.iter().filter(|(by, _)| *by != number);
            let others = others.map(|(_, action)| action.clone()).collect();
            ear.hears(others).await;
        }
        println!(
            "all hazards were heard {:?} after the last",
            begun.elapsed()
        );
        let [a, b, c] = before;
        let [sent, lost, overtaken] = wire.counts();
        [sent - a, lost - b, overtaken - c]
    };
    println!("{sent} datagrams, {lost} lost, {overtaken} overtaken");
    assert!(lost * 10 > sent && overtaken * 10 > sent, "the way is bad");
    for ear in &ears {
        let mut ages_ms = ear.ages_ms.lock().unwrap().clone();
        ages_ms.sort_unstable();
        let of = |percent: usize| *ages_ms.get((ages_ms.len() - 1) * percent / 100).unwrap();
        let (count, median_ms, p99_ms) = (ages_ms.len(), of(50), of(99));
        println!("{count} messages of telemetry, {median_ms} ms old, {p99_ms} ms at p99");
        // Three others speak for seconds, and of two ways neither loses more than a fifth.
        assert!(count > 10, "{count}");
        // Each of two ways takes 100 ms or so, and nothing is taken that is older than 500 ms.
        assert!((120..500).contains(&median_ms));
    }
    drives.iter().for_each(JoinHandle::abort);
}

impl Ear {
    /// Waits until all of these were heard.
    async fn hears(&mut self, mut missing: BTreeSet<String>) {
        let hear = async {
            while !missing.is_empty() {
                missing.remove(&name(&next_hazard(&mut self.hazards).await));
            }
        };
        let heard = timeout(STRAGGLERS_MAX, hear).await;
        assert!(heard.is_ok(), "never heard {missing:?}");
    }
}

async fn listen(vehicle: &Agent) -> Ear {
    let mut client = WorldServiceClient::<Channel>::new(vehicle.channel().await);
    let request = SubscribeRequest {
        types: vec![EventType::Object.into()],
        ..SubscribeRequest::default()
    };
    let mut told = client.subscribe(request).await.unwrap().into_inner();
    let ages_ms: Arc<Mutex<Vec<i64>>> = Arc::default();
    let ages = ages_ms.clone();
    tokio::spawn(async move {
        while let Ok(Some(event)) = told.message().await {
            if let Some(Told::Object(object)) = event.event {
                ages.lock().unwrap().push(age_ms(&object.times.unwrap()));
            }
        }
    });
    Ear {
        hazards: hazards_of(vehicle).await,
        ages_ms,
    }
}

/// Has a vehicle say ten times a second where it is: 30 m/s northward.
async fn drive(vehicle: &Agent, lane: u16) -> JoinHandle<()> {
    let mut client = TelemetryServiceClient::<Channel>::new(vehicle.channel().await);
    let mut latitude_deg = HERE_DEG + f64::from(lane) * 0.000_1;
    let mut ticks = interval(Duration::from_millis(100));
    tokio::spawn(async move {
        loop {
            ticks.tick().await;
            latitude_deg += 0.000_027;
            let state = VehicleState {
                position: Some(Position {
                    latitude_deg: Some(latitude_deg),
                    longitude_deg: Some(2.5),
                    altitude_m: None,
                }),
                heading_deg: Some(0.0),
                speed_m_per_s: Some(30.0),
                ..VehicleState::default()
            };
            let request = PublishStateRequest {
                state: Some(state),
                ..PublishStateRequest::default()
            };
            // What is not published shows as telemetry that nobody hears.
            let _ = client.publish_state(request).await;
        }
    })
}

/// How old a message was when it came, by clocks that are the same here.
fn age_ms(times: &Times) -> i64 {
    let ms = |time: Option<prost_types::Timestamp>| {
        let time = time.unwrap();
        time.seconds * 1_000 + i64::from(time.nanos) / 1_000_000
    };
    ms(times.received_at) - ms(times.generated_at)
}

fn name(action: &ActionId) -> String {
    format!("{action:?}")
}

const VEHICLES: u16 = 4;
/// Of each vehicle.
const REPORTS: usize = 4;
const REPORT_PAUSE: Duration = Duration::from_millis(250);
const STORM: Weather = Weather {
    loss: 0.2,
    delay: Duration::from_millis(50),
    jitter: Duration::from_millis(100),
};
const STRAGGLERS_MAX: Duration = Duration::from_secs(15);
