//! Units among breakdowns that last, clocks that are wrong, and operators that leave somebody out.

use std::{collections::BTreeSet, time::Duration};

use super::{
    place,
    roadside::{Town, breakdown},
    seconds,
};
use crate::{
    message::Cause,
    pipeline::{HazardReport, NotReady, PublishError},
    security::SignError,
    sim::{Conditions, NodeId},
};

/// Two units that both reach the middle.
const UNITS: [(f64, u32); 2] = [(-800.0, 1_200), (800.0, 1_200)];

#[test]
fn a_breakdown_of_twenty_minutes_is_heard_by_every_newcomer_and_ended_by_its_car() {
    // Told once for all of it, and told again in each slot.
    for (validity_s, is_updated) in [(1_500, false), (400, true)] {
        let conditions = Conditions {
            loss: 0.2,
            delay: Duration::from_millis(50),
            jitter: Duration::from_millis(100),
        };
        let mut town = Town::new(&UNITS, conditions, 300);
        let broken = town.park_at(0.0, 0);
        let stayers = [town.park_at(-900.0, 0), town.park_at(900.0, 1)];
        town.pass(seconds(2));
        let action = town.report(broken, seconds(validity_s));
        let mut names = BTreeSet::new();
        for round in 0..12 {
            names.extend(town.road.station(broken).station());
            let (north_m, unit) = [(-700.0, 0), (700.0, 1)][round % 2];
            let newcomer = town.park_at(north_m, unit);
            town.pass(seconds(5));
            assert!(town.knows(newcomer, action), "round {round}, {is_updated}");
            town.leave(newcomer);
            town.pass(seconds(95));
            if is_updated && round % 3 == 2 {
                let report = breakdown(seconds(validity_s));
                town.road
                    .with(broken, |station, now| {
                        station.update_hazard(action, &report, now)
                    })
                    .unwrap();
            }
        }
        assert!(names.len() >= 4, "{names:?}");
        town.pass(seconds(5));
        assert!(stayers.iter().all(|stayer| town.knows(*stayer, action)));

        town.road
            .with(broken, |station, now| station.cancel_hazard(action, now))
            .unwrap();
        town.pass(seconds(5));

        let late = [town.park_at(-500.0, 0), town.park_at(500.0, 1)];
        town.pass(seconds(5));
        for car in stayers.into_iter().chain(late) {
            assert!(!town.knows(car, action), "{is_updated}");
        }
        let kept = |unit: &NodeId| town.road.station(*unit).world().hazard(action).is_some();
        assert!(!town.units.iter().any(kept));
    }
}

#[test]
fn o4_a_unit_that_doubts_its_clock_signs_nothing_and_goes_on_passing_on() {
    for ahead_ms in [10_000, -10_000, 900, -900] {
        let mut town = Town::new(&[(0.0, 1_000)], Conditions::default(), 300);
        let unit = town.units[0];
        let (a, b) = (town.park_at(0.0, 0), town.park_at(200.0, 0));
        town.pass(seconds(5));
        roadworks(&mut town, unit).unwrap();

        town.road.set_clock_error(unit, ahead_ms);
        town.pass(seconds(10));

        let error = Duration::from_millis(i64::unsigned_abs(ahead_ms));
        assert_eq!(not_ready(&town, unit), [NotReady::ClockDoubted(error)]);
        let refused = roadworks(&mut town, unit);
        let doubted = SignError::ClockDoubted(error);
        assert_eq!(refused, Err(PublishError::Sign(doubted)));
        // Heard less than 3 s ago, which is after the clock was set.
        assert_eq!(town.hops(a, b), Some(1), "{ahead_ms} ms");
        assert_eq!(town.hops(b, a), Some(1), "{ahead_ms} ms");
        let action = town.report(a, seconds(60));
        town.pass(seconds(1));
        assert!(town.knows(b, action), "{ahead_ms} ms");
        let newcomer = town.park_at(100.0, 0);
        town.pass(seconds(2));
        assert!(town.knows(newcomer, action), "{ahead_ms} ms");

        town.road.set_clock_error(unit, 0);
        town.pass(seconds(2));
        assert_eq!(not_ready(&town, unit), []);
        roadworks(&mut town, unit).unwrap();
    }
}

#[test]
fn o6_who_has_two_units_is_heard_although_one_leaves_it_out() {
    let mut town = Town::new(&UNITS, Conditions::default(), 300);
    let [bad, good] = [town.units[0], town.units[1]];
    let victim = town.park_at(0.0, 0);
    town.join(victim, 1);
    let listener = town.park_at(150.0, 0);
    town.join(listener, 1);
    let dependent = town.park_at(-150.0, 0);
    // Nothing of the victim gets through the bad one, and of the others everything does.
    town.road.set_muted(victim, bad, true);
    town.road.set_muted(bad, good, true);
    town.pass(seconds(5));
    let action = town.report(victim, seconds(60));
    town.pass(seconds(2));

    assert!(town.knows(listener, action));
    assert_eq!(town.hops(listener, victim), Some(1));
    assert_eq!(town.hops(dependent, listener), Some(1));
    // Who trusts the bad one alone does not hear: that is what the second one is for.
    assert!(!town.knows(dependent, action));
    assert_eq!(town.hops(dependent, victim), None);
    town.join(dependent, 1);
    town.pass(seconds(2));
    assert!(town.knows(dependent, action));
    assert_eq!(town.hops(dependent, victim), Some(1));
}

/// Has a unit's operator tell of roadworks.
fn roadworks(town: &mut Town, unit: NodeId) -> Result<(), PublishError> {
    let report = HazardReport {
        position: Some(place(300.0)),
        ..HazardReport::of(Cause::from_codes(3, 0).unwrap())
    };
    let told = |station: &mut crate::pipeline::Station, now| station.report_hazard(report, now);
    town.road.with(unit, told).map(drop)
}

fn not_ready(town: &Town, unit: NodeId) -> Vec<NotReady> {
    let readiness = town.road.station(unit).readiness(town.road.now_of(unit));
    readiness.not_ready
}
