mod brake;
mod others;
mod standing;

use std::{collections::BTreeSet, time::Duration};

use super::{Config, Danger, Detector, Found, Neighbour, Observation, Signals};
use crate::{
    geo::{LocalFrame, Offset, Position},
    id::StationId,
    message::Telemetry,
    time::Timestamp,
    units::{Acceleration, Heading, Speed},
};

/// One car that drives north from the origin, and whoever is near it.
struct Car {
    detector: Detector,
    own: Telemetry,
    neighbours: Vec<Neighbour>,
    measured: Timestamp,
    /// What was found with the last state.
    found: Found,
    north_m: f64,
}

impl Car {
    fn new() -> Self {
        Self::with(Config::default())
    }

    fn with(config: Config) -> Self {
        Self {
            detector: Detector::new(config),
            own: Telemetry {
                heading: Some(Heading::NORTH),
                speed: Some(Speed::ZERO),
                ..Telemetry::at(place(0.0, 0.0))
            },
            neighbours: Vec::new(),
            measured: Timestamp::from_unix_ms(1_700_000_000_000).unwrap(),
            found: Found::default(),
            north_m: 0.0,
        }
    }

    /// Drives at a constant speed, ten states a second; returns everything that was found. A change of
    /// speed takes a second of which nothing is said.
    fn drive(&mut self, m_per_s: f64, seconds: f64) -> BTreeSet<Danger> {
        if self.own.speed != Speed::from_m_per_s(m_per_s) {
            self.measured = self.measured.saturating_add(Duration::from_secs(1));
        }
        self.accelerate(m_per_s, None, seconds)
    }

    /// The same, with an acceleration sensor.
    fn accelerate(&mut self, m_per_s: f64, along: Option<f64>, seconds: f64) -> BTreeSet<Danger> {
        self.own.speed = Speed::from_m_per_s(m_per_s);
        self.own.longitudinal_acceleration = along.and_then(Acceleration::from_m_per_s2);
        let until = self
            .measured
            .saturating_add(Duration::from_secs_f64(seconds));
        let mut all = BTreeSet::new();
        while self.measured < until {
            self.north_m += m_per_s * STEP.as_secs_f64();
            self.tell();
            all.extend(self.found.lasting.iter().chain(&self.found.occurred));
        }
        all
    }

    /// Slows down from one speed to another.
    fn brake(&mut self, from: f64, to: f64, m_per_s2: f64) -> BTreeSet<Danger> {
        let mut all = BTreeSet::new();
        let mut speed = from;
        while speed > to {
            speed = (speed - m_per_s2 * STEP.as_secs_f64()).max(to);
            all.extend(self.accelerate(speed, Some(-m_per_s2), STEP.as_secs_f64()));
        }
        all
    }

    fn tell(&mut self) {
        self.measured = self.measured.saturating_add(STEP);
        self.own.position = place(self.north_m, 0.0);
        let is_due = self.detector.is_look_due(self.measured);
        self.found = self.detector.observe(&Observation {
            own: &self.own,
            measured: self.measured,
            neighbours: is_due.then_some(&self.neighbours),
        });
    }

    fn has(&self, danger: Danger) -> bool {
        self.found.lasting.contains(&danger)
    }

    fn signal(&mut self, signals: Signals) {
        self.detector.handle_signals(signals);
    }

    /// Puts somebody so far ahead and to the right of where the car is now.
    fn meet(&mut self, number: u8, (ahead_m, right_m): (f64, f64), (deg, m_per_s): (f64, f64)) {
        let station = StationId::from_bytes([number; 8]);
        self.neighbours.retain(|it| it.station != station);
        self.neighbours.push(Neighbour {
            station,
            position: place(self.north_m + ahead_m, right_m),
            heading: Heading::from_deg(deg).unwrap(),
            speed: Speed::from_m_per_s(m_per_s).unwrap(),
        });
    }
}

fn place(north_m: f64, east_m: f64) -> Position {
    let origin = Position::from_deg(48.0, 11.0).unwrap();
    let offset = Offset { east_m, north_m };
    LocalFrame::at(origin).position(offset).unwrap()
}

const STEP: Duration = Duration::from_millis(100);
const NORTH: f64 = 0.0;
const EAST: f64 = 90.0;
const SOUTH: f64 = 180.0;
