use std::time::Duration;

use super::{assess, at_ms, braking, car, close, mover, risk};
use crate::{
    message::{DriveDirection, Telemetry},
    risk::{Relation, Subject},
    units::YawRate,
};

#[test]
fn who_follows_is_told_gap_time_and_braking() {
    // From the own front to the other's rear: 34 - 4 = 30 m, closing in with 5 m/s.
    let risk = risk(&car((0.0, 0.0), 0.0, 15.0), &car((0.0, 34.0), 0.0, 10.0));
    assert_eq!(risk.relation, Relation::Ahead);
    close(risk.time_to_collision_s, 6.0);
    close(risk.modified_time_to_collision_s, 6.0);
    close(risk.headway_s, 2.0);
    // 5² / 60.
    close(risk.deceleration_to_avoid_m_per_s2, 0.4167);
    // 15 + 1.75 + 18.5² / 8 - 10² / 16 = 53.281 m.
    close(risk.rss_longitudinal_margin_m, 30.0 - 53.281);
    close(risk.rss_lateral_margin_m, -0.725);
    assert_eq!(risk.post_encroachment_time_s, None);
}

#[test]
fn who_is_followed_is_told_the_same_of_the_one_behind() {
    let risk = risk(&car((0.0, 34.0), 0.0, 10.0), &car((0.0, 0.0), 0.0, 15.0));
    assert_eq!(risk.relation, Relation::Behind);
    close(risk.time_to_collision_s, 6.0);
    close(risk.headway_s, 2.0);
    // Others may take 2 s: 15 × 2 + 7 + 22² / 8 - 10² / 16 = 91.25 m.
    close(risk.rss_longitudinal_margin_m, 30.0 - 91.25);
}

#[test]
fn braking_of_the_one_ahead_shortens_the_modified_time_alone() {
    let ahead = braking(car((0.0, 34.0), 0.0, 15.0), 4.0);
    let risk = risk(&car((0.0, 0.0), 0.0, 15.0), &ahead);
    assert_eq!(risk.time_to_collision_s, None);
    // 30 = 4 t² / 2.
    close(risk.modified_time_to_collision_s, 15.0_f64.sqrt());
}

#[test]
fn who_drives_in_the_next_lane_is_beside() {
    let own = car((0.0, 0.0), 0.0, 15.0);
    let risk = risk(&own, &car((3.5, 20.0), 0.0, 10.0));
    assert_eq!(risk.relation, Relation::Beside);
    assert_eq!((risk.time_to_collision_s, risk.headway_s), (None, None));
    // 3.5 - 2 × 1 - 0.725 m.
    close(risk.rss_lateral_margin_m, 0.775);
    assert!(risk.rss_longitudinal_margin_m.unwrap() < 0.0);
    assert!(
        risk.parts.is_empty(),
        "too near, but not in the way: {risk:?}"
    );
}

#[test]
fn who_comes_in_the_own_lane_is_oncoming() {
    // Both fronts face each other, 60 m apart, closing in with 20 m/s.
    let risk = risk(&car((0.0, 0.0), 0.0, 10.0), &car((0.5, 60.0), 180.0, 10.0));
    assert_eq!(risk.relation, Relation::Oncoming);
    close(risk.time_to_collision_s, 3.0);
    close(risk.rss_longitudinal_margin_m, 60.0 - 105.25);
    assert_eq!(risk.deceleration_to_avoid_m_per_s2, None);
    assert_eq!(risk.headway_s, None);
}

#[test]
fn who_has_passed_the_other_way_is_no_danger() {
    let risk = risk(&car((0.0, 0.0), 0.0, 10.0), &car((3.5, -20.0), 180.0, 10.0));
    assert_eq!(risk.relation, Relation::Beside);
    assert_eq!(risk.rss_longitudinal_margin_m, None);
    assert!(risk.score().abs() < f64::EPSILON);
}

#[test]
fn two_that_meet_at_a_crossing_are_told_when() {
    // Own, going north: its middle is 2 m behind its front; the other, going west, likewise.
    // They need the square of 2 × 2 m around (0, 30): both are there from 2.9 s to 3.5 s.
    let own = car((0.0, 0.0), 0.0, 10.0);
    let risk = risk(&own, &car((30.0, 30.0), 270.0, 10.0));
    assert_eq!(risk.relation, Relation::Crossing);
    // The own front meets the other's near side at 29 m.
    close(risk.time_to_collision_s, 2.9);
    // From 3.5 s, when the first has left, back to 2.9 s, when the second comes.
    close(risk.post_encroachment_time_s, -0.6);
    assert!(risk.score() > 40.0, "{risk:?}");
}

#[test]
fn two_that_miss_each_other_are_told_by_how_much() {
    // The other one's front is 60 m away: there from 5.9 s on, and the own rear has left at 3.5 s.
    let own = car((0.0, 0.0), 0.0, 10.0);
    let risk = risk(&own, &car((60.0, 30.0), 270.0, 10.0));
    assert_eq!(risk.time_to_collision_s, None);
    close(risk.post_encroachment_time_s, 2.4);
}

