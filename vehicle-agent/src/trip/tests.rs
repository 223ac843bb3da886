use std::time::Duration;

use wayside::{
    geo::{CoarseCell, LocalFrame, Offset, Position},
    time::Timestamp,
};

use super::{Trip, TripConfig, TripDetector, TripSample, detector::STOPS_MAX};

#[test]
fn a_drive_with_a_stop_is_one_trip() {
    let mut car = Car::new(TripConfig::default());
    car.odometer_m = Some(50_000_000);
    car.drive(10.0, 1);
    car.odometer_m = None;
    car.drive(10.0, 599);
    car.stand(301);
    car.drive(10.0, 300);
    car.stand(30 * 60 + 1);
    let trip = car.only_trip();
    assert_eq!(trip.started, at(1));
    // The first second of standing for good.
    assert_eq!(trip.ended, at(600 + 301 + 300 + 1));
    // 599 s and 300 s at 10 m/s, and the steps into and out of the stop.
    assert!(trip.distance_m.abs_diff(8_990) <= 20, "{trip:?}");
    assert_eq!(trip.stops.len(), 1);
    let stop = trip.stops[0];
    assert_eq!((stop.from, stop.until), (at(601), at(902)));
    assert!(!stop.ignition_off);
    let (start_m, end_m) = trip.odometer_m.unwrap();
    assert!((end_m - start_m).abs_diff(trip.distance_m) <= 20);
}

#[test]
fn a_traffic_light_is_no_stop() {
    let mut car = Car::new(TripConfig::default());
    car.drive(10.0, 100);
    car.stand(299);
    car.drive(10.0, 100);
    car.stand(30 * 60 + 1);
    assert_eq!(car.only_trip().stops, []);
}

#[test]
fn with_the_ignition_off_two_minutes_are_a_stop() {
    for (seconds, stops) in [(120, 0), (121, 1)] {
        let mut car = Car::new(TripConfig::default());
        car.drive(10.0, 100);
        car.ignition_off = Some(true);
        car.stand(seconds);
        car.ignition_off = Some(false);
        car.drive(10.0, 100);
        car.stand(30 * 60 + 1);
        let trip = car.only_trip();
        assert_eq!(trip.stops.len(), stops, "{seconds} s");
        assert!(trip.stops.iter().all(|stop| stop.ignition_off));
    }
}

#[test]
fn walking_pace_is_no_standstill() {
    let mut car = Car::new(TripConfig::default());
    car.drive(10.0, 100);
    car.drive(0.5, 600);
    car.drive(10.0, 100);
    car.detector.handle_end();
    assert_eq!(car.only_trip().stops, []);
}

#[test]
fn what_is_short_is_no_trip() {
    let mut car = Car::new(TripConfig::default());
    car.drive(5.0, 30);
    car.stand(30 * 60 + 1);
    assert_eq!(car.detector.poll_trip(), None);
}

#[test]
fn a_silent_stack_ends_the_trip_where_it_was_last_seen() {
    let mut car = Car::new(TripConfig::default());
    car.drive(10.0, 100);
    car.now_s += 61;
    car.drive(10.0, 100);
    car.detector.handle_end();
    let first = car.detector.poll_trip().unwrap();
    let second = car.detector.poll_trip().unwrap();
    assert_eq!((first.started, first.ended), (at(1), at(100)));
    assert_eq!((second.started, second.ended), (at(162), at(261)));
    assert_eq!(car.detector.poll_trip(), None);
}

#[test]
fn an_unknown_speed_or_an_old_state_changes_nothing() {
    let mut car = Car::new(TripConfig::default());
    car.drive(10.0, 100);
    let again = car.sample(Some(0.0));
    car.detector.handle_sample(TripSample {
        measured: at(50),
        ..again
    });
    for _ in 0..400 {
        car.now_s += 1;
        let sample = car.sample(None);
        car.detector.handle_sample(sample);
    }
    car.drive(10.0, 10);
    car.detector.handle_end();
    assert_eq!(car.only_trip().stops, []);
}

