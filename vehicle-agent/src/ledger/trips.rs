use std::time::Duration;

use prost::Message;
use tokio::{
    select,
    sync::{broadcast, mpsc, watch},
};
use tracing::{info, warn};
use wayside::{
    crypto::SigningKey,
    ledger::Action,
    rpc::{self, RecordContext, record::v1 as wire, required_record},
};

use super::Records;
use crate::trip::{Stop, Trip, TripDetector, TripSample};

/// Makes records of the trips in what the vehicle measures, until it is told to stop.
///
/// The disk is waited for beside, so that what is measured meanwhile counts.
pub(crate) async fn follow(
    records: Records,
    samples: broadcast::Receiver<TripSample>,
    stop: watch::Receiver<bool>,
) {
    let (found, trips) = mpsc::channel(TRIPS_MAX);
    let detector = TripDetector::new(records.config().trips.clone());
    tokio::join!(
        detect(detector, samples, stop, found),
        record(records, trips)
    );
}

/// Finds trips until it is told to stop.
async fn detect(
    mut detector: TripDetector,
    mut samples: broadcast::Receiver<TripSample>,
    mut stop: watch::Receiver<bool>,
    found: mpsc::Sender<Trip>,
) {
    loop {
        let is_over = select! {
            // What was measured before it is told to stop counts.
            biased;
            sample = samples.recv() => match sample {
                Ok(sample) => {
                    detector.handle_sample(sample);
                    false
                }
                // The next one says how long it was.
                Err(broadcast::error::RecvError::Lagged(_)) => false,
                Err(broadcast::error::RecvError::Closed) => true,
            },
            _ = stop.wait_for(|stop| *stop) => true,
        };
        if is_over {
            detector.handle_end();
        }
        while let Some(trip) = detector.poll_trip() {
            if found.try_send(trip).is_err() {
                warn!("a trip is not recorded: too many wait for room in the outbox");
            }
        }
        if is_over {
            return;
        }
    }
}

/// Records trips, each as soon as there is room for it.
async fn record(records: Records, mut trips: mpsc::Receiver<Trip>) {
    while let Some(trip) = trips.recv().await {
        let Some((record, action, salt)) = draft(&records, &trip) else {
            continue;
        };
        let content = record.encode_to_vec();
        loop {
            let submitted = records.submit(None, (content.clone(), salt), action.clone());
            match submitted.await {
                Ok(id) => {
                    info!(record = id.0, stops = trip.stops.len(), "recorded a trip");
                    break;
                }
                Err(error) => {
                    warn!(%error, "a trip waits until it can be recorded");
                    tokio::time::sleep(ROOM_PAUSE).await;
                }
            }
        }
    }
}

/// What a trip is to the ledger; `None` if it cannot be told there.
fn draft(records: &Records, trip: &Trip) -> Option<(wire::Record, Action, [u8; 32])> {
    let Some((start_m, end_m)) = trip.odometer_m else {
        warn!("a trip is not recorded: the driving stack never told the odometer");
        return None;
    };
    let record = wire::Record {
        at: Some(rpc::to_wire_time(trip.ended)),
        body: Some(wire::record::Body::Trip(wire::Trip {
            started_at: Some(rpc::to_wire_time(trip.started)),
            ended_at: Some(rpc::to_wire_time(trip.ended)),
            start_cell: trip.start.h3(),
            end_cell: trip.end.h3(),
            odometer_start_km: u32::try_from(start_m / 1_000).ok(),
            odometer_end_km: u32::try_from(end_m / 1_000).ok(),
            distance_m: Some(trip.distance_m),
            stops: trip.stops.iter().map(to_wire_stop).collect(),
        })),
    };
    let salt = new_salt();
    let context = RecordContext {
        vehicle: records.identity().vehicle,
        now: records.now().timestamp,
        salt,
    };
    match required_record(Some(&record), &context) {
        Ok(action) => Some((record, action, salt)),
        Err(error) => {
            warn!(%error, "a trip cannot be recorded");
            None
        }
    }
}

fn to_wire_stop(stop: &Stop) -> wire::Stop {
    wire::Stop {
        started_at: Some(rpc::to_wire_time(stop.from)),
        ended_at: Some(rpc::to_wire_time(stop.until)),
        cell: stop.cell.h3(),
        ignition_off: stop.ignition_off,
    }
}

/// Drawn at random, and as hard to guess as a key.
pub(crate) fn new_salt() -> [u8; 32] {
    *SigningKey::generate().to_seed()
}

/// Trips that wait for room in the outbox; at the bound the newest is not recorded.
const TRIPS_MAX: usize = 64;
/// How long a trip waits before it is tried again.
const ROOM_PAUSE: Duration = Duration::from_secs(1);
