use std::{collections::VecDeque, time::Duration};

use super::{Cast, Coverage, NodeId, Range, Road};
use crate::{
    geo::Position,
    pipeline::{Config, RoadsideConfig},
    relay::{self, UnitPlace},
    time::{Instant, Timestamp},
};

/// Roadside units on a road, by which alone its vehicles hear each other.
pub(super) struct Roadside {
    coverage: Coverage,
    nodes: Vec<NodeId>,
    /// Connections that are given up a little after another unit took their place.
    parting: VecDeque<(Instant, usize, usize)>,
    handovers: u64,
}

impl Roadside {
    /// Puts units on a road that holds so many vehicles, and joins all units with each other.
    pub(super) fn new(
        road: &mut Road,
        (cast, config): (&Cast, &Config),
        units: Vec<UnitPlace>,
        vehicles: usize,
    ) -> Self {
        let mut nodes: Vec<NodeId> = Vec::new();
        for (index, place) in units.iter().enumerate() {
            let node = add_unit(road, (cast, config), &format!("unit {index}"), *place);
            for other in &nodes {
                road.connect(node, *other);
            }
            nodes.push(node);
        }
        Self {
            coverage: Coverage::new(units, vehicles),
            nodes,
            parting: VecDeque::new(),
            handovers: 0,
        }
    }

    pub(super) fn coverage(&self) -> &Coverage {
        &self.coverage
    }

    /// How often a vehicle went over from one unit to another.
    pub(super) fn handovers(&self) -> u64 {
        self.handovers
    }

    pub(super) fn hearers(&self, of: usize, range: &Range) -> Vec<usize> {
        self.coverage.hearers(of, range)
    }

    /// Joins a vehicle with the unit that serves it now.
    pub(super) fn rejoin(
        &mut self,
        road: &mut Road,
        (vehicle, position): (usize, Option<Position>),
        at: Timestamp,
    ) {
        let former = self.coverage.attached(vehicle);
        let present = self.coverage.set(vehicle, position, at);
        if let Some(node) = present.and_then(|unit| self.nodes.get(unit)) {
            road.connect(NodeId(vehicle), *node);
        }
        let Some(former) = former.filter(|former| present != Some(*former)) else {
            return;
        };
        if present.is_some() {
            self.handovers += 1;
            let until = road.now().instant + PART_AFTER;
            self.parting.push_back((until, vehicle, former));
        } else if let Some(node) = self.nodes.get(former) {
            road.disconnect(NodeId(vehicle), *node);
        }
    }

    /// Parts vehicles from units that they have left.
    pub(super) fn part(&mut self, road: &mut Road) {
        let now = road.now().instant;
        while let Some((until, vehicle, unit)) = self.parting.front().copied()
            && until <= now
        {
            self.parting.pop_front();
            if self.coverage.attached(vehicle) != Some(unit)
                && let Some(node) = self.nodes.get(unit)
            {
                road.disconnect(NodeId(vehicle), *node);
            }
        }
    }
}

/// Puts a roadside unit of the cast's operator on a road.
pub(super) fn add_unit(
    road: &mut Road,
    (cast, config): (&Cast, &Config),
    name: &str,
    place: UnitPlace,
) -> NodeId {
    let (certificate, wallet) = cast.unit(name);
    let node = road.add(config.clone(), wallet);
    road.with(node, |station, now| {
        station.handle_operators(cast.operators());
        station.handle_unit(certificate);
        station.handle_relay(place, relay::Config::default(), now);
    });
    node
}

/// What a vehicle asks of units that wants to hear everybody within `range_m`.
pub fn interest_within(range_m: f64) -> RoadsideConfig {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a range is positive, and a cast of a float saturates"
    )]
    let around_m = interest_reach_m(range_m) as u32;
    RoadsideConfig {
        around_m,
        ahead_m: 0,
        ..RoadsideConfig::default()
    }
}

/// How far such a vehicle asks for telemetry: a unit knows it where it last said it was.
pub fn interest_reach_m(range_m: f64) -> f64 {
    range_m.ceil() + MARGIN_M
}

/// As far as a vehicle drives in a second in town.
const MARGIN_M: f64 = 20.0;

const PART_AFTER: Duration = Duration::from_secs(1);
