use prost::Message;
use tokio::{
    select,
    sync::{broadcast, watch},
};
use tracing::{info, warn};
use wayside::{
    crypto::SigningKey,
    rpc::{self, RecordContext, record::v1 as wire, required_record},
};

use super::Records;
use crate::trip::{Stop, Trip, TripDetector, TripSample};

/// Makes records of the trips in what the vehicle measures, until it is told to stop.
pub(crate) async fn follow(
    records: Records,
    mut samples: broadcast::Receiver<TripSample>,
    mut stop: watch::Receiver<bool>,
) {
    let mut detector = TripDetector::new(records.config().trips.clone());
    loop {
        let is_over = select! {
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
            record(&records, &trip).await;
        }
        if is_over {
            return;
        }
    }
}

async fn record(records: &Records, trip: &Trip) {
    let Some((start_m, end_m)) = trip.odometer_m else {
        warn!("a trip is not recorded: the driving stack never told the odometer");
        return;
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
    let action = match required_record(Some(&record), &context) {
        Ok(action) => action,
        Err(error) => return warn!(%error, "a trip cannot be recorded"),
    };
    let content = record.encode_to_vec();
    match records.submit(None, (content, salt), action).await {
        Ok(id) => info!(record = id.0, stops = trip.stops.len(), "recorded a trip"),
        Err(error) => warn!(%error, "a trip is not recorded"),
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
