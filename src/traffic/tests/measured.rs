use std::num::NonZeroUsize;

use super::{Car, Street, is_about, now};
use crate::{
    geo::Cell,
    traffic::{Config, Traffic, Trust},
};

#[test]
fn three_vehicles_are_told_as_what_they_do() {
    let told = Street::hear(&[
        Car::driving(1, 8.0),
        Car::driving(2, 10.0),
        Car::driving(3, 12.0),
    ]);
    assert_eq!(told.from, now(0).timestamp);
    assert_eq!(told.until, now(20_000).timestamp);
    let [cell] = told.cells[..] else {
        panic!("they were in one cell: {told:?}");
    };
    assert_eq!(cell.cell, Cell::at(Street::new().middle));
    assert_eq!((cell.reporters, cell.set_aside), (3, 0));
    assert!(is_about(cell.speed, 10.0), "{cell:?}");
    assert!(is_about(cell.speed_median, 10.0));
    assert!(is_about(cell.speed_deviation, 2.0));
    // Three of them, all the time, on 0.1 km².
    assert_eq!(cell.present_milli, 3_000);
    let density = f64::from(cell.density_milli_per_km2) / 1_000.0;
    assert!((20.0..40.0).contains(&density), "{density}");
    assert_eq!(cell.travel_time, None, "nobody crossed it");
}

#[test]
fn of_two_vehicles_nothing_is_told() {
    let told = Street::hear(&[Car::driving(1, 10.0), Car::driving(2, 10.0)]);
    assert!(told.cells.is_empty(), "{told:?}");
}

#[test]
fn two_vehicles_with_two_tickets_each_are_two() {
    let (first, second) = ([1, 2], [3, 4]);
    let early = first.map(|name| Car::driving(name, 5.0));
    let late = second.map(|name| Car {
        slot: 8,
        ..Car::driving(name, 5.0)
    });
    let mut street = Street::new();
    street.pass(&early, 0, 10_000);
    street.pass(&late, 10_100, 20_000);
    let told = street.end(26_000);
    assert!(told[0].cells.is_empty(), "{told:?}");
}

#[test]
fn who_stands_longer_counts_longer() {
    // 3 of 4 pass at 12 m/s in half of the time; one drives at 10.5 m/s all the time.
    let passing = [1, 2, 3].map(|name| Car {
        from_m: -60.0,
        ..Car::driving(name, 12.0)
    });
    let slower = Car {
        from_m: -100.0,
        ..Car::driving(4, 10.5)
    };
    let mut street = Street::new();
    let all = [passing[0], passing[1], passing[2], slower];
    street.pass(&all, 0, 10_000);
    street.pass(&[slower], 10_100, 20_000);
    let told = street.end(26_000);
    // (3 × 120 m + 210 m) / (3 × 10 s + 20 s) = 11.4 m/s.
    assert!(is_about(told[0].cells[0].speed, 11.4), "{told:?}");
    assert!(is_about(told[0].cells[0].speed_median, 12.0));
}

#[test]
fn who_crosses_a_cell_is_told_by_its_time() {
    // 800 m through the cell at 20 m/s within 40 s, in two intervals.
    let cars = [1, 2, 3].map(|name| Car {
        from_m: -400.0,
        ..Car::driving(name, 20.0)
    });
    let mut street = Street::new();
    street.pass(&cars, 0, 40_000);
    let middle = Cell::at(street.middle);
    let inside = (0..400).filter(|tenth| {
        let place = cars[0].after(street.middle, tenth * 100).position;
        Cell::at(place) == middle
    });
    let inside_ms = inside.count() as u64 * 100;
    let told = street.end(46_000);
    let cells = told.iter().flat_map(|interval| &interval.cells);
    let crossed = cells
        .filter(|cell| cell.cell == middle)
        .find_map(|cell| cell.travel_time);
    let crossed_ms = u64::try_from(crossed.unwrap().as_millis()).unwrap();
    assert!(
        crossed_ms.abs_diff(inside_ms) <= 100,
        "{crossed_ms} {inside_ms}"
    );
}

#[test]
fn a_silence_is_not_bridged() {
    let cars = [1, 2, 3].map(|name| Car::driving(name, 5.0));
    let mut street = Street::new();
    street.pass(&cars, 0, 4_000);
    street.pass(&cars, 14_000, 18_000);
    let told = street.end(26_000);
    // 8 s of 20 s.
    assert_eq!(told[0].cells[0].present_milli, 3 * 400);
}

#[test]
fn an_interval_is_told_once_and_what_comes_later_is_not_counted() {
    let cars = [1, 2, 3].map(|name| Car::driving(name, 5.0));
    let mut street = Street::new();
    street.pass(&cars, 0, 20_000);
    assert!(
        street.end(24_900).is_empty(),
        "late messages are waited for"
    );
    assert_eq!(street.end(25_000).len(), 1);
    assert!(street.end(25_100).is_empty());
    for ms in (0..10_000).step_by(100) {
        for car in [11, 12, 13].map(|name| Car::driving(name, 5.0)) {
            let sighting = car.after(street.middle, ms);
            street.traffic.handle_sighting(&sighting, now(25_200));
        }
    }
    assert!(street.end(46_000)[0].cells.is_empty());
}

#[test]
fn intervals_in_which_nothing_was_heard_are_told_too() {
    let mut street = Street::new();
    street.pass(&[Car::driving(1, 5.0)], 0, 1_000);
    assert_eq!(street.end(66_000).len(), 3);
}

#[test]
fn a_clock_that_was_ahead_starts_over() {
    let cars = [1, 2, 3].map(|name| Car::driving(name, 5.0));
    let mut street = Street::new();
    street
        .traffic
        .handle_sighting(&cars[0].after(street.middle, 0), now(9_000_000));
    street.traffic.handle_timeout(now(9_000_000));
    street.end(9_000_000);
    street.pass(&cars, 0, 20_000);
    let told = street.end(26_000);
    assert_eq!(told.last().unwrap().cells[0].reporters, 3);
}

#[test]
fn stations_and_cells_are_bounded() {
    let config = Config {
        stations_max: NonZeroUsize::new(3).unwrap(),
        cells_max: NonZeroUsize::new(1).unwrap(),
        ..Config::default()
    };
    let mut street = Street::new();
    street.traffic = Traffic::new(config);
    for name in 0..200 {
        let far = Car {
            from_m: f64::from(name) * 500.0,
            trust: Trust::Half,
            ..Car::driving(name, 5.0)
        };
        for ms in (0..5_000).step_by(500) {
            let sighting = far.after(street.middle, ms);
            street.traffic.handle_sighting(&sighting, now(ms));
        }
    }
    assert_eq!(street.traffic.sizes(), (3, 1));
}
