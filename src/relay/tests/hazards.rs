use std::time::Duration;

use super::{Lab, around, east, from, peers, wanting};
use crate::{
    geo::Area,
    id::PeerId,
    message::{Cause, Hazard, RelevanceDirection, RelevanceRadius, Termination, Validity},
    relay::{Config, HazardChange, Interest, InterestArea, Route},
    units::Heading,
};

/// Relevant only within 500 m, so that areas and relevance can be told apart.
fn near(hazard: &mut Hazard) {
    hazard.relevance_radius = RelevanceRadius::from_m(500).unwrap();
}

#[test]
fn a_hazard_goes_to_whom_it_concerns_or_interests() {
    let mut lab = Lab::new();
    // Inside its relevance; outside of that, but looking ahead; neither.
    lab.join(1, around(100));
    lab.join(
        2,
        wanting(InterestArea::Ahead {
            length_m: 2_000,
            half_width_m: 100,
        }),
    );
    lab.join(3, around(100));
    lab.says(1, 400.0);
    let eastward = lab.driving(2, -1_500.0, 90.0);
    lab.tell(&eastward, from(2));
    lab.says(3, 600.0);
    let hazard = lab.hazard(4, 0.0, near);
    assert_eq!(lab.warns(4, &hazard), [1, 2]);
}

#[test]
fn who_comes_later_is_told_once() {
    let mut lab = Lab::new();
    let hazard = lab.hazard(4, 0.0, near);
    lab.warns(4, &hazard);
    let here = Interest {
        place: Some(east(100.0)),
        ..around(50)
    };
    lab.join(1, here.clone());
    let told = lab.handovers();
    assert_eq!(told.len(), 1);
    assert_eq!(&told[0].bytes, hazard.bytes());
    assert_eq!((told[0].peer, told[0].hops), (PeerId(1), 1));
    lab.relay.handle_interest(PeerId(1), here);
    assert_eq!(lab.handovers().len(), 0);
    assert_eq!(lab.relay.hazards_len(), 1);
}

#[test]
fn who_drives_into_a_kept_hazard_is_told() {
    let mut lab = Lab::new();
    let hazard = lab.hazard(4, 0.0, near);
    lab.warns(4, &hazard);
    lab.join(1, around(100));
    let mut told_at = Vec::new();
    for step in 0..20 {
        let east_m = f64::from(step) * 60.0 - 900.0;
        lab.says(1, east_m);
        told_at.extend(lab.handovers().iter().map(|_| east_m));
    }
    // 500 m before it, at the first step of 60 m within.
    assert_eq!(told_at, [-480.0]);
}

#[test]
fn a_fixed_area_far_away_is_told_of_too() {
    let mut lab = Lab::new();
    let hazard = lab.hazard(4, 30_000.0, near);
    lab.warns(4, &hazard);
    lab.join(1, around(100));
    lab.says(1, 0.0);
    let area = InterestArea::Fixed(Area::Circle {
        centre: east(30_100.0),
        radius_m: 200,
    });
    lab.relay.handle_interest(PeerId(1), wanting(area));
    assert_eq!(lab.handovers().len(), 1);
}

#[test]
fn what_reaches_far_is_told_far_away() {
    let mut lab = Lab::new();
    let hazard = lab.hazard(4, 50_000.0, |hazard| {
        hazard.relevance_radius = RelevanceRadius::from_m(60_000).unwrap();
    });
    lab.warns(4, &hazard);
    lab.join(1, around(100));
    lab.says(1, 0.0);
    assert_eq!(lab.handovers().len(), 1);
}

#[test]
fn newcomers_are_told_the_newest_report_or_the_end() {
    let mut lab = Lab::new();
    let first = lab.hazard(4, 0.0, near);
    let second = lab.update(4, &first, |_| {});
    let last = lab.update(4, &second, |hazard| {
        hazard.termination = Some(Termination::Cancellation);
    });
    let here = Interest {
        place: Some(east(100.0)),
        ..around(50)
    };
    lab.warns(4, &first);
    lab.warns(4, &second);
    lab.join(1, here.clone());
    assert_eq!(&lab.handovers()[0].bytes, second.bytes());
    assert_eq!(
        lab.warns(4, &last),
        [1],
        "the end goes to whom the report went"
    );
    lab.join(2, here);
    let told = lab.handovers();
    assert_eq!((told.len(), &told[0].bytes), (1, last.bytes()));
    assert_eq!(lab.relay.hazards_len(), 1);
}

