use crate::risk::{
    measure::{
        deceleration_to_avoid_m_per_s2, headway_s, modified_time_to_collision_s,
        time_to_collision_s,
    },
    rss::{Party, lateral_m, opposite_m, same_direction_m},
};

fn party(speed_m_per_s: f64, response_s: f64) -> Party {
    Party {
        speed_m_per_s,
        response_s,
    }
}

/// At equal speeds, with the starting values of ad-rss-lib; 130 km/h and 1 s are 152.49 m.
#[test]
fn rss_same_direction_distances_are_the_published_ones() {
    for (response_s, expected_m) in [
        (1.0, [41.4, 89.2, 152.4]),
        (0.5, [25.9, 63.3, 116.1]),
        (0.1, [14.7, 43.8, 88.3]),
    ] {
        for (km_per_h, expected_m) in [50.0, 90.0, 130.0].into_iter().zip(expected_m) {
            let speed = km_per_h / 3.6;
            let distance_m = same_direction_m(party(speed, response_s), speed);
            assert!(
                (distance_m - expected_m).abs() < 0.1,
                "{km_per_h} km/h, {response_s} s: {distance_m}"
            );
        }
    }
}

#[test]
fn rss_is_zero_behind_somebody_much_faster() {
    // 1.75 + 3.5² / 8 = 3.28 m, less than the 40² / 16 = 100 m of the one ahead.
    assert!(same_direction_m(party(0.0, 1.0), 40.0).abs() < f64::EPSILON);
}

#[test]
fn rss_opposite_is_both_ways_to_stop() {
    // Own: (10 + 13.5) / 2 × 1 + 13.5² / 6 = 11.75 + 30.375 = 42.125 m.
    // Coming: (10 + 17) / 2 × 2 + 17² / 8 = 27 + 36.125 = 63.125 m.
    let distance_m = opposite_m(party(10.0, 1.0), party(10.0, 2.0));
    assert!((distance_m - 105.25).abs() < 1e-9, "{distance_m}");
}

#[test]
fn rss_lateral_holds_who_drifts_and_who_does_not() {
    // Left: 0.2 / 2 × 1 + 0.2² / 1.6 = 0.125 m to the right; right: 0.4 / 2 × 2 + 0.4² / 1.6 = 0.5 m
    // to the left; and 0.1 m.
    let standing_m = lateral_m(party(0.0, 1.0), party(0.0, 2.0));
    assert!((standing_m - 0.725).abs() < 1e-9, "{standing_m}");
    // The right one comes with 1 m/s: (1 + 1.4) / 2 × 2 + 1.4² / 1.6 = 2.4 + 1.225 m.
    let coming_m = lateral_m(party(0.0, 1.0), party(-1.0, 2.0));
    assert!(
        (coming_m - (0.1 + 0.125 + 3.625)).abs() < 1e-9,
        "{coming_m}"
    );
    // It leaves with 1 m/s: nothing but the fluctuation is left.
    let leaving_m = lateral_m(party(0.0, 1.0), party(1.0, 2.0));
    assert!((leaving_m - 0.1).abs() < 1e-9, "{leaving_m}");
}

#[test]
fn times_to_collision_are_roots_of_the_gap() {
    assert_eq!(time_to_collision_s(20.0, 5.0), Some(4.0));
    assert_eq!(time_to_collision_s(20.0, 0.0), None);
    assert_eq!(time_to_collision_s(20.0, -5.0), None);
    // 5 × 2 + 5 × 2² / 2 = 20.
    assert_eq!(modified_time_to_collision_s(20.0, 5.0, 5.0), Some(2.0));
    assert_eq!(modified_time_to_collision_s(20.0, 5.0, 0.0), Some(4.0));
    // -5 × 4 + 5 × 4² / 2 = 20: it falls back before it gains.
    assert_eq!(modified_time_to_collision_s(20.0, -5.0, 5.0), Some(4.0));
    // 5² / (2 × 1) = 12.5 m are all that it closes.
    assert_eq!(modified_time_to_collision_s(20.0, 5.0, -1.0), None);
    assert_eq!(modified_time_to_collision_s(20.0, 0.0, 0.0), None);
}

#[test]
fn headway_and_deceleration_are_what_their_definitions_say() {
    assert_eq!(headway_s(30.0, 15.0), Some(2.0));
    assert_eq!(headway_s(30.0, 0.0), None);
    // 10² / (2 × 25) = 2 m/s².
    assert_eq!(deceleration_to_avoid_m_per_s2(25.0, 10.0), Some(2.0));
    assert_eq!(deceleration_to_avoid_m_per_s2(25.0, -10.0), None);
}
