use std::{
    collections::VecDeque,
    net::{Ipv4Addr, SocketAddr},
    time::Duration,
};

use super::{Action, Range, Script};
use crate::{
    geo::{LocalFrame, Offset, Position},
    relay::{FIXED_RADIUS_MAX_M, UnitPlace},
    time::Timestamp,
};

/// Roadside units along a drive, which of them each vehicle is attached to, and who must hear whom by
/// them.
///
/// A vehicle is attached to the nearest unit that serves its place, and goes over to another only
/// where that is clearly nearer.
#[derive(Debug)]
pub struct Coverage {
    units: Vec<UnitPlace>,
    vehicles: Vec<Vehicle>,
}

#[derive(Clone, Debug, Default)]
struct Vehicle {
    attached: Option<usize>,
    /// Where it was of late, the newest last.
    path: VecDeque<(Timestamp, Position)>,
}

/// Where units stand along a drive.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Placement {
    /// How many of them.
    pub count: usize,
    /// How far each serves; `None` is as far as the drive needs.
    pub radius_m: Option<u32>,
}

impl Placement {
    /// The places: evenly along the longer axis of the box around everywhere that a vehicle is.
    ///
    /// Without a radius, every such place is served by its nearest unit with `reach_m` to spare, so
    /// that this unit hears all that interests a vehicle there.
    pub fn along(self, script: &Script, reach_m: f64) -> Vec<UnitPlace> {
        let visited: Vec<Position> = script
            .steps
            .iter()
            .flat_map(|step| &step.actions)
            .filter_map(|(_, action)| {
                let Action::State(telemetry) = action else {
                    return None;
                };
                Some(telemetry.position)
            })
            .collect();
        let Some(first) = visited.first() else {
            return Vec::new();
        };
        let frame = LocalFrame::at(*first);
        let offsets = visited.iter().map(|position| frame.offset(*position));
        let origin = frame.offset(*first);
        let (mut least, mut most) = (origin, origin);
        for offset in offsets {
            least.east_m = least.east_m.min(offset.east_m);
            least.north_m = least.north_m.min(offset.north_m);
            most.east_m = most.east_m.max(offset.east_m);
            most.north_m = most.north_m.max(offset.north_m);
        }
        let positions = self.spread(least, most);
        let positions = positions
            .filter_map(|offset| frame.position(offset))
            .collect::<Vec<_>>();
        let radius_m = self
            .radius_m
            .unwrap_or_else(|| radius_of(&positions, &visited, reach_m));
        let serve = |(index, position)| UnitPlace {
            address: address(index),
            position,
            radius_m: radius_m.clamp(1, FIXED_RADIUS_MAX_M),
        };
        positions.into_iter().enumerate().map(serve).collect()
    }

    fn spread(self, least: Offset, most: Offset) -> impl Iterator<Item = Offset> {
        let (width_m, height_m) = (most.east_m - least.east_m, most.north_m - least.north_m);
        let count = self.count;
        let share = move |index: usize| {
            let parts = u32::try_from(count).unwrap_or(u32::MAX);
            let before = u32::try_from(index).unwrap_or(u32::MAX);
            (f64::from(before) + 0.5) / f64::from(parts.max(1))
        };
        (0..count).map(move |index| {
            let (east, north) = if width_m >= height_m {
                (share(index), 0.5)
            } else {
                (0.5, share(index))
            };
            Offset {
                east_m: least.east_m + east * width_m,
                north_m: least.north_m + north * height_m,
            }
        })
    }
}

impl Coverage {
    /// Units, and so many vehicles whose places are not known yet.
    pub fn new(units: Vec<UnitPlace>, vehicles: usize) -> Self {
        Self {
            units,
            vehicles: vec![Vehicle::default(); vehicles],
        }
    }

    /// The units.
    pub fn units(&self) -> &[UnitPlace] {
        &self.units
    }

