//! Trips and stops that an agent finds in what its vehicle measures.

use std::{path::Path, time::Duration};

use tempfile::TempDir;
use tonic::{
    Code,
    transport::{Channel, Endpoint},
};
use vehicle_agent::{
    config::Config,
    daemon::{Daemon, Stage},
};
use wayside::{
    replay::{Content, Drive, Options, import},
    rpc::{
        self,
        record::v1::{Trip, record::Body, record_service_client::RecordServiceClient},
        telemetry::v1::{PublishStateRequest, telemetry_service_client::TelemetryServiceClient},
        types::v1::{Position, VehicleState},
    },
    serve::{Sources, load},
    time::Timestamp,
    transport::Clock,
};

use super::{process::wayside, town::states};

/// Every vehicle of the bundled drive is driven again by one car, one after the other, twenty times
/// as slow, so that a wait of 15 s is a stop.
#[tokio::test]
async fn the_stops_of_a_trip_are_those_in_the_recording() {
    let start = Clock::system().now().timestamp.saturating_sub(5 * DAY);
    let drives = slow_drives(start);
    let expected: Vec<Expected> = drives.iter().filter_map(|drive| expect(drive)).collect();
    let stops: usize = expected.iter().map(|trip| trip.stops.len()).sum();
    assert!(stops >= 5 && expected.len() > 20, "{stops} stops");
    let folder = TempDir::new().unwrap();
    let config = config(folder.path(), start).await;

    let clock = Clock::drive(start, 1.0);
    let stage = Stage {
        clock: Some(clock.clone()),
        bench: None,
    };
    let car = Daemon::start_on(config.clone(), stage).await.unwrap();
    let mut stack = TelemetryServiceClient::new(connect(&car).await);
    for drive in &drives {
        for (index, sample) in drive.iter().enumerate() {
            clock.seek(sample.time);
            publish(&mut stack, sample, index == 0).await;
        }
    }
    // The last trip ends with the agent, and all of them are on disk then.
    drop(stack);
    car.shutdown().await;
    let car = Daemon::start(config).await.unwrap();
    let mut records = RecordServiceClient::new(connect(&car).await);
    let states = states(&mut records).await;

    let bodies = states.into_iter().map(|state| state.record.unwrap().body);
    let trips: Vec<Trip> = bodies
        .map(|body| {
            let Some(Body::Trip(trip)) = body else {
                panic!("nothing else was recorded: {body:?}");
            };
            trip
        })
        .collect();
    assert_eq!(trips.len(), expected.len());
    for (trip, expected) in trips.iter().zip(&expected) {
        assert_eq!(time(trip.started_at), expected.started);
        assert_eq!(time(trip.ended_at), expected.ended);
        let found = trip.stops.iter();
        let found: Vec<_> = found
            .map(|stop| (time(stop.started_at), time(stop.ended_at)))
            .collect();
        assert_eq!(found, expected.stops);
        assert!(trip.stops.iter().all(|stop| !stop.ignition_off));
        let off_m = trip.distance_m.unwrap().abs_diff(expected.distance_m);
        assert!(off_m <= 2 + expected.distance_m / 100, "{trip:?}");
    }
    car.shutdown().await;
}

/// What a vehicle of the recording measured, at the time when it is told again.
struct Sample {
    time: Timestamp,
    state: VehicleState,
}

/// A trip by the recording itself.
#[derive(Debug)]
struct Expected {
    started: Timestamp,
    ended: Timestamp,
    stops: Vec<(Timestamp, Timestamp)>,
    distance_m: u64,
}

fn slow_drives(start: Timestamp) -> Vec<Vec<Sample>> {
    let bytes = include_bytes!("../drives/town.mcap");
    let town: Drive = import("town.mcap", bytes, &Options::default())
        .unwrap()
        .drive;
    let mut begin = start.saturating_add(GAP);
    let mut drives = Vec::new();
    for vehicle in 0..town.vehicles.len() {
        let of_vehicle = town.records.iter().filter(|it| it.vehicle == vehicle);
        let told = of_vehicle.filter_map(|record| match &record.content {
            Content::State(telemetry) => Some((record.time, VehicleState::from(telemetry))),
            Content::Hazard(_) | Content::Wire { .. } => None,
        });
        let told: Vec<_> = told.step_by(EVERY).collect();
        let first = told.first().map(|(time, _)| *time).unwrap();
        let samples: Vec<Sample> = told
            .into_iter()
            .map(|(time, state)| Sample {
                time: begin.saturating_add(SLOWER * time.since(first)),
                state,
            })
            .collect();
        // Nothing is measured for so long that nobody knows where it went: another trip.
        begin = samples.last().unwrap().time.saturating_add(GAP);
        drives.push(samples);
    }
    drives
}

