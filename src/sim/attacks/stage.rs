use std::{collections::BTreeMap, time::Duration};

use crate::{
    geo::Position,
    message::Telemetry,
    replay::{Content, Drive},
    sim::Choices,
    time::Timestamp,
};

/// What one vehicle knows of itself at one moment.
#[derive(Clone, Debug)]
pub(super) struct State {
    pub(super) at: Timestamp,
    /// What its sensors say.
    pub(super) telemetry: Telemetry,
    pub(super) truth: Telemetry,
}

/// Everybody's states, by vehicle and by time.
pub(super) struct Stage {
    pub(super) vehicles: Vec<Vec<State>>,
    by_time: BTreeMap<Timestamp, Vec<(usize, usize)>>,
    corners: Option<(Position, Position)>,
}

/// The states of each vehicle of a drive, in order, at most ten a second.
pub(super) fn states(drive: &Drive) -> Vec<Vec<State>> {
    let mut vehicles: Vec<Vec<State>> = vec![Vec::new(); drive.vehicles.len()];
    for record in &drive.records {
        let Content::State(telemetry) = &record.content else {
            continue;
        };
        let Some(states) = vehicles.get_mut(record.vehicle) else {
            continue;
        };
        let is_due = states
            .last()
            .is_none_or(|last| record.time.since(last.at) >= STEP_MIN);
        if is_due {
            states.push(State {
                at: record.time,
                telemetry: telemetry.clone(),
                truth: telemetry.clone(),
            });
        }
    }
    vehicles
}

impl Stage {
    pub(super) fn new(vehicles: Vec<Vec<State>>) -> Self {
        let mut by_time: BTreeMap<Timestamp, Vec<(usize, usize)>> = BTreeMap::new();
        for (vehicle, states) in vehicles.iter().enumerate() {
            for (index, state) in states.iter().enumerate() {
                by_time.entry(state.at).or_default().push((vehicle, index));
            }
        }
        let positions = || {
            vehicles
                .iter()
                .flatten()
                .map(|state| state.telemetry.position)
        };
        let latitudes = || positions().map(Position::latitude_e7);
        let longitudes = || positions().map(Position::longitude_e7);
        let corner = |latitude: Option<i32>, longitude: Option<i32>| {
            Position::from_e7(latitude?, longitude?)
        };
        let corners = corner(latitudes().min(), longitudes().min())
            .zip(corner(latitudes().max(), longitudes().max()));
        Self {
            vehicles,
            by_time,
            corners,
        }
    }

    /// Another vehicle within `reach_m` of a state, if there is one, and the index of its state then.
    pub(super) fn victim(
        &self,
        (vehicle, state): (usize, &State),
        reach_m: f64,
        choices: &mut Choices,
    ) -> Option<(usize, usize)> {
        let there = self.by_time.get(&state.at)?;
        let near: Vec<_> = there
            .iter()
            .filter(|(other, _)| *other != vehicle)
            .filter(|(other, index)| {
                self.state(*other, *index).is_some_and(|other| {
                    let to = other.telemetry.position;
                    state.telemetry.position.distance_m(to) <= reach_m
                })
            })
            .collect();
        pick(&near, choices).map(|found| **found)
    }

    /// What any vehicle knew at any time before.
    pub(super) fn anything_before(&self, at: Timestamp, choices: &mut Choices) -> Option<&State> {
        let moments: Vec<_> = self.by_time.range(..at).map(|(_, there)| there).collect();
        let there = pick(&moments, choices)?;
        let (vehicle, index) = pick(there, choices)?;
        self.state(*vehicle, *index)
    }

    pub(super) fn state(&self, vehicle: usize, index: usize) -> Option<&State> {
        self.vehicles.get(vehicle)?.get(index)
    }

    /// Anywhere in the box around all that happens.
    pub(super) fn anywhere(&self, choices: &mut Choices) -> Option<Position> {
        let (low, high) = self.corners?;
        let mut between = |low: f64, high: f64| uniform(choices, low, high);
        Position::from_deg(
            between(low.latitude_deg(), high.latitude_deg()),
            between(low.longitude_deg(), high.longitude_deg()),
        )
    }
}

pub(super) fn pick<'a, T>(all: &'a [T], choices: &mut Choices) -> Option<&'a T> {
    let index = choices.below(u64::try_from(all.len()).unwrap_or(u64::MAX));
    all.get(usize::try_from(index).ok()?)
}

/// Evenly between two numbers.
pub(super) fn uniform(choices: &mut Choices, low: f64, high: f64) -> f64 {
    #[expect(clippy::cast_precision_loss, reason = "below 2^53")]
    let share = choices.below(1 << 53) as f64 / (1_u64 << 53) as f64;
    low + (high - low) * share
}

/// Evenly between two numbers, on either side of zero.
pub(super) fn either_side(choices: &mut Choices, low: f64, high: f64) -> f64 {
    let size = uniform(choices, low, high);
    if choices.happens(0.5) { size } else { -size }
}

/// Normally distributed with variance 1, nearly: the sum of six even choices, below 4.3.
pub(super) fn normal(choices: &mut Choices) -> f64 {
    let mut sum = -3.0;
    for _ in 0..2 {
        let bits = choices.below(1 << 48);
        for shift in [0, 16, 32] {
            let part = u16::try_from((bits >> shift) & 0xffff).unwrap_or(0);
            sum += (f64::from(part) + 0.5) / 65_536.0;
        }
    }
    // Each has the variance 1/12.
    sum * std::f64::consts::SQRT_2
}

/// A little less than a tenth of a second, since recordings are not exact.
const STEP_MIN: Duration = Duration::from_millis(95);
