//! One station held against others, and against the clock here.

use std::{collections::BTreeMap, time::Duration};

use super::{Car, at_ms, place};
use crate::{
    id::StationId,
    message::{PositionAccuracy, Telemetry},
    plausibility::{Check, Claim, Record, SAID_MAX, SUSPECTS_MAX, Surroundings, Verdict, judge},
    units::{Acceleration, Length, Speed},
};

/// Hears several stations, in the order in which they come.
#[derive(Default)]
struct Crowd {
    records: BTreeMap<StationId, Record>,
    surroundings: Surroundings,
    found: BTreeMap<StationId, Vec<Check>>,
}

impl Crowd {
    fn hear(&mut self, name: u8, telemetry: &Telemetry, time_ms: u64, age_ms: u64) -> Verdict {
        let station = StationId::from_bytes([name; 8]);
        let claim = Claim {
            station,
            telemetry,
            generated: at_ms(time_ms),
            age: Some(Duration::from_millis(age_ms)),
        };
        let judgement = judge(&claim, self.records.get(&station), &self.surroundings);
        self.surroundings.observe(&claim);
        match self.records.get_mut(&station) {
            Some(record) => {
                record.observe(&claim, &judgement);
            }
            None => {
                self.records
                    .insert(station, Record::new(&claim, &judgement));
            }
        }
        let verdict = judgement.verdict();
        let checks = verdict.findings().iter().map(|finding| finding.check);
        self.found.entry(station).or_default().extend(checks);
        verdict.clone()
    }

    fn checks(&self, name: u8) -> &[Check] {
        &self.found[&StationId::from_bytes([name; 8])]
    }
}

/// A car whose sensors tremble, so that no two of its messages are alike.
fn trembling(car: &Car, index: u32) -> Telemetry {
    let tremble = f64::from(index) * 0.003;
    Telemetry {
        speed: Speed::from_m_per_s(car.speed + tremble),
        longitudinal_acceleration: Acceleration::from_m_per_s2(tremble),
        ..car.honest()
    }
}

#[test]
fn who_repeats_another_is_found_and_the_other_is_not() {
    for delay_ms in [0, 100, 1_000] {
        let mut crowd = Crowd::default();
        let mut car = Car::driving(12.0);
        let mut said = Vec::new();
        for index in 0..40_u32 {
            let telemetry = trembling(&car, index);
            crowd.hear(1, &telemetry, car.time_ms, 20);
            said.push((telemetry, car.time_ms));
            let before = car.time_ms.checked_sub(delay_ms);
            if let Some((copy, _)) = said.iter().find(|(_, at)| Some(*at) == before) {
                crowd.hear(2, copy, car.time_ms, 20);
            }
            car.drive(100, 0.0);
        }
        assert!(crowd.checks(1).is_empty());
        assert!(
            crowd.checks(2).contains(&Check::DuplicateContent),
            "{delay_ms}"
        );
    }
}

#[test]
fn cars_that_drive_alike_on_one_road_copy_nobody() {
    // As in a simulation without noise: the same constant speed and heading.
    let mut crowd = Crowd::default();
    let (mut first, mut second) = (Car::driving(13.89), Car::driving(13.89));
    second.drive(2_000, 0.0);
    second.time_ms = 0;
    for _ in 0..50 {
        crowd.hear(1, &first.honest(), first.time_ms, 20);
        crowd.hear(2, &second.honest(), second.time_ms, 20);
        first.drive(100, 0.0);
        second.drive(100, 0.0);
    }
    assert!(crowd.checks(1).is_empty());
    assert!(crowd.checks(2).is_empty());
}

#[test]
fn companions_that_move_to_the_digit_alike_are_found_where_sensors_are_real() {
    for (accuracy, is_found) in [(Speed::from_m_per_s(0.2), true), (None, false)] {
        let mut crowd = Crowd::default();
        let mut car = Car::driving(12.0);
        for index in 0..20 {
            let leader = Telemetry {
                speed_accuracy: accuracy,
                ..trembling(&car, index)
            };
            crowd.hear(1, &leader, car.time_ms, 20);
            let companion = Telemetry {
                position: place(car.east_m + 6.0, car.north_m),
                ..leader
            };
            crowd.hear(2, &companion, car.time_ms, 20);
            car.drive(100, 0.0);
        }
        assert!(crowd.checks(1).is_empty());
        let found = crowd.checks(2).contains(&Check::DuplicateContent);
        assert_eq!(found, is_found);
    }
}

/// A car that knows its place to the decimetre, or not.
fn sure(car: &Car, index: u32, accuracy_m: f64) -> Telemetry {
    Telemetry {
        position_accuracy: Length::from_m(accuracy_m).map(PositionAccuracy::circle),
        ..trembling(car, index)
    }
}

#[test]
fn a_car_that_is_not_there_is_found_by_those_who_drive_through_it() {
    for (accuracy_m, is_found) in [(0.1, true), (2.0, false)] {
        let mut crowd = Crowd::default();
        let phantom = Car::driving(0.0);
        // Four cars that follow each other, 10 m apart, slowly through the place of the phantom.
        let mut cars = [1, 2, 3, 4].map(|rank| {
            let mut car = Car {
                heading_deg: 210.0,
                ..Car::driving(2.0)
            };
            car.drive(5_000 * rank, 0.0);
            Car {
                heading_deg: 30.0,
                time_ms: 0,
                ..car
            }
        });
        for index in 0..300 {
            let time_ms = u64::from(index) * 100;
            crowd.hear(9, &sure(&phantom, 0, accuracy_m), time_ms, 20);
            for (name, car) in (1..).zip(&mut cars) {
                crowd.hear(name, &sure(car, index, accuracy_m), time_ms, 20);
                car.drive(100, 0.0);
            }
        }
        assert_eq!(crowd.checks(9).contains(&Check::Overlap), is_found);
        for name in 1..5 {
            assert!(crowd.checks(name).is_empty(), "{name}");
        }
    }
}

