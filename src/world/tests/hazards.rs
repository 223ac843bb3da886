use std::num::NonZeroUsize;

use super::{Road, cruising, hazard, place};
use crate::{
    message::{Hazard, HazardStatement, Termination},
    plausibility::{Check, Verdict},
    world::{Config, Level, Observed, Removal, WorldEvent},
};

fn first(hazard: Hazard) -> HazardStatement {
    HazardStatement::unsigned(hazard)
}

fn negation(of: &Hazard) -> HazardStatement {
    HazardStatement::unsigned(Hazard {
        termination: Some(Termination::Negation),
        update_key: None,
        ..of.clone()
    })
}

fn updated(of: &Hazard, update: u16) -> Hazard {
    Hazard {
        update,
        position: place(f64::from(update)),
        ..of.clone()
    }
}

fn cancelled(of: &Hazard, update: u16) -> Hazard {
    Hazard {
        update,
        termination: Some(Termination::Cancellation),
        ..of.clone()
    }
}

#[test]
fn a_report_is_kept_as_information_until_it_expires() {
    let mut road = Road::new(Config::default());
    let mut alice = road.speaker(10);
    let breakdown = alice.breakdown(road.now);
    let heard = road.now;
    assert_eq!(
        road.report(&mut alice, first(breakdown.clone())),
        Observed::Added
    );
    let known = road.world.hazard(breakdown.action).unwrap();
    assert_eq!(*known.hazard(), breakdown);
    assert_eq!(
        (known.level(), known.sources(), known.negations()),
        (Level::Inform, 1, 0)
    );
    assert_eq!(*known.verdict(), Verdict::NotJudged);
    assert_eq!(known.first_heard(), heard);
    road.events();
    // Detected now and valid for 30 s.
    road.pass(29_999);
    assert_eq!(road.world.hazards_len(), 1);
    road.pass(1);
    assert_eq!(road.world.hazards_len(), 0);
    assert!(
        matches!(&road.events()[..], [WorldEvent::HazardRemoved { action, reason: Removal::Expired }]
        if *action == breakdown.action)
    );
    assert_eq!(road.world.poll_timeout(), None);
}

#[test]
fn a_higher_update_replaces_and_a_lower_or_equal_one_is_told_stale() {
    let mut road = Road::new(Config::default());
    let mut alice = road.speaker(10);
    let breakdown = alice.breakdown(road.now);
    road.report(&mut alice, first(breakdown.clone()));
    assert_eq!(
        road.update(&mut alice, updated(&breakdown, 2)),
        Observed::Updated
    );
    assert_eq!(
        road.update(&mut alice, updated(&breakdown, 1)),
        Observed::Outdated
    );
    assert_eq!(
        road.update(&mut alice, updated(&breakdown, 2)),
        Observed::Repeated
    );
    assert_eq!(
        road.report(&mut alice, first(breakdown.clone())),
        Observed::Outdated
    );
    let known = road.world.hazard(breakdown.action).unwrap();
    assert_eq!(known.hazard().update, 2);
    assert_eq!(known.hazard().position, place(2.0));
    assert_eq!(road.world.counters().hazards[&Observed::Outdated], 2);
    assert_eq!(road.world.counters().hazards[&Observed::Repeated], 1);
}

#[test]
fn an_update_moves_the_end_of_validity() {
    let mut road = Road::new(Config::default());
    let mut alice = road.speaker(10);
    let breakdown = alice.breakdown(road.now);
    road.report(&mut alice, first(breakdown.clone()));
    road.pass(20_000);
    let later = Hazard {
        update: 1,
        detected: road.now.timestamp,
        ..breakdown
    };
    assert_eq!(road.update(&mut alice, later), Observed::Updated);
    road.pass(29_999);
    assert_eq!(road.world.hazards_len(), 1);
    road.pass(1);
    assert_eq!(road.world.hazards_len(), 0);
}

