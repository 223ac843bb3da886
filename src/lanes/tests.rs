use std::f64::consts::{FRAC_PI_2, PI};

use super::{LaneMap, Outline};
use crate::{
    geo::{Offset, Position},
    units::Speed,
};

fn place(east_m: f64, north_m: f64) -> Offset {
    Offset { east_m, north_m }
}

/// A lane of 3 m around a line.
fn lane(name: u64, line: &[(f64, f64)], successors: &[u64]) -> Outline {
    let beside = |right_m: f64| {
        let points = line.iter().enumerate().map(|(number, at)| {
            let (from, to) = (
                line[number.saturating_sub(1)],
                line[(number + 1).min(line.len() - 1)],
            );
            let (east, north) = (to.0 - from.0, to.1 - from.1);
            let length = east.hypot(north);
            place(
                at.0 + north / length * right_m,
                at.1 - east / length * right_m,
            )
        });
        points.collect()
    };
    Outline {
        name,
        left: beside(-1.5),
        right: beside(1.5),
        successors: successors.to_vec(),
        speed_limit: None,
    }
}

fn map(outlines: &[Outline]) -> LaneMap {
    LaneMap::new(Position::from_deg(44.49, 11.32).unwrap(), outlines)
}

/// North for 100 m, then a fork: straight on, or east.
fn fork() -> LaneMap {
    map(&[
        lane(1, &[(0.0, 0.0), (0.0, 100.0)], &[2, 3, 99]),
        lane(2, &[(0.0, 100.0), (0.0, 200.0)], &[]),
        lane(3, &[(0.0, 100.0), (10.0, 110.0), (100.0, 110.0)], &[]),
    ])
}

#[test]
fn both_ways_of_a_fork_are_followed() {
    let routes = fork().routes(place(0.0, 40.0), (0.0, 5.0), 1_000.0);
    let [straight, east] = &routes[..] else {
        panic!("two ways: {routes:?}");
    };
    assert!((straight.length_m() - 160.0).abs() < 1e-9);
    // 60 + √200 + 90.
    assert!((east.length_m() - 164.142).abs() < 1e-3);
}

#[test]
fn a_place_beyond_the_bend_is_so_far_along() {
    let routes = fork().routes(place(0.5, 40.0), (0.0, 5.0), 1_000.0);
    let found = routes[1].find(place(50.0, 108.0)).unwrap();
    // 60 + √200 + 40.
    assert!((found.along_m - 114.142).abs() < 1e-3, "{found:?}");
    assert!((found.heading_rad - FRAC_PI_2).abs() < 1e-9);
    // 2 m right of the middle, of which the traveller passes half a metre to the right.
    assert!((found.right_m - 1.5).abs() < 1e-9);
    assert_eq!(routes[0].find(place(50.0, 108.0)), None);
}

#[test]
fn who_is_too_fast_to_turn_drives_on() {
    // Its corner turns by π/4 within 10 m: a radius of 12.7 m, which 7.1 m/s takes with 4 m/s².
    let ways = |speed| fork().routes(place(0.0, 40.0), (0.0, speed), 1_000.0);
    assert_eq!(ways(7.0).len(), 2);
    let [straight] = &ways(7.3)[..] else {
        panic!("one way: {:?}", ways(7.3));
    };
    assert!((straight.length_m() - 160.0).abs() < 1e-9);
}

#[test]
fn who_is_too_fast_for_all_ways_still_takes_one() {
    let bend = map(&[
        lane(1, &[(0.0, 0.0), (0.0, 100.0)], &[3]),
        lane(3, &[(0.0, 100.0), (10.0, 110.0), (100.0, 110.0)], &[]),
    ]);
    let routes = bend.routes(place(0.0, 40.0), (0.0, 30.0), 1_000.0);
    assert_eq!(routes.len(), 1);
    assert!((routes[0].length_m() - 164.142).abs() < 1e-3);
}

#[test]
fn lines_that_jitter_do_not_bend() {
    // A centimetre to the left and to the right, every metre: 1.1° at each point.
    let line: Vec<_> = (0..100)
        .map(|step| (0.01 * f64::from(step % 2), 100.0 + f64::from(step)))
        .collect();
    let map = map(&[
        lane(1, &[(0.0, 0.0), (0.0, 100.0)], &[2, 3]),
        lane(2, &line, &[]),
        lane(3, &[(0.0, 100.0), (0.0, 150.0)], &[]),
    ]);
    // Straight enough for 40 m/s, which takes a radius of 400 m.
    let routes = map.routes(place(0.0, 40.0), (0.0, 40.0), 1_000.0);
    assert_eq!(routes.len(), 2);
}