#[test]
fn an_older_report_goes_to_nobody() {
    let mut lab = Lab::new();
    lab.join(1, around(300));
    lab.says(1, 0.0);
    let first = lab.hazard(4, 0.0, near);
    let second = lab.update(4, &first, |_| {});
    assert_eq!(lab.warns(4, &second), [1]);
    assert_eq!(lab.warns(4, &first), [] as [u64; 0]);
    assert_eq!(lab.warns(4, &second), [] as [u64; 0]);
}

#[test]
fn a_report_that_waits_is_not_told_after_a_newer_one() {
    let mut lab = Lab::new();
    let first = lab.hazard(4, 0.0, near);
    let second = lab.update(4, &first, |_| {});
    lab.warns(4, &first);
    lab.join(
        1,
        Interest {
            place: Some(east(100.0)),
            ..around(50)
        },
    );
    assert_eq!(lab.warns(4, &second), [1]);
    assert_eq!(lab.handovers().len(), 0);
}

#[test]
fn an_event_is_its_namesakes() {
    let mut lab = Lab::new();
    lab.join(1, around(300));
    lab.says(1, 0.0);
    let real = lab.hazard(4, 0.0, near);
    let forged = lab.forge(5, &real);
    let later = lab.forge(6, &forged);
    let last = lab.update(4, &real, |_| {});
    let kept = |lab: &Lab| {
        let mut kept = lab.relay.store.iter();
        kept.next().map(|(_, kept)| kept.bytes.clone())
    };
    // Nobody knows yet whose key is the event's; its namesake says it.
    assert_eq!(lab.warns(5, &forged), [1]);
    assert_eq!(lab.warns(4, &real), [1]);
    assert_eq!(kept(&lab), Some(real.bytes().clone()));
    assert_eq!(lab.warns(6, &later), [] as [u64; 0]);
    assert_eq!(lab.warns(4, &last), [1]);
    assert_eq!(kept(&lab), Some(last.bytes().clone()));
}

#[test]
fn what_is_said_against_an_event_is_kept_with_it() {
    let mut lab = Lab::new();
    let hazard = lab.hazard(4, 0.0, near);
    lab.warns(4, &hazard);
    for vehicle in 10..16 {
        let negation = lab.hazard(vehicle, 0.0, |it| {
            *it = Hazard {
                termination: Some(Termination::Negation),
                update_key: None,
                ..hazard.message().hazard.clone()
            };
        });
        lab.warns(vehicle, &negation);
    }
    // The event, and what four say of it.
    assert_eq!(lab.relay.hazards_len(), 5);
    lab.join(
        1,
        Interest {
            place: Some(east(100.0)),
            ..around(50)
        },
    );
    let told = lab.handovers();
    assert_eq!(told.len(), 5);
    assert_eq!(&told[0].bytes, hazard.bytes(), "the report goes first");
}

#[test]
fn what_is_said_against_an_unknown_event_is_told_once_and_kept_for_it() {
    let mut lab = Lab::new();
    lab.join(2, here());
    let hazard = lab.hazard(4, 0.0, near);
    let negation = lab.hazard(5, 0.0, |it| {
        *it = Hazard {
            termination: Some(Termination::Negation),
            update_key: None,
            ..hazard.message().hazard.clone()
        };
    });
    // Verifiers forget after a while what they have seen.
    assert_eq!(lab.warns(5, &negation), [2]);
    assert_eq!(lab.warns(5, &negation), [] as [u64; 0]);
    lab.warns(4, &hazard);
    lab.join(1, here());
    let told = lab.handovers();
    let told: Vec<_> = told.iter().map(|it| &it.bytes).collect();
    assert_eq!(told, [hazard.bytes(), negation.bytes()]);
}

