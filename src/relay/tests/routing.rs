use std::time::Duration;

use super::{Lab, around, east, from, peers, place, wanting};
use crate::{
    geo::Area,
    id::PeerId,
    relay::{Config, Interest, InterestArea, Notice, Route, Shed, ShedReason},
};

#[test]
fn telemetry_goes_to_whom_it_interests_and_to_nobody_else() {
    let mut lab = Lab::new();
    for (vehicle, east_m) in [(1, 0.0), (2, 250.0), (3, 600.0)] {
        lab.join(vehicle, around(300));
        lab.says(vehicle, east_m);
    }
    assert_eq!(lab.says(1, 0.0), [2]);
    assert_eq!(lab.says(2, 310.0), [3]);
    assert_eq!(lab.says(3, 2_000.0), [] as [u64; 0]);
}

#[test]
fn areas_move_with_their_owner() {
    let mut lab = Lab::new();
    lab.join(1, around(200));
    lab.join(2, around(200));
    lab.says(1, 0.0);
    for step in 0..40 {
        let east_m = f64::from(step) * 100.0 - 2_050.0;
        let is_near = east_m.abs() <= 200.0;
        assert_eq!(lab.says(2, east_m), if is_near { vec![1] } else { vec![] });
        let back = lab.telemetry(1, 0.0);
        let told = peers(&lab.tell(&back, from(1)));
        assert_eq!(told, if is_near { vec![2] } else { vec![] });
    }
}

#[test]
fn an_older_message_moves_nobody_back() {
    let mut lab = Lab::new();
    lab.join(1, around(200));
    let older = lab.telemetry(1, 5_000.0);
    lab.says(1, 0.0);
    lab.tell(&older, from(1));
    assert_eq!(lab.says(2, 100.0), [1]);
}

#[test]
fn a_corridor_lies_ahead_and_turns_with_its_owner() {
    let mut lab = Lab::new();
    let ahead = InterestArea::Ahead {
        length_m: 2_000,
        half_width_m: 50,
    };
    lab.join(1, wanting(ahead));
    let eastward = lab.driving(1, 0.0, 90.0);
    lab.tell(&eastward, from(1));
    assert_eq!(lab.says(2, 1_900.0), [1]);
    assert_eq!(lab.says(2, 2_100.0), [] as [u64; 0]);
    assert_eq!(lab.says(2, -100.0), [] as [u64; 0]);
    let westward = lab.driving(1, 0.0, 270.0);
    lab.tell(&westward, from(1));
    assert_eq!(lab.says(2, 1_900.0), [] as [u64; 0]);
    assert_eq!(lab.says(2, -1_900.0), [1]);
    // Without a heading it may be in any direction.
    lab.says(1, 0.0);
    assert_eq!(lab.says(2, 1_900.0), [1]);
    assert_eq!(lab.says(2, -1_900.0), [1]);
}

#[test]
fn a_polygon_stays_where_it_is() {
    let mut lab = Lab::new();
    let corners = vec![
        place(1_000.0, -100.0),
        place(4_000.0, 0.0),
        place(1_000.0, 100.0),
    ];
    let polygon = Area::from_vertices(corners).unwrap();
    lab.join(1, wanting(InterestArea::Fixed(polygon)));
    lab.says(1, 0.0);
    assert_eq!(lab.says(2, 1_010.0), [1]);
    assert_eq!(lab.says(2, 3_900.0), [1]);
    assert_eq!(lab.says(2, 990.0), [] as [u64; 0]);
    assert_eq!(lab.says(2, 0.0), [] as [u64; 0]);
}

#[test]
fn who_said_where_it_is_need_not_speak() {
    let mut lab = Lab::new();
    lab.join(1, around(100));
    lab.join(
        2,
        Interest {
            place: Some(east(0.0)),
            ..around(100)
        },
    );
    assert_eq!(lab.says(3, 50.0), [2]);
}

