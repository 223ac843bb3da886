//! Three units that all know each other, vehicles among them, and every message on every way at once.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use proptest::prelude::*;

use super::{Lab, around, east, unit_at, wanting};
use crate::{
    geo::Area,
    id::{PeerId, StationId},
    message::Telemetry,
    relay::{Config, Interest, InterestArea, Joined, Relay, Route},
    security::Verified,
};

const UNITS: usize = 3;
const VEHICLES: u8 = 6;

/// What one vehicle wants, where it is, and which units it is connected to.
#[derive(Clone, Debug)]
struct Vehicle {
    interest: Interest,
    east_m: f64,
    connected: Vec<bool>,
}

/// A connection of a unit, from its side.
fn peer_of_vehicle(vehicle: u8) -> PeerId {
    PeerId(vehicle.into())
}

fn peer_of_unit(unit: usize) -> PeerId {
    PeerId(100 + u64::try_from(unit).unwrap())
}

fn unit_station(unit: usize) -> StationId {
    StationId::from_bytes([0xf0 + u8::try_from(unit).unwrap(); 8])
}

fn vehicles() -> impl Strategy<Value = Vec<Vehicle>> {
    let area = prop_oneof![
        (1_u32..2_000).prop_map(|radius_m| InterestArea::Around { radius_m }),
        (1_u32..4_000, 1_u32..500).prop_map(|(length_m, half_width_m)| InterestArea::Ahead {
            length_m,
            half_width_m,
        }),
        (-3_000.0..3_000.0, 1_u32..9_000).prop_map(|(east_m, radius_m)| {
            let centre = east(east_m);
            InterestArea::Fixed(Area::Circle { centre, radius_m })
        }),
    ];
    let vehicle = (
        prop::collection::vec(area, 0..3),
        -3_000.0..3_000.0,
        prop::collection::vec(any::<bool>(), UNITS),
    );
    let vehicle = vehicle.prop_map(|(areas, east_m, connected)| Vehicle {
        interest: Interest { areas, ..around(1) },
        east_m,
        connected,
    });
    prop::collection::vec(vehicle, usize::from(VEHICLES))
}

/// Units with overlapping circles, each connected to both others, and the vehicles as they say.
fn units(lab: &mut Lab, vehicles: &[Vehicle]) -> Vec<Relay> {
    let mut relays: Vec<_> = (0..UNITS)
        .map(|unit| {
            let mut place = unit_at(f64::from(u32::try_from(unit).unwrap()) * 1_500.0 - 1_500.0);
            place.radius_m = 4_000;
            Relay::new(Config::default(), place, lab.now)
        })
        .collect();
    let places: Vec<_> = relays.iter().map(Relay::place).collect();
    for (unit, relay) in relays.iter_mut().enumerate() {
        for (other, place) in places.iter().enumerate().filter(|(it, _)| *it != unit) {
            let joined = Joined {
                station: unit_station(other),
                is_unit: true,
                remote: None,
            };
            relay.handle_joined(peer_of_unit(other), &joined, lab.now);
            let circle = Area::Circle {
                centre: place.position,
                radius_m: place.radius_m,
            };
            let interest = wanting(InterestArea::Fixed(circle));
            relay.handle_interest(peer_of_unit(other), interest);
        }
        for (number, vehicle) in (0..VEHICLES).zip(vehicles) {
            if vehicle.connected[unit] {
                let joined = Joined {
                    station: lab.station(number),
                    is_unit: false,
                    remote: None,
                };
                relay.handle_joined(peer_of_vehicle(number), &joined, lab.now);
                let interest = Interest {
                    place: Some(east(vehicle.east_m)),
                    ..vehicle.interest.clone()
                };
                relay.handle_interest(peer_of_vehicle(number), interest);
            }
        }
    }
    relays
}

/// Lets a message run until it stands still; returns how often each unit told each of its peers.
fn spread(
    relays: &mut [Relay],
    lab: &Lab,
    (signer, vehicle): (u8, &Vehicle),
    verified: &Verified<Telemetry>,
) -> BTreeMap<(usize, PeerId), u32> {
    let mut told = BTreeMap::new();
    let mut heard = BTreeSet::new();
    let mut ways: VecDeque<(usize, Route)> = (0..UNITS)
        .filter(|unit| vehicle.connected[*unit])
        .map(|unit| {
            let from = Some(peer_of_vehicle(signer));
            (unit, Route { from, hops: 0 })
        })
        .collect();
    while let Some((unit, route)) = ways.pop_front() {
        // A byte-equal repeat is refused before it comes to the relay.
        if !heard.insert(unit) {
            continue;
        }
        let forward = relays[unit].handle_telemetry(verified, route, lab.now);
        assert!(forward.hops <= 5);
        for target in forward.targets {
            *told.entry((unit, target.peer)).or_insert(0) += 1;
            if let Some(other) = target.peer.0.checked_sub(100) {
                let from = Some(peer_of_unit(unit));
                let hops = forward.hops;
                ways.push_back((usize::try_from(other).unwrap(), Route { from, hops }));
            }
        }
    }
    told
}

/// A second opinion on what lies in an area: without cells, and by its own arithmetic.
fn is_inside(vehicle: &Vehicle, east_m: f64) -> (bool, bool) {
    let mut inside = (false, false);
    for area in &vehicle.interest.areas {
        let excess_m = match area {
            InterestArea::Around { radius_m } => {
                (east_m - vehicle.east_m).abs() - f64::from(*radius_m)
            }
            InterestArea::Ahead {
                length_m,
                half_width_m,
            } => {
                let reach_m = f64::from(*length_m).hypot(f64::from(*half_width_m));
                (east_m - vehicle.east_m).abs() - reach_m
            }
            InterestArea::Fixed(Area::Circle { centre, radius_m }) => {
                let from_origin_m = east(0.0).distance_m(*centre);
                let is_west = centre.longitude_e7() < east(0.0).longitude_e7();
                let centre_m = if is_west {
                    -from_origin_m
                } else {
                    from_origin_m
                };
                (east_m - centre_m).abs() - f64::from(*radius_m)
            }
            InterestArea::Fixed(Area::Box { .. } | Area::Polygon(_)) => f64::INFINITY,
        };
        // The two may differ by centimetres: neither certainly inside nor certainly outside.
        inside.0 |= excess_m < -0.5;
        inside.1 |= excess_m < 0.5;
    }
    inside
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    #[test]
    fn everybody_is_told_what_interests_them_once_and_nothing_else(vehicles in vehicles()) {
        let mut lab = Lab::new();
        let mut relays = units(&mut lab, &vehicles);
        for (signer, vehicle) in (0..VEHICLES).zip(&vehicles) {
            let verified = lab.telemetry(signer, vehicle.east_m);
            let told = spread(&mut relays, &lab, (signer, vehicle), &verified);
            let reached = |unit: usize| {
                vehicle.connected[unit] || told.keys().any(|(_, peer)| *peer == peer_of_unit(unit))
            };
            prop_assert!(told.values().all(|times| *times == 1), "{told:?}");
            for unit in 0..UNITS {
                prop_assert!(!told.contains_key(&(unit, peer_of_vehicle(signer))), "to its signer");
                for (number, other) in (0..VEHICLES).zip(&vehicles) {
                    let is_told = told.contains_key(&(unit, peer_of_vehicle(number)));
                    let (must, may) = is_inside(other, vehicle.east_m);
                    let is_there = number != signer && other.connected[unit] && reached(unit);
                    prop_assert!(!is_told || is_there && may, "{number} by {unit}");
                    prop_assert!(is_told || !(is_there && must), "{number} by {unit}");
                }
            }
        }
    }
}
