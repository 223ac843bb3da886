mod attacks;
mod crowds;
mod faults;
mod relays;
mod replays;
mod restarts;
mod revocations;
mod roadside;
mod tracker;
mod units;
mod worlds;

use std::time::Duration;

use super::{Cast, Conditions, NodeId, Road, Seed};
use crate::{
    geo::{LocalFrame, Offset, Position},
    message::{AccelerationControl, Telemetry},
    pipeline::{Config, Event, GenerationRule, OwnState, PublishError, Published},
    security::{Class, SlotClock},
    time::{Instant, Timestamp},
    units::{Heading, Speed},
};

/// Cars that follow each other northward at 15 m/s, 40 m apart, all joined.
struct Convoy {
    road: Road,
    cast: Cast,
    cars: Vec<NodeId>,
    /// Who brakes to avoid a collision, as its driving stack says.
    braking: Option<NodeId>,
}

impl Convoy {
    fn new(count: usize, conditions: Conditions, seed: u64) -> Self {
        Self::with_slots(count, conditions, seed, SlotClock::default())
    }

    fn with_slots(count: usize, conditions: Conditions, seed: u64, slots: SlotClock) -> Self {
        let end = start().saturating_add(Duration::from_secs(600));
        let cast = Cast::new(Seed(seed), slots, start(), end);
        let mut road = Road::new(cast.domain(), start(), conditions, Seed(seed));
        let cars: Vec<_> = (0..count)
            .map(|car| road.add(config(), cast.wallet(&name(car), Class::Car)))
            .collect();
        for (index, a) in cars.iter().enumerate() {
            for b in &cars[..index] {
                assert!(road.connect(*a, *b));
            }
        }
        Self {
            road,
            cast,
            cars,
            braking: None,
        }
    }

    /// Every car publishes its state every 100 ms for this long.
    fn drive(&mut self, duration: Duration) {
        let until = self.road.now().instant + duration;
        while self.road.now().instant < until {
            for car in self.cars.clone() {
                // A doubted clock or a missing ticket is what some tests want.
                let _: Result<Published, PublishError> = self.publish(car);
            }
            let next = self.road.now().instant + Duration::from_millis(100);
            self.road.run_until(next);
        }
    }

    fn publish(&mut self, car: NodeId) -> Result<Published, PublishError> {
        let telemetry = self.telemetry(car);
        let measured = self.road.now_of(car).timestamp;
        self.road.with(car, |station, now| {
            station.handle_state(
                OwnState {
                    telemetry,
                    measured,
                },
                now,
            )
        })
    }

    fn telemetry(&self, car: NodeId) -> Telemetry {
        let north_m = self.road.now().instant.since_origin().as_secs_f64() * 15.0;
        Telemetry {
            speed: Speed::from_m_per_s(15.0),
            heading: Heading::from_deg(0.0),
            acceleration_control: (self.braking == Some(car))
                .then_some(AccelerationControl(AccelerationControl::EMERGENCY_BRAKE)),
            ..Telemetry::at(place(
                north_m - 40.0 * f64::from(u32::try_from(car.0).unwrap()),
            ))
        }
    }

    fn restart(&mut self, car: NodeId) {
        let wallet = self.cast.wallet(&name(car.0), Class::Car);
        self.road.restart(car, config(), wallet);
    }

    /// Who sees whom at this moment.
    fn sees(&self, viewer: NodeId, seen: NodeId) -> bool {
        let station = self
            .road
            .station(seen)
            .identity(self.road.now_of(seen))
            .unwrap()
            .station;
        self.road.station(viewer).world().object(station).is_some()
    }
}

fn config() -> Config {
    Config {
        generation: GenerationRule::Fixed {
            interval: Duration::from_millis(100),
        },
        ..Config::default()
    }
}

fn name(car: usize) -> String {
    format!("car-{car}")
}

fn start() -> Timestamp {
    Timestamp::from_unix_ms(1_767_225_600_000).unwrap()
}

fn place(north_m: f64) -> Position {
    LocalFrame::at(Position::from_deg(48.0, 11.0).unwrap())
        .position(Offset {
            east_m: 0.0,
            north_m,
        })
        .unwrap()
}

fn seconds(count: u64) -> Duration {
    Duration::from_secs(count)
}

/// How often each car refused something, by reason.
fn refusals(road: &Road, cars: &[NodeId]) -> Vec<(&'static str, u64)> {
    let mut sum = std::collections::BTreeMap::new();
    for car in cars {
        for (reason, count) in &road.station(*car).counters().refused {
            *sum.entry(*reason).or_insert(0) += count;
        }
    }
    sum.into_iter().collect()
}

fn deliveries(events: &[(Instant, NodeId, Event)], to: NodeId) -> usize {
    events
        .iter()
        .filter(|(_, node, event)| *node == to && matches!(event, Event::Delivered(_)))
        .count()
}
