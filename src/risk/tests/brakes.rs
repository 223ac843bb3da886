use super::{at_ms, braking, car};
use crate::{message::Telemetry, risk::HardBrakes};

fn driving(speed_m_per_s: f64) -> Telemetry {
    car((0.0, 0.0), 0.0, speed_m_per_s)
}

#[test]
fn a_hard_brake_is_remembered_for_a_minute() {
    let mut brakes = HardBrakes::default();
    brakes.observe(&driving(15.0), at_ms(0));
    assert_eq!(brakes.last(at_ms(0)), None);
    brakes.observe(&braking(driving(15.0), 4.0), at_ms(100));
    brakes.observe(&driving(14.8), at_ms(200));
    assert_eq!(brakes.last(at_ms(200)), Some(at_ms(100)));
    assert_eq!(brakes.last(at_ms(60_100)), Some(at_ms(100)));
    assert_eq!(brakes.last(at_ms(60_101)), None);
}

#[test]
fn below_four_tenths_of_gravity_is_no_hard_brake() {
    let mut brakes = HardBrakes::default();
    brakes.observe(&braking(driving(15.0), 3.9), at_ms(0));
    assert_eq!(brakes.last(at_ms(0)), None);
}

#[test]
fn who_says_no_acceleration_is_seen_by_its_speed() {
    let mut brakes = HardBrakes::default();
    brakes.observe(&driving(15.0), at_ms(0));
    // 3 m/s in half a second are 6 m/s².
    brakes.observe(&driving(12.0), at_ms(500));
    assert_eq!(brakes.last(at_ms(500)), Some(at_ms(500)));
    // Over a long silence nothing is known of how.
    let mut silent = HardBrakes::default();
    silent.observe(&driving(30.0), at_ms(0));
    silent.observe(&driving(10.0), at_ms(2_000));
    assert_eq!(silent.last(at_ms(2_000)), None);
}

#[test]
fn older_messages_change_nothing() {
    let mut brakes = HardBrakes::default();
    brakes.observe(&driving(15.0), at_ms(1_000));
    brakes.observe(&braking(driving(15.0), 9.0), at_ms(900));
    assert_eq!(brakes.last(at_ms(1_000)), None);
}
