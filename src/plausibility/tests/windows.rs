//! What shows only over seconds, and what is remembered.

use std::{cell::Cell, time::Duration};

use super::{Car, Receiver, at_ms, hear, honest, place};
use crate::{
    id::StationId,
    message::{PositionAccuracy, Telemetry},
    plausibility::{
        Bound, Check, Claim, Finding, Record, Surroundings, Verdict, judge, judge_evidence,
        record::Suspicion,
    },
    track::Sample,
    units::{Acceleration, Heading, Length, Speed},
};

/// As a receiver that knows how good it is.
fn sure(car: &Car) -> Telemetry {
    Telemetry {
        position_accuracy: Length::from_m(2.0).map(PositionAccuracy::circle),
        speed_accuracy: Speed::from_m_per_s(0.1),
        ..car.honest()
    }
}

#[test]
fn a_speed_that_is_wrong_by_a_little_is_found_after_seconds() {
    let wrong = |car: &Car, _| Telemetry {
        speed: Speed::from_m_per_s(car.speed + 1.5),
        ..sure(car)
    };
    let receiver = hear(&mut Car::driving(15.0), 100, 160, wrong);
    assert_eq!(receiver.checks(), [Check::SpeedBias]);
    let first = receiver
        .verdicts
        .iter()
        .position(|verdict| !verdict.findings().is_empty());
    // 1.5 m/s × t > 2 × 2 m + 2 m + 3 % of 16.5 m/s × t + 0.1 m/s × t: t = 6.6 s, and the mark
    // before is up to 0.8 s older than the first message.
    assert!((60..85).contains(&first.unwrap()), "{first:?}");
}

#[test]
fn accelerations_that_are_made_larger_are_found() {
    for factor in [2.5, 4.0, -2.0] {
        let mut car = Car::driving(3.0);
        car.acceleration = 1.8;
        let receiver = hear(&mut car, 100, 60, |car, _| Telemetry {
            longitudinal_acceleration: Acceleration::from_m_per_s2(car.acceleration * factor),
            ..sure(car)
        });
        assert!(
            receiver.checks().contains(&Check::AccelerationBias),
            "{factor}"
        );
    }
}

/// Hears fifteen seconds of a car that speeds up and slows down by turns, for a second each, and
/// makes of its acceleration (now, and 0.3 s ago) what `claim` says.
fn swinging(swing: f64, claim: impl Fn(f64, f64) -> f64) -> Receiver {
    let mut receiver = Receiver::default();
    let mut car = Car::driving(12.0);
    let acceleration = |index: u64| {
        if (index / 10).is_multiple_of(2) {
            swing
        } else {
            -swing
        }
    };
    for index in 0..150 {
        car.acceleration = acceleration(index);
        let late = acceleration(index.saturating_sub(3));
        let telemetry = Telemetry {
            longitudinal_acceleration: Acceleration::from_m_per_s2(claim(car.acceleration, late)),
            ..sure(&car)
        };
        receiver.hear(&telemetry, car.time_ms);
        car.drive(100, 0.0);
    }
    receiver
}

#[test]
fn accelerations_that_cancel_out_are_found_by_their_swings() {
    for factor in [2.0, 4.0, -0.7] {
        let receiver = swinging(0.9, |now, _| factor * now);
        assert_eq!(receiver.checks(), [Check::AccelerationShare], "{factor}");
    }
}

#[test]
fn who_drives_its_swings_is_plausible_with_a_bad_accelerometer() {
    let trembling = |by: f64| {
        let count = Cell::new(0_u32);
        move |now: f64, _| {
            count.set(count.get() + 1);
            now + if count.get().is_multiple_of(2) {
                by
            } else {
                -by
            }
        }
    };
    for swing in [0.0, 0.9] {
        assert_eq!(swinging(swing, |now, _| now).flagged(), 0);
        // Late by 0.3 s, on a slope of 8 %, and 1 m/s² too high and too low by turns.
        for checks in [
            swinging(swing, |_, late| late).checks(),
            swinging(swing, |now, _| now + 0.78).checks(),
            swinging(swing, trembling(1.0)).checks(),
        ] {
            assert!(
                !checks.contains(&Check::AccelerationShare),
                "{swing}: {checks:?}"
            );
        }
    }
}

