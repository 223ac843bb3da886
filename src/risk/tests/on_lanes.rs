use std::{sync::Arc, time::Duration};

use super::{car, close, mover, place};
use crate::{
    geo::Offset,
    lanes::{LaneMap, Outline},
    message::Telemetry,
    risk::{Assessor, Relation, Responses, Risk},
    units::{Heading, Speed},
};

/// Two lanes of 3.5 m side by side: north for 100 m, then a quarter of a circle to the right. The middle
/// of the left one starts at the origin and has a radius of 50 m.
fn bend() -> Assessor {
    let border = |right_m: f64| -> Vec<Offset> {
        let straight = (0..10).map(|step| Offset {
            east_m: right_m,
            north_m: f64::from(step) * 10.0,
        });
        let bent = (0..=45).map(|step| {
            let (sin, cos) = (f64::from(step) * 2.0).to_radians().sin_cos();
            let radius_m = 50.0 - right_m;
            Offset {
                east_m: 50.0 - radius_m * cos,
                north_m: 100.0 + radius_m * sin,
            }
        });
        straight.chain(bent).collect()
    };
    let lane = |name, right_m| Outline {
        name,
        left: border(right_m - 1.75),
        right: border(right_m + 1.75),
        successors: Vec::new(),
        speed_limit: Speed::from_m_per_s(10.0),
    };
    let origin = place(0.0, 0.0);
    let map = LaneMap::new(origin, &[lane(1, 0.0), lane(2, 3.5)]);
    Assessor::new(Responses::default(), Some(Arc::new(map)))
}

/// A car whose middle is so many degrees into the bend, so far right of the middle of the left lane.
fn in_bend(deg: f64, right_m: f64, speed_m_per_s: f64) -> Telemetry {
    let (sin, cos) = deg.to_radians().sin_cos();
    let radius_m = 50.0 - right_m;
    let (east_m, north_m) = (50.0 - radius_m * cos, 100.0 + radius_m * sin);
    car(
        (east_m + 2.0 * sin, north_m + 2.0 * cos),
        deg,
        speed_m_per_s,
    )
}

fn risk(assessor: &Assessor, own: &Telemetry, other: &Telemetry) -> Risk {
    let viewer = assessor.view(mover(own));
    viewer.assess(&mover(other), None).unwrap()
}

#[test]
fn who_stands_round_the_bend_in_the_own_lane_is_ahead_before_the_wheel_is_turned() {
    // Its middle at 78 m.
    let own = car((0.0, 80.0), 0.0, 15.0);
    let other = in_bend(60.0, 0.0, 5.0);
    let with = risk(&bend(), &own, &other);
    assert_eq!(with.relation, Relation::Ahead);
    // 22 + 50 × π / 3 - 4 = 70.36 m, less what chords are shorter than the arc.
    close(with.headway_s, 70.36 / 15.0);
    close(with.time_to_collision_s, 7.03);
    let without = risk(&Assessor::default(), &own, &other);
    assert_ne!(without.relation, Relation::Ahead);
}

#[test]
fn who_is_followed_round_a_bend_is_told_the_same() {
    let risk = risk(
        &bend(),
        &in_bend(60.0, 0.0, 5.0),
        &car((0.0, 80.0), 0.0, 15.0),
    );
    assert_eq!(risk.relation, Relation::Behind);
    close(risk.headway_s, 70.36 / 15.0);
}

#[test]
fn who_drives_in_the_next_lane_of_a_bend_is_beside_and_not_in_the_way() {
    // Straight on, one leads through the other.
    let own = in_bend(10.0, 0.0, 15.0);
    let other = in_bend(40.0, 3.5, 5.0);
    let with = risk(&bend(), &own, &other);
    assert_eq!(with.relation, Relation::Beside);
    assert_eq!(with.time_to_collision_s, None);
    // As on a straight road, 3.5 - 2 - 0.725 m; the map's bend has corners of 2°, across which 5 m/s are
    // up to 0.09 m/s sideways.
    let margin = with.rss_lateral_margin_m.unwrap();
    assert!((margin - 0.775).abs() < 0.25, "{margin}");
    let seen = risk(&bend(), &other, &own);
    assert_eq!(seen.relation, Relation::Beside);
    assert_eq!(seen.time_to_collision_s, None);
}

#[test]
fn who_comes_over_from_the_next_lane_is_told_by_its_time() {
    let own = in_bend(10.0, 0.0, 15.0);
    let mut other = in_bend(40.0, 3.5, 5.0);
    other.heading = Heading::from_deg(20.0);
    let risk = risk(&bend(), &own, &other);
    assert!(risk.time_to_collision_s.is_some(), "{risk:?}");
}

/// A lane of 3.5 m around places and directions.
fn lane(name: u64, line: &[(f64, f64, f64)], successors: &[u64]) -> Outline {
    let border = |right_m: f64| {
        let places = line.iter().map(|(east_m, north_m, heading_deg)| {
            let (sin, cos) = heading_deg.to_radians().sin_cos();
            Offset {
                east_m: east_m + right_m * cos,
                north_m: north_m - right_m * sin,
            }
        });
        places.collect()
    };
    Outline {
        name,
        left: border(-1.75),
        right: border(1.75),
        successors: successors.to_vec(),
        speed_limit: None,
    }
}

/// A quarter of a circle that begins at the origin, to the north; to the left of a negative radius.
fn quarter(radius_m: f64) -> Vec<(f64, f64, f64)> {
    let places = (0..=15).map(|step| {
        let deg = f64::from(step) * 6.0;
        let (sin, cos) = deg.to_radians().sin_cos();
        (
            radius_m * (1.0 - cos),
            radius_m.abs() * sin,
            deg * radius_m.signum(),
        )
    });
    places.collect()
}

