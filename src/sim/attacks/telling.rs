use std::{collections::BTreeMap, time::Duration};

use super::{
    Attack, Falsity,
    noise::moved,
    stage::{Stage, State, either_side, normal, uniform},
};
use crate::{
    geo::Offset,
    message::Telemetry,
    sim::Choices,
    time::Timestamp,
    units::{Acceleration, Heading, Speed},
};

/// One message that a liar sends.
pub(super) struct Told {
    /// 0 is the liar itself; others are invented.
    pub(super) name: usize,
    pub(super) telemetry: Telemetry,
    pub(super) generated: Timestamp,
    /// How long the liar keeps it.
    pub(super) kept: Duration,
    pub(super) falsity: Falsity,
}

/// One vehicle that lies, message by message, from one of its states on.
pub(super) struct Teller {
    attack: Attack,
    vehicle: usize,
    begins: usize,
    choices: Choices,
    offset: Offset,
    right_m: f64,
    speed_offset: f64,
    speed: f64,
    factor: f64,
    kept: Duration,
    companions: Vec<(f64, f64)>,
    /// What it stays with, once it began to.
    stuck: Option<Telemetry>,
    /// Another vehicle, and for how many messages still.
    victim: Option<(usize, usize)>,
    /// The invented name for each vehicle copied.
    names: BTreeMap<usize, usize>,
}

impl Teller {
    pub(super) fn new(
        attack: Attack,
        vehicle: usize,
        states_len: usize,
        mut choices: Choices,
    ) -> Self {
        let half = u64::try_from(states_len / 2).unwrap_or(0);
        let begins = if choices.happens(0.5) {
            0
        } else {
            choices.below(half)
        };
        let offset = Offset {
            east_m: either_side(&mut choices, 20.0, 70.0),
            north_m: either_side(&mut choices, 20.0, 70.0),
        };
        let count = usize::try_from(4 + choices.below(3)).unwrap_or(4);
        let spread = if attack == Attack::GridSybil {
            (12.0, 3.5)
        } else {
            (
                uniform(&mut choices, 5.0, 6.0),
                uniform(&mut choices, 2.0, 3.0),
            )
        };
        let companion = |index: u32| {
            let row = f64::from(index / 2 + 1);
            let side = if index.is_multiple_of(2) { 1.0 } else { -1.0 };
            (-spread.0 * row * side, spread.1 * side)
        };
        Self {
            attack,
            vehicle,
            begins: usize::try_from(begins).unwrap_or(0),
            offset,
            right_m: 2.0 * uniform(&mut choices, 1.5, 5.0),
            speed_offset: either_side(&mut choices, 1.0, 7.0),
            speed: uniform(&mut choices, 0.0, 20.0),
            factor: uniform(&mut choices, 2.0, 4.0),
            kept: Duration::from_millis(2_000 + choices.below(2_001)),
            companions: (0..6).map(companion).take(count).collect(),
            stuck: None,
            victim: None,
            names: BTreeMap::new(),
            choices,
        }
    }

    /// What it says instead of one of its states.
    pub(super) fn tell(&mut self, stage: &Stage, index: usize) -> Vec<Told> {
        let Some(state) = stage.state(self.vehicle, index) else {
            return Vec::new();
        };
        let truth = || Told {
            name: 0,
            telemetry: state.telemetry.clone(),
            generated: state.at,
            kept: Duration::ZERO,
            falsity: Falsity::None,
        };
        if index < self.begins {
            return vec![truth()];
        }
        match self.attack {
            Attack::TimeDelay => vec![Told {
                kept: self.kept,
                falsity: self.delayed(stage, state),
                ..truth()
            }],
            Attack::DenialOfService
            | Attack::DenialOfServiceRandom
            | Attack::DenialOfServiceDisruptive => self.flood(stage, state, index),
            Attack::CongestionSybil | Attack::GridSybil => {
                let mut told = vec![truth()];
                told.extend(self.invent(state, index));
                told
            }
            Attack::DataReplaySybil => {
                let mut told = vec![truth()];
                told.extend(self.shadow(stage, state));
                told
            }
            Attack::DenialOfServiceRandomSybil | Attack::DenialOfServiceDisruptiveSybil => {
                let mut told = vec![truth()];
                told.extend(self.flood(stage, state, index));
                told
            }
            Attack::ConstantPositionOffset
            | Attack::RandomPositionOffset
            | Attack::PositionMirroring
            | Attack::ConstantSpeedOffset
            | Attack::RandomSpeedOffset
            | Attack::ZeroSpeed
            | Attack::SuddenConstantSpeed
            | Attack::ReversedHeading
            | Attack::FeignedBraking
            | Attack::AccelerationMultiplication
            | Attack::SuddenStop
            | Attack::DataReplay
            | Attack::ConstantPosition
            | Attack::RandomPosition
            | Attack::ConstantSpeed
            | Attack::RandomSpeed
            | Attack::Disruptive => {
                let mut telemetry = state.telemetry.clone();
                self.falsify(&mut telemetry, stage, state);
                vec![Told {
                    falsity: Falsity::of(&telemetry, state),
                    telemetry,
                    ..truth()
                }]
            }
        }
    }