#[test]
fn liars_that_place_themselves_where_an_honest_car_stands_get_nobody_accused() {
    let mut crowd = Crowd::default();
    let honest = Car::driving(0.0);
    for index in 0..200_u32 {
        let time_ms = u64::from(index) * 100;
        for name in [1, 2, 3] {
            let telemetry = sure(&honest, u32::from(name), 0.2);
            crowd.hear(name, &telemetry, time_ms, 20);
        }
    }
    for name in [1, 2, 3] {
        assert!(crowd.checks(name).is_empty());
    }
}

#[test]
fn m10_many_stolen_enrolments_in_an_honest_cars_place_get_it_not_accused() {
    for stolen in [5, 20] {
        let mut crowd = Crowd::default();
        let mut car = Car::driving(12.0);
        for index in 0..300 {
            for name in 2..2 + stolen {
                let spread = 0.3 * f64::from(name).sin();
                let told = Telemetry {
                    position: place(car.east_m + spread, car.north_m - spread),
                    ..sure(&car, index + 7 * u32::from(name), 0.1)
                };
                crowd.hear(name, &told, car.time_ms, 20);
            }
            crowd.hear(1, &sure(&car, index, 0.1), car.time_ms, 20);
            car.drive(100, 0.0);
        }
        assert!(crowd.checks(1).is_empty(), "{stolen}");
    }
}

#[test]
fn who_contradicted_itself_is_remembered_while_it_is_silent() {
    let mut crowd = Crowd::default();
    let mut car = Car::driving(20.0);
    for index in 0..30 {
        let mut telemetry = trembling(&car, index);
        if index == 20 {
            telemetry.position = place(500.0, 500.0);
        }
        crowd.hear(1, &telemetry, car.time_ms, 20);
        car.drive(100, 0.0);
    }
    for (silence_ms, is_found) in [(4_000, true), (40_000, true), (61_000, false)] {
        let mut later = Crowd {
            records: BTreeMap::new(),
            surroundings: crowd.surroundings.clone(),
            found: BTreeMap::new(),
        };
        let record = &crowd.records[&StationId::from_bytes([1; 8])];
        later
            .surroundings
            .forget(StationId::from_bytes([1; 8]), record);
        let time_ms = car.time_ms + silence_ms;
        later.hear(1, &trembling(&car, 0), time_ms, 20);
        assert_eq!(later.checks(1) == [Check::Latch], is_found, "{silence_ms}");
        later.hear(2, &trembling(&car, 0), time_ms + 10, 20);
        assert!(later.checks(2).is_empty());
    }
}

#[test]
fn memory_of_silent_suspects_is_bounded() {
    let mut crowd = Crowd::default();
    let car = Car::driving(20.0);
    crowd.hear(1, &car.honest(), 0, 20);
    let away = Telemetry {
        position: place(900.0, 0.0),
        ..car.honest()
    };
    crowd.hear(1, &away, 100, 20);
    let record = crowd.records[&StationId::from_bytes([1; 8])].clone();
    for index in 0..5_000_u64 {
        let station = StationId::from_bytes(index.to_be_bytes());
        crowd.surroundings.forget(station, &record);
    }
    assert_eq!(crowd.surroundings.suspects_len(), SUSPECTS_MAX);
    crowd.hear(2, &car.honest(), 200_000, 20);
    assert_eq!(crowd.surroundings.suspects_len(), 0);
}

#[test]
fn messages_that_are_late_again_and_again_are_found() {
    let mut crowd = Crowd::default();
    let mut car = Car::driving(10.0);
    let verdicts: Vec<_> = (0..10)
        .map(|index| {
            car.drive(100, 0.0);
            // The second alone, then all from the fifth on.
            let age_ms = if index == 2 || index >= 5 { 2_500 } else { 40 };
            crowd.hear(1, &car.honest(), car.time_ms, age_ms)
        })
        .collect();
    assert!(
        verdicts[..7]
            .iter()
            .all(|verdict| verdict.findings().is_empty())
    );
    let finding = verdicts[7].findings()[0];
    assert_eq!(
        (finding.check, finding.value, finding.threshold),
        (Check::Freshness, 2_500, 500)
    );
}

#[test]
fn memory_of_what_was_said_is_bounded() {
    let mut surroundings = Surroundings::default();
    let mut car = Car::driving(10.0);
    for index in 0..40_000_u32 {
        let telemetry = Telemetry {
            longitudinal_acceleration: Acceleration::from_mm_per_s2(
                i32::try_from(index % 39_000).unwrap() - 19_500,
            ),
            ..car.honest()
        };
        let claim = Claim {
            station: StationId::from_bytes(u64::from(index).to_be_bytes()),
            telemetry: &telemetry,
            generated: at_ms(0),
            age: None,
        };
        let judgement = judge(&claim, None, &surroundings);
        surroundings.observe(&claim);
        surroundings.forget(claim.station, &Record::new(&claim, &judgement));
        car.east_m += 0.01;
    }
    assert!(surroundings.statements_len() <= SAID_MAX);
}
