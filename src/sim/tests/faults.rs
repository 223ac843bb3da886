use std::time::Duration;

use super::{Convoy, deliveries, refusals, seconds};
use crate::{
    link::Transmit,
    message::Cause,
    pipeline::{Event, HazardReport, NotReady, PublishError},
    sim::{Conditions, NodeId},
    world::WorldEvent,
};

const ROUGH: Conditions = Conditions {
    loss: 0.2,
    delay: Duration::from_millis(20),
    jitter: Duration::from_millis(150),
};

#[test]
fn loss_and_reordering_lose_telemetry_but_no_hazard() {
    for seed in 0..20 {
        let mut convoy = Convoy::new(3, ROUGH, seed);
        convoy.drive(seconds(5));
        convoy
            .road
            .with(NodeId(0), |station, now| {
                station.report_hazard(HazardReport::of(Cause::EMERGENCY_BRAKE_LIGHT), now)
            })
            .unwrap();
        convoy.drive(seconds(5));
        let events = convoy.road.take_events();
        for car in 1..3 {
            let heard = events.iter().any(|(_, node, event)| {
                *node == NodeId(car) && matches!(event, Event::World(WorldEvent::HazardChanged(_)))
            });
            assert!(heard, "seed {seed}: car {car} missed the hazard");
            // 200 were sent to each; a fifth is lost, and what is overtaken does not count.
            let delivered = deliveries(&events, NodeId(car));
            assert!((60..180).contains(&delivered), "seed {seed}: {delivered}");
        }
        assert_eq!(refusals(&convoy.road, &convoy.cars), [], "seed {seed}");
    }
}

#[test]
fn a_partition_heals() {
    let mut convoy = Convoy::new(2, Conditions::default(), 1);
    convoy.drive(seconds(1));
    convoy.road.set_muted(NodeId(0), NodeId(1), true);
    convoy.drive(seconds(10));
    assert!(!convoy.sees(NodeId(0), NodeId(1)));
    convoy.road.set_muted(NodeId(0), NodeId(1), false);
    convoy.drive(seconds(1));
    assert!(convoy.sees(NodeId(0), NodeId(1)));
}

#[test]
fn m4_a_clock_that_runs_ahead_is_not_believed() {
    let mut convoy = Convoy::new(2, Conditions::default(), 2);
    convoy.road.set_clock_error(NodeId(1), 300);
    convoy.drive(seconds(1));
    assert!(!convoy.sees(NodeId(0), NodeId(1)));
    assert_eq!(refusals(&convoy.road, &[NodeId(0)]), [("future", 10)]);
}

#[test]
fn m5_a_clock_that_lags_is_not_believed() {
    let mut convoy = Convoy::new(2, Conditions::default(), 3);
    convoy.road.set_clock_error(NodeId(1), -2_000);
    convoy.drive(seconds(1));
    assert!(!convoy.sees(NodeId(0), NodeId(1)));
    assert_eq!(refusals(&convoy.road, &[NodeId(0)]), [("stale", 10)]);
}

#[test]
fn a_station_that_doubts_its_clock_signs_nothing_and_says_so() {
    let mut convoy = Convoy::new(2, Conditions::default(), 4);
    convoy.drive(seconds(1));
    // The station's clock jumps; its driving stack's satellite time does not.
    let measured = convoy.road.now_of(NodeId(1)).timestamp;
    convoy.road.set_clock_error(NodeId(1), 900);
    let telemetry = convoy.telemetry(NodeId(1));
    let result = convoy.road.with(NodeId(1), |station, now| {
        let state = crate::pipeline::OwnState {
            telemetry,
            measured,
        };
        station.handle_state(state, now)
    });
    let error = Duration::from_millis(900);
    assert_eq!(result, Err(PublishError::ClockDoubted(error)));
    let readiness = convoy
        .road
        .station(NodeId(1))
        .readiness(convoy.road.now_of(NodeId(1)));
    assert_eq!(readiness.not_ready, [NotReady::ClockDoubted(error)]);
    // Nor does it sign a hazard.
    let hazard = convoy.road.with(NodeId(1), |station, now| {
        station.report_hazard(HazardReport::of(Cause::EMERGENCY_BRAKE_LIGHT), now)
    });
    assert!(hazard.is_err());
}

#[test]
fn m4_a_state_from_the_future_is_refused_where_it_is_published() {
    let mut convoy = Convoy::new(1, Conditions::default(), 8);
    convoy.drive(seconds(1));
    let ahead = Duration::from_millis(300);
    let telemetry = convoy.telemetry(NodeId(0));
    let measured = convoy.road.now().timestamp.saturating_add(ahead);
    let result = convoy.road.with(NodeId(0), |station, now| {
        let state = crate::pipeline::OwnState {
            telemetry,
            measured,
        };
        station.handle_state(state, now)
    });
    assert_eq!(result, Err(PublishError::Future(ahead)));
}

