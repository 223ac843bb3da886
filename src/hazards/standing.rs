use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use crate::{
    id::StationId,
    message::{ExteriorLights, StationType, Telemetry},
    time::Timestamp,
    units::Speed,
};

use super::{
    Config, Signals,
    neighbour::{Look, Seen},
};

/// Whether the vehicle stands where traffic drives.
#[derive(Debug, Default)]
pub(super) struct Standing {
    since: Option<Timestamp>,
    moving_since: Option<Timestamp>,
    around: Around,
    is_on: bool,
}

/// What the vehicle saw around it since it slowed down.
#[derive(Debug, Default)]
struct Around {
    /// Somebody stands in front of it or abreast of it, as in a queue or at a red light.
    is_queued: bool,
    /// Somebody stands or creeps behind it.
    holds_up: bool,
    /// Somebody crossed ahead of it.
    is_at_junction: bool,
    /// Who comes from behind in the lane beside.
    coming: BTreeSet<StationId>,
    /// Who of them went on ahead.
    passed: BTreeMap<StationId, Timestamp>,
}

impl Standing {
    /// Takes the next state, and a look where there was one; returns whether it stands in the way.
    pub(super) fn observe(
        &mut self,
        (own, measured): (&Telemetry, Timestamp),
        signals: &Signals,
        look: Option<&Look>,
        config: &Config,
    ) -> bool {
        let Some(speed) = own.speed else {
            return self.is_on;
        };
        self.time(speed, measured);
        if self.has_moved_on(measured, config) {
            self.is_on = false;
        }
        if speed.mm_per_s() > WATCHED_MAX_MM_PER_S {
            self.around = Around::default();
            return self.is_on;
        }
        if let Some(look) = look {
            self.around.observe(look, (self.since.is_some(), measured));
        }
        let stood = self.since.map(|since| measured.since(since));
        let lights = own.exterior_lights.map(ExteriorLights::hazard_lights);
        let is_due = |after: Duration| stood.is_some_and(|stood| stood >= after);
        self.is_on |= match lights {
            Some(true) => is_due(lit_after(signals, config)) && !self.around.is_in_queue(),
            Some(false) => false,
            None => {
                // Seen late, a junction still says that this was a red light.
                self.is_on &= !self.around.is_at_junction;
                is_due(config.stationary_unlit_after)
                    && !is_of_public_transport(own.station_type)
                    && self.around.is_obstructed()
            }
        };
        self.is_on
    }

    /// Whether the vehicle has moved for so long that it stands no more.
    pub(super) fn has_moved_on(&self, measured: Timestamp, config: &Config) -> bool {
        self.moving_since
            .is_some_and(|since| measured.since(since) >= config.moving_after)
    }

    /// Nobody knows what happened meanwhile; who stood in the way is still said to.
    pub(super) fn forget(&mut self) {
        *self = Self {
            is_on: self.is_on,
            ..Self::default()
        };
    }

    fn time(&mut self, speed: Speed, measured: Timestamp) {
        match speed.mm_per_s() {
            ..STANDING_MAX_MM_PER_S => {
                self.since.get_or_insert(measured);
                self.moving_since = None;
            }
            // Noise of a speed, or a vehicle that rolls a little.
            STANDING_MAX_MM_PER_S..MOVING_MIN_MM_PER_S => {}
            MOVING_MIN_MM_PER_S.. => {
                self.since = None;
                self.moving_since.get_or_insert(measured);
            }
        }
    }
}

impl Around {
    fn observe(&mut self, look: &Look, (stands, measured): (bool, Timestamp)) {
        let any = |test: fn(&Seen) -> bool| look.seen.iter().any(test);
        self.is_queued = any(|it| stands_in_front(it) || stands_abreast(it));
        self.holds_up = any(is_held_up);
        self.is_at_junction |= any(crosses_ahead);
        for it in look.seen.iter().filter(|it| stands && flows_beside(it)) {
            if it.ahead_m < 0.0 {
                self.coming.insert(it.station);
            } else if it.ahead_m > PASSED_M && self.coming.remove(&it.station) {
                self.passed.insert(it.station, measured);
            }
        }
        self.passed
            .retain(|_, at| measured.since(*at) <= PASSED_WITHIN);
        while self.coming.len() > COMING_MAX {
            self.coming.pop_first();
        }
    }

