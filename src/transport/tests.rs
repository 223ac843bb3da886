use std::{
    future::poll_fn,
    io::{self, IoSliceMut},
    net::UdpSocket,
    sync::{Arc, atomic::Ordering},
    task::Poll,
    time::Duration,
};

use quinn::{AsyncUdpSocket, crypto::HmacKey as _, udp::RecvMeta};
use rustls::{
    Error, SignatureScheme,
    client::danger::ServerCertVerifier as _,
    pki_types::{CertificateDer, ServerName, UnixTime},
    server::danger::ClientCertVerifier as _,
};

use super::{
    Clock, Config, ResetKey,
    backoff::Backoff,
    core::KeyAge,
    quic::transport_config,
    strangers::Strangers,
    tls::{RawKeyVerifier, key_from_spki},
    udp::Socket,
};
use crate::{
    crypto::{Context, SigningKey},
    time::{Instant, Timestamp},
};

#[test]
fn defaults_parse_and_unknown_keys_do_not() {
    let config: Config =
        serde_json::from_str(r#"{"listen": "127.0.0.1:0", "discovery": {}}"#).unwrap();
    assert_eq!(config.listen.port(), 0);
    assert_eq!(config.discovery.unwrap().candidates_max, 64);
    assert!(serde_json::from_str::<Config>(r#"{"lisen": "127.0.0.1:0"}"#).is_err());
}

#[test]
fn q5_q6_q7_windows_streams_and_buffers_are_small() {
    let config = Config {
        idle_timeout: Duration::from_secs(600),
        ..Config::default()
    };
    let shown = format!("{:?}", transport_config(&config));
    for bound in [
        "max_concurrent_bidi_streams: 8",
        "max_concurrent_uni_streams: 32",
        "stream_receive_window: 16384",
        "receive_window: 131072",
        "crypto_buffer_size: 8192",
        "max_idle_timeout: Some(10000)",
        "datagram_receive_buffer_size: Some(65536)",
        "datagram_send_buffer_size: 32768",
    ] {
        assert!(shown.contains(bound), "{bound} is missing in {shown}");
    }
}

#[tokio::test]
async fn every_packet_is_read_and_each_one_that_comes_later_wakes() {
    let (socket, outside) = sockets();
    for round in [1, 100, 1, 64] {
        let outside = outside.try_clone().unwrap();
        let sending = tokio::spawn(async move {
            for _ in 0..round {
                outside.send(b"packet").unwrap();
            }
        });
        let mut read = 0;
        while read < round {
            read += receive(&socket).await;
        }
        sending.await.unwrap();
    }
}

#[tokio::test]
async fn all_who_were_refused_room_go_on_once_there_is_some() {
    let (socket, _outside) = sockets();
    let mut senders = [(); 3].map(|()| Arc::clone(&socket).create_io_poller());
    let [first, second, third] = &mut senders;
    poll_fn(|context| first.as_mut().poll_writable(context))
        .await
        .unwrap();

    for _ in 0..2 {
        socket.is_full.store(true, Ordering::Release);
        let mut have_room = [false; 2];
        poll_fn(|context| {
            for (sender, has_room) in [&mut *first, &mut *second].into_iter().zip(&mut have_room) {
                if !*has_room {
                    *has_room = sender.as_mut().poll_writable(context)?.is_ready();
                }
            }
            if have_room == [true; 2] {
                Poll::Ready(Ok::<_, io::Error>(()))
            } else {
                Poll::Pending
            }
        })
        .await
        .unwrap();
        poll_fn(|context| third.as_mut().poll_writable(context))
            .await
            .unwrap();
    }
    assert!(!socket.is_full.load(Ordering::Acquire));
    assert_eq!(
        socket.room().strong_count(),
        0,
        "nobody waits for room any more"
    );
}

#[test]
fn q13_a_raw_ed25519_key_is_accepted() {
    let key = SigningKey::from_seed(&[1; 32]).verifying_key();
    let spki = spki(key.as_bytes());
    assert_eq!(key_from_spki(&spki), Ok(key));
    assert!(verify_both(&spki, &[]));
}

#[test]
fn q13_other_keys_and_certificates_are_refused() {
    // The identity point, which has order 1.
    let mut weak = [0; 32];
    weak[0] = 1;
    let honest = spki(SigningKey::from_seed(&[1; 32]).verifying_key().as_bytes());
    let mut longer = honest.clone();
    longer.push(0);
    // Begins as an RSA key's info does: another algorithm's object identifier.
    let mut rsa = honest.clone();
    rsa[4..9].copy_from_slice(&[0x06, 0x09, 0x2a, 0x86, 0x48]);
    for bad in [
        spki(&weak),
        honest[..43].to_vec(),
        longer,
        rsa,
        vec![0x30; 4_000],
        Vec::new(),
    ] {
        assert!(!verify_both(&bad, &[]));
    }
    // A raw key is alone: there is no chain.
    let chain = CertificateDer::from(honest.clone());
    assert!(!verify_both(&honest, &[chain]));
}

#[test]
fn q13_handshake_signatures_are_checked_by_the_strict_rule() {
    let key = SigningKey::from_seed(&[2; 32]);
    let spki = spki(key.verifying_key().as_bytes());
    let verifier = RawKeyVerifier;
    // Our contexts prefix what is signed, so what was signed is the context and the message.
    let message = b"wayside/msg/v1\0transcript";
    let signature = *key.sign(Context::Message, &[b"transcript"]).as_bytes();
    let check = |scheme, signature: &[u8]| {
        verifier
            .check_signature(message, &spki, scheme, signature)
            .is_ok()
    };
    assert!(check(SignatureScheme::ED25519, &signature));
    assert!(!check(SignatureScheme::ED25519, &signature[..63]));
    assert!(!check(SignatureScheme::RSA_PSS_SHA256, &signature));
    let mut flipped = signature;
    flipped[0] ^= 1;
    assert!(!check(SignatureScheme::ED25519, &flipped));
}

#[test]
fn pauses_double_within_their_bounds() {
    let seconds = Duration::from_secs;
    let mut backoff = Backoff::new(seconds(1), seconds(4), 7);
    for expected in [1, 2, 4, 4] {
        let pause = backoff.next_pause();
        assert!(pause >= seconds(expected) * 3 / 4 && pause <= seconds(expected) * 5 / 4);
    }
    // Refused right after the handshake.
    backoff.handle_end(Duration::from_millis(200));
    assert!(backoff.next_pause() >= seconds(3));
    backoff.handle_end(seconds(60));
    assert!(backoff.next_pause() <= seconds(2));
    assert!(backoff.next_pause() >= seconds(1));
    backoff.reset();
    assert!(backoff.next_pause() <= seconds(2));
}

#[test]
fn a_drive_clock_stands_until_it_is_played() {
    let clock = Clock::drive(timestamp(5_000), 1.0);
    assert_eq!(clock.now().timestamp, timestamp(5_000));
    assert_eq!(clock.now().instant, Instant::default());
    assert!(!clock.is_playing());
}

#[test]
fn seeking_forward_moves_both_clocks_and_back_only_one() {
    let clock = Clock::drive(timestamp(5_000), 1.0);
    clock.seek(timestamp(9_000));
    let forward = clock.now();
    assert_eq!(forward.timestamp, timestamp(9_000));
    assert_eq!(forward.instant.since_origin(), Duration::from_secs(4));
    clock.seek(timestamp(6_000));
    let back = clock.now();
    assert_eq!(back.timestamp, timestamp(6_000));
    assert_eq!(back.instant, forward.instant);
}

#[tokio::test]
async fn a_clock_played_until_a_time_stops_there() {
    let clock = Clock::drive(timestamp(5_000), 1_000.0);
    let deadline = Instant::from_origin(Duration::from_secs(3));
    clock.play_until(deadline);
    clock.sleep_until(deadline).await;
    assert_eq!(clock.now().instant, deadline);
    assert_eq!(clock.now().timestamp, timestamp(8_000));
    assert!(!clock.is_playing());
}

#[tokio::test]
async fn sleepers_wake_when_a_standing_clock_is_moved() {
    let clock = Clock::drive(timestamp(5_000), 1.0);
    let deadline = Instant::from_origin(Duration::from_secs(60));
    let sleeper = tokio::spawn({
        let clock = clock.clone();
        async move { clock.sleep_until(deadline).await }
    });
    tokio::task::yield_now().await;
    assert!(!sleeper.is_finished());
    clock.seek(timestamp(65_000));
    tokio::time::timeout(Duration::from_secs(10), sleeper)
        .await
        .unwrap()
        .unwrap();
    assert_eq!(clock.now().instant, deadline);
}

#[test]
fn rates_are_held_within_bounds() {
    for rate in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY, 0.0, -1.0] {
        let clock = Clock::drive(timestamp(5_000), rate);
        clock.play();
        assert!(clock.now().timestamp >= timestamp(5_000));
    }
}

// RFC 9000 §10.3: what ends a connection after a restart must be what the peer was told before it.
#[test]
fn a_reset_follows_from_the_key_and_the_connection_alone() {
    let key = |number| ResetKey::of(&SigningKey::from_seed(&[number; 32]));
    let token = |key: &ResetKey, id: &[u8]| {
        let mut token = vec![0; key.signature_len()];
        key.sign(id, &mut token);
        token
    };
    let before = token(&key(1), b"one");

    assert_eq!(token(&key(1), b"one"), before);
    assert_ne!(token(&key(1), b"two"), before);
    assert_ne!(token(&key(2), b"one"), before);
    assert!(key(1).verify(b"one", &before).is_ok());
    assert!(key(1).verify(b"two", &before).is_err());
    assert!(key(1).verify(b"one", before.get(..31).unwrap()).is_err());
}

fn verify_both(spki: &[u8], intermediates: &[CertificateDer<'_>]) -> bool {
    let end_entity = CertificateDer::from(spki.to_vec());
    let now = UnixTime::since_unix_epoch(Duration::ZERO);
    let name = ServerName::try_from("wayside.invalid").unwrap();
    let server = RawKeyVerifier
        .verify_server_cert(&end_entity, intermediates, &name, &[], now)
        .is_ok();
    let client: Result<_, Error> =
        RawKeyVerifier.verify_client_cert(&end_entity, intermediates, now);
    assert_eq!(server, client.is_ok());
    server
}

/// RFC 8410 §10.1 gives an example of this form.
fn spki(key: &[u8; 32]) -> Vec<u8> {
    let prefix = [48, 42, 48, 5, 6, 3, 43, 101, 112, 3, 33, 0];
    [&prefix[..], key].concat()
}

fn timestamp(unix_ms: u64) -> Timestamp {
    Timestamp::from_unix_ms(unix_ms).unwrap()
}

#[test]
fn q14_packet_keys_change_by_age_and_by_use() {
    let at = |s| Instant::from_origin(Duration::from_secs(s));
    let mut keys = KeyAge::new(at(0));
    let due: Vec<_> = [
        (0, 0),
        (539, 1_000),
        (540, 1_000),
        (541, 1_000),
        (600, 1_000 + (3 << 18)),
        (601, 1_000 + (3 << 18)),
        (1_140, 2_000_000),
    ]
    .into_iter()
    .map(|(s, packets)| keys.are_due(packets, at(s)))
    .collect();
    assert_eq!(due, [false, false, true, false, true, false, true]);
}

#[test]
fn q8_one_network_takes_half_of_the_places_and_others_the_rest() {
    let now = tokio::time::Instant::now();
    let strangers = Strangers::new(8, now);
    let enter = |from: &str| strangers.enter(from.parse().unwrap(), now);
    let mut held: Vec<_> = (0..4)
        .map(|host| enter(&format!("192.0.2.{host}")).unwrap())
        .collect();
    assert!(enter("192.0.2.77").is_none());
    assert!(enter("::ffff:192.0.2.77").is_none());
    held.extend(enter("192.0.3.77"));
    let elsewhere = ["2001:db8::1", "2001:db8:0:ff::1", "2001:db8:0:100::1"];
    held.extend(elsewhere.into_iter().filter_map(enter));
    assert_eq!((held.len(), strangers.len()), (8, 8));
    assert!(enter("198.51.100.1").is_none());
    held.clear();
    // Of these, one is of another /56 than the others.
    let same = ["2001:db8::1", "2001:db8:0:1::1", "2001:db8:0:ff::1"];
    held.extend(same.into_iter().filter_map(enter));
    held.extend(enter("2001:db8:0:7f:1::"));
    assert_eq!(held.len(), 4);
    assert!(enter("2001:db8:0:80::1").is_none());
    assert!(enter("2001:db8:0:100::1").is_some());
}

#[test]
fn q8_handshakes_of_one_network_are_few_a_second_however_short_they_are() {
    let now = tokio::time::Instant::now();
    let strangers = Strangers::new(64, now);
    let begin = |from: &str, at| strangers.enter(from.parse().unwrap(), at).is_some();
    let attacker = "192.0.2.1";
    let begun = (0..5_000).filter(|_| begin(attacker, now)).count();
    assert_eq!(begun, 1_024);
    assert!(strangers.is_busy(attacker.parse().unwrap(), now));
    assert!(begin("198.51.100.1", now));
    assert!(!strangers.is_busy("198.51.100.1".parse().unwrap(), now));
    let later = now + Duration::from_secs(1);
    let begun = (0..5_000).filter(|_| begin(attacker, later)).count();
    assert_eq!(begun, 200);
    // All together may begin twice as many as one network, 1 s of 400 a second on top.
    let begun = (0..250_u8)
        .flat_map(|host| std::iter::repeat_n(format!("203.0.{host}.1"), 20))
        .filter(|from| begin(from, later))
        .count();
    assert_eq!(begun, 2_048 - (1_024 + 1 + 200 - 400));
}

fn sockets() -> (Arc<Socket>, UdpSocket) {
    let inside = UdpSocket::bind("127.0.0.1:0").unwrap();
    let outside = UdpSocket::bind("127.0.0.1:0").unwrap();
    outside.connect(inside.local_addr().unwrap()).unwrap();
    (Arc::new(Socket::new(inside).unwrap()), outside)
}

/// Reads as quinn does and returns how many packets came, of one byte or more each.
async fn receive(socket: &Socket) -> usize {
    let mut bytes = [[0; 2048]; 32];
    let mut received = [RecvMeta::default(); 32];
    let count = poll_fn(|context| {
        let mut buffers = bytes.each_mut().map(|bytes| IoSliceMut::new(bytes));
        socket.poll_recv(context, &mut buffers, &mut received)
    })
    .await
    .unwrap();
    received[..count]
        .iter()
        .map(|packets| packets.len.div_ceil(packets.stride))
        .sum()
}
