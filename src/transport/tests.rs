use std::time::Duration;

use rustls::{
    Error, SignatureScheme,
    client::danger::ServerCertVerifier as _,
    pki_types::{CertificateDer, ServerName, UnixTime},
    server::danger::ClientCertVerifier as _,
};

use super::{
    Clock, Config,
    backoff::Backoff,
    core::KeyAge,
    quic::transport_config,
    tls::{RawKeyVerifier, key_from_spki},
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