    /// Whether traffic goes on beside it.
    fn is_passed(&self) -> bool {
        self.passed.len() >= PASSED_MIN
    }

    /// Whether it only waits for others, who wait themselves.
    fn is_in_queue(&self) -> bool {
        self.is_queued && !self.is_passed()
    }

    /// Whether it stands in the way of others, by no more than where they are.
    fn is_obstructed(&self) -> bool {
        let is_alone = !self.is_queued || self.is_passed();
        !self.is_at_junction && is_alone && (self.holds_up || self.is_passed())
    }
}

fn stands_in_front(it: &Seen) -> bool {
    it.is_along()
        && it.is_in_lane()
        && (0.0..IN_FRONT_M).contains(&it.ahead_m)
        && it.speed_mm_per_s < CREEPING_MAX_MM_PER_S
}

fn stands_abreast(it: &Seen) -> bool {
    it.is_along()
        && !it.is_in_lane()
        && it.right_m.abs() < ABREAST_SIDE_M
        && it.ahead_m.abs() < ABREAST_M
        && it.speed_mm_per_s < MOVING_MIN_MM_PER_S
}

fn is_held_up(it: &Seen) -> bool {
    it.is_along()
        && it.is_in_lane()
        && (-HELD_UP_M..0.0).contains(&it.ahead_m)
        && it.speed_mm_per_s < CREEPING_MAX_MM_PER_S
}

fn crosses_ahead(it: &Seen) -> bool {
    it.is_across()
        && (-JUNCTION_BEHIND_M..JUNCTION_AHEAD_M).contains(&it.ahead_m)
        && it.right_m.abs() < JUNCTION_SIDE_M
        && it.speed_mm_per_s > CROSSING_MIN_MM_PER_S
}

fn flows_beside(it: &Seen) -> bool {
    it.is_along()
        && !it.is_in_lane()
        && it.right_m.abs() < FLOW_SIDE_M
        && it.ahead_m.abs() < FLOW_M
        && it.speed_mm_per_s > FLOW_MIN_MM_PER_S
}

/// C2C-CC RS 2006.
fn lit_after(signals: &Signals, config: &Config) -> Duration {
    if signals.door_open == Some(true) {
        return Duration::ZERO;
    }
    let signs = [signals.gear_in_park, signals.parking_brake_on];
    let signs = signs.into_iter().filter(|it| *it == Some(true));
    signs.fold(config.stationary_lit_after, |after, _| {
        after.saturating_sub(SOONER_BY_EACH)
    })
}

/// Buses and trams stand at stops, as everybody knows who waits behind them.
fn is_of_public_transport(kind: Option<StationType>) -> bool {
    matches!(kind, Some(StationType::BUS | StationType::TRAM))
}

/// Below 0.3 m/s a vehicle stands.
const STANDING_MAX_MM_PER_S: u32 = 300;
const MOVING_MIN_MM_PER_S: u32 = 1_000;
/// Somebody slower who is in a queue.
const CREEPING_MAX_MM_PER_S: u32 = 3_000;
/// Who comes to stand looks around from this speed on.
const WATCHED_MAX_MM_PER_S: u32 = 5_000;
const SOONER_BY_EACH: Duration = Duration::from_secs(10);
/// From front to front: a lorry's length and the gap behind it.
const IN_FRONT_M: f64 = 20.0;
const HELD_UP_M: f64 = 25.0;
const ABREAST_M: f64 = 8.0;
const ABREAST_SIDE_M: f64 = 14.0;
/// A large junction, seen from its stop line.
const JUNCTION_AHEAD_M: f64 = 60.0;
const JUNCTION_BEHIND_M: f64 = 5.0;
const JUNCTION_SIDE_M: f64 = 30.0;
const CROSSING_MIN_MM_PER_S: u32 = 2_000;
/// 5 m/s.
const FLOW_MIN_MM_PER_S: u32 = 5_000;
const FLOW_SIDE_M: f64 = 8.0;
const FLOW_M: f64 = 80.0;
/// Past it and going on, not up to the stop line beside it.
const PASSED_M: f64 = 15.0;
const PASSED_MIN: usize = 2;
const PASSED_WITHIN: Duration = Duration::from_secs(30);
/// As many as a road holds within [`FLOW_M`].
const COMING_MAX: usize = 64;