#[test]
fn nothing_goes_back_to_where_it_came_from_or_to_its_signer() {
    let mut lab = Lab::new();
    for vehicle in [1, 2] {
        lab.join(vehicle, around(300));
        lab.says(vehicle, 0.0);
    }
    // Vehicle 1 has a second connection, and vehicle 2 passes on what vehicle 1 said.
    lab.join_as(PeerId(11), 1, false);
    lab.relay.handle_interest(PeerId(11), around(300));
    let verified = lab.telemetry(1, 0.0);
    let route = Route {
        from: Some(PeerId(2)),
        hops: 1,
    };
    let forward = lab.tell(&verified, route);
    assert_eq!((forward.targets.len(), forward.hops), (0, 2));
}

#[test]
fn of_two_connections_of_one_station_the_newer_is_told() {
    let mut lab = Lab::new();
    lab.join(1, around(300));
    lab.join_as(PeerId(11), 1, false);
    lab.says(1, 0.0);
    assert_eq!(
        lab.says(2, 0.0),
        [1],
        "the newer one has not said what it wants"
    );
    lab.relay.handle_interest(PeerId(11), around(300));
    lab.says(1, 0.0);
    assert_eq!(lab.says(2, 0.0), [11]);
    lab.relay.handle_left(PeerId(11));
    assert_eq!(lab.says(2, 0.0), [1]);
}

#[test]
fn who_is_heard_directly_is_not_relayed() {
    let mut lab = Lab::new();
    let heard = vec![lab.station(2)];
    lab.join(
        1,
        Interest {
            heard,
            ..around(300)
        },
    );
    lab.says(1, 0.0);
    assert_eq!(lab.says(2, 0.0), [] as [u64; 0]);
    assert_eq!(lab.says(3, 0.0), [1]);
}

#[test]
fn telemetry_of_one_signer_keeps_its_interval() {
    let mut lab = Lab::new();
    lab.join(
        1,
        Interest {
            telemetry_interval_min_ms: 500,
            ..around(300)
        },
    );
    lab.says(1, 0.0);
    let mut told = Vec::new();
    for _ in 0..10 {
        told.push(lab.says(2, 0.0).len());
        lab.pass(Duration::from_millis(99));
    }
    // Every 100 ms, and each half second one of them is told.
    assert_eq!(told, [1, 0, 0, 0, 0, 1, 0, 0, 0, 0]);
    assert_eq!(
        lab.says(3, 0.0),
        [1],
        "others have an interval of their own"
    );
}

#[test]
fn units_are_told_until_the_hops_run_out() {
    let mut lab = Lab::new();
    lab.join_as(PeerId(9), 9, true);
    lab.join(1, around(300));
    lab.says(1, 0.0);
    let circle = Area::Circle {
        centre: east(500.0),
        radius_m: 1_000,
    };
    lab.relay
        .handle_interest(PeerId(9), wanting(InterestArea::Fixed(circle)));
    for (hops, told) in [
        (0, vec![1, 9]),
        (3, vec![1, 9]),
        (4, vec![1]),
        (15, vec![1]),
    ] {
        let verified = lab.telemetry(2, 0.0);
        let forward = lab.tell(&verified, Route { from: None, hops });
        assert_eq!(peers(&forward), told);
        assert_eq!(forward.hops, (hops + 1).min(15));
    }
}

#[test]
fn no_configuration_lets_hops_go_on_for_ever() {
    let mut lab = Lab::of(Config {
        hops_max: 200,
        ..Config::default()
    });
    lab.join_as(PeerId(9), 9, true);
    let circle = Area::Circle {
        centre: east(0.0),
        radius_m: 1_000,
    };
    lab.relay
        .handle_interest(PeerId(9), wanting(InterestArea::Fixed(circle)));
    for (hops, told) in [(14, vec![9]), (15, vec![])] {
        let verified = lab.telemetry(2, 0.0);
        let forward = lab.tell(&verified, Route { from: None, hops });
        assert_eq!(peers(&forward), told);
    }
}

