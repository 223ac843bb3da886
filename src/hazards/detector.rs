use std::{collections::BTreeSet, time::Duration};

use crate::{message::Telemetry, time::Timestamp, track::Sample};

use super::{
    Config, Danger, Neighbour, Signals, brake::Brake, crash::Crash, neighbour::Look, queue::Queue,
    skid::Skid, slow::Slow, standing::Standing, wrong_way::WrongWay,
};

/// One vehicle's watch over itself.
///
/// Ask [`Self::is_look_due`] before each own state, look for neighbours within [`LOOK_RADIUS_M`] if it
/// is, then call [`Self::observe`].
#[derive(Debug)]
pub struct Detector {
    config: Config,
    signals: Signals,
    brake: Brake,
    crash: Crash,
    queue: Queue,
    skid: Skid,
    slow: Slow,
    standing: Standing,
    wrong_way: WrongWay,
    /// What holds by the last look.
    looked: Looked,
    last: Option<Timestamp>,
    looked_last: Option<Timestamp>,
}

/// The own vehicle at one moment, later than the one before.
#[derive(Clone, Copy, Debug)]
pub struct Observation<'a> {
    /// Its state.
    pub own: &'a Telemetry,
    /// When that was measured.
    pub measured: Timestamp,
    /// Everybody near it; `None` where nobody looked.
    pub neighbours: Option<&'a [Neighbour]>,
}

/// What was found at one moment.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Found {
    /// What holds now and moves with the vehicle: over as soon as it is not found any more.
    pub lasting: BTreeSet<Danger>,
    /// What was found here and stays here.
    pub occurred: BTreeSet<Danger>,
}

#[derive(Debug, Default)]
struct Looked {
    is_last_in_queue: bool,
    is_slow: bool,
    is_wrong: bool,
}

impl Detector {
    /// One that has seen nothing yet.
    pub fn new(config: Config) -> Self {
        Self {
            config,
            signals: Signals::default(),
            brake: Brake::default(),
            crash: Crash::default(),
            queue: Queue::default(),
            skid: Skid::default(),
            slow: Slow::default(),
            standing: Standing::default(),
            wrong_way: WrongWay::default(),
            looked: Looked::default(),
            last: None,
            looked_last: None,
        }
    }

    /// Takes what the chassis says, which holds until it says something else.
    pub fn handle_signals(&mut self, signals: Signals) {
        self.signals = signals;
    }

    /// Whether the neighbours should be looked at with the state of that time.
    pub fn is_look_due(&self, measured: Timestamp) -> bool {
        self.config.enabled
            && self
                .looked_last
                .is_none_or(|last| measured.since(last) >= LOOK_INTERVAL)
    }

    /// Takes the next own state; says what holds by it.
    pub fn observe(&mut self, observation: &Observation<'_>) -> Found {
        if !self.config.enabled {
            return Found::default();
        }
        let Observation { own, measured, .. } = *observation;
        let gap = self.last.replace(measured).map(|last| measured.since(last));
        if gap.is_some_and(|gap| gap > GAP_MAX) {
            self.forget();
        }
        let look = observation.neighbours.and_then(|neighbours| {
            self.looked_last = Some(measured);
            Look::around(own, neighbours)
        });
        let sample = Sample::of(own, measured);
        let brakes = self.brake.observe(&sample, &self.config);
        let stands =
            self.standing
                .observe((own, measured), &self.signals, look.as_ref(), &self.config);
        let has_moved_on = self.standing.has_moved_on(measured, &self.config);
        let moment = (measured, own.speed);
        let has_crashed = self.crash.observe(&sample, &self.signals, has_moved_on);
        if let Some(look) = &look {
            self.looked = Looked {
                is_last_in_queue: self.queue.observe(moment, look),
                is_slow: self.slow.observe(moment, look, &self.config),
                is_wrong: self.wrong_way.observe(moment, look, &self.config),
            };
        }
        let place = (measured, own.position);
        let skidded = self.skid.observe(place, &self.signals, brakes);
        let held = [
            (Danger::EmergencyBrake, brakes),
            // Whoever crashed says so, and not that it broke down.
            (Danger::Stationary, stands && !has_crashed),
            (Danger::EndOfQueue, self.looked.is_last_in_queue),
            (Danger::SlowVehicle, self.looked.is_slow),
            (Danger::WrongWay, self.looked.is_wrong),
            (Danger::Crash, has_crashed),
        ];
        let holds = held.into_iter().filter(|(_, holds)| *holds);
        Found {
            lasting: holds.map(|(danger, _)| danger).collect(),
            occurred: skidded.then_some(Danger::Slippery).into_iter().collect(),
        }
    }

    /// Drops what rests on states that follow each other closely.
    fn forget(&mut self) {
        self.brake.forget();
        self.crash.forget();
        self.queue.forget();
        self.slow.forget();
        self.standing.forget();
        self.wrong_way.forget();
        self.looked = Looked::default();
    }
}

/// How often the neighbours are looked at: often enough to see somebody cross a junction.
pub const LOOK_INTERVAL: Duration = Duration::from_millis(500);

/// How far is looked, in metres.
pub const LOOK_RADIUS_M: u32 = 200;

/// After a longer silence of the driving stack every clock here begins anew.
const GAP_MAX: Duration = Duration::from_secs(2);