#[test]
fn swings_are_not_judged_over_lost_messages_or_by_unsure_speeds() {
    let lying = |car: &Car| Telemetry {
        longitudinal_acceleration: Acceleration::from_m_per_s2(-3.0 * car.acceleration),
        ..sure(car)
    };
    for (step_ms, is_sure) in [(200, true), (100, false)] {
        let mut receiver = Receiver::default();
        let mut car = Car::driving(12.0);
        for index in 0..150 {
            car.acceleration = if (index / 5_u32).is_multiple_of(2) {
                0.9
            } else {
                -0.9
            };
            let mut telemetry = lying(&car);
            telemetry.speed_accuracy = telemetry.speed_accuracy.filter(|_| is_sure);
            receiver.hear(&telemetry, car.time_ms);
            car.drive(step_ms, 0.0);
        }
        assert!(!receiver.checks().contains(&Check::AccelerationShare));
    }
}

#[test]
fn a_sudden_stop_is_remembered_until_a_minute_after_driving_on() {
    let mut car = Car::driving(14.0);
    let mut receiver = Receiver::default();
    for index in 0..2_000 {
        receiver.hear(&sure(&car), car.time_ms);
        car.drive(100, 0.0);
        match index {
            49 => car.speed = 0.0,
            // Drives on, with 2 m/s² up to 10 m/s.
            949 => car.acceleration = 2.0,
            999 => car.acceleration = 0.0,
            _ => {}
        }
    }
    let is_flagged = |index: usize| !receiver.verdicts[index].findings().is_empty();
    assert!((0..50).all(|index| !is_flagged(index)));
    // It stands until message 952, then moves: at least 600 more.
    assert!((50..1_540).all(is_flagged));
    assert!((1_560..2_000).all(|index| !is_flagged(index)));
    assert_eq!(receiver.verdicts[1_000].findings()[0].check, Check::Latch);
}

#[test]
fn one_slight_finding_is_not_held_against_a_station() {
    // Up by 4.5 m/s at once: above 3.7, and not by half.
    let mut car = Car::driving(20.0);
    let mut receiver = Receiver::default();
    for index in 0..60 {
        let telemetry = Telemetry {
            longitudinal_acceleration: None,
            ..car.honest()
        };
        receiver.hear(&telemetry, car.time_ms);
        car.drive(100, 0.0);
        car.speed = if index >= 30 { 24.5 } else { 20.0 };
    }
    assert_eq!(receiver.checks(), [Check::AccelerationSpeed]);
    assert_eq!(receiver.flagged(), 1);
}

#[test]
fn twice_the_fastest_rate_is_found_and_a_burst_is_not() {
    let flood = hear(&mut Car::driving(10.0), 50, 100, honest);
    assert_eq!(flood.checks(), [Check::Rate]);
    let mut burst = Receiver::default();
    let mut car = Car::driving(10.0);
    for index in 0..100 {
        burst.hear(&car.honest(), car.time_ms);
        // Four messages within 30 ms, then none for the time that they took ahead.
        let pause_ms = if index % 4 == 3 { 390 } else { 10 };
        car.drive(pause_ms, 0.0);
    }
    assert_eq!(burst.flagged(), 0, "{:?}", burst.checks());
}

/// What was said, and what convicts in what a receiver found in it.
type Heard = (Vec<(Telemetry, u64)>, Vec<Vec<Finding>>);

/// What a receiver finds that hears others, too, one of which says a second later what the liar says,
/// and to which everything comes late and some of it never.
fn heard_in_a_crowd(lie: impl Fn(&Car, u64) -> Telemetry) -> Heard {
    let mut car = Car::driving(15.0);
    let (mut said, mut found) = (Vec::new(), Vec::new());
    let mut record: Option<Record> = None;
    let mut surroundings = Surroundings::default();
    for index in 0..400_u64 {
        car.acceleration = if index % 100 < 20 { 1.5 } else { -0.375 };
        let telemetry = lie(&car, index);
        let time_ms = car.time_ms;
        car.drive(100, if index % 150 < 40 { 20.0 } else { 0.0 });
        if index % 17 == 0 {
            continue;
        }
        let claim = |station, telemetry, age_ms| Claim {
            station: StationId::from_bytes([station; 8]),
            telemetry,
            generated: at_ms(time_ms),
            age: Some(Duration::from_millis(age_ms)),
        };
        let own = claim(1, &telemetry, if index % 50 < 10 { 700 } else { 30 });
        let judgement = judge(&own, record.as_ref(), &surroundings);
        surroundings.observe(&own);
        for other in 2..5 {
            surroundings.observe(&claim(other, &telemetry, 30));
        }
        match &mut record {
            Some(record) => assert!(record.observe(&own, &judgement)),
            None => record = Some(Record::new(&own, &judgement)),
        }
        found.push(convicting(judgement.verdict()));
        said.push((telemetry, time_ms));
    }
    (said, found)
}