#[test]
fn a_cancelled_hazard_is_gone_and_late_reports_do_not_revive_it() {
    let mut road = Road::new(Config::default());
    let mut alice = road.speaker(10);
    let breakdown = alice.breakdown(road.now);
    road.report(&mut alice, first(breakdown.clone()));
    road.events();
    assert_eq!(
        road.update(&mut alice, cancelled(&breakdown, 2)),
        Observed::Cancelled
    );
    assert_eq!(road.world.hazards_len(), 0);
    assert!(matches!(
        &road.events()[..],
        [WorldEvent::HazardRemoved {
            reason: Removal::Cancelled,
            ..
        }]
    ));
    assert_eq!(
        road.update(&mut alice, updated(&breakdown, 1)),
        Observed::Outdated
    );
    assert_eq!(
        road.report(&mut alice, first(breakdown)),
        Observed::Outdated
    );
    assert_eq!(road.world.hazards_len(), 0);
}

#[test]
fn a_cancellation_that_comes_first_ends_what_comes_later() {
    let mut road = Road::new(Config::default());
    let mut alice = road.speaker(10);
    let breakdown = alice.breakdown(road.now);
    assert_eq!(
        road.update(&mut alice, cancelled(&breakdown, 1)),
        Observed::Unmatched
    );
    assert_eq!(
        road.report(&mut alice, first(breakdown)),
        Observed::Outdated
    );
    assert_eq!(road.world.hazards_len(), 0);
}

#[test]
fn a_liar_cannot_update_or_cancel_anothers_hazard() {
    let mut road = Road::new(Config::default());
    let (mut alice, mut mallory) = (road.speaker(10), road.speaker(66));
    let breakdown = alice.breakdown(road.now);
    road.report(&mut alice, first(breakdown.clone()));
    let forged = mallory.forged(updated(&breakdown, 7));
    assert_eq!(road.report(&mut mallory, forged), Observed::Foreign);
    let forged = mallory.forged(cancelled(&breakdown, 8));
    assert_eq!(road.report(&mut mallory, forged), Observed::Foreign);
    assert_eq!(
        *road.world.hazard(breakdown.action).unwrap().hazard(),
        breakdown
    );
    assert_eq!(road.world.counters().hazards[&Observed::Foreign], 2);
}

#[test]
fn a_liar_that_comes_first_yields_to_the_events_own_station() {
    let mut road = Road::new(Config::default());
    let (mut alice, mut mallory) = (road.speaker(10), road.speaker(66));
    let breakdown = alice.breakdown(road.now);
    let squatted = mallory.forged(updated(&breakdown, 9));
    assert_eq!(road.report(&mut mallory, squatted), Observed::Added);
    assert_eq!(
        road.report(&mut alice, first(breakdown.clone())),
        Observed::Updated
    );
    assert_eq!(
        *road.world.hazard(breakdown.action).unwrap().hazard(),
        breakdown
    );
    let again = mallory.forged(updated(&breakdown, 10));
    assert_eq!(road.report(&mut mallory, again), Observed::Foreign);
}

#[test]
fn a_liars_cancellation_in_advance_is_no_end() {
    let mut road = Road::new(Config::default());
    let (mut alice, mut mallory) = (road.speaker(10), road.speaker(66));
    let breakdown = alice.breakdown(road.now);
    let forged = mallory.forged(cancelled(&breakdown, 9));
    assert_eq!(road.report(&mut mallory, forged), Observed::Unmatched);
    assert_eq!(
        road.report(&mut alice, first(breakdown.clone())),
        Observed::Added
    );
    assert!(road.world.hazard(breakdown.action).is_some());
}