/// Goes through a drive by the definition of a stop: slower than 0.5 m/s for 300 s, and then on.
fn expect(drive: &[Sample]) -> Option<Expected> {
    let is_still = |sample: &&Sample| sample.state.speed_m_per_s.unwrap() < 0.5;
    let first = drive.iter().position(|sample| !is_still(&sample))?;
    let drive = drive.get(first..)?;
    let (started, mut ended) = (drive.first()?.time, drive.last()?.time);
    let mut stops = Vec::new();
    let runs = drive.chunk_by(|a, b| is_still(&a) == is_still(&b));
    let runs: Vec<&[Sample]> = runs.collect();
    for (index, run) in runs.iter().enumerate() {
        let (from, last) = (run.first()?, run.last()?);
        if !is_still(&from) {
            continue;
        }
        match runs.get(index + 1).and_then(|next| next.first()) {
            Some(next) if last.time.since(from.time) >= Duration::from_secs(300) => {
                stops.push((from.time, next.time));
            }
            Some(_) => {}
            None => ended = from.time,
        }
    }
    let steps = drive.iter().zip(drive.iter().skip(1));
    let steps = steps.filter(|(a, b)| !(is_still(a) && is_still(b)));
    let distance_m: f64 = steps.map(|(a, b)| apart_m(a, b)).sum();
    // As configured; none is so near to it that the way of measuring matters.
    assert!((distance_m - 200.0).abs() > 3.0, "{distance_m}");
    (distance_m > 200.0).then(|| Expected {
        started,
        ended,
        stops,
        distance_m: format!("{distance_m:.0}").parse().unwrap(),
    })
}

/// On a sphere, as if it were flat between two samples.
fn apart_m(a: &Sample, b: &Sample) -> f64 {
    let degrees = |sample: &Sample| {
        let position: Position = sample.state.position.unwrap();
        (
            position.latitude_deg.unwrap(),
            position.longitude_deg.unwrap(),
        )
    };
    let ((lat_a, lon_a), (lat_b, lon_b)) = (degrees(a), degrees(b));
    let north_m = (lat_b - lat_a).to_radians() * EARTH_M;
    let east_m = (lon_b - lon_a).to_radians() * EARTH_M * lat_a.to_radians().cos();
    north_m.hypot(east_m)
}

async fn publish(stack: &mut TelemetryServiceClient<Channel>, sample: &Sample, is_first: bool) {
    let request = PublishStateRequest {
        state: Some(sample.state),
        odometer_m: is_first.then_some(10_000_000),
        ..PublishStateRequest::default()
    };
    match stack.publish_state(request).await {
        Ok(_) => {}
        // Sequences are being reserved on the disk: it cannot be signed, but was driven.
        Err(status) if status.code() == Code::Unavailable => {}
        Err(status) => panic!("{status}"),
    }
}

/// An agent's, with tickets for days and no unit in reach.
async fn config(folder: &Path, start: Timestamp) -> Config {
    let made = wayside(&["pki", "init", "--vehicles", "2", "--operators", "1"])
        .args(["--slot-length", "86400s", "--slots", "5"])
        .args(["--start", &start.unix_s().to_string(), "--out"])
        .arg(folder.join("domain"))
        .output()
        .await
        .unwrap();
    assert!(made.status.success(), "{made:?}");
    let sources = Sources {
        file: Some(folder.join("domain/vehicle-2/agent.toml")),
        ..Sources::default()
    };
    let mut config: Config = load(&sources).unwrap();
    config.transport.listen = "127.0.0.1:0".parse().unwrap();
    config.transport.peers.clear();
    config.metrics.address = "127.0.0.1:0".parse().unwrap();
    config.ledger.units.clear();
    config.ledger.trips.record = true;
    // However long it stands, it is the same trip.
    config.ledger.trips.end_after = DAY;
    config
}

async fn connect(car: &Daemon) -> Channel {
    let endpoint = Endpoint::from_shared(car.grpc_endpoint()).unwrap();
    endpoint.connect().await.unwrap()
}

fn time(wire: Option<prost_types::Timestamp>) -> Timestamp {
    rpc::from_wire_time(wire, "time").unwrap().unwrap()
}

/// One state of so many is told.
const EVERY: usize = 20;
const SLOWER: u32 = 20;
const GAP: Duration = Duration::from_secs(300);
const DAY: Duration = Duration::from_secs(86_400);
const EARTH_M: f64 = 6_371_009.0;
