use super::{Acceleration, Altitude, Heading, HeadingAccuracy, Length, Speed, YawRate};

#[test]
fn speed_ends_at_the_standards_maximum() {
    assert!(Speed::from_mm_per_s(163_820).is_some());
    assert_eq!(Speed::from_mm_per_s(163_821), None);
    assert_eq!(Speed::from_m_per_s(-0.001), None);
    assert_eq!(Speed::from_m_per_s(13.8888).unwrap().mm_per_s(), 13_889);
}

#[test]
fn m19_nan_and_infinity_fit_no_quantity() {
    for nonsense in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY, 1e300, -1e300] {
        assert_eq!(Speed::from_m_per_s(nonsense), None);
        assert_eq!(Acceleration::from_m_per_s2(nonsense), None);
        assert_eq!(Heading::from_deg(nonsense), None);
        assert_eq!(HeadingAccuracy::from_deg(nonsense), None);
        assert_eq!(YawRate::from_deg_per_s(nonsense), None);
        assert_eq!(Length::from_m(nonsense), None);
        assert_eq!(Altitude::from_m(nonsense), None);
    }
    for nonsense in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
        assert_eq!(Heading::from_deg_wrapped(nonsense), None);
    }
}

#[test]
fn m19_heading_360_and_361_are_refused() {
    assert_eq!(Heading::from_deg(360.0), None);
    assert_eq!(Heading::from_deg(361.0), None);
    assert_eq!(Heading::from_centideg(36_000), None);
    assert!(Heading::from_centideg(35_999).is_some());
}

#[test]
fn heading_that_rounds_to_a_full_turn_is_north() {
    assert_eq!(Heading::from_deg(359.999).unwrap().centideg(), 0);
    assert_eq!(Heading::from_deg_wrapped(-1e-18).unwrap().centideg(), 0);
    assert_eq!(Heading::from_deg_wrapped(-90.0).unwrap().centideg(), 27_000);
}

#[test]
fn headings_differ_by_the_shorter_way_round() {
    let east_of_north = Heading::from_centideg(100).unwrap();
    let west_of_north = Heading::from_centideg(35_900).unwrap();
    assert_eq!(east_of_north.difference_centideg(west_of_north), 200);
    assert_eq!(west_of_north.difference_centideg(east_of_north), 200);
}

#[test]
fn m19_denormal_and_negative_zero_are_zero() {
    assert_eq!(Speed::from_m_per_s(f64::MIN_POSITIVE), Some(Speed::ZERO));
    assert_eq!(Speed::from_m_per_s(-0.0), Some(Speed::ZERO));
}

#[test]
fn signed_quantities_end_alike_on_both_sides() {
    assert!(Acceleration::from_mm_per_s2(-20_000).is_some());
    assert_eq!(Acceleration::from_mm_per_s2(-20_001), None);
    assert_eq!(Acceleration::from_mm_per_s2(i32::MIN), None);
    assert!(YawRate::from_centideg_per_s(-32_766).is_some());
    assert_eq!(YawRate::from_centideg_per_s(32_767), None);
    assert!(Altitude::from_mm(-1_000_000).is_some());
    assert_eq!(Altitude::from_mm(8_000_001), None);
    assert_eq!(HeadingAccuracy::from_centideg(0), None);
    assert_eq!(Length::from_mm(102_301), None);
}
