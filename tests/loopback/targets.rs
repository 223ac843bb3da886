//! Addresses that are to be connected to: who wants them, and who is there.

use std::net::SocketAddr;

use wayside::{id::StationId, transport::Config};

use super::vehicle::{Town, Vehicle, config, eventually};

#[tokio::test]
async fn an_address_is_given_up_once_nobody_wants_it() {
    let town = Town::new();
    let (bob, carol) = (town.start("bob", config()), town.start("carol", config()));
    let alice = town.start(
        "alice",
        Config {
            peers: vec![bob.address()],
            ..config()
        },
    );
    alice.handle.connect(bob.address());
    alice.handle.connect(carol.address());
    eventually(|| alice.peers() == 2).await;

    alice.handle.disconnect(bob.address());
    alice.handle.disconnect(carol.address());

    eventually(|| carol.peers() == 0).await;
    assert_eq!(there(&alice, bob.address()), [bob.station()]);
    assert_eq!(there(&alice, carol.address()), []);
}

#[tokio::test]
async fn it_is_known_who_is_at_an_address_whichever_side_dialled() {
    let town = Town::new();
    let (alice, bob) = (town.start("alice", config()), town.start("bob", config()));
    assert_eq!(there(&alice, bob.address()), []);

    alice.handle.connect(bob.address());
    bob.handle.connect(alice.address());

    // One of the two connections ends, and both sides must find the other one.
    eventually(|| alice.counters().duplicates + bob.counters().duplicates > 0).await;
    eventually(|| alice.peers() == 1 && bob.peers() == 1).await;
    eventually(|| there(&alice, bob.address()) == [bob.station()]).await;
    eventually(|| there(&bob, alice.address()) == [alice.station()]).await;
}

/// Who said hello at an address.
fn there(vehicle: &Vehicle, address: SocketAddr) -> Vec<StationId> {
    let connections = vehicle.handle.connections_to(address);
    vehicle.handle.call(|station, _| {
        let peers = station.peers();
        let there = peers.filter(|(peer, _)| connections.contains(peer));
        there.filter_map(|(_, station)| station).collect()
    })
}
