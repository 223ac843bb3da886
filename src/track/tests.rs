use std::time::Duration;

use super::{Motion, Track};
use crate::{
    geo::{LocalFrame, Offset, Position},
    message::{DriveDirection, PositionAccuracy, Telemetry},
    time::Timestamp,
    units::{Acceleration, Heading, HeadingAccuracy, Length, Speed, YawRate},
};

fn at_ms(ms: u64) -> Timestamp {
    Timestamp::from_unix_ms(1_700_000_000_000 + ms).unwrap()
}

fn place() -> Position {
    Position::from_deg(44.49, 11.32).unwrap()
}

/// 15 m/s to the east.
fn cruising() -> Telemetry {
    Telemetry {
        speed: Speed::from_m_per_s(15.0),
        heading: Heading::from_deg(90.0),
        ..Telemetry::at(place())
    }
}

fn moved(track: &Track, ms: u64) -> Offset {
    LocalFrame::at(place()).offset(track.estimate(at_ms(ms)).unwrap().position)
}

fn close(offset: Offset, east_m: f64, north_m: f64) {
    // A step of 1e-7° is 11 mm.
    assert!((offset.east_m - east_m).abs() < 0.02, "{offset:?}");
    assert!((offset.north_m - north_m).abs() < 0.02, "{offset:?}");
}

#[test]
fn constant_velocity_goes_speed_times_time() {
    let track = Track::new(&cruising(), at_ms(0));
    // 15 m/s × 2 s = 30 m.
    close(moved(&track, 2_000), 30.0, 0.0);
    let estimate = track.estimate(at_ms(2_000)).unwrap();
    assert_eq!(estimate.motion, Motion::ConstantVelocity);
    assert_eq!(estimate.age, Duration::from_secs(2));
    assert_eq!(estimate.speed, Speed::from_m_per_s(15.0));
}

#[test]
fn acceleration_adds_half_its_time_squared() {
    let telemetry = Telemetry {
        longitudinal_acceleration: Acceleration::from_m_per_s2(2.0),
        ..cruising()
    };
    let track = Track::new(&telemetry, at_ms(0));
    // 15 × 2 + 2 × 2² / 2 = 34 m; 15 + 2 × 2 = 19 m/s.
    close(moved(&track, 2_000), 34.0, 0.0);
    let estimate = track.estimate(at_ms(2_000)).unwrap();
    assert_eq!(estimate.motion, Motion::ConstantTurnAndAcceleration);
    assert_eq!(estimate.speed, Speed::from_m_per_s(19.0));
}

#[test]
fn braking_ends_at_standstill() {
    let telemetry = Telemetry {
        longitudinal_acceleration: Acceleration::from_m_per_s2(-7.5),
        ..cruising()
    };
    let track = Track::new(&telemetry, at_ms(0));
    // Stops after 2 s and 15² / (2 × 7.5) = 15 m, and stays there.
    close(moved(&track, 2_000), 15.0, 0.0);
    close(moved(&track, 5_000), 15.0, 0.0);
    let estimate = track.estimate(at_ms(5_000)).unwrap();
    assert_eq!(estimate.speed, Some(Speed::ZERO));
}

#[test]
fn braking_backward_slows_down_too() {
    let telemetry = Telemetry {
        longitudinal_acceleration: Acceleration::from_m_per_s2(1.0),
        drive_direction: Some(DriveDirection::Backward),
        ..cruising()
    };
    let track = Track::new(&telemetry, at_ms(0));
    // Forward acceleration while going backward: 15 × 2 - 1 × 2² / 2 = 28 m.
    close(moved(&track, 2_000), 28.0, 0.0);
}

#[test]
fn turning_follows_the_arc() {
    let telemetry = Telemetry {
        yaw_rate: YawRate::from_deg_per_s(45.0),
        ..cruising()
    };
    let track = Track::new(&telemetry, at_ms(0));
    // A quarter circle to the right of radius v / ω = 15 / (π / 4) = 19.099 m, from east to south.
    close(moved(&track, 2_000), 19.099, -19.099);
    let estimate = track.estimate(at_ms(2_000)).unwrap();
    assert_eq!(estimate.heading, Heading::from_deg(180.0));
}