#[test]
fn an_odometer_read_late_is_carried_back_to_the_start() {
    let mut car = Car::new(TripConfig::default());
    car.drive(10.0, 100);
    car.odometer_m = Some(2_000_000);
    car.drive(10.0, 1);
    car.odometer_m = None;
    car.drive(10.0, 100);
    car.detector.handle_end();
    let (start_m, end_m) = car.only_trip().odometer_m.unwrap();
    assert!(start_m.abs_diff(2_000_000 - 1_000) <= 10, "{start_m}");
    assert!(end_m.abs_diff(2_000_000 + 1_000) <= 10, "{end_m}");
}

#[test]
fn without_an_odometer_none_is_made_up() {
    let mut car = Car::new(TripConfig::default());
    car.drive(10.0, 100);
    car.detector.handle_end();
    assert_eq!(car.only_trip().odometer_m, None);
}

#[test]
fn a_trip_with_too_many_stops_is_cut_in_two() {
    let mut car = Car::new(TripConfig::default());
    for _ in 0..=STOPS_MAX {
        car.drive(10.0, 30);
        car.stand(301);
    }
    car.drive(10.0, 30);
    car.detector.handle_end();
    let first = car.detector.poll_trip().unwrap();
    let second = car.detector.poll_trip().unwrap();
    assert_eq!(first.stops.len(), STOPS_MAX);
    assert_eq!(second.stops.len(), 1);
    assert!(first.ended <= second.started);
}

#[test]
fn places_are_coarse() {
    let mut car = Car::new(TripConfig::default());
    car.drive(30.0, 1_000);
    car.detector.handle_end();
    let trip = car.only_trip();
    assert_eq!(trip.start, CoarseCell::at(home()));
    assert_ne!(trip.start, trip.end, "30 km away");
    assert_eq!(CoarseCell::from_h3(trip.end.h3()), Some(trip.end));
}

/// Drives north, one state a second.
struct Car {
    detector: TripDetector,
    now_s: u64,
    north_m: f64,
    ignition_off: Option<bool>,
    odometer_m: Option<u64>,
}

impl Car {
    fn new(config: TripConfig) -> Self {
        Self {
            detector: TripDetector::new(config),
            now_s: 0,
            north_m: 0.0,
            ignition_off: None,
            odometer_m: None,
        }
    }

    fn drive(&mut self, speed_m_per_s: f64, seconds: u64) {
        for _ in 0..seconds {
            self.now_s += 1;
            self.north_m += speed_m_per_s;
            let sample = self.sample(Some(speed_m_per_s));
            self.detector.handle_sample(sample);
        }
    }

    fn stand(&mut self, seconds: u64) {
        for _ in 0..seconds {
            self.now_s += 1;
            // As satellite positions do while nothing moves.
            self.north_m += if self.now_s.is_multiple_of(2) {
                0.4
            } else {
                -0.4
            };
            let sample = self.sample(Some(0.1));
            self.detector.handle_sample(sample);
        }
    }

    fn sample(&self, speed_m_per_s: Option<f64>) -> TripSample {
        let offset = Offset {
            east_m: 0.0,
            north_m: self.north_m,
        };
        TripSample {
            measured: at(self.now_s),
            position: LocalFrame::at(home()).position(offset).unwrap(),
            speed_m_per_s,
            ignition_off: self.ignition_off,
            odometer_m: self.odometer_m,
        }
    }

    fn only_trip(&mut self) -> Trip {
        let trip = self.detector.poll_trip().unwrap();
        assert_eq!(self.detector.poll_trip(), None);
        trip
    }
}

fn at(second: u64) -> Timestamp {
    let start = Timestamp::from_unix_ms(1_790_000_000_000).unwrap();
    start.saturating_add(Duration::from_secs(second))
}

fn home() -> Position {
    Position::from_deg(52.52, 13.405).unwrap()
}
