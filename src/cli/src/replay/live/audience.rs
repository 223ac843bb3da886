use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use tokio::sync::mpsc;
use wayside::{
    geo::Position,
    message::{MessageType, Telemetry},
    pipeline::{Event, Station, hazard_in},
    relay::UnitPlace,
    replay::{Content, Record},
    security::Reservation,
    sim::{Coverage, Range, RoadsideReport, Script, Tally, interest_reach_m},
    time::{Now, Timestamp},
    transport::EventSink,
    world::WorldEvent,
};

use super::Arguments;

/// Who is where and who heard what, seen from above.
pub(super) struct Audience {
    range: Range,
    /// Roadside units, by which alone vehicles hear each other then.
    coverage: Option<Coverage>,
    tally: Tally,
    names: Vec<String>,
    /// Everything said, if somebody wants it recorded.
    records: Option<Vec<Record>>,
}

impl Audience {
    pub(super) fn new(script: &Script, arguments: &Arguments) -> Self {
        Self {
            range: Range::new(script.vehicles.len(), arguments.range_m),
            coverage: None,
            tally: Tally::new(script.start, arguments.rate),
            names: script.vehicles.clone(),
            records: arguments.record.is_some().then(Vec::new),
        }
    }

    pub(super) fn range_m(&self) -> f64 {
        self.range.range_m()
    }

    /// Takes in where roadside units stand.
    pub(super) fn handle_units(&mut self, units: Vec<UnitPlace>) {
        self.coverage = Some(Coverage::new(units, self.names.len()));
    }

    /// Where roadside units stand.
    pub(super) fn units(&self) -> Option<&[UnitPlace]> {
        self.coverage.as_ref().map(Coverage::units)
    }

    pub(super) fn roadside_report(&self, handovers: u64) -> Option<RoadsideReport> {
        let units = self.units()?;
        Some(RoadsideReport {
            units: units.len(),
            radius_m: units.first().map_or(0, |unit| unit.radius_m),
            handovers,
            outside: self.tally.outside(),
        })
    }

    pub(super) fn place(&mut self, vehicle: usize, position: Option<Position>, at: Timestamp) {
        self.range.set(vehicle, position);
        if let Some(coverage) = &mut self.coverage {
            coverage.set(vehicle, position, at);
        }
    }

    fn hearers(&self, of: usize) -> Vec<usize> {
        match &self.coverage {
            Some(coverage) => coverage.hearers(of, &self.range),
            None => self.range.hearers(of),
        }
    }

    /// Counts what a vehicle was told of beyond what it asked for.
    fn note_told(&mut self, vehicle: usize, place: Position, relevant_within_m: f64) {
        if let Some(coverage) = &self.coverage {
            let reach_m = interest_reach_m(self.range.range_m()).max(relevant_within_m);
            self.tally.handle_told(coverage, (vehicle, place), reach_m);
        }
    }

    pub(super) fn tally(&mut self) -> &mut Tally {
        &mut self.tally
    }

    pub(super) fn take_records(&mut self) -> Vec<Record> {
        self.records.take().unwrap_or_default()
    }

    pub(super) fn note_state(&mut self, vehicle: usize, telemetry: &Telemetry, at: Timestamp) {
        self.tally.handle_state();
        if let Some(records) = &mut self.records {
            records.push(Record {
                time: at,
                vehicle,
                content: Content::State(telemetry.clone()),
            });
        }
    }

    fn handle_event(&mut self, vehicle: usize, event: Event, now: Now) {
        // Of units, only what they refused.
        if vehicle >= self.names.len() && !matches!(event, Event::Refused { .. }) {
            return;
        }
        match event {
            Event::Published {
                kind,
                generated,
                bytes,
                ..
            } => {
                let hearers = self.hearers(vehicle);
                self.tally.handle_published(&bytes, &hearers, now.instant);
                if kind == MessageType::Hazard {
                    self.note_hazard(vehicle, bytes.clone(), &hearers);
                }
                self.note_signed(vehicle, bytes, generated);
            }
            Event::Delivered(delivery) => self.tally.handle_delivery(vehicle, &delivery, now),
            Event::World(WorldEvent::HazardChanged(known)) => {
                let hazard = known.hazard();
                self.tally
                    .handle_hazard_heard(vehicle, &known, now.timestamp);
                let relevant_within_m = f64::from(hazard.relevance_radius.m());
                self.note_told(vehicle, hazard.position, relevant_within_m);
            }
            Event::World(WorldEvent::ObjectChanged(object)) => {
                self.note_told(vehicle, object.telemetry().position, 0.0);
            }
            Event::Refused { reason, .. } => self.tally.handle_refused(reason),
            Event::Disconnect { .. }
            | Event::Accused { .. }
            | Event::Equivocation(_)
            | Event::Received { .. }
            | Event::Reserve(_)
            | Event::HazardForgotten { .. }
            | Event::HazardKept { .. }
            | Event::Introduced { .. }
            | Event::LoadChanged(_)
            | Event::ListAdvanced { .. }
            | Event::OwnReinstated
            | Event::OwnRevoked { .. }
            | Event::PeerRevoked { .. }
            | Event::Rotate { .. }
            | Event::StackResumed
            | Event::StackSilent(_)
            | Event::Shed { .. }
            | Event::TicketChanged
            | Event::UnitsTold { .. }
            | Event::World(WorldEvent::ObjectRemoved { .. } | WorldEvent::HazardRemoved { .. }) => {
            }
        }
    }

    fn note_signed(&mut self, vehicle: usize, signed: Bytes, at: Timestamp) {
        if let Some(records) = &mut self.records {
            records.push(Record {
                time: at,
                vehicle,
                content: Content::Wire {
                    signed,
                    received: at,
                },
            });
        }
    }

    fn note_hazard(&mut self, vehicle: usize, bytes: Bytes, hearers: &[usize]) {
        if let (Some(hazard), Some(name)) = (hazard_in(bytes), self.names.get(vehicle)) {
            self.tally.handle_hazard(name, &hazard, hearers);
        }
    }
}

/// One vehicle's ear into the audience.
pub(super) struct Ear {
    pub(super) vehicle: usize,
    pub(super) audience: Arc<Mutex<Audience>>,
    /// Reservations to confirm; there is no disk, since nobody restarts within a replay.
    pub(super) reservations: mpsc::UnboundedSender<(usize, Reservation)>,
    /// The gRPC services of the served vehicle.
    pub(super) hub: Option<vehicle_agent::grpc::Hub>,
}

impl EventSink for Ear {
    fn handle_event(&mut self, _station: &Station, event: Event, now: Now) {
        if let Some(hub) = &self.hub {
            hub.handle_event(&event);
        }
        if let Event::Reserve(reservation) = &event {
            // Fails only at the end, when nobody signs any more.
            let _ = self.reservations.send((self.vehicle, *reservation));
        }
        lock(&self.audience).handle_event(self.vehicle, event, now);
    }
}

pub(super) fn lock(audience: &Mutex<Audience>) -> MutexGuard<'_, Audience> {
    // Counting cannot leave it half done.
    audience.lock().unwrap_or_else(PoisonError::into_inner)
}
