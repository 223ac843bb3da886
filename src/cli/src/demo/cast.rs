use std::{collections::BTreeMap, time::Duration};

use anyhow::Context as _;
use wayside::{
    geo::Position,
    message::{Cause, Telemetry},
    replay::{Content, Drive, Label},
    time::Timestamp,
};

/// Who plays, and what happens to them.
pub(super) struct Cast {
    /// The vehicle that brakes first, then the others by their distance to it.
    pub(super) roles: Vec<Role>,
    /// When the first one brakes, counted from the start of the play.
    pub(super) incident: Duration,
    /// What its stack reports then.
    pub(super) cause: Cause,
}

/// One vehicle of the drive.
pub(super) struct Role {
    /// Its name in the drive.
    pub(super) vehicle: String,
    /// How far it is from the braking vehicle at the incident.
    pub(super) distance_m: f64,
    /// The farthest that it gets from there while the demo is likely to need it.
    distance_m_max: f64,
    /// Its states by their time since the start of the play.
    pub(super) states: Vec<(Duration, Telemetry)>,
}

impl Cast {
    /// Chooses the emergency brake that most vehicles stay close to, and `count` vehicles for it.
    ///
    /// Only vehicles that are there for the whole play count, so that nobody who falls silent does
    /// so because the drive ended.
    pub(super) fn choose(drive: &Drive, count: usize) -> anyhow::Result<Self> {
        let by_vehicle = states_of(drive);
        drive
            .labels
            .iter()
            .filter(|label| label.name == "emergency_brake")
            .filter_map(|label| Self::around(drive, &by_vehicle, label, count))
            .min_by(|one, other| one.width_m().total_cmp(&other.width_m()))
            .with_context(|| format!("no emergency brake has {count} vehicles within range"))
    }

    /// The cast of one incident; `None` if too few vehicles stay within [`RANGE_M`].
    fn around(
        drive: &Drive,
        by_vehicle: &BTreeMap<usize, Vec<(Timestamp, Telemetry)>>,
        label: &Label,
        count: usize,
    ) -> Option<Self> {
        let start = label.from.saturating_sub(LEAD);
        let end = label.from.saturating_add(TAIL);
        let played = |states: &[(Timestamp, Telemetry)]| -> Option<Vec<(Duration, Telemetry)>> {
            let covers = states.first()?.0 <= start && states.last()?.0 >= end;
            covers.then(|| {
                states
                    .iter()
                    .filter(|(time, _)| (start..=end).contains(time))
                    .map(|(time, state)| (time.since(start), state.clone()))
                    .collect()
            })
        };
        let name = |vehicle: usize| Some(drive.vehicles.get(vehicle)?.name.clone());
        let first = label.vehicle?;
        let hero = played(by_vehicle.get(&first)?)?;
        let mut others: Vec<Role> = by_vehicle
            .iter()
            .filter(|(vehicle, _)| **vehicle != first)
            .filter_map(|(vehicle, states)| Role::beside(&hero, played(states)?, name(*vehicle)?))
            .filter(|role| role.distance_m_max <= RANGE_M)
            .collect();
        others.sort_by(|one, other| one.distance_m_max.total_cmp(&other.distance_m_max));
        others.truncate(count.checked_sub(1)?);
        if others.len() + 1 < count {
            return None;
        }
        others.sort_by(|one, other| one.distance_m.total_cmp(&other.distance_m));
        let mut roles = vec![Role {
            vehicle: name(first)?,
            distance_m: 0.0,
            distance_m_max: 0.0,
            states: hero,
        }];
        roles.extend(others);
        Some(Self {
            roles,
            incident: LEAD,
            cause: label.cause.unwrap_or(Cause::EMERGENCY_BRAKE_LIGHT),
        })
    }

    /// The farthest that anybody gets from the braking vehicle.
    pub(super) fn width_m(&self) -> f64 {
        self.roles
            .iter()
            .map(|role| role.distance_m_max)
            .fold(0.0, f64::max)
    }
}

impl Role {
    /// A vehicle's role beside the braking one, whose states were taken at the same times.
    fn beside(
        hero: &[(Duration, Telemetry)],
        states: Vec<(Duration, Telemetry)>,
        vehicle: String,
    ) -> Option<Self> {
        let heros: BTreeMap<Duration, Position> = hero
            .iter()
            .map(|(time, state)| (*time, state.position))
            .collect();
        let distance_m = |(time, state): &(Duration, Telemetry)| {
            Some((*time, state.position.distance_m(*heros.get(time)?)))
        };
        let distances: Vec<(Duration, f64)> = states.iter().filter_map(distance_m).collect();
        let (_, at_incident_m) = distances.iter().find(|(time, _)| *time >= LEAD)?;
        Some(Self {
            vehicle,
            distance_m: *at_incident_m,
            distance_m_max: distances
                .iter()
                .take_while(|(time, _)| *time <= LEAD + NEEDED)
                .map(|(_, distance_m)| *distance_m)
                .fold(0.0, f64::max),
            states,
        })
    }
}

fn states_of(drive: &Drive) -> BTreeMap<usize, Vec<(Timestamp, Telemetry)>> {
    let mut by_vehicle: BTreeMap<usize, Vec<(Timestamp, Telemetry)>> = BTreeMap::new();
    for record in &drive.records {
        if let Content::State(state) = &record.content {
            let states = by_vehicle.entry(record.vehicle).or_default();
            states.push((record.time, state.clone()));
        }
    }
    by_vehicle
}

/// How much of the drive is played before the incident.
pub(super) const LEAD: Duration = Duration::from_secs(8);
/// How much of it is there to be played after the incident.
pub(super) const TAIL: Duration = Duration::from_secs(35);
/// How much of that a demo takes that meets no delay.
const NEEDED: Duration = Duration::from_secs(20);
/// How far radio would reach in a town.
pub(super) const RANGE_M: f64 = 300.0;