#[test]
fn a_negation_is_counted_once_a_station_and_removes_nothing() {
    let mut road = Road::new(Config::default());
    let mut alice = road.speaker(10);
    let (mut bob, mut carol) = (road.speaker(11), road.speaker(12));
    let breakdown = alice.breakdown(road.now);
    road.report(&mut alice, first(breakdown.clone()));
    road.events();
    assert_eq!(
        road.report(&mut bob, negation(&breakdown)),
        Observed::Negated
    );
    assert_eq!(
        road.report(&mut bob, negation(&breakdown)),
        Observed::Repeated
    );
    assert_eq!(
        road.report(&mut carol, negation(&breakdown)),
        Observed::Negated
    );
    assert_eq!(road.world.hazard(breakdown.action).unwrap().negations(), 2);
    assert_eq!(road.events().len(), 2);
    // The count outlives an update, which speaks of the same event.
    road.update(&mut alice, updated(&breakdown, 1));
    assert_eq!(road.world.hazard(breakdown.action).unwrap().negations(), 2);
}

#[test]
fn a_negation_of_nothing_is_not_taken() {
    let mut road = Road::new(Config::default());
    let (mut alice, mut bob) = (road.speaker(10), road.speaker(11));
    let breakdown = alice.breakdown(road.now);
    assert_eq!(
        road.report(&mut bob, negation(&breakdown)),
        Observed::Unmatched
    );
    assert!(road.events().is_empty());
}

#[test]
fn a_negation_that_overtakes_its_report_counts_once_that_is_there() {
    let mut road = Road::new(Config::default());
    let (mut alice, mut bob, mut carol) = (road.speaker(10), road.speaker(11), road.speaker(12));
    let breakdown = alice.breakdown(road.now);
    for _ in 0..2 {
        assert_eq!(
            road.report(&mut bob, negation(&breakdown)),
            Observed::Unmatched
        );
    }
    road.report(&mut carol, negation(&breakdown));
    road.report(&mut alice, first(breakdown.clone()));
    assert_eq!(road.world.hazard(breakdown.action).unwrap().negations(), 2);
    assert_eq!(
        road.report(&mut bob, negation(&breakdown)),
        Observed::Repeated
    );
}

#[test]
fn one_reporter_displaces_only_its_own() {
    let mut road = Road::new(Config {
        signer_hazards_max: NonZeroUsize::new(2).unwrap(),
        ..Config::default()
    });
    let (mut alice, mut mallory) = (road.speaker(10), road.speaker(66));
    let breakdown = alice.breakdown(road.now);
    road.report(&mut alice, first(breakdown.clone()));
    for _ in 0..6 {
        road.pass(500);
        let invented = mallory.breakdown(road.now);
        assert_eq!(road.report(&mut mallory, first(invented)), Observed::Added);
    }
    assert_eq!(road.world.hazards_len(), 3);
    assert!(road.world.hazard(breakdown.action).is_some());
    assert_eq!(road.world.counters().removed[&Removal::SignerFull], 4);
}

#[test]
fn a_full_world_forgets_the_hazard_heard_of_first() {
    let mut road = Road::new(Config {
        hazards_max: NonZeroUsize::new(2).unwrap(),
        ..Config::default()
    });
    let mut actions = Vec::new();
    for seed in 10..13 {
        let mut speaker = road.speaker(seed);
        let breakdown = speaker.breakdown(road.now);
        actions.push(breakdown.action);
        road.report(&mut speaker, first(breakdown));
        road.pass(100);
    }
    assert_eq!(road.world.hazards_len(), 2);
    assert!(road.world.hazard(actions[0]).is_none());
    assert_eq!(road.world.counters().removed[&Removal::WorldFull], 1);
}

#[test]
fn a_hazard_absurdly_far_from_its_sender_is_flagged() {
    let mut road = Road::new(Config::default());
    let mut alice = road.speaker(10);
    road.say(&mut alice, cruising(0.0));
    let (action, update_key) = alice.signer.new_hazard(road.now).unwrap();
    let far = Hazard {
        position: place(50_000.0),
        update_key: Some(update_key),
        ..hazard(action, road.now)
    };
    assert_eq!(road.report(&mut alice, first(far)), Observed::Added);
    let findings = road.world.hazard(action).unwrap().verdict().findings();
    assert_eq!(findings[0].check, Check::HazardDistance);
    // 5 km of sight; it was heard at the moment of detection.
    assert_eq!(findings[0].threshold, 5_000_000);
}
