//! Whatever two road users say, no measure is NaN, infinite or out of its range.

use std::time::Duration;

use proptest::prelude::*;

use super::{assess, at_ms, place};
use crate::{
    geo::Position,
    message::{DriveDirection, StationType, Telemetry},
    risk::{Risk, Subject},
    units::{Acceleration, Heading, Length, Speed, YawRate},
};

prop_compose! {
    fn motion()(
        heading in 0_u16..36_000,
        speed in prop_oneof![Just(0_u32), 0_u32..20, 0_u32..=163_820],
        acceleration in proptest::option::of(-20_000_i32..=20_000),
        yaw_rate in proptest::option::of(-32_766_i32..=32_766),
        size in proptest::option::of((0_u32..=102_300, 0_u32..=102_300)),
        kind in proptest::option::of(0_u8..=255),
        backward in any::<bool>(),
    ) -> Telemetry {
        Telemetry {
            heading: Heading::from_centideg(heading),
            speed: Speed::from_mm_per_s(speed),
            longitudinal_acceleration: acceleration.and_then(Acceleration::from_mm_per_s2),
            yaw_rate: yaw_rate.and_then(YawRate::from_centideg_per_s),
            length: size.and_then(|(length, _)| Length::from_mm(length)),
            width: size.and_then(|(_, width)| Length::from_mm(width)),
            station_type: kind.map(StationType),
            drive_direction: backward.then_some(DriveDirection::Backward),
            ..Telemetry::at(place(0.0, 0.0))
        }
    }
}

fn near() -> impl Strategy<Value = Position> {
    let metres = || prop_oneof![Just(0.0), -30.0..30.0, -1_500.0..1_500.0];
    (metres(), metres()).prop_map(|(east_m, north_m)| place(east_m, north_m))
}

fn anywhere() -> impl Strategy<Value = Position> {
    (
        -900_000_000_i32..=900_000_000,
        -1_800_000_000_i32..=1_800_000_000,
    )
        .prop_map(|(latitude, longitude)| Position::from_e7(latitude, longitude).unwrap())
}

fn is_sound(risk: &Risk) -> bool {
    let times = [
        risk.time_to_collision_s,
        risk.modified_time_to_collision_s,
        risk.headway_s,
        risk.deceleration_to_avoid_m_per_s2,
    ];
    let free = [
        risk.post_encroachment_time_s,
        risk.rss_longitudinal_margin_m,
        risk.rss_lateral_margin_m,
    ];
    let not_below_zero = |value: &Option<f64>| value.is_none_or(|value| value >= 0.0);
    let finite = |value: &Option<f64>| value.is_none_or(f64::is_finite);
    let score = risk.score();
    times
        .iter()
        .all(|value| finite(value) && not_below_zero(value))
        && free.iter().all(finite)
        && (0.0..=100.0).contains(&score)
        && risk
            .parts
            .iter()
            .all(|part| part.score.is_finite() && part.score > 0.0)
}

proptest! {
    #[test]
    fn any_two_near_each_other_get_sound_measures(
        own in motion(),
        other in motion(),
        place in near(),
        after_ms in 0_u64..3_000,
        braked_s in proptest::option::of(0_u64..100),
    ) {
        let own = Subject::of(&own, at_ms(0)).at(at_ms(after_ms));
        let other = Telemetry { position: place, ..other };
        let other = Subject::of(&other, at_ms(0)).at(at_ms(after_ms));
        let (own, other) = (own.unwrap(), other.unwrap());
        if let Some(risk) = assess(&own, &other, braked_s.map(Duration::from_secs)) {
            prop_assert!(is_sound(&risk), "{risk:?}");
        }
    }

    #[test]
    fn any_two_places_on_earth_get_sound_measures(
        own in motion(),
        other in motion(),
        places in (anywhere(), anywhere()),
        apart in any::<bool>(),
    ) {
        let (here, there) = places;
        let own = Telemetry { position: here, ..own };
        let other = Telemetry { position: if apart { there } else { here }, ..other };
        let movers = [own, other].map(|it| Subject::of(&it, at_ms(0)).at(at_ms(0)));
        if let [Some(own), Some(other)] = movers
            && let Some(risk) = assess(&own, &other, None)
        {
            prop_assert!(is_sound(&risk), "{risk:?}");
        }
    }

    #[test]
    fn both_of_two_in_one_path_are_told_the_same_time(
        gap_m in 0.5_f64..200.0,
        speeds in (0.0_f64..50.0, 0.0_f64..50.0),
    ) {
        let (behind, ahead) = speeds;
        let behind = super::mover(&super::car((0.0, 0.0), 0.0, behind));
        let ahead = super::mover(&super::car((0.0, gap_m + 4.0), 0.0, ahead));
        let seen = assess(&behind, &ahead, None).unwrap();
        let felt = assess(&ahead, &behind, None).unwrap();
        let is_same = |one: Option<f64>, other: Option<f64>| match (one, other) {
            (Some(one), Some(other)) => (one - other).abs() <= 0.05 * one.max(1.0),
            // Just at the horizon, rounding decides.
            (None, None) | (Some(55.0..), None) | (None, Some(55.0..)) => true,
            (Some(_), None) | (None, Some(_)) => false,
        };
        prop_assert!(
            is_same(seen.time_to_collision_s, felt.time_to_collision_s),
            "{seen:?} {felt:?}"
        );
    }
}
