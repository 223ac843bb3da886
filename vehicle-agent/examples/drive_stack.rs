//! A driving stack in one page: publishes where its vehicle is, and prints what its agent knows of
//! the others.
//!
//! ```text
//! cargo run --release -p wayside-vehicle-agent --example drive_stack -- unix:/run/wayside/agent.sock
//! ```
//!
//! The address is the agent's unix socket, or `http://127.0.0.1:PORT`. The vehicle drives north at
//! 10 m/s from 55° N 2.5° E; a latitude and a longitude after the address start it elsewhere.
#![expect(clippy::print_stdout, reason = "printing is what it is for")]

use std::{env, time::Duration};

use anyhow::Context;
use tokio_stream::{Stream, StreamExt, wrappers::IntervalStream};
use tonic::transport::{Channel, Endpoint};
use wayside::rpc::{
    telemetry::v1::{PublishRequest, telemetry_service_client::TelemetryServiceClient},
    types::v1::{Hazard, Object, Position, VehicleState},
    world::v1::{
        SubscribeRequest, subscribe_response::Event, world_service_client::WorldServiceClient,
    },
};

#[tokio::main(flavor = "current_thread")]
async fn main() -> anyhow::Result<()> {
    let mut arguments = env::args().skip(1);
    let address = arguments.next().context("where is the agent?")?;
    let latitude_deg: f64 = arguments.next().map_or(Ok(55.0), |text| text.parse())?;
    let longitude_deg: f64 = arguments.next().map_or(Ok(2.5), |text| text.parse())?;
    let channel = Endpoint::from_shared(address)?.connect().await?;
    tokio::try_join!(
        publish(channel.clone(), latitude_deg, longitude_deg),
        print_world(channel),
    )?;
    Ok(())
}

/// Publishes ten states a second, and prints those that the agent refused.
async fn publish(channel: Channel, latitude_deg: f64, longitude_deg: f64) -> anyhow::Result<()> {
    let states = drive_north(latitude_deg, longitude_deg);
    let mut client = TelemetryServiceClient::new(channel);
    let mut responses = client.publish(states).await?.into_inner();
    while let Some(response) = responses.message().await? {
        for rejected in response.rejected {
            println!("refused: {} {}", rejected.reason, rejected.message);
        }
    }
    Ok(())
}

/// A state each 100 ms. What a field leaves out is unavailable, and zero is a measurement.
fn drive_north(latitude_deg: f64, longitude_deg: f64) -> impl Stream<Item = PublishRequest> {
    let mut sequence = 0;
    let mut latitude_deg = latitude_deg;
    IntervalStream::new(tokio::time::interval(PERIOD)).map(move |_| {
        sequence += 1;
        latitude_deg += SPEED_M_PER_S * PERIOD.as_secs_f64() / METRES_PER_DEGREE;
        PublishRequest {
            sequence,
            measured_at: None,
            state: Some(VehicleState {
                position: Some(Position {
                    latitude_deg: Some(latitude_deg),
                    longitude_deg: Some(longitude_deg),
                    altitude_m: None,
                }),
                heading_deg: Some(0.0),
                speed_m_per_s: Some(SPEED_M_PER_S),
                ..VehicleState::default()
            }),
            ..PublishRequest::default()
        }
    })
}

/// Prints every object and hazard: first all that is known, then each change.
async fn print_world(channel: Channel) -> anyhow::Result<()> {
    let mut client = WorldServiceClient::new(channel);
    let mut events = client
        .subscribe(SubscribeRequest::default())
        .await?
        .into_inner();
    while let Some(response) = events.message().await? {
        match response.event {
            Some(Event::Object(object)) => print_object(&object),
            Some(Event::ObjectRemoved(removed)) => println!("{} is gone", removed.station_id),
            Some(Event::Hazard(hazard)) => print_hazard(&hazard),
            Some(Event::HazardRemoved(_)) => println!("a hazard is over"),
            Some(Event::SnapshotEnd(end)) => println!("{} objects known", end.objects),
            Some(Event::Gap(gap)) => println!("missed {} events", gap.dropped),
            // A heartbeat shows that the stream lives. A newer agent may send what we do not know.
            Some(Event::Heartbeat(_)) | None => {}
        }
    }
    Ok(())
}

fn print_object(object: &Object) {
    let state = object.state.unwrap_or_default();
    let position = state.position.unwrap_or_default();
    println!(
        "{} at {:.6} {:.6}, {}",
        object.station_id,
        position.latitude_deg(),
        position.longitude_deg(),
        state
            .speed_m_per_s
            .map_or("speed unknown".to_owned(), |speed| format!(
                "{speed:.1} m/s"
            )),
    );
}

fn print_hazard(hazard: &Hazard) {
    let cause = hazard.cause.clone().unwrap_or_default();
    let position = hazard.position.unwrap_or_default();
    println!(
        "hazard {} ({}) at {:.6} {:.6}",
        cause.code(),
        cause.name,
        position.latitude_deg(),
        position.longitude_deg(),
    );
}

const PERIOD: Duration = Duration::from_millis(100);
const SPEED_M_PER_S: f64 = 10.0;
/// The length of a degree of latitude; good enough for a made-up drive.
const METRES_PER_DEGREE: f64 = 111_320.0;
