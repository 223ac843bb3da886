use std::{
    net::{IpAddr, Ipv4Addr, SocketAddr},
    num::NonZeroU32,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use bytes::Bytes;
use quinn::{Connection, Endpoint};
use tokio::{
    task::JoinSet,
    time::{Instant, sleep, timeout},
};

use super::{
    CallError, Client, ClientConfig, ConnectError, DOOR_ALPN, DoorIdentity, DoorRefusal,
    DoorRequest, FrameError, Server, ServerConfig, UnitTrust,
    frame::{answer_from_bytes, answer_to_bytes},
    rate::{PREFIXES_MAX, Rates},
    tls,
};
use crate::{
    crypto::SigningKey,
    id::ChainId,
    security::{UnitCertificate, UnitCertificateError, UnitOrder},
    time::Timestamp,
    transport::quic::{SERVER_NAME, open_endpoint},
};

#[tokio::test]
async fn a_request_is_answered_by_a_unit_that_is_believed() {
    let unit = unit(server_config());
    let client = connect(unit.address(), client_config()).await.unwrap();
    assert_eq!(client.operator(), 1);
    let answer = client.call("Echo", Bytes::from_static(b"words")).await;
    assert_eq!(answer.unwrap(), "words");
    client.close().await;
    assert_eq!(unit.counters().handled, 1);
    unit.shutdown(Duration::from_secs(1)).await;
}

#[tokio::test]
async fn a_refusal_keeps_its_reason() {
    let unit = unit(server_config());
    let client = connect(unit.address(), client_config()).await.unwrap();
    let answer = client.call("Refuse", Bytes::new()).await;
    assert_eq!(refusal(answer.unwrap_err()), full());
}

#[tokio::test]
async fn many_requests_share_a_connection() {
    let unit = unit(server_config());
    let client = Arc::new(connect(unit.address(), client_config()).await.unwrap());
    let mut calls = JoinSet::new();
    for number in 0..64_u8 {
        let client = Arc::clone(&client);
        calls.spawn(async move {
            let body = Bytes::from(vec![number; 1_000]);
            client.call("Echo", body.clone()).await.unwrap() == body
        });
    }
    assert!(calls.join_all().await.into_iter().all(|same| same));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn o3_a_door_changes_its_key_under_requests_and_loses_none() {
    let config = ServerConfig {
        requests_per_s: const { NonZeroU32::new(1_000_000).unwrap() },
        ..server_config()
    };
    let unit = unit(config.clone());
    let address = unit.address();
    let has_ended = Arc::new(AtomicBool::new(false));
    let mut cars = JoinSet::new();
    for car in 0..4_u8 {
        let has_ended = Arc::clone(&has_ended);
        cars.spawn(async move {
            let mut answered = 0_u32;
            while !has_ended.load(Ordering::Relaxed) {
                let client = connect(address, client_config()).await.unwrap();
                for _ in 0..8 {
                    let body = Bytes::from(vec![car; 1_000]);
                    assert_eq!(client.call("Echo", body.clone()).await.unwrap(), body);
                    answered += 1;
                }
            }
            answered
        });
    }
    for seed in 100..130 {
        let handled = unit.counters().handled;
        unit.reload(config.clone(), &identity(seed)).unwrap();
        // Some requests under each key, both new and on connections that were there.
        wait_until(|| unit.counters().handled >= handled + 16).await;
    }
    has_ended.store(true, Ordering::Relaxed);
    let answered: u32 = cars.join_all().await.into_iter().sum();
    assert!(answered >= 30 * 16);
    assert_eq!(unit.counters().rate_limited, 0);
}

#[tokio::test]
async fn o3_a_connection_goes_on_under_the_old_key_which_then_is_forgotten() {
    let unit = unit(server_config());
    let before = connect(unit.address(), client_config()).await.unwrap();
    let old = Arc::downgrade(&unit.current().tls);

    unit.reload(server_config(), &identity(100)).unwrap();

    assert_eq!(unit.counters().keys, 2);
    let answer = before.call("Echo", Bytes::from_static(b"words")).await;
    assert_eq!(answer.unwrap(), "words");
    let after = connect(unit.address(), client_config()).await.unwrap();
    before.close().await;
    wait_until(|| unit.counters().keys == 1 && old.upgrade().is_none()).await;
    let answer = after.call("Echo", Bytes::from_static(b"more")).await;
    assert_eq!(answer.unwrap(), "more");
}

#[tokio::test]
async fn o3_bounds_are_changed_while_a_door_is_open() {
    let unit = unit(server_config());
    let client = connect(unit.address(), client_config()).await.unwrap();
    let config = ServerConfig {
        request_bytes_max: 1_024,
        ..server_config()
    };
    unit.reload(config, &identity(100)).unwrap();
    let cut = client.call("Echo", Bytes::from(vec![0; 1_025])).await;
    assert!(matches!(cut, Err(CallError::Lost(_))), "{cut:?}");
}

#[tokio::test]
async fn a_unit_with_another_key_than_certified_is_not_believed() {
    let identity = DoorIdentity {
        key: SigningKey::from_seed(&[77; 32]),
        certificate: certificate(chain(), &operators()[1]),
    };
    let unit = Server::start(server_config(), &identity, handle).unwrap();
    let refused = connect(unit.address(), client_config()).await.unwrap_err();
    assert_eq!(reason(refused), UnitCertificateError::WrongKey);
}

#[tokio::test]
async fn a_unit_that_no_operator_certified_is_not_believed() {
    let stranger = SigningKey::from_seed(&[78; 32]);
    let other_chain = ChainId::from_bytes([8; 32]);
    for (certificate, expected) in [
        (
            certificate(chain(), &stranger),
            UnitCertificateError::UnknownOperator,
        ),
        (
            certificate(other_chain, &operators()[1]),
            UnitCertificateError::WrongChain,
        ),
    ] {
        let identity = DoorIdentity {
            key: unit_key(),
            certificate,
        };
        let unit = Server::start(server_config(), &identity, handle).unwrap();
        let refused = connect(unit.address(), client_config()).await.unwrap_err();
        assert_eq!(reason(refused), expected);
    }
}

#[tokio::test]
async fn an_oversized_request_is_cut_and_the_next_one_served() {
    let unit = unit(ServerConfig {
        request_bytes_max: 1_024,
        ..server_config()
    });
    let client = connect(unit.address(), client_config()).await.unwrap();
    let cut = client.call("Echo", Bytes::from(vec![0; 1_025])).await;
    assert!(matches!(cut, Err(CallError::Lost(_))), "{cut:?}");
    let served = client.call("Echo", Bytes::from_static(b"short")).await;
    assert_eq!(served.unwrap(), "short");
    assert_eq!(unit.counters().cut, 1);
}

#[tokio::test]
async fn many_long_requests_are_read_whole() {
    let unit = unit(server_config());
    let client = Arc::new(connect(unit.address(), client_config()).await.unwrap());
    let mut calls = JoinSet::new();
    for number in 0..16_u8 {
        let client = Arc::clone(&client);
        calls.spawn(async move {
            let body = Bytes::from(vec![number; 500_000]);
            client.call("Echo", body.clone()).await.unwrap() == body
        });
    }
    assert!(calls.join_all().await.into_iter().all(|same| same));
}

#[tokio::test]
async fn q6_a_slow_request_is_cut_and_others_are_served() {
    let unit = unit(ServerConfig {
        request_timeout: Duration::from_millis(200),
        ..server_config()
    });
    let (_endpoint, connection) = dial(&unit, loopback()).await.unwrap();
    let (mut send, mut receive) = connection.open_bi().await.unwrap();
    // Says how long its name is, and then nothing more.
    send.write_all(&[4]).await.unwrap();
    let client = connect(unit.address(), client_config()).await.unwrap();
    let served = client.call("Echo", Bytes::from_static(b"quick")).await;
    assert_eq!(served.unwrap(), "quick");
    assert!(receive.read_to_end(10).await.is_err());
    assert_eq!(unit.counters().cut, 1);
}

#[tokio::test]
async fn q6_one_network_fills_half_of_the_places_and_others_are_served() {
    let unit = unit(ServerConfig {
        connections_max: 8,
        ..server_config()
    });
    let mut idle = Vec::new();
    for _ in 0..4 {
        idle.push(dial(&unit, loopback()).await.unwrap());
    }
    assert!(dial(&unit, loopback()).await.is_none());
    assert_eq!(unit.counters().refused, 1);
    let elsewhere = SocketAddr::from(([127, 0, 1, 1], 0));
    assert!(dial(&unit, elsewhere).await.is_some());

    // A place is free again when its connection is over.
    idle.clear();
    let come_back = async { while dial(&unit, loopback()).await.is_none() {} };
    timeout(PATIENCE, come_back).await.unwrap();
}

#[tokio::test]
async fn an_answer_that_is_too_long_is_not_read() {
    let unit = unit(server_config());
    let config = ClientConfig {
        answer_bytes_max: 2_000,
        ..client_config()
    };
    let client = connect(unit.address(), config).await.unwrap();
    let refused = client.call("Echo", Bytes::from(vec![0; 2_001])).await;
    assert!(matches!(refused, Err(CallError::TooLong)), "{refused:?}");
}

#[tokio::test]
async fn where_a_short_answer_is_due_a_long_one_is_not_read() {
    let unit = unit(server_config());
    let client = connect(unit.address(), client_config()).await.unwrap();
    for (len, is_read) in [(2_000, true), (2_001, false)] {
        let answer = client
            .call_within("Echo", Bytes::from(vec![0; len]), 2_000)
            .await;
        assert_eq!(answer.is_ok(), is_read, "{len} bytes");
    }
}

#[tokio::test]
async fn a_unit_that_does_not_answer_in_time_says_so() {
    let unit = unit(ServerConfig {
        answer_timeout: Duration::from_millis(50),
        ..server_config()
    });
    let client = connect(unit.address(), client_config()).await.unwrap();
    let answer = client.call("Never", Bytes::new()).await;
    assert_eq!(refusal(answer.unwrap_err()).reason, "SERVER_DEADLINE");
}

#[tokio::test]
async fn q12_the_roads_protocol_is_not_spoken_at_the_door() {
    let unit = unit(server_config());
    let endpoint = open_endpoint(loopback(), None).unwrap();
    let (_, mut road) = crate::transport::tls::configs(&[5; 32]).unwrap();
    assert_ne!(road.alpn_protocols, [DOOR_ALPN]);
    road.enable_sni = false;
    let crypto = quinn::crypto::rustls::QuicClientConfig::try_from(road).unwrap();
    let config = quinn::ClientConfig::new(Arc::new(crypto));
    let connecting = endpoint.connect_with(config, unit.address(), SERVER_NAME);
    assert!(connecting.unwrap().await.is_err());
}

#[tokio::test]
async fn a_car_shows_no_identity_and_a_new_port_each_time() {
    let endpoint = open_endpoint(loopback(), None).unwrap();
    let server = tls::server_config(&unit_key(), &server_config()).unwrap();
    endpoint.set_server_config(Some(server));
    let address = endpoint.local_addr().unwrap();
    let mut ports = Vec::new();
    for _ in 0..2 {
        let car = tokio::spawn(async move { connect(address, client_config()).await });
        let connection = endpoint.accept().await.unwrap().await.unwrap();
        assert!(connection.peer_identity().is_none());
        ports.push(connection.remote_address().port());
        connection.close(0_u32.into(), b"");
        assert!(car.await.unwrap().is_err(), "no certificate came");
    }
    assert_ne!(ports[0], ports[1]);
}

#[tokio::test]
async fn more_requests_than_the_rate_are_told_when_to_come_back() {
    let unit = unit(ServerConfig {
        requests_per_s: const { NonZeroU32::new(1).unwrap() },
        ..server_config()
    });
    let client = connect(unit.address(), client_config()).await.unwrap();
    let mut waits = 0;
    for _ in 0..100 {
        if let Err(CallError::Refused(refusal)) = client.call("Echo", Bytes::new()).await {
            assert_eq!((refusal.code, &*refusal.reason), (8, "RATE_LIMITED"));
            assert!(refusal.retry_after.unwrap() <= Duration::from_secs(1));
            waits += 1;
        }
    }
    assert!(waits > 0);
    let counters = unit.counters();
    assert_eq!(counters.rate_limited, waits);
    assert_eq!(counters.handled, 100 - waits);
}

#[test]
fn rates_are_kept_by_prefix_and_bounded() {
    let now = Instant::now();
    let mut rates = Rates::new(2);
    let car = |last| IpAddr::from([192, 0, 2, last]);
    // Four seconds' worth of two a second, for all of 192.0.2.0/24.
    let taken = (0..20).filter(|last| rates.take(car(*last), now).is_ok());
    assert_eq!(taken.count(), 8);
    let wait = rates.take(car(1), now).unwrap_err();
    assert_eq!(wait, Duration::from_millis(500));
    assert!(rates.take(car(1), now + wait).is_ok());
    assert!(rates.take(IpAddr::from([192, 0, 3, 1]), now).is_ok());

    for stranger in 0..PREFIXES_MAX {
        let [.., b, c] = stranger.to_be_bytes();
        // None of them has a full bucket, so the rest share one.
        let _ = rates.take(IpAddr::from([10, b, c, 1]), now);
    }
    let last = |last| IpAddr::from([172, 16, last, 1]);
    let taken = (0..20).filter(|number| rates.take(last(*number), now).is_ok());
    assert!(taken.count() <= 8);
}

#[test]
fn frames_are_read_as_they_were_written() {
    let request = DoorRequest {
        method: "Submit".to_owned(),
        body: Bytes::from_static(b"\0\x01"),
    };
    let bytes = Bytes::from(request.to_bytes().unwrap());
    assert_eq!(bytes, b"\x06Submit\0\x01".as_slice());
    assert_eq!(DoorRequest::from_bytes(&bytes), Ok(request));
    for answer in [
        Ok(Bytes::from_static(b"yes")),
        Ok(Bytes::new()),
        Err(full()),
    ] {
        let bytes = Bytes::from(answer_to_bytes(&answer));
        assert_eq!(answer_from_bytes(&bytes), Ok(answer));
    }
}

#[test]
fn malformed_frames_are_refused() {
    for bytes in [
        &b""[..],
        b"\0",
        b"\0Submit",
        b"\x07Submit",
        b"\x06Sub it",
        b"\x03S\xffb",
    ] {
        let bytes = Bytes::copy_from_slice(bytes);
        assert_eq!(DoorRequest::from_bytes(&bytes), Err(FrameError));
    }
    let long = vec![b'x'; 700];
    for bytes in [
        &b""[..],
        b"\x05",
        b"\x05\0\0\0\0",
        b"\x05\0\0\0\0\x04NO",
        b"\x05\0\0\0\0\x02no",
        b"\x11\0\0\0\0\x02NO",
        b"\x05\0\0\0\0\x02NO\xff",
        &[b"\x05\0\0\0\0\x02NO", &*long].concat(),
    ] {
        let bytes = Bytes::copy_from_slice(bytes);
        assert_eq!(answer_from_bytes(&bytes), Err(FrameError), "{bytes:?}");
    }
}

#[test]
fn a_long_refusal_is_cut_between_letters() {
    let refusal = DoorRefusal::new(99, &"R".repeat(80), &"ü".repeat(400));
    assert_eq!(refusal.code, 16);
    assert_eq!(refusal.reason.len(), 64);
    assert_eq!(refusal.message, "ü".repeat(256));
}

async fn handle(request: DoorRequest) -> Result<Bytes, DoorRefusal> {
    match &*request.method {
        "Echo" => Ok(request.body),
        "Never" => std::future::pending().await,
        _ => Err(full()),
    }
}

fn full() -> DoorRefusal {
    DoorRefusal::new(8, "MEMPOOL_FULL", "too many wait").retry_after(Duration::from_secs(2))
}

fn unit(config: ServerConfig) -> Server {
    let identity = DoorIdentity {
        key: unit_key(),
        certificate: certificate(chain(), &operators()[1]),
    };
    Server::start(config, &identity, handle).unwrap()
}

/// A key of this seed, certified by the same operator.
fn identity(seed: u8) -> DoorIdentity {
    let key = SigningKey::from_seed(&[seed; 32]);
    let order = UnitOrder {
        chain: chain(),
        key: key.verifying_key(),
        valid_from: at(1_000),
        valid_until: at(2_000),
    };
    DoorIdentity {
        key,
        certificate: UnitCertificate::issue(&operators()[1], &order),
    }
}

/// Shakes hands from an address, and says nothing.
async fn dial(unit: &Server, from: SocketAddr) -> Option<(Endpoint, Connection)> {
    let endpoint = open_endpoint(from, None).unwrap();
    let config = tls::client_config(&client_config()).unwrap();
    let connecting = endpoint.connect_with(config, unit.address(), SERVER_NAME);
    let connection = connecting.unwrap().await.ok()?;
    Some((endpoint, connection))
}

async fn wait_until(holds: impl Fn() -> bool) {
    let held = async {
        while !holds() {
            sleep(Duration::from_millis(1)).await;
        }
    };
    timeout(PATIENCE, held).await.unwrap();
}

async fn connect(address: SocketAddr, config: ClientConfig) -> Result<Client, ConnectError> {
    let operators = operators();
    let trust = UnitTrust {
        chain: chain(),
        operators: operators
            .iter()
            .map(SigningKey::verifying_key)
            .enumerate()
            .collect(),
    };
    Client::connect(address, &trust, config, at(1_500)).await
}

fn certificate(chain: ChainId, cold_key: &SigningKey) -> UnitCertificate {
    let order = UnitOrder {
        chain,
        key: unit_key().verifying_key(),
        valid_from: at(1_000),
        valid_until: at(2_000),
    };
    UnitCertificate::issue(cold_key, &order)
}

fn reason(error: ConnectError) -> UnitCertificateError {
    let ConnectError::Refused { reason, .. } = error else {
        panic!("{error}");
    };
    reason
}

fn refusal(error: CallError) -> DoorRefusal {
    let CallError::Refused(refusal) = error else {
        panic!("{error}");
    };
    refusal
}

fn server_config() -> ServerConfig {
    ServerConfig {
        listen: loopback(),
        ..ServerConfig::default()
    }
}

fn client_config() -> ClientConfig {
    ClientConfig::default()
}

fn operators() -> [SigningKey; 2] {
    [1, 2].map(|seed| SigningKey::from_seed(&[seed; 32]))
}

fn unit_key() -> SigningKey {
    SigningKey::from_seed(&[3; 32])
}

fn chain() -> ChainId {
    ChainId::from_bytes([7; 32])
}

fn loopback() -> SocketAddr {
    (Ipv4Addr::LOCALHOST, 0).into()
}

fn at(unix_s: u64) -> Timestamp {
    Timestamp::from_unix_ms(unix_s * 1_000).unwrap()
}

const PATIENCE: Duration = Duration::from_secs(60);