#[test]
fn kinds_that_are_not_wanted_are_not_told() {
    let mut lab = Lab::new();
    lab.join(
        1,
        Interest {
            causes: vec![Cause::EMERGENCY_BRAKE_LIGHT.code()],
            ..around(300)
        },
    );
    lab.says(1, 0.0);
    let breakdown = lab.hazard(4, 0.0, near);
    assert_eq!(lab.warns(4, &breakdown), [] as [u64; 0]);
    let braking = lab.hazard(4, 0.0, |hazard| hazard.cause = Cause::EMERGENCY_BRAKE_LIGHT);
    assert_eq!(lab.warns(4, &braking), [1]);
    lab.relay.handle_interest(PeerId(1), around(300));
    assert_eq!(lab.handovers().len(), 1);
}

#[test]
fn traffic_of_another_direction_is_spared() {
    // The event's traffic goes east; who goes west, or has passed, need not hear of it.
    for (direction, told) in [
        (RelevanceDirection::Upstream, vec![1]),
        (RelevanceDirection::Downstream, vec![2]),
        (RelevanceDirection::Opposite, vec![3]),
    ] {
        let mut lab = Lab::new();
        for (vehicle, east_m, deg) in [(1, -300.0, 90.0), (2, 300.0, 80.0), (3, 300.0, 270.0)] {
            lab.join(vehicle, around(100));
            let driving = lab.driving(vehicle, east_m, deg);
            lab.tell(&driving, from(vehicle));
        }
        let hazard = lab.hazard(4, 0.0, |hazard| {
            near(hazard);
            hazard.heading = Heading::from_deg(90.0);
            hazard.relevance_direction = Some(direction);
        });
        assert_eq!(lab.warns(4, &hazard), told);
    }
}

#[test]
fn a_unit_is_told_what_reaches_into_its_area() {
    let mut lab = Lab::new();
    lab.join_as(PeerId(9), 9, true);
    let circle = Area::Circle {
        centre: east(2_000.0),
        radius_m: 1_000,
    };
    lab.relay
        .handle_interest(PeerId(9), wanting(InterestArea::Fixed(circle)));
    let reaching = lab.hazard(4, 600.0, near);
    assert_eq!(lab.warns(4, &reaching), [9]);
    let short = lab.hazard(4, 400.0, near);
    assert_eq!(lab.warns(4, &short), [] as [u64; 0]);
    let tired = lab.hazard(4, 600.0, near);
    let forward = lab.relay.handle_hazard(
        &tired,
        Route {
            from: None,
            hops: 4,
        },
        lab.now,
    );
    assert_eq!(peers(&forward), [] as [u64; 0]);
}

#[test]
fn nothing_outlives_its_validity() {
    let mut lab = Lab::new();
    let hazard = lab.hazard(4, 0.0, |hazard| {
        hazard.validity = Validity::from_ms(2_500).unwrap()
    });
    lab.warns(4, &hazard);
    lab.pass(Duration::from_secs(2));
    assert_eq!(lab.relay.hazards_len(), 1);
    lab.pass(Duration::from_secs(1));
    assert_eq!(lab.relay.hazards_len(), 0);
    let changes: Vec<_> = std::iter::from_fn(|| lab.relay.poll_change()).collect();
    let action = hazard.message().hazard.action;
    assert!(matches!(&changes[0], HazardChange::Kept { action: kept, .. } if *kept == action));
    assert!(matches!(&changes[1], HazardChange::Forgotten { action: gone, .. } if *gone == action));
    assert_eq!(changes.len(), 2);
}

#[test]
fn a_withdrawn_station_keeps_nothing() {
    let mut lab = Lab::new();
    let hazard = lab.hazard(4, 0.0, near);
    let other = lab.hazard(5, 0.0, near);
    lab.warns(4, &hazard);
    lab.warns(5, &other);
    let station = lab.station(4);
    lab.relay.handle_withdrawn(station);
    assert_eq!(lab.relay.hazards_len(), 1);
}

#[test]
fn a_flood_of_events_pushes_out_only_its_own() {
    let config = Config {
        hazards_max: 6.try_into().unwrap(),
        signer_hazards_max: 4.try_into().unwrap(),
        ..Config::default()
    };
    let mut lab = Lab::of(config);
    let real = lab.hazard(4, 0.0, near);
    lab.warns(4, &real);
    for vehicle in [5, 6] {
        for _ in 0..10 {
            let junk = lab.hazard(vehicle, 0.0, near);
            lab.warns(vehicle, &junk);
        }
    }
    assert_eq!(lab.relay.hazards_len(), 6);
    assert!(
        lab.relay
            .store
            .iter()
            .any(|(_, kept)| kept.bytes == real.bytes())
    );
}