/// A lane to the north that goes on beyond the origin or turns there, and one that comes back 3.5 m to
/// the left of it.
fn junction(radius_m: f64) -> Assessor {
    let (end_m, out_deg) = (radius_m * 10.0, 90.0 * radius_m.signum());
    let lanes = [
        lane(1, &[(0.0, -100.0, 0.0), (0.0, 0.0, 0.0)], &[2, 3]),
        lane(2, &[(0.0, 0.0, 0.0), (0.0, 100.0, 0.0)], &[]),
        lane(3, &quarter(radius_m), &[4]),
        lane(
            4,
            &[
                (radius_m, radius_m.abs(), out_deg),
                (end_m, radius_m.abs(), out_deg),
            ],
            &[],
        ),
        lane(5, &[(-3.5, 100.0, 180.0), (-3.5, -100.0, 180.0)], &[]),
    ];
    let map = LaneMap::new(place(0.0, 0.0), &lanes);
    Assessor::new(Responses::default(), Some(Arc::new(map)))
}

#[test]
fn who_is_too_fast_to_turn_has_nobody_round_the_corner_ahead() {
    // As 331 and 338 of the scenario of Pula, which it left to the right at 2 m/s: a radius of 8 m takes
    // 5.7 m/s with 4 m/s².
    let round_the_corner = car((16.0, 8.0), 90.0, 2.0);
    let fast = risk(
        &junction(8.0),
        &car((0.0, -8.0), 0.0, 9.0),
        &round_the_corner,
    );
    assert_eq!(fast.relation, Relation::Crossing);
    assert_eq!(fast.time_to_collision_s, None);
    let slow = risk(
        &junction(8.0),
        &car((0.0, -8.0), 0.0, 5.0),
        &round_the_corner,
    );
    assert_eq!(slow.relation, Relation::Ahead);
    // 10 + 4 π + 6 - 4 = 24.57 m, at 3 m/s.
    close(slow.time_to_collision_s.map(|it| it / 10.0), 0.819);
}

#[test]
fn who_waits_to_turn_is_not_met_by_those_who_pass_beside() {
    // As 323 and 338 there: the way to the left leads across the one that comes, but that one's way
    // leads past, 1.5 m to the left.
    let waiting = car((0.0, 1.5), 0.0, 0.0);
    let passing = car((-3.5, 4.0), 180.0, 2.0);
    let seen = risk(&junction(-10.0), &waiting, &passing);
    assert_eq!(seen.relation, Relation::Beside);
    assert_eq!(seen.time_to_collision_s, None);
    let seen = risk(&junction(-10.0), &passing, &waiting);
    assert_eq!(seen.relation, Relation::Beside);
    assert_eq!(seen.time_to_collision_s, None);
}

#[test]
fn who_comes_where_lanes_of_both_ways_are_one_is_oncoming() {
    let lanes = [
        lane(1, &[(0.0, -100.0, 0.0), (0.0, 100.0, 0.0)], &[]),
        lane(2, &[(0.5, 100.0, 180.0), (0.5, -100.0, 180.0)], &[]),
    ];
    let map = LaneMap::new(place(0.0, 0.0), &lanes);
    let narrow = Assessor::new(Responses::default(), Some(Arc::new(map)));
    let met = risk(
        &narrow,
        &car((0.0, 0.0), 0.0, 10.0),
        &car((0.5, 40.0), 180.0, 10.0),
    );
    assert_eq!(met.relation, Relation::Oncoming);
    // 40 m at 20 m/s.
    close(met.time_to_collision_s, 2.0);
}

#[test]
fn who_is_on_no_lane_is_held_against_the_arc() {
    let own = car((500.0, 0.0), 0.0, 15.0);
    let other = car((500.0, 34.0), 0.0, 10.0);
    let found = risk(&bend(), &own, &other);
    assert_eq!(found, risk(&Assessor::default(), &own, &other));
}

#[test]
fn who_is_too_fast_for_its_lane_is_told_by_how_much() {
    let own = car((0.0, 20.0), 0.0, 10.0);
    let fast = risk(&bend(), &own, &car((3.5, 60.0), 0.0, 13.0));
    close(fast.over_speed_limit_m_per_s, 3.0);
    let part = fast.parts.iter().find(|part| part.name == "speed_limit");
    // 30 % over: half of the way from 10 % to 50 %, of 15 %.
    close(part.map(|part| part.score / 10.0), 0.75);
    let slow = risk(&bend(), &own, &car((3.5, 60.0), 0.0, 9.0));
    assert_eq!(slow.over_speed_limit_m_per_s, None);
    let elsewhere = risk(&bend(), &own, &car((60.0, 60.0), 0.0, 30.0));
    assert_eq!(elsewhere.over_speed_limit_m_per_s, None);
}

#[test]
fn response_times_are_those_of_the_configuration() {
    let quick = Responses {
        own: Duration::from_millis(100),
        ..Responses::default()
    };
    let quick = Assessor::new(quick, None);
    let (own, other) = (car((0.0, 0.0), 0.0, 15.0), car((0.0, 34.0), 0.0, 10.0));
    // 15.175 × 0.1 + 15.35² / 8 - 10² / 16 = 24.72 m.
    let margin = risk(&quick, &own, &other).rss_longitudinal_margin_m;
    close(margin, 30.0 - 24.72);
    let slow = Responses {
        other: Duration::from_secs(11),
        ..Responses::default()
    };
    assert_eq!(slow.out_of_range().unwrap().0, "other");
    assert_eq!(Responses::default().out_of_range(), None);
}
