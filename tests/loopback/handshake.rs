//! Who gets through the handshake, and who does not.

use std::{net::SocketAddr, time::Duration};

use wayside::{
    link, pipeline,
    transport::{ALPN, Config},
};

use super::{
    stranger::{Identity, dial, dial_with, quic, tls, unknown_seed},
    vehicle::{Town, Vehicle, config, eventually, within},
};

#[tokio::test]
async fn q12_another_protocol_is_refused() {
    let town = Town::new();
    let alice = town.start("alice", config());
    let offers: [&[&[u8]]; 5] = [
        &[],
        &[b"h3"],
        &[b"wayside/0"],
        &[b"wayside/1\0"],
        &[b"wayside/", b"WAYSIDE/1"],
    ];
    for offered in offers {
        let identity = Identity::RawKey(unknown_seed());
        let refused = dial(alice.address(), tls(&identity, offered)).await;
        assert!(refused.is_err(), "{offered:?}");
    }
    eventually(|| alice.counters().handshakes_failed == 5).await;
    assert_eq!(alice.counters().accepted, 0);
    an_honest_vehicle_connects(&town, &alice).await;
}

#[tokio::test]
async fn q12_draft_versions_of_quic_are_not_spoken() {
    let town = Town::new();
    let alice = town.start("alice", config());
    let mut drafted = quic(tls(&Identity::RawKey(unknown_seed()), &[ALPN]));
    // Draft 29.
    drafted.version(0xff00_001d);
    let refused = dial_with(alice.address(), drafted).await;
    assert_eq!(refused.err(), Some(quinn::ConnectionError::VersionMismatch));
}

#[tokio::test]
async fn q13_certificates_and_other_keys_are_refused() {
    let town = Town::new();
    let alice = town.start("alice", config());
    for identity in [
        Identity::Nobody,
        Identity::RawEcdsa,
        Identity::Certificates(1),
        Identity::Certificates(100),
    ] {
        // A client learns of its refusal after its own side of the handshake is done.
        if let Ok(connection) = dial(alice.address(), tls(&identity, &[ALPN])).await {
            within(connection.closed()).await;
        }
    }
    eventually(|| alice.counters().handshakes_failed == 4).await;
    assert_eq!(alice.counters().accepted, 0);
    an_honest_vehicle_connects(&town, &alice).await;
}

#[tokio::test]
async fn q13_a_key_without_a_ticket_is_disconnected() {
    let town = Town::new();
    let alice = town.start("alice", config());
    let stranger = Identity::RawKey(unknown_seed());
    let connection = dial(alice.address(), tls(&stranger, &[ALPN]))
        .await
        .unwrap();
    // Says nothing, so its hello is missed.
    within(connection.closed()).await;
    assert_eq!(alice.peers(), 0);
}

#[tokio::test]
async fn q10_early_data_is_not_offered() {
    let town = Town::new();
    let alice = town.start("alice", config());
    let mut eager = tls(&Identity::RawKey(unknown_seed()), &[ALPN]);
    eager.enable_early_data = true;
    eager.resumption = rustls::client::Resumption::in_memory_sessions(8);
    let eager = quic(eager);
    let endpoint = quinn::Endpoint::client("127.0.0.1:0".parse().unwrap()).unwrap();
    let name = "stranger.invalid";
    let first = endpoint
        .connect_with(eager.clone(), alice.address(), name)
        .unwrap();
    let first = within(first).await.unwrap();
    // Whatever the server has to give for the next time has arrived by then.
    within(first.closed()).await;
    let second = endpoint.connect_with(eager, alice.address(), name).unwrap();
    assert!(second.into_0rtt().is_err());
}

#[tokio::test]
async fn q2_strangers_prove_their_address_when_handshakes_are_many() {
    let town = Town::new();
    let alice = town.start(
        "alice",
        Config {
            retry_from: 0,
            ..config()
        },
    );
    an_honest_vehicle_connects(&town, &alice).await;
    assert_eq!(alice.counters().retries, 1);
}

#[tokio::test]
async fn connections_are_bounded() {
    let town = Town::new();
    let alice = town.start(
        "alice",
        Config {
            connections_max: 1,
            ..config()
        },
    );
    let _honest = an_honest_vehicle_connects(&town, &alice).await;
    let stranger = Identity::RawKey(unknown_seed());
    let refused = dial(alice.address(), tls(&stranger, &[ALPN])).await;
    assert!(refused.is_err());
    assert_eq!(alice.counters().handshakes_shed, 1);
}

#[tokio::test]
async fn q8_silent_strangers_of_one_network_have_half_of_the_places() {
    let town = Town::new();
    let station = pipeline::Config {
        link: link::Config {
            hello_timeout: Duration::from_secs(3_600),
            ..link::Config::default()
        },
        ..pipeline::Config::default()
    };
    let transport = Config {
        handshakes_max: 8,
        ..config()
    };
    let alice = town.start_with("alice", transport, station);
    let from = SocketAddr::from(([127, 0, 99, 1], 0));
    let mut held = Vec::new();
    let mut knocking = Vec::new();
    for _ in 0..8 {
        let endpoint = quinn::Endpoint::client(from).unwrap();
        let stranger = quic(tls(&Identity::RawKey(unknown_seed()), &[ALPN]));
        let dialled = endpoint.connect_with(stranger, alice.address(), "stranger.invalid");
        let dialled = tokio::spawn(dialled.unwrap());
        if held.len() < 4 {
            held.push(within(dialled).await.unwrap().unwrap());
        } else {
            knocking.push(dialled);
        }
    }
    eventually(|| alice.counters().handshakes_shed >= 4).await;
    assert!(knocking.iter().all(|dialled| !dialled.is_finished()));

    an_honest_vehicle_connects(&town, &alice).await;
    assert_eq!(alice.counters().accepted, 5);
    // Whoever goes makes room.
    held.clear();
    for dialled in knocking {
        within(dialled).await.unwrap().unwrap();
    }
}

/// Whatever went before, honest vehicles are served.
async fn an_honest_vehicle_connects(town: &Town, alice: &Vehicle) -> Vehicle {
    let honest = town.start("honest", config());
    honest.handle.connect(alice.address());
    eventually(|| honest.peers() == 1).await;
    honest
}
