use std::{collections::VecDeque, time::Duration};

use wayside::{
    geo::{CoarseCell, Position},
    time::Timestamp,
};

use super::TripConfig;

/// Watches one vehicle.
///
/// Give it every state by [`Self::handle_sample`], in order of time, and [`Self::handle_end`] when
/// nothing more will come; then drain [`Self::poll_trip`].
#[derive(Debug)]
pub struct TripDetector {
    config: TripConfig,
    last: Option<TripSample>,
    /// The last reading, and how far the vehicle went since.
    odometer: Option<Odometer>,
    driving: Option<Driving>,
    trips: VecDeque<Trip>,
}

/// What the vehicle measured.
#[derive(Clone, Copy, Debug)]
pub struct TripSample {
    /// When.
    pub measured: Timestamp,
    /// Where.
    pub position: Position,
    /// How fast; `None` if that is not known, which says nothing about standing still.
    pub speed_m_per_s: Option<f64>,
    /// Whether the ignition is off; `None` if that is not known.
    pub ignition_off: Option<bool>,
    /// What the odometer shows; `None` if that is not known.
    pub odometer_m: Option<u64>,
}

/// A trip that is over.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Trip {
    /// When it began.
    pub started: Timestamp,
    /// When the vehicle stopped for good.
    pub ended: Timestamp,
    /// Where it began.
    pub start: CoarseCell,
    /// Where it ended.
    pub end: CoarseCell,
    /// What the odometer showed at both ends; `None` if it was never read until the end.
    pub odometer_m: Option<(u64, u64)>,
    /// How far it went by the positions.
    pub distance_m: u64,
    /// Where it stopped on the way, at most `STOPS_MAX`: a trip with more is cut in two.
    pub stops: Vec<Stop>,
}

/// A stop on the way.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Stop {
    /// From when.
    pub from: Timestamp,
    /// Until when.
    pub until: Timestamp,
    /// Where.
    pub cell: CoarseCell,
    /// Whether the ignition was off at its end.
    pub ignition_off: bool,
}

#[derive(Clone, Copy, Debug)]
struct Odometer {
    read_m: u64,
    since_m: f64,
}

#[derive(Clone, Debug)]
struct Driving {
    started: Timestamp,
    start: CoarseCell,
    odometer_m: Option<u64>,
    distance_m: f64,
    stops: Vec<Stop>,
    still: Option<Still>,
}

/// The vehicle stands, be it at a traffic light.
#[derive(Clone, Copy, Debug)]
struct Still {
    from: Timestamp,
    cell: CoarseCell,
    odometer_m: Option<u64>,
    ignition_off: bool,
    last: Timestamp,
}

impl TripDetector {
    /// Knows nothing of the vehicle yet.
    pub fn new(config: TripConfig) -> Self {
        Self {
            config,
            last: None,
            odometer: None,
            driving: None,
            trips: VecDeque::new(),
        }
    }

    /// Takes what the vehicle measured; ignores what is not newer than before.
    pub fn handle_sample(&mut self, sample: TripSample) {
        if let Some(last) = self.last {
            if sample.measured <= last.measured {
                return;
            }
            let gap = sample.measured.since(last.measured);
            if gap > GAP_MAX {
                // Nobody knows what happened meanwhile.
                self.handle_end();
            } else {
                self.count_distance(last, sample);
            }
        }
        if let Some(read_m) = sample.odometer_m {
            self.odometer = Some(Odometer {
                read_m,
                since_m: 0.0,
            });
        }
        match sample.speed_m_per_s {
            Some(speed) if speed < STILL_M_PER_S => self.handle_still(sample),
            Some(_) => self.handle_moving(sample),
            None => {}
        }
        self.last = Some(sample);
    }

    /// Nothing more will come: a trip in progress ends with what was measured last.
    pub fn handle_end(&mut self) {
        let Some(last) = self.last.take() else {
            return;
        };
        let Some(driving) = self.driving.take() else {
            return;
        };
        let end = match driving.still {
            Some(still) => (still.from, still.cell, still.odometer_m),
            None => (
                last.measured,
                CoarseCell::at(last.position),
                self.odometer_m(),
            ),
        };
        self.end(driving, end);
    }

    /// A trip that is over.
    pub fn poll_trip(&mut self) -> Option<Trip> {
        self.trips.pop_front()
    }

