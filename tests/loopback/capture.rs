//! What can be read on the wire, and what ties one ticket's traffic to the next one's.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use wayside::{
    id::StationId,
    message::MessageType,
    security::Envelope,
    time::Timestamp,
    transport::{Clock, Config},
};

use super::{
    relay::{Captured, Relay},
    vehicle::{Town, Vehicle, config, eventually},
};

/// Everything that a vehicle is known by under one ticket.
struct Known {
    station: StationId,
    port: u16,
    listens_at: u16,
    /// The ticket's own parts; the first 12 bytes are those of all tickets of the slot.
    ticket: Vec<u8>,
    sequences: Vec<u32>,
}

#[tokio::test]
async fn q9_nothing_that_is_sent_ties_three_tickets_together() {
    let start = Timestamp::from_unix_ms(1_800_000_000_000).unwrap();
    let clock = Clock::drive(start, 1.0);
    clock.play();
    let town = Town::with(clock, 60);
    let mut bob = town.start("bob", config());
    let relay = Relay::to(bob.address()).await;
    let rotating = Config {
        keep_port: false,
        ..config()
    };
    let alice = town.start("alice", rotating);
    alice.handle.connect(relay.address);

    let mut known = Vec::new();
    for slot in 0..3 {
        if slot > 0 {
            // Past the jitter of everybody's change.
            let next = start.saturating_add(Duration::from_secs(60 * slot + 7));
            town.clock.seek(next);
        }
        eventually(|| alice.counters().dialled > slot && alice.peers() == 1).await;
        known.push(speak(&alice, &mut bob, &relay).await);
    }
    alice.handle.shutdown(Duration::from_secs(5)).await;
    check(&known, &relay.captured());
}

/// Says something under the ticket of the moment.
async fn speak(alice: &Vehicle, bob: &mut Vehicle, relay: &Relay) -> Known {
    let mut sequences = Vec::new();
    while sequences.len() < 3 {
        alice.publish().await;
        let heard = bob.delivery(MessageType::Telemetry).await;
        if heard.station == alice.station() {
            sequences.push(Envelope::parse(heard.bytes).unwrap().sequence());
        }
    }
    let ticket = alice
        .handle
        .call(|station, now| station.ticket(now).unwrap());
    Known {
        station: alice.station(),
        port: relay
            .captured()
            .iter()
            .rev()
            .find(|it| it.is_outbound)
            .unwrap()
            .port,
        listens_at: alice.address().port(),
        ticket: ticket.as_bytes()[12..].to_vec(),
        sequences,
    }
}

fn check(known: &[Known], captured: &[Captured]) {
    let stations: BTreeSet<_> = known.iter().map(|one| one.station).collect();
    assert_eq!(stations.len(), 3, "three tickets");
    let ports: BTreeSet<_> = known.iter().map(|one| one.port).collect();
    assert_eq!(ports.len(), 3, "three sockets");
    assert!(known.iter().all(|one| one.port == one.listens_at));
    for one in known {
        // Every ticket counts from the beginning, so that no range goes on where another ended.
        assert!(one.sequences.iter().all(|sequence| *sequence < 100));
    }

    // What names the sender or its connection: no four bytes of it come under two tickets.
    let mut names: BTreeMap<u16, BTreeSet<Vec<u8>>> = BTreeMap::new();
    for one in known {
        let names = names.entry(one.port).or_default();
        names.extend(windows(&one.ticket, 4));
        names.extend(windows(one.station.as_bytes(), 4));
    }
    let mut wire: BTreeMap<u16, BTreeSet<Vec<u8>>> = BTreeMap::new();
    for datagram in captured {
        let names = names.entry(datagram.port).or_default();
        for id in datagram.connection_ids() {
            names.extend(windows(&id, 4));
        }
        // Of all the rest, which is encrypted, eight: four would meet by chance.
        let wire = wire.entry(datagram.port).or_default();
        wire.extend(windows(&datagram.bytes, 8));
    }
    assert_eq!(
        names.keys().collect::<Vec<_>>(),
        ports.iter().collect::<Vec<_>>()
    );
    assert_disjoint(&names);
    assert_disjoint(&wire);
    // And no ticket can be read on the wire at all.
    for one in known {
        for bytes in wire.values() {
            let mut parts = windows(&one.ticket, 8);
            assert!(parts.all(|part| !bytes.contains(&part)));
        }
    }
}

fn windows(bytes: &[u8], len: usize) -> impl Iterator<Item = Vec<u8>> {
    bytes.windows(len).map(<[u8]>::to_vec)
}

fn assert_disjoint(sets: &BTreeMap<u16, BTreeSet<Vec<u8>>>) {
    let all: Vec<_> = sets.iter().collect();
    for (index, (port, one)) in all.iter().enumerate() {
        for (other_port, other) in all.iter().skip(index + 1) {
            let shared: Vec<_> = one.intersection(other).collect();
            assert!(
                shared.is_empty(),
                "{port} and {other_port} share {shared:x?}"
            );
        }
    }
}

#[tokio::test]
async fn q11_a_connection_does_not_follow_its_peer_to_another_address() {
    let town = Town::new();
    let mut bob = town.start("bob", config());
    let relay = Relay::to(bob.address()).await;
    let alice = town.start("alice", config());
    alice.handle.connect(relay.address);
    eventually(|| alice.peers() == 1 && bob.peers() == 1).await;
    alice.publish().await;
    bob.delivery(MessageType::Telemetry).await;
    let before = relay.captured().last().unwrap().path;

    relay.rebind();
    let moved = |is_outbound: bool| {
        let captured = relay.captured();
        let moved = captured.iter().filter(|it| it.path != before);
        moved.filter(|it| it.is_outbound == is_outbound).count()
    };
    while moved(true) < 5 {
        alice.publish().await;
    }
    // Nothing is answered at the new address, nor believed that comes from there.
    assert_eq!((bob.peers(), moved(false)), (1, 0));
    assert!(bob.heard_nothing());
    // It is silent for so long that the connection is over, and dials anew.
    eventually(|| alice.counters().dialled == 2 && alice.peers() == 1).await;
    alice.publish().await;
    bob.delivery(MessageType::Telemetry).await;
}

#[tokio::test]
async fn q14_no_connection_outlives_its_ticket() {
    let start = Timestamp::from_unix_ms(1_800_000_000_000).unwrap();
    let clock = Clock::drive(start, 1.0);
    clock.play();
    // The last ticket of everybody ends an hour later.
    let town = Town::with(clock, 60);
    let alice = town.start("alice", config());
    let bob = town.start("bob", config());
    alice.handle.connect(bob.address());
    eventually(|| alice.peers() == 1 && bob.peers() == 1).await;
    town.clock
        .seek(start.saturating_add(Duration::from_secs(2 * 3_600)));
    eventually(|| alice.peers() == 0 && bob.peers() == 0).await;
    eventually(|| alice.counters().dials_failed > 0).await;
    assert_eq!(alice.counters().dialled, 1);
}