    fn falsify(&mut self, said: &mut Telemetry, stage: &Stage, state: &State) {
        let choices = &mut self.choices;
        match self.attack {
            Attack::ConstantPositionOffset => said.position = moved(said.position, self.offset),
            Attack::RandomPositionOffset => {
                let by = Offset {
                    east_m: either_side(choices, 20.0, 70.0),
                    north_m: either_side(choices, 20.0, 70.0),
                };
                said.position = moved(said.position, by);
            }
            Attack::PositionMirroring => {
                if let Some(heading) = said.heading {
                    said.position = moved(said.position, aside(heading, 0.0, self.right_m));
                }
            }
            Attack::ConstantPosition => {
                let first = self.stuck.get_or_insert_with(|| said.clone());
                said.position = first.position;
            }
            Attack::RandomPosition => {
                said.position = stage.anywhere(choices).unwrap_or(said.position);
            }
            Attack::ConstantSpeedOffset => {
                said.speed = said.speed.and_then(|it| faster(it, self.speed_offset));
            }
            Attack::RandomSpeedOffset => {
                let by = either_side(choices, 1.0, 7.0);
                said.speed = said.speed.and_then(|it| faster(it, by));
            }
            Attack::ZeroSpeed => said.speed = Some(Speed::ZERO),
            Attack::ConstantSpeed => said.speed = Speed::from_m_per_s(self.speed),
            Attack::RandomSpeed => said.speed = Speed::from_m_per_s(uniform(choices, 0.0, 40.0)),
            Attack::SuddenConstantSpeed => {
                said.speed = self.stick(said, state.telemetry.speed).speed;
            }
            Attack::SuddenStop => *said = self.stick(said, Some(Speed::ZERO)),
            Attack::ReversedHeading => {
                said.heading = said
                    .heading
                    .and_then(|it| Heading::from_deg_wrapped(it.deg() + 180.0));
            }
            Attack::FeignedBraking => scale_acceleration(said, -self.factor),
            Attack::AccelerationMultiplication => scale_acceleration(said, self.factor),
            Attack::DataReplay => self.replay(said, stage, state),
            Attack::Disruptive => {
                if let Some(other) = stage.anything_before(state.at, choices) {
                    *said = other.telemetry.clone();
                }
            }
            // Told in other ways, above.
            Attack::TimeDelay
            | Attack::DenialOfService
            | Attack::DenialOfServiceRandom
            | Attack::DenialOfServiceDisruptive
            | Attack::CongestionSybil
            | Attack::GridSybil
            | Attack::DataReplaySybil
            | Attack::DenialOfServiceRandomSybil
            | Attack::DenialOfServiceDisruptiveSybil => {}
        }
    }

    /// What it stays with from a moment on, with that speed; until then, what it would say.
    fn stick(&mut self, said: &Telemetry, speed: Option<Speed>) -> Telemetry {
        if self.stuck.is_none() && self.choices.happens(SUDDEN) {
            self.stuck = Some(Telemetry {
                speed,
                longitudinal_acceleration: Acceleration::from_mm_per_s2(0),
                ..said.clone()
            });
        }
        self.stuck.clone().unwrap_or_else(|| said.clone())
    }

    fn replay(&mut self, said: &mut Telemetry, stage: &Stage, state: &State) {
        if self.victim.is_none() {
            let count = usize::try_from(4 + self.choices.below(5)).unwrap_or(4);
            let near = stage.victim((self.vehicle, state), REPLAY_REACH_M, &mut self.choices);
            self.victim = near.map(|(victim, _)| (victim, count));
        }
        let Some((victim, left)) = self.victim else {
            return;
        };
        // What it could hear, and sign anew, in time.
        let before = state.at.saturating_sub(Duration::from_millis(100));
        if let Some(copied) = at(stage, victim, before) {
            *said = copied.telemetry.clone();
        }
        self.victim = (left > 1).then(|| (victim, left - 1));
    }

    /// A state that comes late is false as far as the sender is elsewhere by then.
    fn delayed(&self, stage: &Stage, state: &State) -> Falsity {
        let arrival = state.at.saturating_add(self.kept);
        at(stage, self.vehicle, arrival).map_or(Falsity::BeyondNoise, |by_then| {
            Falsity::of(&state.telemetry, by_then).max(Falsity::Changed)
        })
    }

