use super::{Road, Speaker, hazard, place};
use crate::{
    message::{Cause, Hazard, HazardStatement},
    units::{Acceleration, Heading, Speed},
    world::{Config, KnownHazard, Level, Observed, Sighted, WorldEvent},
};

/// A first report of something so far east of the origin.
fn report(road: &mut Road, by: &mut Speaker, cause: Cause, east_m: f64) -> Hazard {
    let (action, update_key) = by.signer.new_hazard(road.now).unwrap();
    let told = Hazard {
        cause,
        position: place(east_m),
        heading: Heading::from_deg(90.0),
        update_key: Some(update_key),
        ..hazard(action, road.now)
    };
    let statement = HazardStatement::unsigned(told.clone());
    assert_eq!(road.report(by, statement), Observed::Added);
    told
}

fn standing(road: &Road, hazard: &Hazard) -> (Level, u32) {
    let known = road.world.hazard(hazard.action).unwrap();
    (known.level(), known.sources())
}

fn known<'a>(road: &'a Road, hazard: &Hazard) -> &'a KnownHazard {
    road.world.hazard(hazard.action).unwrap()
}

fn sighted(east_m: f64) -> Sighted {
    Sighted {
        position: place(east_m),
        heading: None,
        speed: Some(Speed::ZERO),
        acceleration: None,
    }
}

const BREAKDOWN: Cause = Cause::STATIONARY_VEHICLE_BREAKDOWN;

#[test]
fn m21_one_source_informs_and_a_second_vehicle_lets_act() {
    let mut road = Road::new(Config::default());
    let (mut alice, mut bob) = (road.speaker(10), road.speaker(11));
    let first = report(&mut road, &mut alice, BREAKDOWN, 0.0);
    assert_eq!(standing(&road, &first), (Level::Inform, 1));
    road.events();
    road.pass(10);
    let second = report(&mut road, &mut bob, BREAKDOWN, 12.0);
    assert_eq!(standing(&road, &first), (Level::Act, 2));
    assert_eq!(standing(&road, &second), (Level::Act, 2));
    assert_eq!(known(&road, &first).merged(), [second.action]);
    assert_eq!(known(&road, &second).merged(), [first.action]);
    assert_eq!(known(&road, &second).leading(), first.action);
    let told = road.events().into_iter().filter(
        |event| matches!(event, WorldEvent::HazardChanged(known) if known.level() == Level::Act),
    );
    assert_eq!(told.count(), 2);
}

#[test]
fn m21_one_vehicle_that_reports_twice_is_one_source() {
    let mut road = Road::new(Config::default());
    let mut alice = road.speaker(10);
    let first = report(&mut road, &mut alice, BREAKDOWN, 0.0);
    let second = report(&mut road, &mut alice, BREAKDOWN, 1.0);
    assert_eq!(standing(&road, &first), (Level::Inform, 1));
    assert_eq!(standing(&road, &second), (Level::Inform, 1));
}

#[test]
fn reports_of_another_place_another_kind_or_the_other_direction_do_not_agree() {
    let mut road = Road::new(Config::default());
    let (mut alice, mut bob) = (road.speaker(10), road.speaker(11));
    let first = report(&mut road, &mut alice, BREAKDOWN, 0.0);
    report(&mut road, &mut bob, BREAKDOWN, 30.0);
    report(&mut road, &mut bob, Cause::SLOW_VEHICLE, 0.0);
    let (action, update_key) = bob.signer.new_hazard(road.now).unwrap();
    let opposite = Hazard {
        heading: Heading::from_deg(270.0),
        update_key: Some(update_key),
        ..hazard(action, road.now)
    };
    road.report(&mut bob, HazardStatement::unsigned(opposite));
    assert_eq!(standing(&road, &first), (Level::Inform, 1));
}

#[test]
fn a_stationary_vehicle_and_an_accident_in_one_place_are_one_event() {
    let mut road = Road::new(Config::default());
    let (mut alice, mut bob) = (road.speaker(10), road.speaker(11));
    let accident = Cause::from_codes(2, 0).unwrap();
    let first = report(&mut road, &mut alice, BREAKDOWN, 0.0);
    report(&mut road, &mut bob, accident, 5.0);
    assert_eq!(standing(&road, &first), (Level::Act, 2));
}

#[test]
fn an_agreement_ends_with_the_report_that_made_it() {
    let mut road = Road::new(Config::default());
    let (mut alice, mut bob) = (road.speaker(10), road.speaker(11));
    let first = report(&mut road, &mut alice, BREAKDOWN, 0.0);
    road.pass(10_000);
    let second = report(&mut road, &mut bob, BREAKDOWN, 0.0);
    road.events();
    // The first one's 30 s are over.
    road.pass(20_000);
    assert_eq!(standing(&road, &second), (Level::Inform, 1));
    assert_eq!(known(&road, &second).leading(), second.action);
    assert!(road.world.hazard(first.action).is_none());
    assert!(matches!(
        &road.events()[..],
        [WorldEvent::HazardRemoved { .. }, WorldEvent::HazardChanged(known)]
            if known.level() == Level::Inform
    ));
}

#[test]
fn an_update_that_moves_away_agrees_no_more() {
    let mut road = Road::new(Config::default());
    let (mut alice, mut bob) = (road.speaker(10), road.speaker(11));
    let first = report(&mut road, &mut alice, BREAKDOWN, 0.0);
    let second = report(&mut road, &mut bob, BREAKDOWN, 0.0);
    let moved = Hazard {
        update: 1,
        position: place(400.0),
        ..second
    };
    road.update(&mut bob, moved.clone());
    assert_eq!(standing(&road, &first), (Level::Inform, 1));
    assert_eq!(standing(&road, &moved), (Level::Inform, 1));
}