#[test]
fn one_that_has_crossed_is_no_danger() {
    let own = car((0.0, 0.0), 0.0, 10.0);
    let risk = risk(&own, &car((-10.0, 30.0), 270.0, 10.0));
    assert_eq!(risk.time_to_collision_s, None);
    assert_eq!(risk.post_encroachment_time_s, None);
    assert!(risk.parts.is_empty());
}

#[test]
fn on_a_bend_the_one_ahead_is_in_the_path_and_the_one_straight_on_is_not() {
    // 10 m/s on a radius of 50 m to the right: 0.2 rad/s. After 30° the road is 25 m further north and
    // 50 × (1 - cos 30°) = 6.70 m further east.
    let own = Telemetry {
        yaw_rate: YawRate::from_deg_per_s(0.2_f64.to_degrees()),
        ..car((0.0, 2.0), 0.0, 10.0)
    };
    // Its middle is there: its front is 2 m further along 30°.
    let (sin, cos) = 30.0_f64.to_radians().sin_cos();
    let on_road = car((6.699 + 2.0 * sin, 25.0 + 2.0 * cos), 30.0, 10.0);
    let found = risk(&own, &on_road);
    assert_eq!(found.relation, Relation::Ahead);
    // An arc of 50 × π / 6 = 26.18 m, less half of each length.
    close(found.headway_s, 2.218);
    let straight_on = risk(&own, &car((0.0, 29.0), 0.0, 10.0));
    assert_eq!(straight_on.relation, Relation::Beside);
}

#[test]
fn who_backs_up_goes_rear_first() {
    // The rear goes first, and the message gives the front: the box ends 4 m further on.
    let backing = Telemetry {
        drive_direction: Some(DriveDirection::Backward),
        ..car((0.0, 0.0), 0.0, 2.0)
    };
    let risk = risk(&backing, &car((0.0, 12.0), 0.0, 0.0));
    assert_eq!(risk.relation, Relation::Ahead);
    // 12 - 4 (its own box) - 4 (the other's) = 4 m at 2 m/s.
    close(risk.time_to_collision_s, 2.0);
}

#[test]
fn touching_is_no_time_and_all_of_the_score() {
    let risk = risk(&car((0.0, 0.0), 0.0, 15.0), &car((0.0, 4.0), 0.0, 5.0));
    close(risk.time_to_collision_s, 0.0);
    assert!(risk.score() > 99.0, "{risk:?}");
    assert!(risk.score() <= 100.0);
}

#[test]
fn the_score_is_the_sum_of_its_parts() {
    let found = assess(
        &mover(&car((0.0, 0.0), 0.0, 15.0)),
        &mover(&car((0.0, 14.0), 0.0, 12.0)),
        Some(Duration::from_secs(30)),
    )
    .unwrap();
    let names: Vec<&str> = found.parts.iter().map(|part| part.name).collect();
    // 10 m, closing in with 3 m/s: 3.33 s; 0.45 m/s² is nothing; 0.67 s of headway.
    assert_eq!(
        names,
        ["time_to_collision", "headway", "rss_margin", "hard_brake"]
    );
    // (4 - 3.333) / 2.5 = 26.7 %.
    close(Some(found.parts[0].score / 10.0), 2.667);
    // 30 % of what is left.
    close(Some(found.parts[1].score / 10.0), 0.3 * (10.0 - 2.667));
    let sum: f64 = found.parts.iter().map(|part| part.score).sum();
    assert!((found.score() - sum).abs() < 1e-9);
}

#[test]
fn what_is_too_far_too_old_or_unknown_is_not_assessed() {
    let own = mover(&car((0.0, 0.0), 0.0, 15.0));
    assert_eq!(
        assess(&own, &mover(&car((0.0, 1_100.0), 0.0, 0.0)), None),
        None
    );
    let subject = Subject::of(&car((0.0, 0.0), 0.0, 15.0), at_ms(0));
    assert!(subject.at(at_ms(3_000)).is_some());
    assert_eq!(subject.at(at_ms(3_001)), None);
    let unknown = Telemetry {
        heading: None,
        ..car((0.0, 0.0), 0.0, 15.0)
    };
    assert_eq!(Subject::of(&unknown, at_ms(0)).at(at_ms(0)), None);
}

#[test]
fn the_gap_of_two_boxes_is_between_their_nearest_sides() {
    let own = mover(&car((0.0, 0.0), 0.0, 10.0));
    // Fronts are at the given places; the own box reaches from -4 m to 0 m, and 1 m to both sides.
    for (place_m, heading_deg, gap_m) in [
        ((0.0, 10.0), 0.0, 6.0),
        ((5.0, 1.0), 0.0, 3.0),
        ((4.0, -1.0), 270.0, 3.0),
        ((4.0, 8.0), 0.0, 2.0_f64.hypot(4.0)),
        ((1.0, 1.0), 0.0, 0.0),
    ] {
        let other = mover(&car(place_m, heading_deg, 10.0));
        close(own.gap_m(&other), gap_m);
        close(other.gap_m(&own), gap_m);
    }
    assert_eq!(own.gap_m(&mover(&car((0.0, 1_100.0), 0.0, 10.0))), None);
}
