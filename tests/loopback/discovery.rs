//! Vehicles on one link that were told of nobody.

use std::net::{Ipv4Addr, SocketAddr, UdpSocket};

use wayside::{
    message::MessageType,
    transport::{Config, DiscoveryConfig},
};

use super::vehicle::{Town, config, eventually};

#[tokio::test]
async fn vehicles_on_one_link_find_each_other() {
    let town = Town::new();
    let free = UdpSocket::bind("127.0.0.1:0").unwrap();
    let port = free.local_addr().unwrap().port();
    drop(free);
    let found = Config {
        discovery: Some(DiscoveryConfig {
            group: SocketAddr::from((Ipv4Addr::new(239, 255, 87, 90), port)),
            interface: Ipv4Addr::LOCALHOST,
            ..DiscoveryConfig::default()
        }),
        ..config()
    };
    let alice = town.start("alice", found.clone());
    let mut bob = town.start("bob", found);
    eventually(|| alice.peers() == 1 && bob.peers() == 1).await;
    // The lower of two random numbers dialled, so there is one connection.
    assert_eq!(alice.counters().dialled + bob.counters().dialled, 1);
    alice.publish().await;
    bob.delivery(MessageType::Telemetry).await;
}