#[test]
fn the_own_sensors_are_a_second_source_and_stay_one_over_updates() {
    let mut road = Road::new(Config::default());
    let mut alice = road.speaker(10);
    let first = report(&mut road, &mut alice, BREAKDOWN, 0.0);
    road.events();
    assert!(road.world.corroborate(first.action));
    assert!(known(&road, &first).is_sensed());
    assert_eq!(standing(&road, &first), (Level::Act, 2));
    assert_eq!(road.events().len(), 1);
    let update = Hazard { update: 1, ..first };
    road.update(&mut alice, update.clone());
    assert_eq!(standing(&road, &update), (Level::Act, 2));
    // Nothing new the second time.
    road.events();
    assert!(road.world.corroborate(update.action));
    assert!(road.events().is_empty());
}

#[test]
fn m21_what_the_own_sensors_saw_lets_nobody_act_elsewhere_nor_upon_something_else() {
    let elsewhere = |hazard: Hazard, east_m: f64| Hazard {
        update: hazard.update + 1,
        position: place(east_m),
        ..hazard
    };
    let mut road = Road::new(Config::default());
    let mut alice = road.speaker(10);
    let first = report(&mut road, &mut alice, BREAKDOWN, 0.0);
    assert_eq!(road.world.sight(&[sighted(0.0)]), 1);
    assert_eq!(standing(&road, &first), (Level::Act, 2));

    // In steps, each of which is near the one before.
    let near = elsewhere(first, 20.0);
    road.update(&mut alice, near.clone());
    assert_eq!(standing(&road, &near), (Level::Act, 2));
    let far = elsewhere(near, 40.0);
    road.update(&mut alice, far.clone());
    assert_eq!(standing(&road, &far), (Level::Inform, 1));
    assert_eq!(road.world.sight(&[sighted(0.0)]), 0);
    assert_eq!(road.world.sight(&[sighted(40.0)]), 1);
    assert_eq!(standing(&road, &far), (Level::Act, 2));

    let other = Hazard {
        cause: Cause::EMERGENCY_BRAKE_LIGHT,
        ..elsewhere(far, 40.0)
    };
    road.update(&mut alice, other.clone());
    assert_eq!(standing(&road, &other), (Level::Inform, 1));
}

#[test]
fn what_is_seen_again_as_it_moves_stays_borne_out() {
    let mut road = Road::new(Config::default());
    let mut alice = road.speaker(10);
    let mut told = report(&mut road, &mut alice, Cause::SLOW_VEHICLE, 0.0);
    for step in 0..10_u16 {
        let east_m = 20.0 * f64::from(step);
        told = Hazard {
            update: step + 1,
            position: place(east_m),
            ..told
        };
        road.update(&mut alice, told.clone());
        assert_eq!(road.world.sight(&[sighted(east_m)]), 1);
        assert_eq!(standing(&road, &told), (Level::Act, 2));
    }
    road.events();
    told.update += 1;
    told.position = place(220.0);
    road.update(&mut alice, told.clone());
    assert_eq!(standing(&road, &told), (Level::Act, 2), "40 m on");
}

#[test]
fn a_slippery_road_needs_three() {
    let mut road = Road::new(Config::default());
    let mut told = Vec::new();
    for seed in 10..13 {
        let mut speaker = road.speaker(seed);
        told.push(report(&mut road, &mut speaker, Cause::SLIPPERY_ROAD, 0.0));
        let level = if seed == 12 {
            Level::Act
        } else {
            Level::Inform
        };
        assert_eq!(standing(&road, &told[0]), (level, u32::from(seed) - 9));
    }
}

#[test]
fn what_sensors_see_bears_out_what_stands_there() {
    let mut road = Road::new(Config::default());
    let mut alice = road.speaker(10);
    let first = report(&mut road, &mut alice, BREAKDOWN, 0.0);
    let driving = Sighted {
        speed: Speed::from_m_per_s(9.0),
        ..sighted(0.0)
    };
    assert_eq!(road.world.sight(&[sighted(40.0), driving]), 0);
    assert_eq!(standing(&road, &first), (Level::Inform, 1));
    assert_eq!(road.world.sight(&[driving, sighted(9.0)]), 1);
    assert_eq!(standing(&road, &first), (Level::Act, 2));
}

#[test]
fn what_sensors_see_bears_out_a_brake_only_if_it_brakes() {
    let mut road = Road::new(Config::default());
    let mut alice = road.speaker(10);
    let brake = Cause::EMERGENCY_BRAKE_LIGHT;
    let first = report(&mut road, &mut alice, brake, 0.0);
    assert_eq!(road.world.sight(&[sighted(3.0)]), 0);
    let braking = Sighted {
        acceleration: Acceleration::from_m_per_s2(-6.5),
        ..sighted(3.0)
    };
    assert_eq!(road.world.sight(&[braking]), 1);
    assert_eq!(standing(&road, &first), (Level::Act, 2));
}

#[test]
fn nothing_is_borne_out_that_nobody_reported() {
    let mut road = Road::new(Config::default());
    let alice = road.speaker(10);
    let action = crate::id::ActionId {
        station: alice.station,
        sequence: 1,
    };
    assert!(!road.world.corroborate(action));
    assert_eq!(road.world.sight(&[sighted(0.0)]), 0);
    assert!(road.events().is_empty());
}

#[test]
fn a_flood_of_reports_in_one_place_stays_bounded() {
    let mut road = Road::new(Config::default());
    for seed in 10..100 {
        let mut speaker = road.speaker(seed);
        report(&mut road, &mut speaker, BREAKDOWN, 0.0);
    }
    let most = road.world.hazards().map(|known| known.merged().len()).max();
    assert_eq!(most, Some(16));
}
