use super::{
    super::{Danger, Signals},
    Car, NORTH, SOUTH,
};

#[test]
fn who_comes_fast_to_five_who_are_slow_is_the_end_of_their_queue() {
    let mut car = Car::new();
    car.drive(25.0, 2.0);
    assert!(car.brake(25.0, 8.0, 3.0).is_empty());
    for number in 1..=5 {
        car.meet(number, (f64::from(number) * 8.0 + 10.0, 0.0), (NORTH, 1.0));
    }
    car.drive(7.0, 0.6);
    assert!(car.has(Danger::EndOfQueue));
    // The next one is the end now.
    car.meet(6, (-12.0, 0.0), (NORTH, 2.0));
    car.drive(2.0, 0.6);
    assert!(!car.has(Danger::EndOfQueue));
}

#[test]
fn who_comes_slowly_to_a_queue_endangers_nobody() {
    let mut car = Car::new();
    car.drive(14.0, 20.0);
    for number in 1..=5 {
        car.meet(number, (f64::from(number) * 8.0 + 10.0, 0.0), (NORTH, 1.0));
    }
    assert!(car.drive(7.0, 5.0).is_empty());
}

#[test]
fn four_are_no_queue() {
    let mut car = Car::new();
    car.drive(25.0, 2.0);
    for number in 1..=4 {
        car.meet(number, (f64::from(number) * 8.0 + 10.0, 0.0), (NORTH, 1.0));
    }
    assert!(car.drive(7.0, 5.0).is_empty());
}

#[test]
fn who_is_slow_for_10_s_where_others_are_fast_is_a_slow_vehicle() {
    let mut car = Car::new();
    car.drive(8.0, 1.0);
    let mut found = Vec::new();
    for _ in 0..12 {
        car.meet(1, (60.0, 0.0), (NORTH, 25.0));
        car.meet(2, (-60.0, -3.5), (NORTH, 28.0));
        car.drive(8.0, 1.0);
        found.push(car.has(Danger::SlowVehicle));
    }
    assert_eq!(found.iter().position(|it| *it), Some(10));
    car.drive(15.0, 1.0);
    assert!(!car.has(Danger::SlowVehicle));
}

#[test]
fn where_everybody_is_slow_nobody_is() {
    let mut car = Car::new();
    car.meet(1, (60.0, 0.0), (NORTH, 9.0));
    car.meet(2, (90.0, -3.5), (NORTH, 9.0));
    assert!(car.drive(8.0, 60.0).is_empty());
}

#[test]
fn who_meets_traffic_on_both_sides_drives_the_wrong_way() {
    let mut car = Car::new();
    for (number, right_m) in [(1, -3.0), (2, 3.0), (3, -3.0), (4, 3.0)] {
        car.meet(number, (15.0, right_m), (SOUTH, 20.0));
        car.drive(15.0, 1.0);
        car.neighbours.clear();
    }
    assert!(!car.has(Danger::WrongWay));
    // 2 s after the last one came.
    car.drive(15.0, 2.0);
    assert!(car.has(Danger::WrongWay));
    // Whoever goes the same way is right, or as wrong.
    car.meet(9, (20.0, 0.0), (NORTH, 15.0));
    car.drive(15.0, 1.0);
    assert!(!car.has(Danger::WrongWay));
}

#[test]
fn oncoming_traffic_on_one_side_is_usual() {
    let mut car = Car::new();
    for number in 1..20 {
        car.meet(number, (15.0, -3.5), (SOUTH, 20.0));
        assert!(car.drive(15.0, 1.0).is_empty());
    }
}

#[test]
fn wheels_that_lose_their_grip_are_told_once_for_each_place() {
    let mut car = Car::new();
    let skids = Signals {
        stability_active: Some(true),
        ..Signals::default()
    };
    car.drive(14.0, 1.0);
    let mut told = 0;
    for _ in 0..3 {
        car.signal(skids);
        told += usize::from(car.drive(14.0, 0.3).contains(&Danger::Slippery));
        car.signal(Signals::default());
        car.drive(14.0, 1.0);
    }
    assert_eq!(told, 1);
    car.drive(14.0, 10.0);
    car.signal(skids);
    assert!(car.drive(14.0, 0.3).contains(&Danger::Slippery));
}

#[test]
fn an_antilock_in_an_emergency_brake_says_nothing_of_the_road() {
    let mut car = Car::new();
    car.drive(14.0, 1.0);
    car.brake(14.0, 12.0, 8.0);
    car.signal(Signals {
        antilock_active: Some(true),
        ..Signals::default()
    });
    assert!(!car.brake(12.0, 1.0, 8.0).contains(&Danger::Slippery));
}

#[test]
fn a_speed_that_no_brake_can_change_is_a_crash() {
    let mut car = Car::new();
    car.drive(14.0, 1.0);
    // 11 m/s in 0.1 s; the state after it bears it out.
    car.accelerate(3.0, None, 0.1);
    assert!(!car.has(Danger::Crash));
    car.accelerate(2.0, None, 0.1);
    assert!(car.has(Danger::Crash));
    car.drive(0.0, 60.0);
    assert!(car.has(Danger::Crash));
}

#[test]
fn a_sensor_that_fails_for_one_value_is_none() {
    let mut car = Car::new();
    car.drive(14.0, 1.0);
    car.accelerate(0.0, None, 0.1);
    assert!(car.accelerate(14.0, None, 1.0).is_empty());
}

#[test]
fn a_jump_of_the_speed_that_no_sensor_feels_is_none() {
    let mut car = Car::new();
    car.accelerate(14.0, Some(0.0), 1.0);
    car.accelerate(10.0, Some(-3.0), 0.1);
    car.accelerate(10.0, Some(0.0), 1.0);
    assert!(!car.has(Danger::Crash));
    car.accelerate(6.0, Some(-18.0), 0.1);
    car.accelerate(4.0, Some(-18.0), 0.1);
    assert!(car.has(Danger::Crash));
}

#[test]
fn an_airbag_is_a_crash_and_no_breakdown() {
    let mut car = Car::new();
    car.signal(Signals {
        airbag_deployed: Some(true),
        door_open: Some(true),
        ..Signals::default()
    });
    car.drive(0.0, 60.0);
    assert!(car.has(Danger::Crash));
    assert!(!car.has(Danger::Stationary));
}