/// What shows in a station's own words, and that it did before.
fn convicting(verdict: &Verdict) -> Vec<Finding> {
    let findings = verdict.findings().iter();
    findings
        .filter(|it| it.check.is_proof() || it.check == Check::Latch)
        .copied()
        .collect()
}

fn judged_again(said: &[(Telemetry, u64)]) -> Vec<Vec<Finding>> {
    let claims = said.iter().map(|(telemetry, time_ms)| Claim {
        station: StationId::from_bytes([1; 8]),
        telemetry,
        generated: at_ms(*time_ms),
        age: None,
    });
    judge_evidence(claims).iter().map(convicting).collect()
}

#[test]
fn evidence_alone_convicts_as_who_heard_it_does() {
    type Lie = fn(&Car, u64) -> Telemetry;
    let lies: [(Check, Lie); 7] = [
        (Check::SpeedBias, |car, _| Telemetry {
            speed: Speed::from_m_per_s(car.speed + 3.0),
            ..sure(car)
        }),
        (Check::SideDrift, |car, _| Telemetry {
            heading: Heading::from_deg_wrapped(car.heading_deg + 25.0),
            ..sure(car)
        }),
        (Check::HeadingDisplacement, |car, _| Telemetry {
            heading: Heading::from_deg_wrapped(car.heading_deg + 180.0),
            ..sure(car)
        }),
        (Check::AccelerationBias, |car, _| Telemetry {
            longitudinal_acceleration: Acceleration::from_m_per_s2(-3.0 * car.acceleration),
            ..sure(car)
        }),
        (Check::PositionJump, |car, index| Telemetry {
            position: place(car.east_m + (index % 40) as f64, car.north_m),
            ..sure(car)
        }),
        (Check::AccelerationSpeed, |car, index| Telemetry {
            speed: Speed::from_m_per_s(if index % 200 < 5 { 0.0 } else { car.speed }),
            ..sure(car)
        }),
        (Check::SpeedDisplacement, |car, _| Telemetry {
            position: place(0.0, 0.0),
            ..sure(car)
        }),
    ];
    for (check, lie) in lies {
        let (said, found) = heard_in_a_crowd(lie);
        assert_eq!(judged_again(&said), found);
        let is_found = |findings: &Vec<Finding>| findings.iter().any(|it| it.check == check);
        assert!(found.iter().any(is_found), "{check:?}");
        // Who kept the last twenty seconds alone convicts, too.
        let kept = judged_again(&said[said.len() - 200..]);
        assert!(kept.iter().any(is_found), "{check:?}");
    }
}

#[test]
fn evidence_alone_convicts_nobody_of_what_others_said_or_did() {
    let (said, found) = heard_in_a_crowd(|car, _| sure(car));
    assert!(found.iter().all(Vec::is_empty));
    assert_eq!(judged_again(&said), found);
}

#[test]
fn a_finding_that_just_misses_a_threshold_near_zero_is_slight() {
    let car = Car::driving(14.0);
    let sample = Sample::of(&car.honest(), at_ms(0));
    // By half of the threshold, but by 3 m at least.
    for (threshold, value, is_grave) in [
        (10, 5, false),
        (10, -2_989, false),
        (10, -2_990, true),
        (20_000, 10_001, false),
        (20_000, 10_000, true),
    ] {
        let finding = Finding {
            check: Check::SpeedDisplacement,
            value,
            threshold,
            bound: Bound::AtLeast,
        };
        let suspicion = Suspicion::after(None, [finding].iter(), (None, &sample)).unwrap();
        assert_eq!(suspicion.is_latched(), is_grave, "{finding}");
    }
}