    /// The same state several times before the next one is due.
    fn flood(&mut self, stage: &Stage, state: &State, index: usize) -> Vec<Told> {
        let count = 2 + u32::try_from(self.choices.below(3)).unwrap_or(0);
        let next = stage.state(self.vehicle, index + 1);
        let room = next.map_or(Duration::from_millis(100), |next| next.at.since(state.at));
        let step = room.min(Duration::from_secs(1)) / count;
        let is_random = matches!(
            self.attack,
            Attack::DenialOfServiceRandom | Attack::DenialOfServiceRandomSybil
        );
        let is_disruptive = matches!(
            self.attack,
            Attack::DenialOfServiceDisruptive | Attack::DenialOfServiceDisruptiveSybil
        );
        let is_under_names = matches!(
            self.attack,
            Attack::DenialOfServiceRandomSybil | Attack::DenialOfServiceDisruptiveSybil
        );
        let names = self.companions.len().max(1);
        (0..count)
            .map(|copy| {
                let mut telemetry = state.telemetry.clone();
                let choices = &mut self.choices;
                if is_random {
                    telemetry.position = stage.anywhere(choices).unwrap_or(telemetry.position);
                    telemetry.speed = Speed::from_m_per_s(uniform(choices, 0.0, 40.0));
                } else if is_disruptive
                    && let Some(other) = stage.anything_before(state.at, choices)
                {
                    telemetry = other.telemetry.clone();
                }
                let name = if is_under_names {
                    let turn = usize::try_from(copy).unwrap_or(0);
                    1 + (index + turn) % names
                } else {
                    0
                };
                Told {
                    name,
                    telemetry,
                    generated: state.at.saturating_add(step * copy),
                    kept: Duration::ZERO,
                    falsity: Falsity::BeyondNoise,
                }
            })
            .collect()
    }

    /// Vehicles around it that do as it does.
    fn invent(&mut self, state: &State, index: usize) -> Vec<Told> {
        let Some(heading) = state.telemetry.heading else {
            return Vec::new();
        };
        let in_turn = self.attack == Attack::GridSybil;
        let count = self.companions.len().max(1);
        let mut told = Vec::new();
        for (name, (ahead_m, right_m)) in self.companions.iter().enumerate() {
            if in_turn && index % count != name {
                continue;
            }
            let mut telemetry = state.telemetry.clone();
            telemetry.position = moved(telemetry.position, aside(heading, *ahead_m, *right_m));
            if in_turn {
                let choices = &mut self.choices;
                telemetry.speed = telemetry
                    .speed
                    .and_then(|it| faster(it, 0.3 * normal(choices)));
                telemetry.heading =
                    Heading::from_deg_wrapped(heading.deg() + 2.0 * normal(choices));
            }
            told.push(Told {
                name: name + 1,
                telemetry,
                generated: state.at,
                kept: Duration::ZERO,
                falsity: Falsity::BeyondNoise,
            });
        }
        told
    }

    /// What another vehicle said a second ago, as somebody else's word; a few seconds of each.
    fn shadow(&mut self, stage: &Stage, state: &State) -> Option<Told> {
        if self.victim.is_none() {
            let near = stage.victim((self.vehicle, state), REPLAY_REACH_M, &mut self.choices);
            self.victim = near.map(|(victim, _)| (victim, SHADOW_LEN));
        }
        let (victim, left) = self.victim?;
        self.victim = (left > 1).then(|| (victim, left - 1));
        let before = state.at.saturating_sub(Duration::from_secs(1));
        let copied = at(stage, victim, before)?;
        let fresh = self.names.len() + 1;
        Some(Told {
            name: *self.names.entry(victim).or_insert(fresh),
            telemetry: copied.telemetry.clone(),
            generated: state.at,
            kept: Duration::ZERO,
            falsity: Falsity::BeyondNoise,
        })
    }
}

/// A vehicle's newest state at a time, unless it is older than a second.
fn at(stage: &Stage, vehicle: usize, time: Timestamp) -> Option<&State> {
    let states = stage.vehicles.get(vehicle)?;
    let after = states.partition_point(|state| state.at <= time);
    let state = states.get(after.checked_sub(1)?)?;
    (time.since(state.at) <= Duration::from_secs(1)).then_some(state)
}

fn faster(speed: Speed, by: f64) -> Option<Speed> {
    Speed::from_m_per_s((speed.m_per_s() + by).max(0.0))
}

fn scale_acceleration(said: &mut Telemetry, factor: f64) {
    said.longitudinal_acceleration = said
        .longitudinal_acceleration
        .and_then(|it| Acceleration::from_m_per_s2((it.m_per_s2() * factor).clamp(-20.0, 20.0)));
}

fn aside(heading: Heading, ahead_m: f64, right_m: f64) -> Offset {
    let (ahead, right) = (
        Offset::along(heading, ahead_m),
        Offset::along(
            Heading::from_deg_wrapped(heading.deg() + 90.0).unwrap_or(heading),
            right_m,
        ),
    );
    Offset {
        east_m: ahead.east_m + right.east_m,
        north_m: ahead.north_m + right.north_m,
    }
}

/// How likely each message is the moment at which it begins.
const SUDDEN: f64 = 0.05;
const REPLAY_REACH_M: f64 = 400.0;
/// Five seconds at 10 Hz.
const SHADOW_LEN: usize = 50;
