use super::{super::Danger, Car};

#[test]
fn who_brakes_with_8_m_per_s2_brakes_in_an_emergency_until_it_stands() {
    let mut car = Car::new();
    assert!(car.drive(14.0, 2.0).is_empty());
    let found = car.brake(14.0, 0.0, 8.0);
    assert!(found.contains(&Danger::EmergencyBrake));
    assert!(car.has(Danger::EmergencyBrake));
    car.accelerate(0.0, Some(0.0), 0.1);
    assert!(!car.has(Danger::EmergencyBrake));
}

#[test]
fn it_is_found_with_the_first_state_that_is_slower_too() {
    let mut car = Car::new();
    car.accelerate(14.0, Some(0.0), 1.0);
    car.accelerate(13.2, Some(-8.0), 0.1);
    assert!(car.has(Danger::EmergencyBrake));
}

#[test]
fn who_brakes_with_5_m_per_s2_does_not() {
    let mut car = Car::new();
    car.drive(14.0, 2.0);
    assert!(car.brake(14.0, 0.0, 5.0).is_empty());
}

#[test]
fn a_brake_that_goes_on_at_3_m_per_s2_is_the_same_one() {
    let mut car = Car::new();
    car.drive(25.0, 1.0);
    car.brake(25.0, 19.0, 7.0);
    car.brake(19.0, 12.0, 3.0);
    assert!(car.has(Danger::EmergencyBrake));
    car.brake(12.0, 11.0, 2.0);
    assert!(!car.has(Danger::EmergencyBrake));
}

#[test]
fn one_value_of_a_sensor_that_the_speed_contradicts_is_a_pothole() {
    let mut car = Car::new();
    car.accelerate(14.0, Some(0.0), 1.0);
    assert!(car.accelerate(14.0, Some(-9.0), 0.1).is_empty());
    assert!(car.accelerate(14.0, Some(0.0), 1.0).is_empty());
}

#[test]
fn without_a_sensor_the_speed_tells() {
    let mut car = Car::new();
    car.drive(14.0, 1.0);
    // 0.7 m/s in 0.1 s.
    car.accelerate(13.3, None, 0.1);
    assert!(car.has(Danger::EmergencyBrake));
}

#[test]
fn at_walking_pace_nobody_brakes_in_an_emergency() {
    let mut car = Car::new();
    car.drive(4.0, 1.0);
    assert!(car.brake(4.0, 0.0, 8.0).is_empty());
}