    /// Says where a vehicle is now, or `None` once it has left; returns the unit that it is attached
    /// to.
    pub fn set(
        &mut self,
        vehicle: usize,
        position: Option<Position>,
        at: Timestamp,
    ) -> Option<usize> {
        let moved = self.vehicles.get_mut(vehicle)?;
        let Some(position) = position else {
            *moved = Vehicle::default();
            return None;
        };
        moved.path.push_back((at, position));
        while moved
            .path
            .front()
            .is_some_and(|(then, _)| at.since(*then) > PATH_KEPT)
        {
            moved.path.pop_front();
        }
        let distance_m = |unit: &UnitPlace| unit.position.distance_m(position);
        let serving = self.units.iter().enumerate();
        let nearest = serving
            .filter(|(_, unit)| unit.serves(position))
            .min_by(|one, other| distance_m(one.1).total_cmp(&distance_m(other.1)));
        let present = moved
            .attached
            .and_then(|index| Some((index, self.units.get(index)?)))
            .filter(|(_, unit)| unit.serves(position));
        moved.attached = match (present, nearest) {
            (Some((index, unit)), Some((_, other)))
                if distance_m(unit) <= distance_m(other) + HYSTERESIS_M =>
            {
                Some(index)
            }
            (_, nearest) => nearest.map(|(index, _)| index),
        };
        moved.attached
    }

    /// The unit that a vehicle is attached to.
    pub fn attached(&self, vehicle: usize) -> Option<usize> {
        self.vehicles.get(vehicle)?.attached
    }

    /// Who must hear a vehicle: those within `range` of it whose unit serves its place too.
    pub fn hearers(&self, of: usize, range: &Range) -> Vec<usize> {
        let Some((_, position)) = self.vehicles.get(of).and_then(|it| it.path.back()) else {
            return Vec::new();
        };
        if self.attached(of).is_none() {
            return Vec::new();
        }
        let mut hearers = range.hearers(of);
        hearers.retain(|hearer| {
            let unit = self.attached(*hearer).and_then(|it| self.units.get(it));
            unit.is_some_and(|unit| unit.serves(*position))
        });
        hearers
    }

    /// Whether a place is farther than `reach_m` from everywhere that a vehicle on the road was of late,
    /// so that nobody had a reason to tell the vehicle of it.
    pub fn is_outside(&self, vehicle: usize, place: Position, reach_m: f64) -> bool {
        let path = self.vehicles.get(vehicle).map(|vehicle| &vehicle.path);
        let is_far = |(_, position): &(_, Position)| position.distance_m(place) > reach_m;
        path.is_some_and(|path| !path.is_empty() && path.iter().all(is_far))
    }
}

/// The distance from the place farthest from every unit, with `reach_m` to spare, in steps of 10 m.
fn radius_of(units: &[Position], visited: &[Position], reach_m: f64) -> u32 {
    let to_nearest = |place: &Position| {
        let distances = units.iter().map(|unit| unit.distance_m(*place));
        distances.fold(f64::INFINITY, f64::min)
    };
    let farthest_m = visited.iter().map(to_nearest).fold(0.0, f64::max);
    let steps = ((farthest_m + reach_m) / 10.0).ceil();
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a cast of a float saturates, and the result is bounded by who asks"
    )]
    let steps = steps as u32;
    steps.saturating_mul(10)
}

/// What a unit says of where it listens; in virtual time nobody calls it.
fn address(index: usize) -> SocketAddr {
    let port = u16::try_from(index).unwrap_or(u16::MAX);
    SocketAddr::from((Ipv4Addr::new(192, 0, 2, 1), 1_024_u16.saturating_add(port)))
}

/// How much nearer another unit must be.
const HYSTERESIS_M: f64 = 30.0;

/// As long as a unit may go by an old place of a vehicle: at one message a second, with a few lost.
const PATH_KEPT: Duration = Duration::from_secs(5);
