use super::{Convoy, seconds};
use crate::{
    crypto::{Context, SigningKey, VerifyingKey},
    id::PeerId,
    link::{ControlFrame, HelloFrame, PROTOCOL_VERSION, TicketBytes, Transmit},
    message::{Cause, Hazard, HazardStatement, Message, UpdateKey, Validity},
    pipeline::{DisconnectReason, Event, Handshake, HazardReport, PublishError},
    security::{Class, Signer, SignerConfig},
    sim::{Conditions, NodeId},
};

#[test]
fn one_ticket_cannot_take_the_place_of_other_peers() {
    let mut convoy = Convoy::new(2, Conditions::default(), 1);
    convoy.drive(seconds(1));
    convoy.road.take_events();
    let wallet = convoy.cast.wallet("crowd", Class::Car);
    let credential = wallet.credential_at(convoy.road.now().timestamp).unwrap();
    let hello = ControlFrame::Hello(HelloFrame {
        version: PROTOCOL_VERSION,
        ticket: TicketBytes::Vehicle(Box::new(*credential.ticket().as_bytes())),
    });
    for connection in 0..20 {
        let peer = PeerId(1_000 + connection);
        let theirs = credential.key().verifying_key();
        convoy.road.with(NodeId(0), |station, now| {
            let own = station.identity(now).unwrap().key;
            station.handle_connected(peer, handshake(own, theirs), now);
            station.handle_control(peer, &hello.encode(), now);
        });
    }
    // Four of the crowd, and car 1.
    assert_eq!(convoy.road.station(NodeId(0)).peers().count(), 5);
    let refused = convoy.road.take_events();
    let refused = refused.iter().filter(|(_, _, event)| {
        let full = DisconnectReason::PeersFull;
        matches!(event, Event::Disconnect { reason, .. } if *reason == full)
    });
    assert_eq!(refused.count(), 16);
    convoy.drive(seconds(1));
    assert!(convoy.sees(NodeId(0), NodeId(1)));
}

#[test]
fn a_connection_made_under_a_former_ticket_hears_nothing_of_the_present_one() {
    let mut convoy = Convoy::new(1, Conditions::default(), 1);
    let key_now = |convoy: &mut Convoy| {
        convoy
            .road
            .with(NodeId(0), |station, now| station.identity(now).unwrap().key)
    };
    convoy.drive(seconds(1));
    let former = key_now(&mut convoy);
    convoy.drive(seconds(400));
    assert_ne!(key_now(&mut convoy), former);
    convoy.road.take_events();
    let wallet = convoy.cast.wallet("dialled", Class::Car);
    let now = convoy.road.now().timestamp;
    let theirs = wallet.credential_at(now).unwrap().key().verifying_key();
    let keys = handshake(former, theirs);
    let said = convoy.road.with(NodeId(0), |station, now| {
        station.handle_connected(PeerId(1_000), keys, now);
        station.poll_transmit(now)
    });
    assert!(said.is_none());
    let events = convoy.road.take_events();
    assert!(events.iter().any(|(_, _, event)| {
        let rotated = DisconnectReason::Rotated;
        matches!(event, Event::Disconnect { reason, .. } if *reason == rotated)
    }));
}

#[test]
fn cancelled_hazards_leave_room_for_new_ones() {
    let mut convoy = Convoy::new(1, Conditions::default(), 2);
    convoy.drive(seconds(1));
    let report = || HazardReport::of(Cause::EMERGENCY_BRAKE_LIGHT);
    let open_max = convoy.road.station(NodeId(0)).config().own_hazards_max;
    let mut opened = Vec::new();
    for _ in 0..open_max {
        let action = convoy.road.with(NodeId(0), |station, now| {
            station.report_hazard(report(), now)
        });
        opened.push(action.unwrap());
    }
    let open = |convoy: &mut Convoy| {
        convoy.road.with(NodeId(0), |station, now| {
            station.report_hazard(report(), now)
        })
    };
    assert_eq!(open(&mut convoy), Err(PublishError::HazardsFull(open_max)));
    convoy
        .road
        .with(NodeId(0), |station, now| {
            station.cancel_hazard(opened[0], now)
        })
        .unwrap();
    assert!(open(&mut convoy).is_ok());
}

#[test]
fn nobody_tells_a_car_about_its_own_hazard() {
    let mut convoy = Convoy::new(2, Conditions::default(), 3);
    convoy.drive(seconds(1));
    let action = convoy
        .road
        .with(NodeId(0), |station, now| {
            station.report_hazard(HazardReport::of(Cause::STATIONARY_VEHICLE_BREAKDOWN), now)
        })
        .unwrap();
    let own = convoy.road.station(NodeId(0)).own_hazards().next().unwrap();
    let key = SigningKey::from_seed(&[7; 32]);
    let changed = Hazard {
        update: 1,
        validity: Validity::DEFAULT,
        update_key: Some(UpdateKey(*key.verifying_key().as_bytes())),
        ..own.hazard.clone()
    };
    // Car 1 signs a change of car 0's event, with a one-time key of its own.
    let now = convoy.road.now();
    let wallet = convoy.cast.wallet("car-1", Class::Car);
    let mut signer = Signer::new(SignerConfig::default(), wallet, &[], now);
    while let Some(reservation) = signer.poll_reservation() {
        signer.handle_reserved(reservation);
    }
    let station = signer.current(now).unwrap().station();
    let body = changed.encode();
    let signature = key.sign(Context::HazardUpdate, &[station.as_bytes(), &body]);
    let statement = HazardStatement {
        hazard: changed,
        body,
        update_signature: Some(*signature.as_bytes()),
    };
    let signed = signer
        .sign(&Message::Hazard(statement), now.timestamp, now)
        .unwrap();
    let peer = convoy.road.peer(NodeId(1), NodeId(0)).unwrap();
    convoy
        .road
        .inject(NodeId(1), peer, Transmit::hazard_stream(&signed.bytes, 0));
    convoy.drive(seconds(1));
    let station = convoy.road.station(NodeId(0));
    assert!(station.world().hazard(action).is_none());
    assert_eq!(station.counters().not_taken.get("own_event"), Some(&1));
}

fn handshake(own: VerifyingKey, theirs: VerifyingKey) -> Handshake {
    Handshake {
        own,
        theirs,
        remote: None,
    }
}