#[test]
fn a_ticket_is_handed_over_once_and_waits_where_there_are_many() {
    let config = Config {
        tickets_burst: 2.try_into().unwrap(),
        tickets_per_s: 1.try_into().unwrap(),
        ..Config::default()
    };
    let mut lab = Lab::of(config);
    for vehicle in 2..6 {
        // The first message of a ticket brings it, but nobody hears it.
        assert_eq!(lab.says(vehicle, 0.0), [] as [u64; 0]);
    }
    lab.join(1, around(300));
    lab.says(1, 0.0);
    let needed: Vec<_> = (2..6)
        .map(|vehicle| {
            let verified = lab.telemetry(vehicle, 0.0);
            let targets = lab.tell(&verified, from(vehicle)).targets;
            targets.first().map(|target| target.needs_ticket)
        })
        .collect();
    assert_eq!(needed, [Some(true), Some(true), None, None]);
    let verified = lab.telemetry(2, 0.0);
    assert!(!lab.tell(&verified, from(2)).targets[0].needs_ticket);
    lab.notices();
    lab.pass(Duration::from_secs(1));
    let waits = Shed {
        reason: ShedReason::TicketWaits,
        count: 2,
    };
    assert_eq!(lab.notices(), [(1, Notice::Sheds(vec![waits]))]);
    let verified = lab.telemetry(4, 0.0);
    assert!(lab.tell(&verified, from(4)).targets[0].needs_ticket);
}

#[test]
fn who_was_told_a_message_that_brings_its_ticket_need_not_wait_for_it() {
    let config = Config {
        tickets_burst: 2.try_into().unwrap(),
        tickets_per_s: 1.try_into().unwrap(),
        ..Config::default()
    };
    let mut lab = Lab::of(config);
    lab.join(1, around(300));
    lab.says(1, 0.0);
    for vehicle in 2..8 {
        assert_eq!(lab.says(vehicle, 0.0), [1]);
    }
    let handed: Vec<_> = (2..8)
        .map(|vehicle| {
            let verified = lab.telemetry(vehicle, 0.0);
            lab.tell(&verified, from(vehicle)).targets[0].needs_ticket
        })
        .collect();
    // It may be lost, so it is handed over besides, where there is room for that.
    assert_eq!(handed, [true, false, false, false, false, false]);
}

#[test]
fn what_is_remembered_of_a_peer_is_bounded() {
    let config = Config {
        signers_max: 3.try_into().unwrap(),
        ..Config::default()
    };
    let mut lab = Lab::of(config);
    let peer = lab.join(
        1,
        Interest {
            telemetry_interval_min_ms: 100,
            ..around(300)
        },
    );
    lab.says(1, 0.0);
    for vehicle in 2..12 {
        lab.says(vehicle, 0.0);
    }
    assert_eq!(lab.relay.members[&peer].signers.len(), 3);
}

#[test]
fn who_leaves_is_forgotten() {
    let mut lab = Lab::new();
    for vehicle in 1..4 {
        lab.join(vehicle, around(3_000));
        lab.says(vehicle, 0.0);
    }
    for vehicle in 1..4 {
        lab.relay.handle_left(PeerId(vehicle));
    }
    assert_eq!(lab.relay.index_len(), 0);
    assert_eq!(lab.says(1, 0.0), [] as [u64; 0]);
}

#[test]
fn whether_anybody_listens_somewhere_is_known() {
    let mut lab = Lab::new();
    lab.join(1, around(300));
    lab.says(1, 0.0);
    assert!(lab.relay.is_heard(east(290.0)));
    assert!(!lab.relay.is_heard(east(310.0)));
}

#[test]
fn losses_are_told_once_a_second_to_those_they_were_for() {
    let mut lab = Lab::new();
    lab.join(1, around(300));
    lab.join(
        2,
        Interest {
            telemetry: false,
            ..around(300)
        },
    );
    lab.notices();
    lab.relay.note_shed_of_all(ShedReason::HazardsOnly, 7);
    lab.relay.note_shed_of_all(ShedReason::HazardsOnly, 1);
    lab.relay.note_shed(PeerId(2), ShedReason::Expired, 3);
    lab.pass(Duration::from_millis(999));
    assert_eq!(lab.notices(), []);
    lab.pass(Duration::from_millis(1));
    let shed = |reason, count| Notice::Sheds(vec![Shed { reason, count }]);
    assert_eq!(
        lab.notices(),
        [
            (1, shed(ShedReason::HazardsOnly, 8)),
            (2, shed(ShedReason::Expired, 3))
        ]
    );
    lab.pass(Duration::from_secs(1));
    assert_eq!(lab.notices(), []);
}
