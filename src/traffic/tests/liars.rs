use proptest::prelude::*;

use super::{Car, Street, is_about};
use crate::traffic::{
    Trust,
    robust::{Weighted, deviation, median},
};

fn honest() -> Vec<Car> {
    [9.0, 10.0, 10.0, 11.0]
        .into_iter()
        .zip(1..)
        .map(|(speed, name)| Car::driving(name, speed))
        .collect()
}

fn with(liar: Car) -> Vec<Car> {
    let mut cars = honest();
    cars.push(liar);
    cars
}

fn is_set_aside(cars: &[Car]) {
    let told = Street::hear(cars);
    let cell = told.cells[0];
    assert_eq!((cell.reporters, cell.set_aside), (4, 1), "{cell:?}");
    assert!(is_about(cell.speed, 10.0), "{cell:?}");
}

#[test]
fn who_says_another_speed_than_its_positions_show_counts_by_these() {
    for says in [0.0, 3.0, 30.0] {
        is_set_aside(&with(Car {
            says,
            ..Car::driving(9, 10.0)
        }));
    }
}

#[test]
fn who_says_no_speed_and_moves_as_nothing_can_is_set_aside() {
    let jumping = (1..=3).map(|name| Car {
        says: f64::NAN,
        ..Car::driving(name, 200.0)
    });
    let jumping: Vec<_> = jumping.collect();
    let told = Street::hear(&jumping);
    assert!(told.cells.is_empty(), "{told:?}");

    let two = [&jumping[..2], &[Car::driving(9, 10.0)]].concat();
    assert!(Street::hear(&two).cells.is_empty());
}

#[test]
fn whom_a_check_found_out_in_its_positions_does_not_count() {
    is_set_aside(&with(Car {
        trust: Trust::None,
        ..Car::driving(9, 4.0)
    }));
}

#[test]
fn whom_a_check_found_out_in_its_speed_counts_by_its_positions() {
    let told = Street::hear(&with(Car {
        trust: Trust::PositionsOnly,
        says: 6.2,
        ..Car::driving(9, 5.0)
    }));
    let cell = told.cells[0];
    assert_eq!((cell.reporters, cell.set_aside), (4, 1));
    // (40 + 5) / 5.
    assert!(is_about(cell.speed, 9.0), "{cell:?}");
    assert!(is_about(cell.speed_median, 10.0));
}

#[test]
fn who_counts_by_its_positions_alone_is_none_of_the_three() {
    let two = [Car::driving(1, 10.0), Car::driving(2, 10.0)];
    let liar = Car {
        says: 3.0,
        ..Car::driving(9, 10.0)
    };
    let told = Street::hear(&[&two[..], &[liar]].concat());
    assert!(told.cells.is_empty(), "{told:?}");
}

#[test]
fn who_was_found_out_in_its_positions_is_not_believed_more_for_a_wrong_speed() {
    let liar = Car::driving(9, 4.0);
    let found_out = |trust| vec![Car { trust, ..liar }];
    let mut street = Street::new();
    street.pass(&found_out(Trust::None), 0, 100);
    street.pass(&found_out(Trust::PositionsOnly), 200, 300);
    street.pass(&[honest(), found_out(Trust::Full)].concat(), 400, 20_000);
    let told = street.end(26_000);
    let cell = told[0].cells[0];
    assert_eq!(cell.set_aside, 1);
    assert!(is_about(cell.speed, 10.0), "{cell:?}");
}

#[test]
fn who_was_found_out_stays_so_for_a_minute() {
    let liar = Car::driving(9, 4.0);
    let found_out = Car {
        trust: Trust::None,
        ..liar
    };
    let mut street = Street::new();
    let all = |liar| [honest(), vec![liar]].concat();
    street.pass(&all(found_out), 0, 100);
    street.pass(&all(liar), 200, 20_000);
    let told = street.end(26_000);
    assert_eq!(told[0].cells[0].set_aside, 1);
}

#[test]
fn who_is_far_faster_than_all_others_is_set_aside() {
    is_set_aside(&with(Car {
        from_m: -100.0,
        ..Car::driving(9, 20.0)
    }));
}

#[test]
fn nobody_is_too_fast_for_a_street_at_50_km_per_h() {
    let waiting = [1, 2, 3, 4].map(|name| Car::driving(name, 1.0));
    let passing = Car {
        from_m: -130.0,
        ..Car::driving(5, 13.0)
    };
    let told = Street::hear(&[&waiting[..], &[passing]].concat());
    assert_eq!(told.cells[0].set_aside, 0, "{told:?}");
}

#[test]
fn who_never_moved_where_others_do_is_parked() {
    is_set_aside(&with(Car::driving(9, 0.0)));
}

#[test]
fn where_nobody_moves_all_count() {
    let told = Street::hear(&[1, 2, 3].map(|name| Car::driving(name, 0.0)));
    assert_eq!(told.cells[0].reporters, 3);
    assert!(is_about(told.cells[0].speed, 0.0), "{told:?}");
}

#[test]
fn who_moved_and_stands_moves_the_mean_but_not_the_median() {
    let mut street = Street::new();
    let arriving = Car {
        from_m: -20.0,
        ..Car::driving(9, 10.0)
    };
    let standing = Car {
        from_m: 0.0,
        ..Car::driving(9, 0.0)
    };
    street.pass(&with(arriving), 0, 2_000);
    street.pass(&with(standing), 2_100, 20_000);
    let cell = street.end(26_000)[0].cells[0];
    assert_eq!((cell.reporters, cell.set_aside), (5, 0));
    // (4 × 200 m + 20 m) / (5 × 20 s).
    assert!((cell.speed.m_per_s() - 8.2).abs() < 0.2, "{cell:?}");
    assert!(is_about(cell.speed_median, 10.0));
}

#[test]
fn a_liar_who_fits_in_moves_the_mean_as_one_vehicle_may() {
    let told = Street::hear(&with(Car::driving(9, 6.0)));
    let cell = told.cells[0];
    assert_eq!(cell.set_aside, 0);
    // (40 + 6) / 5.
    assert!(is_about(cell.speed, 9.2), "{cell:?}");
    assert!(is_about(cell.speed_median, 10.0));
}

#[test]
fn who_could_not_be_judged_counts_half() {
    let told = Street::hear(&with(Car {
        trust: Trust::Half,
        ..Car::driving(9, 6.0)
    }));
    // (2 × 40 + 6) / 9.
    assert!(is_about(told.cells[0].speed, 86.0 / 9.0), "{told:?}");
}

#[test]
fn without_weight_there_is_no_median() {
    assert_eq!(median(Vec::new()), None);
    let weightless = Weighted {
        value: 3,
        weight: 0,
    };
    assert_eq!(median(vec![weightless]), None);
}

proptest! {
    #[test]
    fn less_than_half_of_the_weight_moves_no_median_beyond_the_honest(
        honest in proptest::collection::vec(0_u64..200_000, 3..30),
        lies in proptest::collection::vec(any::<u32>(), 0..2),
    ) {
        let of = |value: u64| Weighted { value, weight: 2 };
        let mut values: Vec<Weighted> = honest.iter().map(|it| of(*it)).collect();
        values.extend(lies.iter().map(|it| of(u64::from(*it))));
        let middle = median(values.clone()).unwrap();
        prop_assert!(honest.iter().min().unwrap() <= &middle);
        prop_assert!(&middle <= honest.iter().max().unwrap());
        prop_assert!(deviation(&values, middle).is_some());
    }
}