    fn count_distance(&mut self, last: TripSample, sample: TripSample) {
        let is_still = |sample: TripSample| {
            sample
                .speed_m_per_s
                .is_some_and(|speed| speed < STILL_M_PER_S)
        };
        // A standing vehicle's position wanders.
        if is_still(last) && is_still(sample) {
            return;
        }
        let distance_m = last.position.distance_m(sample.position);
        if let Some(odometer) = &mut self.odometer {
            odometer.since_m += distance_m;
        }
        if let Some(driving) = &mut self.driving {
            driving.distance_m += distance_m;
        }
    }

    fn handle_moving(&mut self, sample: TripSample) {
        let odometer_m = self.odometer_m();
        let driving = self.driving.get_or_insert_with(|| Driving {
            started: sample.measured,
            start: CoarseCell::at(sample.position),
            odometer_m,
            distance_m: 0.0,
            stops: Vec::new(),
            still: None,
        });
        // A reading that comes late still tells what it showed at the start.
        if driving.odometer_m.is_none() {
            driving.odometer_m =
                odometer_m.map(|shown| shown.saturating_sub(whole(driving.distance_m)));
        }
        let Some(still) = driving.still.take() else {
            return;
        };
        if !still.is_stop() {
            return;
        }
        driving.stops.push(Stop {
            from: still.from,
            until: sample.measured,
            cell: still.cell,
            ignition_off: still.ignition_off,
        });
        if driving.stops.len() >= STOPS_MAX
            && let Some(driving) = self.driving.take()
        {
            self.end(
                driving,
                (sample.measured, CoarseCell::at(sample.position), odometer_m),
            );
        }
    }

    fn handle_still(&mut self, sample: TripSample) {
        let odometer_m = self.odometer_m();
        let Some(driving) = &mut self.driving else {
            return;
        };
        let still = driving.still.get_or_insert_with(|| Still {
            from: sample.measured,
            cell: CoarseCell::at(sample.position),
            odometer_m,
            ignition_off: false,
            last: sample.measured,
        });
        still.last = sample.measured;
        still.ignition_off = sample.ignition_off.unwrap_or(still.ignition_off);
        let still = *still;
        let end_after = self.config.end_after.max(STILL_MIN);
        if still.last.since(still.from) >= end_after
            && let Some(driving) = self.driving.take()
        {
            self.end(driving, (still.from, still.cell, still.odometer_m));
        }
    }

    fn end(
        &mut self,
        driving: Driving,
        (ended, end, odometer_m): (Timestamp, CoarseCell, Option<u64>),
    ) {
        let distance_m = whole(driving.distance_m);
        if distance_m < u64::from(self.config.distance_min_m) || ended <= driving.started {
            return;
        }
        if self.trips.len() >= TRIPS_MAX {
            self.trips.pop_front();
        }
        self.trips.push_back(Trip {
            started: driving.started,
            ended,
            start: driving.start,
            end,
            odometer_m: driving.odometer_m.zip(odometer_m),
            distance_m,
            stops: driving.stops,
        });
    }

    /// What the odometer shows now, by its last reading and the way since.
    fn odometer_m(&self) -> Option<u64> {
        self.odometer
            .map(|odometer| odometer.read_m.saturating_add(whole(odometer.since_m)))
    }
}

impl Still {
    fn is_stop(&self) -> bool {
        let lasted = self.last.since(self.from);
        lasted >= STILL_MIN || (self.ignition_off && lasted >= STILL_MIN_IGNITION_OFF)
    }
}

fn whole(metres: f64) -> u64 {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a sum of distances is not negative, and below 2^53 for longer than cars last"
    )]
    let whole = metres.round() as u64;
    whole
}

/// Slower than this, a vehicle stands.
const STILL_M_PER_S: f64 = 0.5;
/// How long a stop lasts at least.
const STILL_MIN: Duration = Duration::from_secs(300);
/// How long a stop with the ignition off lasts at least.
const STILL_MIN_IGNITION_OFF: Duration = Duration::from_secs(120);
/// Longer without a measurement, and nothing is known of the time between.
const GAP_MAX: Duration = Duration::from_secs(60);
/// The most stops that a record of a trip may list.
pub(super) const STOPS_MAX: usize = 128;
/// Trips that wait to be taken; at the bound the oldest is forgotten.
const TRIPS_MAX: usize = 64;
