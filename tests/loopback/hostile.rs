//! Peers with a ticket that mean no good, and packets from nobody.

use std::{net::UdpSocket, num::NonZeroU32, time::Duration};

use bytes::Bytes;
use wayside::{
    link::{self, DropReason, Rate},
    message::MessageType,
    pipeline,
    transport::{ALPN, Config},
};

use super::{
    initial,
    stranger::{Identity, dial, enter, tls, unknown_seed},
    vehicle::{Town, config, eventually, within},
};

#[tokio::test]
async fn q4_invalid_transport_parameters_are_refused() {
    let town = Town::new();
    let alice = town.start("alice", config());
    for (number, parameters) in (0..).zip(initial::INVALID_PARAMETERS) {
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        let packet = initial::with_parameters(parameters, number);
        socket.send_to(&packet, alice.address()).unwrap();
    }
    let refused = u64::try_from(initial::INVALID_PARAMETERS.len()).unwrap();
    eventually(|| alice.counters().handshakes_failed == refused).await;

    let bob = town.start("bob", config());
    bob.handle.connect(alice.address());
    eventually(|| alice.peers() == 1).await;
}

#[tokio::test]
async fn q4_the_same_packet_with_honest_parameters_begins_a_handshake() {
    let town = Town::new();
    let alice = town.start(
        "alice",
        Config {
            handshake_timeout: Duration::from_secs(60),
            ..config()
        },
    );
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    socket.set_nonblocking(true).unwrap();
    let packet = initial::with_parameters(initial::HONEST_PARAMETERS, 0);
    socket.send_to(&packet, alice.address()).unwrap();
    let mut answer = [0; 2_048];
    eventually(|| socket.recv(&mut answer).is_ok()).await;
    assert_eq!(alice.counters().handshakes_failed, 0);
}

#[tokio::test]
async fn q4_broken_packets_do_no_harm() {
    let town = Town::new();
    let alice = town.start("alice", config());
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    let packet = initial::with_parameters(initial::HONEST_PARAMETERS, 0);
    for index in 0..64_u8 {
        let mut flipped = packet.clone();
        let at = usize::from(index);
        flipped[at] ^= 0x55;
        socket.send_to(&flipped, alice.address()).unwrap();
        socket.send_to(&packet[..at], alice.address()).unwrap();
        socket
            .send_to(&[0xc0 | index; 1_200], alice.address())
            .unwrap();
        tokio::task::yield_now().await;
    }
    let bob = town.start("bob", config());
    bob.handle.connect(alice.address());
    eventually(|| alice.peers() == 1).await;
}

#[tokio::test]
async fn q5_a_stream_beyond_its_bound_is_cut() {
    let town = Town::new();
    let alice = town.start("alice", config());
    let stranger = Identity::RawKey(unknown_seed());
    let connection = dial(alice.address(), tls(&stranger, &[ALPN]))
        .await
        .unwrap();
    let mut stream = within(connection.open_uni()).await.unwrap();
    let written = within(stream.write_all(&[1; 1 << 20])).await;
    assert!(matches!(written, Err(quinn::WriteError::Stopped(_))));
    eventually(|| alice.counters().streams_cut == 1).await;
}

#[tokio::test]
async fn q6_a_dribbling_stream_is_cut() {
    let town = Town::new();
    let alice = town.start(
        "alice",
        Config {
            stream_timeout: Duration::from_millis(50),
            ..config()
        },
    );
    let stranger = Identity::RawKey(unknown_seed());
    let connection = dial(alice.address(), tls(&stranger, &[ALPN]))
        .await
        .unwrap();
    let mut hazard = within(connection.open_uni()).await.unwrap();
    within(hazard.write_all(&[1])).await.unwrap();
    let (mut control, _answer) = within(connection.open_bi()).await.unwrap();
    within(control.write_all(&[1])).await.unwrap();
    assert!(within(hazard.stopped()).await.unwrap().is_some());
    assert!(within(control.stopped()).await.unwrap().is_some());
    assert_eq!(alice.counters().streams_cut, 2);
}

#[tokio::test]
async fn q6_a_peer_may_hold_32_streams_open_and_no_more() {
    let town = Town::new();
    let alice = town.start("alice", config());
    let stranger = Identity::RawKey(unknown_seed());
    let connection = dial(alice.address(), tls(&stranger, &[ALPN]))
        .await
        .unwrap();
    let mut held = Vec::new();
    for _ in 0..32 {
        let mut stream = within(connection.open_uni()).await.unwrap();
        within(stream.write_all(&[1])).await.unwrap();
        held.push(stream);
    }
    // No further one is granted while the connection lives, which is until its hello is missed.
    let further = within(connection.open_uni()).await;
    assert!(further.is_err());
}

#[tokio::test]
async fn q7_a_flood_ends_and_honest_hazards_arrive_meanwhile() {
    let town = Town::new();
    let mut alice = town.start("alice", config());
    let bob = town.start("bob", config());
    bob.handle.connect(alice.address());
    eventually(|| alice.peers() == 1).await;

    let mallory = enter(alice.address(), &town.credential("mallory")).await;
    eventually(|| alice.peers() == 2).await;
    let flood =
        tokio::spawn(async move { while mallory.send_datagram_wait(junk()).await.is_ok() {} });

    bob.break_down().await;
    let heard = alice.delivery(MessageType::Hazard).await;
    assert_eq!(heard.station, bob.station());
    // Junk is an offence, and who brings too much of it is thrown out.
    within(flood).await.unwrap();
    eventually(|| alice.peers() == 1).await;
    let refused: u64 = alice
        .handle
        .call(|station, _| station.counters().refused.values().sum());
    assert!(refused >= u64::from(pipeline::Config::default().offences_max));
}

#[tokio::test]
async fn q7_a_flood_beyond_the_rate_is_not_looked_at() {
    let town = Town::new();
    let rate = Rate {
        per_s: NonZeroU32::MIN,
        burst: NonZeroU32::new(10).unwrap(),
    };
    let station = pipeline::Config {
        link: link::Config {
            telemetry_rate: rate,
            ..link::Config::default()
        },
        ..pipeline::Config::default()
    };
    let alice = town.start_with("alice", config(), station);
    let mallory = enter(alice.address(), &town.credential("mallory")).await;
    eventually(|| alice.peers() == 1).await;
    let limited = || {
        alice.handle.call(|station, _| {
            let telemetry = station.link_counters().telemetry;
            telemetry.dropped_for(DropReason::RateLimited)
        })
    };
    within(async {
        while limited() < 50 {
            mallory.send_datagram(junk()).unwrap();
            tokio::task::yield_now().await;
        }
    })
    .await;
    let refused: u64 = alice
        .handle
        .call(|station, _| station.counters().refused.values().sum());
    // One a second on top of the burst, for as long as a test may take.
    assert!(refused <= 10 + 60);
}

/// A datagram whose one message is no envelope.
fn junk() -> Bytes {
    [&800_u16.to_be_bytes()[..], &[1; 800]].concat().into()
}