#[test]
fn m2_a_replayed_message_is_refused_early_and_late() {
    let mut convoy = Convoy::new(3, Conditions::default(), 5);
    convoy.drive(seconds(1));
    let mut published = Vec::new();
    for (_, node, event) in convoy.road.take_events() {
        if let Event::Published { bytes, .. } = event
            && node == NodeId(1)
        {
            published.push(bytes);
        }
    }
    let bytes = published.swap_remove(0);
    // The attacker, car 2, replays the first message of car 1 to car 0 over its own connection.
    let mut framed = u16::try_from(bytes.len()).unwrap().to_be_bytes().to_vec();
    framed.extend_from_slice(&bytes);
    let peer = convoy.road.peer(NodeId(2), NodeId(0)).unwrap();
    let replay = |convoy: &mut Convoy| {
        let before = convoy.road.station(NodeId(0)).counters().delivered.clone();
        convoy
            .road
            .inject(NodeId(2), peer, Transmit::Datagram(framed.clone().into()));
        let at = convoy.road.now().instant;
        convoy.road.run_until(at);
        assert_eq!(convoy.road.station(NodeId(0)).counters().delivered, before);
    };
    // 1 s old: stale. After a restart of the receiver, freshness covers the lost window.
    replay(&mut convoy);
    convoy.restart(NodeId(0));
    assert!(convoy.road.connect(NodeId(0), NodeId(2)));
    assert_eq!(
        refusals(&convoy.road, &[NodeId(0)]),
        [],
        "a restarted station counts anew"
    );
    let peer = convoy.road.peer(NodeId(2), NodeId(0)).unwrap();
    convoy
        .road
        .inject(NodeId(2), peer, Transmit::Datagram(framed.into()));
    let at = convoy.road.now().instant;
    convoy.road.run_until(at);
    assert_eq!(refusals(&convoy.road, &[NodeId(0)]), [("stale", 1)]);
}

#[test]
fn a_junk_sender_is_disconnected_and_the_others_go_on() {
    let mut convoy = Convoy::new(3, Conditions::default(), 6);
    convoy.drive(seconds(1));
    let peer = convoy.road.peer(NodeId(2), NodeId(0)).unwrap();
    for _ in 0..200 {
        convoy
            .road
            .inject(NodeId(2), peer, Transmit::Datagram(vec![0; 3].into()));
    }
    convoy.drive(seconds(1));
    let cut =
        convoy.road.take_events().iter().any(|(_, node, event)| {
            *node == NodeId(0) && matches!(event, Event::Disconnect { .. })
        });
    assert!(cut);
    assert!(convoy.sees(NodeId(0), NodeId(1)));
}

#[test]
fn m23_a_flood_of_garbage_in_a_cars_name_neither_silences_it_nor_goes_on() {
    let mut convoy = Convoy::new(3, Conditions::default(), 7);
    convoy.drive(seconds(1));
    let station = convoy.road.station(NodeId(1)).station().unwrap();
    // Car 2 brings car 0 what car 1 never signed: a digest envelope of telemetry with no payload.
    let now = convoy.road.now().timestamp.unix_ms();
    let garbage = |sequence: u32| {
        let mut envelope = vec![1 << 5 | 1 << 1];
        envelope.extend_from_slice(station.as_bytes());
        envelope.extend_from_slice(&now.to_be_bytes()[2..]);
        envelope.extend_from_slice(&sequence.to_be_bytes());
        envelope.extend_from_slice(&[0; 2 + 64]);
        let mut framed = u16::try_from(envelope.len())
            .unwrap()
            .to_be_bytes()
            .to_vec();
        framed.extend(envelope);
        Transmit::Datagram(framed.into())
    };
    let peer = convoy.road.peer(NodeId(2), NodeId(0)).unwrap();
    for sequence in 0..500 {
        convoy
            .road
            .inject(NodeId(2), peer, garbage(1_000 + sequence));
    }
    let at = convoy.road.now().instant;
    convoy.road.run_until(at);
    assert_eq!(
        refusals(&convoy.road, &[NodeId(0)]),
        [("bad_signature", 100)]
    );
    // It is cut off, and its next hello is refused.
    assert!(!convoy.road.are_connected(NodeId(0), NodeId(2)));
    convoy.road.connect(NodeId(0), NodeId(2));
    convoy.road.take_events();
    convoy.drive(seconds(1));
    assert!(!convoy.road.are_connected(NodeId(0), NodeId(2)));
    // 10 messages of the car whose name was misused, none lost.
    assert_eq!(deliveries(&convoy.road.take_events(), NodeId(0)), 10);
}

#[test]
fn the_same_seed_gives_the_same_events() {
    let run = |seed| {
        let mut convoy = Convoy::new(4, ROUGH, seed);
        convoy.drive(seconds(3));
        convoy
            .road
            .take_events()
            .into_iter()
            .map(|(at, node, event)| format!("{at:?} {node:?} {event:?}"))
            .collect::<Vec<_>>()
    };
    assert_eq!(run(9), run(9));
    assert_ne!(run(9), run(10));
}