#[test]
fn a_way_ends_at_the_horizon() {
    let routes = fork().routes(place(0.0, 40.0), (0.0, 5.0), 30.0);
    assert_eq!(routes.len(), 1);
    assert!((routes[0].length_m() - 60.0).abs() < 1e-9);
}

#[test]
fn who_is_behind_or_past_the_end_is_not_along_it() {
    let routes = fork().routes(place(0.0, 40.0), (0.0, 5.0), 1_000.0);
    assert_eq!(routes[0].find(place(0.0, 30.0)), None);
    assert_eq!(routes[0].find(place(0.0, 201.0)), None);
}

#[test]
fn who_goes_another_way_or_is_elsewhere_is_on_no_lane() {
    let fork = fork();
    assert!(fork.is_on_lane(place(1.9, 50.0), 0.5));
    assert!(!fork.is_on_lane(place(1.9, 50.0), PI));
    assert!(!fork.is_on_lane(place(2.1, 50.0), 0.0));
    assert!(!fork.is_on_lane(place(0.0, -3.0), 0.0));
    assert!(fork.routes(place(0.0, 500.0), (0.0, 5.0), 100.0).is_empty());
}

#[test]
fn ways_round_in_circles_end() {
    let ring = map(&[
        lane(1, &[(0.0, 0.0), (0.0, 10.0)], &[2, 1]),
        lane(2, &[(0.0, 10.0), (0.0, 0.0)], &[1, 2]),
    ]);
    let routes = ring.routes(place(0.0, 5.0), (0.0, 5.0), 500.0);
    assert!(!routes.is_empty() && routes.len() <= super::map::ROUTES_MAX);
}

#[test]
fn lanes_that_make_no_sense_are_left_out() {
    let good = lane(1, &[(0.0, 0.0), (0.0, 10.0)], &[]);
    let broken = [
        Outline {
            left: Vec::new(),
            right: Vec::new(),
            ..good.clone()
        },
        Outline {
            left: vec![place(0.0, 0.0); 3],
            ..good.clone()
        },
        lane(2, &[(0.0, 0.0), (f64::NAN, 10.0)], &[]),
        lane(3, &[(0.0, 0.0), (0.0, 1e9)], &[]),
        lane(4, &[(0.0, 0.0), (0.0, 5_000.0)], &[]),
        good.clone(),
    ];
    let map = map(&[&[good][..], &broken].concat());
    assert_eq!((map.lanes_len(), map.left_out()), (1, 6));
    let without_length = Outline {
        name: 7,
        left: vec![place(5.0, 5.0); 2],
        right: vec![place(5.0, 5.0); 2],
        successors: vec![7],
        speed_limit: None,
    };
    let map = self::map(&[without_length]);
    assert!(!map.is_on_lane(place(5.0, 5.0), 0.0));
}

#[test]
fn borders_are_where_they_were_drawn() {
    let map = map(&[lane(1, &[(0.0, 0.0), (0.0, 100.0)], &[])]);
    let borders: Vec<_> = map.borders().collect();
    let [[left, right]] = &borders[..] else {
        panic!("one lane: {borders:?}");
    };
    for (border, east_m) in [(left, -1.5), (right, 1.5)] {
        for (position, north_m) in border.iter().zip([0.0, 100.0]) {
            let at = map.offset(*position);
            let apart_m = (at.east_m - east_m).hypot(at.north_m - north_m);
            assert!(apart_m < 0.02, "{at:?}");
        }
    }
    assert_eq!((left.len(), right.len()), (2, 2));
}

#[test]
fn of_lanes_that_overlap_the_highest_limit_holds() {
    let limited = |name, metres_per_s| Outline {
        speed_limit: Speed::from_m_per_s(metres_per_s),
        ..lane(name, &[(0.0, 0.0), (0.0, 100.0)], &[])
    };
    let here = place(0.0, 50.0);
    let both = map(&[limited(1, 14.0), limited(2, 28.0)]);
    assert_eq!(both.speed_limit(here, 0.0), Speed::from_m_per_s(28.0));
    let one = map(&[limited(1, 14.0), lane(2, &[(0.0, 0.0), (0.0, 100.0)], &[])]);
    assert_eq!(one.speed_limit(here, 0.0), None);
    assert_eq!(one.speed_limit(place(90.0, 0.0), 0.0), None);
}
