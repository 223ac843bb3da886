//! What two vehicles that know each other's address do.

use std::{net::UdpSocket, time::Duration};

use wayside::{
    message::MessageType,
    time::Timestamp,
    transport::{Clock, Config},
};

use super::vehicle::{Town, config, eventually, within};

#[tokio::test]
async fn telemetry_and_hazards_arrive_both_ways() {
    let town = Town::new();
    let mut alice = town.start("alice", config());
    let mut bob = town.start("bob", config());
    alice.handle.connect(bob.address());
    eventually(|| alice.peers() == 1 && bob.peers() == 1).await;

    alice.publish().await;
    let heard = bob.delivery(MessageType::Telemetry).await;
    assert_eq!(heard.station, alice.station());
    let action = bob.break_down().await;
    let heard = alice.delivery(MessageType::Hazard).await;
    assert_eq!(heard.station, bob.station());
    alice.handle.call(|station, _| {
        assert!(station.world().hazard(action).is_some());
    });
    assert_eq!(alice.counters().dialled, 1);
    assert_eq!(bob.counters().accepted, 1);
}

#[tokio::test]
async fn a_live_hazard_is_told_to_a_peer_that_restarts() {
    let town = Town::new();
    let alice = town.start("alice", config());
    let mut bob = town.start("bob", config());
    let address = bob.address();
    alice.handle.connect(address);
    alice.break_down().await;
    bob.delivery(MessageType::Hazard).await;

    bob.handle.shutdown(Duration::from_secs(5)).await;
    drop(bob);
    eventually(|| UdpSocket::bind(address).is_ok()).await;
    let mut restarted = town.start(
        "bob",
        Config {
            listen: address,
            ..config()
        },
    );
    let heard = restarted.delivery(MessageType::Hazard).await;
    assert_eq!(heard.station, alice.station());
    assert_eq!(alice.counters().dialled, 2);
}

#[tokio::test]
async fn an_unreachable_peer_is_tried_until_it_answers() {
    let town = Town::new();
    let free = UdpSocket::bind("127.0.0.1:0").unwrap();
    let address = free.local_addr().unwrap();
    let alice = town.start(
        "alice",
        Config {
            handshake_timeout: Duration::from_millis(20),
            peers: vec![address],
            ..config()
        },
    );
    eventually(|| alice.counters().dials_failed >= 3).await;
    assert_eq!(alice.peers(), 0);
    drop(free);

    let late = town.start(
        "bob",
        Config {
            listen: address,
            ..config()
        },
    );
    eventually(|| late.peers() == 1).await;
}

#[tokio::test]
async fn two_that_dial_each_other_keep_one_connection() {
    let town = Town::new();
    let alice = town.start("alice", config());
    let mut bob = town.start("bob", config());
    alice.handle.connect(bob.address());
    bob.handle.connect(alice.address());
    eventually(|| alice.counters().duplicates + bob.counters().duplicates >= 1).await;
    eventually(|| alice.peers() == 1 && bob.peers() == 1).await;
    alice.publish().await;
    bob.delivery(MessageType::Telemetry).await;
}

#[tokio::test]
async fn a_disconnected_peer_is_not_dialled_again() {
    let town = Town::new();
    let alice = town.start("alice", config());
    let bob = town.start("bob", config());
    alice.handle.connect(bob.address());
    eventually(|| bob.peers() == 1).await;
    alice.handle.disconnect(bob.address());
    eventually(|| alice.peers() == 0 && bob.peers() == 0).await;
    assert_eq!(alice.counters().dialled, 1);
}

#[tokio::test]
async fn a_vehicle_does_not_talk_to_itself() {
    let town = Town::new();
    let alice = town.start("alice", config());
    alice.handle.connect(alice.address());
    eventually(|| alice.counters().dials_failed >= 1).await;
    assert_eq!(alice.peers(), 0);
    assert_eq!(alice.counters().dialled, 0);
}

#[tokio::test]
async fn hazards_on_their_way_arrive_before_a_shutdown() {
    let town = Town::new();
    let alice = town.start("alice", config());
    let mut bob = town.start("bob", config());
    alice.handle.connect(bob.address());
    eventually(|| alice.peers() == 1).await;
    alice.break_down().await;
    within(alice.handle.shutdown(Duration::from_secs(10))).await;
    bob.delivery(MessageType::Hazard).await;
    eventually(|| bob.peers() == 0).await;
}

#[tokio::test]
async fn q9_a_new_ticket_means_a_new_connection() {
    let start = Timestamp::from_unix_ms(1_800_000_000_000).unwrap();
    let clock = Clock::drive(start, 1.0);
    clock.play();
    let town = Town::with(clock, 60);
    let alice = town.start("alice", config());
    let mut bob = town.start("bob", config());
    alice.handle.connect(bob.address());
    eventually(|| alice.peers() == 1 && bob.peers() == 1).await;
    let before = alice.station();

    town.clock
        .seek(start.saturating_add(Duration::from_secs(62)));
    eventually(|| alice.counters().dialled >= 2).await;
    assert_ne!(alice.station(), before);
    loop {
        alice.publish().await;
        let heard = bob.delivery(MessageType::Telemetry).await;
        if heard.station == alice.station() {
            break;
        }
    }
    // The old connection's end is the last that its peers hear of the old ticket.
    eventually(|| {
        bob.handle.call(|station, _| {
            station
                .peers()
                .all(|(_, peer)| peer.is_some_and(|peer| peer != before))
        })
    })
    .await;
}
