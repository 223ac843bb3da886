use std::time::Duration;

use super::{
    odometer::{Reading, observe},
    step::{Step, require_active},
};
use crate::ledger::{
    Key, OdometerSource, RecordTrip, Rule, StateView, Stop, TRIPS_MAX, TripSpan, Trips, Value,
};

impl Step<'_, '_> {
    pub(super) fn record_trip(&mut self, trip: &RecordTrip) -> Result<(), Rule> {
        let mut vehicle = self.vehicle(trip.vehicle)?;
        let key = vehicle.enrolment_key;
        self.require_signed(key, Rule::VehicleSignatureMissing)?;
        require_active(&vehicle)?;
        if trip.ended <= trip.started {
            return Err(Rule::TripTimesDisordered);
        }
        self.require_past(trip.ended)?;
        require_stops(trip)?;
        require_distance(trip)?;
        let trips = self.overlay.trips(trip.vehicle);
        let mut trips = trips.cloned().unwrap_or_default();
        insert(&mut trips, trip)?;
        let ends = [
            (trip.started_odometer_km, trip.started),
            (trip.ended_odometer_km, trip.ended),
        ];
        for (km, read) in ends {
            let source = OdometerSource::Telemetry;
            observe(&mut vehicle.odometer, &Reading { km, read, source })?;
        }
        self.put(Key::Trips(trip.vehicle), Value::Trips(trips));
        self.put_vehicle(trip.vehicle, vehicle);
        Ok(())
    }
}

/// Puts a trip in its place by time; the oldest goes if there are too many.
fn insert(trips: &mut Trips, trip: &RecordTrip) -> Result<(), Rule> {
    let last = &mut trips.last;
    let place = last.partition_point(|it| it.started < trip.started);
    if last.len() >= TRIPS_MAX && place == 0 {
        return Err(Rule::TripTooOld);
    }
    let (before, after) = last.split_at(place);
    let overlaps = before.last().is_some_and(|it| trip.started < it.ended)
        || after.first().is_some_and(|it| it.started < trip.ended);
    if overlaps {
        return Err(Rule::TripOverlaps);
    }
    let span = TripSpan {
        started: trip.started,
        ended: trip.ended,
    };
    last.insert(place, span);
    if last.len() > TRIPS_MAX {
        last.remove(0);
    }
    trips.count += 1;
    Ok(())
}

fn require_stops(trip: &RecordTrip) -> Result<(), Rule> {
    let mut earliest = trip.started;
    for stop in &trip.stops {
        if stop.from < earliest || stop.until < stop.from || trip.ended < stop.until {
            return Err(Rule::StopsDisordered);
        }
        if stop.until.since(stop.from) < shortest(stop) {
            return Err(Rule::StopTooShort);
        }
        earliest = stop.until;
    }
    Ok(())
}

fn shortest(stop: &Stop) -> Duration {
    Duration::from_secs(if stop.ignition_off { 120 } else { 300 })
}

/// Holds a trip's own distance against the odometer's, within 2 % and the kilometre that two
/// readings in whole kilometres hide.
fn require_distance(trip: &RecordTrip) -> Result<(), Rule> {
    let way_km = trip.ended_odometer_km.checked_sub(trip.started_odometer_km);
    let way_m = u64::from(way_km.ok_or(Rule::OdometerDecreased)?) * 1_000;
    let tolerance_m = way_m / 50 + 1_000;
    let fits = trip.distance_m.abs_diff(way_m) <= tolerance_m;
    fits.then_some(()).ok_or(Rule::TripDistanceDiffers)
}
