use std::time::Duration;

use crate::demo::{
    far::Far,
    metrics::Received,
    picture::{Event, Heard, Picture, What},
    steps::{Check, Facts, Killed, STEPS, View},
};

fn check(name: &str, picture: &Picture, facts: &Facts) -> Check {
    let step = STEPS.iter().find(|step| step.name == name).unwrap();
    (step.check)(&View {
        picture,
        facts,
        vehicles: 2,
        begun: Duration::ZERO,
        now: Duration::from_secs(9),
    })
}

/// Two stations that hear each other, the second one with this sequence.
fn returned(station: &str, sequence: u32) -> Picture {
    let mut picture = Picture::new(2);
    let mut tell = |vehicle, what| {
        picture.handle_event(Event {
            vehicle,
            at: Duration::from_secs(8),
            what,
        });
    };
    for (vehicle, station) in [(0, "a"), (1, station)] {
        let station = station.to_owned();
        tell(vehicle, What::Named { station });
    }
    for (vehicle, station, sequence) in [(0, station, sequence), (1, "a", 5)] {
        let station = station.to_owned();
        let heard = Heard {
            station,
            measured_ms: 1,
            sequence,
        };
        tell(vehicle, What::Heard(heard));
    }
    picture
}

fn killed() -> Facts {
    Facts {
        killed: Some(Killed {
            at: Duration::from_secs(1),
            station: "b".to_owned(),
            sequence: 40,
        }),
        restarted_at: Some(Duration::from_secs(7)),
        ..Facts::default()
    }
}

#[test]
fn one_that_goes_on_counting_has_returned() {
    let check = check("it returns", &returned("b", 1_024), &killed());
    assert!(matches!(check, Check::Held(_)), "{check:?}");
}

#[test]
fn one_that_counts_anew_has_failed() {
    let check = check("it returns", &returned("b", 40), &killed());
    assert!(matches!(check, Check::Failed(_)), "{check:?}");
}

#[test]
fn one_under_another_name_has_failed() {
    let check = check("it returns", &returned("c", 1_024), &killed());
    assert!(matches!(check, Check::Failed(_)), "{check:?}");
}

#[test]
fn a_contradiction_fails_and_a_stale_message_does_not() {
    let refused = |reason: &str| Facts {
        received: Received {
            delivered: 10,
            refused: [(reason.to_owned(), 1)].into(),
        },
        ..Facts::default()
    };
    let picture = Picture::new(2);
    let stale = check("no contradiction", &picture, &refused("stale"));
    assert!(matches!(stale, Check::Held(_)), "{stale:?}");
    let grave = check("no contradiction", &picture, &refused("equivocation"));
    assert!(matches!(grave, Check::Failed(_)), "{grave:?}");
    let none = check("no contradiction", &picture, &Facts::default());
    assert!(matches!(none, Check::Failed(_)), "{none:?}");
}

#[test]
fn an_agent_that_had_to_be_killed_is_a_failure() {
    let facts = Facts {
        asked: 2,
        ended: 1,
        ..Facts::default()
    };
    let check = check("every agent ends in order", &Picture::new(2), &facts);
    assert!(matches!(check, Check::Failed(_)), "{check:?}");
}

#[test]
fn a_newcomer_is_told_only_if_it_hears_of_the_hazard_of_the_far_car() {
    let replaced = Facts {
        far: Far {
            reported_at: Some(Duration::from_secs(2)),
            replaced_at: Some(Duration::from_secs(4)),
        },
        ..Facts::default()
    };
    let mut picture = Picture::new(4);
    let mut tell = |vehicle, what| {
        picture.handle_event(Event {
            vehicle,
            at: Duration::from_secs(8),
            what,
        });
    };
    let (far, newcomer) = (2, 3);
    tell(
        far,
        What::Named {
            station: "far".to_owned(),
        },
    );
    for (station, vehicle) in [("another", newcomer), ("far", 0)] {
        let station = station.to_owned();
        tell(vehicle, What::Hazard { station });
    }

    let check_it = |picture: &Picture| check("a newcomer is told of it", picture, &replaced);

    assert!(matches!(check_it(&picture), Check::Waiting(_)));
    picture.handle_event(Event {
        vehicle: newcomer,
        at: Duration::from_secs(8),
        what: What::Hazard {
            station: "far".to_owned(),
        },
    });
    assert!(matches!(check_it(&picture), Check::Held(_)));
    let carried = check("a unit carries a hazard", &picture, &replaced);
    assert!(matches!(carried, Check::Held(_)), "{carried:?}");
}
