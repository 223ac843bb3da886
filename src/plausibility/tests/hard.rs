//! Honest cars in hard cases.

use super::{Car, Receiver, hear, place};
use crate::{
    message::{PositionAccuracy, Telemetry},
    units::{Acceleration, Length, Speed},
};

fn with_accuracy(telemetry: Telemetry, accuracy_m: f64) -> Telemetry {
    Telemetry {
        position_accuracy: Length::from_m(accuracy_m).map(PositionAccuracy::circle),
        speed_accuracy: Speed::from_m_per_s(0.2),
        ..telemetry
    }
}

#[test]
fn a_jump_at_the_end_of_a_tunnel_is_plausible() {
    // Eight seconds of dead reckoning, 12 m off at the end and known to be.
    let receiver = hear(&mut Car::driving(20.0), 100, 200, |car, index| {
        let inside = index.saturating_sub(60).min(80);
        let off_m = if index < 140 {
            inside as f64 * 0.15
        } else {
            0.0
        };
        let position = place(car.east_m, car.north_m + off_m);
        let accuracy_m = if index < 140 {
            3.0 + inside as f64 * 0.2
        } else {
            3.0
        };
        with_accuracy(
            Telemetry {
                position,
                ..car.honest()
            },
            accuracy_m,
        )
    });
    assert_eq!(receiver.flagged(), 0, "{:?}", receiver.checks());
}

#[test]
fn a_slow_drift_is_plausible() {
    // 0.3 m/s for half a minute.
    let receiver = hear(&mut Car::driving(10.0), 100, 300, |car, index| {
        let position = place(car.east_m + index as f64 * 0.03, car.north_m);
        with_accuracy(
            Telemetry {
                position,
                ..car.honest()
            },
            4.0,
        )
    });
    assert_eq!(receiver.flagged(), 0, "{:?}", receiver.checks());
}

#[test]
fn a_turn_on_the_spot_of_a_road_is_plausible() {
    // A U-turn: 4 m/s at 36°/s for five seconds is a circle of 6.4 m.
    for step_ms in [100, 200, 1_000] {
        let mut car = Car::driving(4.0);
        let mut receiver = Receiver::default();
        for index in 0..20_000 / step_ms {
            receiver.hear(&with_accuracy(car.honest(), 2.0), car.time_ms);
            let turning = (5_000..10_000).contains(&(index * step_ms));
            car.drive(step_ms, if turning { 36.0 } else { 0.0 });
        }
        assert_eq!(receiver.flagged(), 0, "{step_ms}: {:?}", receiver.checks());
    }
}

#[test]
fn a_clock_that_steps_by_a_quarter_of_a_second_is_plausible() {
    for step_ms in [-250_i64, 250] {
        let mut car = Car::driving(20.0);
        let mut receiver = Receiver::default();
        for index in 0..200 {
            let clock_ms = car.time_ms + 1_000;
            let said_ms = if index < 100 {
                clock_ms
            } else {
                clock_ms.saturating_add_signed(step_ms)
            };
            receiver.hear(&with_accuracy(car.honest(), 3.0), said_ms);
            car.drive(100, 0.0);
        }
        assert_eq!(receiver.flagged(), 0, "{:?}", receiver.checks());
    }
}

#[test]
fn a_steep_road_is_plausible() {
    // Gravity on a slope of 8 % in the accelerometer, for 30 s at a constant speed.
    let receiver = hear(&mut Car::driving(14.0), 100, 300, |car, _| Telemetry {
        longitudinal_acceleration: Acceleration::from_m_per_s2(0.78),
        ..with_accuracy(car.honest(), 3.0)
    });
    assert_eq!(receiver.flagged(), 0, "{:?}", receiver.checks());
}

#[test]
fn stop_and_go_is_plausible_at_any_rate() {
    for step_ms in [100, 500, 1_000] {
        let mut car = Car::driving(0.0);
        let mut receiver = Receiver::default();
        for index in 0..60_000 / step_ms {
            receiver.hear(&with_accuracy(car.honest(), 3.0), car.time_ms);
            car.acceleration = match index * step_ms / 4_000 % 3 {
                0 => 3.0,
                1 => -3.0,
                _ => 0.0,
            };
            car.drive(step_ms, 0.0);
        }
        assert_eq!(receiver.flagged(), 0, "{step_ms}: {:?}", receiver.checks());
    }
}

#[test]
fn to_brake_let_go_and_brake_again_unheard_is_plausible() {
    // 6 m/s² down at both ends of a silence, and 6 m/s² up in between.
    for silence_ms in [1_500, 2_100, 2_400] {
        let mut car = Car::driving(15.0);
        let mut receiver = Receiver::default();
        for index in 0..60 {
            car.acceleration = if (20..26).contains(&index) { -6.0 } else { 0.0 };
            receiver.hear(&with_accuracy(car.honest(), 3.0), car.time_ms);
            if index == 22 {
                car.acceleration = 6.0;
                car.drive(silence_ms, 0.0);
            } else {
                car.drive(100, 0.0);
            }
        }
        assert_eq!(
            receiver.flagged(),
            0,
            "{silence_ms}: {:?}",
            receiver.checks()
        );
    }
}