#[test]
fn turning_and_braking_agree_with_small_steps() {
    let telemetry = Telemetry {
        yaw_rate: YawRate::from_deg_per_s(-30.0),
        longitudinal_acceleration: Acceleration::from_m_per_s2(-3.0),
        ..cruising()
    };
    let track = Track::new(&telemetry, at_ms(0));
    let (mut east_m, mut north_m) = (0.0, 0.0);
    for step in 0..200_000 {
        let time_s = (f64::from(step) + 0.5) * 1e-5;
        let heading_rad = (90.0 - 30.0 * time_s).to_radians();
        let distance_m = (15.0 - 3.0 * time_s) * 1e-5;
        east_m += distance_m * heading_rad.sin();
        north_m += distance_m * heading_rad.cos();
    }
    close(moved(&track, 2_000), east_m, north_m);
}

#[test]
fn missing_is_never_zero() {
    let silent = Track::new(&Telemetry::at(place()), at_ms(0));
    let estimate = silent.estimate(at_ms(1_000)).unwrap();
    assert_eq!(estimate.motion, Motion::Unknown);
    assert_eq!(estimate.position, place());
    assert_eq!((estimate.speed, estimate.heading), (None, None));
    assert_eq!(estimate.position_accuracy_m, None);
    // Any speed up to a fast car's 40 m/s, and 6 m/s² × (1 s)² / 2.
    assert!((estimate.position_growth_m - 43.0).abs() < 1e-9);
}

#[test]
fn standing_stays() {
    let standing = Telemetry {
        speed: Some(Speed::ZERO),
        longitudinal_acceleration: Acceleration::from_m_per_s2(0.3),
        ..cruising()
    };
    let track = Track::new(&standing, at_ms(0));
    let estimate = track.estimate(at_ms(3_000)).unwrap();
    assert_eq!(estimate.motion, Motion::Standing);
    assert_eq!(estimate.position, place());
}

#[test]
fn uncertainty_grows_with_age() {
    let telemetry = Telemetry {
        position_accuracy: Length::from_m(1.5).map(PositionAccuracy::circle),
        speed_accuracy: Speed::from_m_per_s(0.5),
        heading_accuracy: HeadingAccuracy::from_deg(1.0),
        yaw_rate: YawRate::from_deg_per_s(0.0),
        ..cruising()
    };
    let track = Track::new(&telemetry, at_ms(0));
    let fresh = track.estimate(at_ms(0)).unwrap();
    assert_eq!(fresh.position_accuracy_m, Some(1.5));
    let old = track.estimate(at_ms(1_000)).unwrap();
    // 1.5 + hypot(0.5, 15 × sin 1°) × 1 s + 3 m/s² × (1 s)² / 2 = 1.5 + 0.5635 + 1.5.
    assert!((old.position_accuracy_m.unwrap() - 3.5635).abs() < 1e-3);
    // 1° + 10 °/s × 1 s; 0.5 m/s + 3 m/s² × 1 s.
    assert_eq!(old.heading_accuracy_deg, Some(11.0));
    assert_eq!(old.speed_accuracy_m_per_s, Some(3.5));
}

#[test]
fn older_messages_change_nothing() {
    let mut track = Track::new(&cruising(), at_ms(1_000));
    assert!(!track.observe(&Telemetry::at(place()), at_ms(1_000)));
    assert!(!track.observe(&Telemetry::at(place()), at_ms(900)));
    assert_eq!(track.latest().speed, Speed::from_m_per_s(15.0));
}

#[test]
fn history_is_bounded_and_thinned() {
    let mut track = Track::new(&cruising(), at_ms(0));
    for step in 1..=1_000 {
        assert!(track.observe(&cruising(), at_ms(step * 100)));
    }
    let ages: Vec<Duration> = track
        .newest_first()
        .map(|sample| at_ms(100_000).since(sample.generated))
        .collect();
    // The latest and 16 that lie 200 ms apart.
    assert_eq!(ages.len(), 17);
    let step = Duration::from_millis(200);
    assert!(
        ages.windows(2)
            .skip(1)
            .all(|pair| pair[1] - pair[0] == step)
    );
}

#[test]
fn the_past_is_told_from_the_message_of_that_time() {
    let mut track = Track::new(&cruising(), at_ms(0));
    let later = Telemetry {
        heading: Heading::from_deg(0.0),
        ..cruising()
    };
    assert!(track.observe(&later, at_ms(1_000)));
    assert_eq!(
        track.estimate(at_ms(500)).unwrap().heading,
        Heading::from_deg(90.0)
    );
    // 15 m/s × -0.5 s: just before the first message the motion runs backward.
    close(
        LocalFrame::at(place()).offset(
            Track::new(&cruising(), at_ms(500))
                .estimate(at_ms(0))
                .unwrap()
                .position,
        ),
        -7.5,
        0.0,
    );
    assert_eq!(
        Track::new(&cruising(), at_ms(5_000)).estimate(at_ms(0)),
        None
    );
}