#[test]
fn what_is_over_is_forgotten_before_what_holds() {
    let config = Config {
        signer_hazards_max: 3.try_into().unwrap(),
        ..Config::default()
    };
    let mut lab = Lab::of(config);
    let first = lab.hazard(4, 0.0, near);
    lab.warns(4, &first);
    let second = lab.hazard(4, 0.0, near);
    lab.warns(4, &second);
    let end = lab.update(4, &second, |hazard| {
        hazard.termination = Some(Termination::Cancellation);
    });
    lab.warns(4, &end);
    for _ in 0..2 {
        let another = lab.hazard(4, 0.0, near);
        lab.warns(4, &another);
    }
    let mut kept = lab.relay.store.iter();
    assert!(kept.any(|(_, kept)| kept.bytes == first.bytes()));
    assert!(
        lab.relay
            .store
            .iter()
            .all(|(_, kept)| kept.bytes != end.bytes())
    );
}

#[test]
fn many_hazards_are_told_at_a_pace_nearest_first() {
    let mut lab = Lab::new();
    for vehicle in 10..26 {
        for number in 0..10 {
            let east_m = 400.0 - f64::from(number) * 20.0 - f64::from(vehicle - 10);
            let hazard = lab.hazard(vehicle, east_m, near);
            lab.warns(vehicle, &hazard);
        }
    }
    lab.join(1, here());
    let told = lab.handovers();
    assert_eq!(told.len(), 128, "a burst, and 40 a second");
    let nearest = lab
        .relay
        .store
        .iter()
        .find(|(_, kept)| kept.bytes == told[0].bytes);
    assert_eq!(nearest.unwrap().1.hazard.position, east(205.0));
    assert_eq!(told_within_a_second(&mut lab), 32);
}

#[test]
fn one_signers_hazards_are_told_no_faster_than_a_receiver_takes_them() {
    let mut lab = Lab::new();
    lab.join(1, here());
    let mut told = 0;
    for number in 0..40 {
        let hazard = lab.hazard(4, f64::from(number), near);
        told += lab.warns(4, &hazard).len();
    }
    assert_eq!(told, 16, "the others wait");
    assert_eq!(told_within_a_second(&mut lab), 8);
    // Another signer has a pace of his own, although many of the first one's wait.
    let other = lab.hazard(5, 0.0, near);
    assert_eq!(lab.warns(5, &other), [1]);
    let mut rest = 0;
    for _ in 0..2 {
        rest += told_within_a_second(&mut lab);
    }
    assert_eq!(rest, 16);
    // Somebody who comes meanwhile is told all of them too, at the same pace.
    lab.join(2, here());
    let at_once = lab.handovers();
    assert_eq!(at_once.iter().filter(|it| it.peer == PeerId(2)).count(), 17);
}

#[test]
fn what_waits_is_told_in_its_newest_state() {
    let mut lab = Lab::new();
    lab.join(1, here());
    for number in 0..16 {
        let hazard = lab.hazard(4, f64::from(number), near);
        lab.warns(4, &hazard);
    }
    let first = lab.hazard(4, 0.0, near);
    assert_eq!(lab.warns(4, &first), [] as [u64; 0]);
    let last = lab.update(4, &first, |_| {});
    assert_eq!(lab.warns(4, &last), [] as [u64; 0]);
    lab.pass(Duration::from_millis(125));
    let told = lab.handovers();
    assert_eq!((told.len(), &told[0].bytes), (1, last.bytes()));
    lab.pass(Duration::from_secs(1));
    assert_eq!(lab.handovers().len(), 0);
}

/// Somebody near the events, with a small area of his own.
fn here() -> Interest {
    Interest {
        place: Some(east(0.0)),
        ..around(50)
    }
}

/// How many hazards are handed over while a second passes.
fn told_within_a_second(lab: &mut Lab) -> usize {
    let mut told = 0;
    for _ in 0..40 {
        lab.pass(Duration::from_millis(25));
        told += lab.handovers().len();
    }
    told
}
