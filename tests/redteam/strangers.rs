//! Who has no ticket: what it may have, and what that costs others.

use std::{
    net::{Ipv4Addr, SocketAddr, UdpSocket},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};

use tokio::{
    task::JoinSet,
    time::{Instant, interval, sleep, timeout},
};
use wayside::transport::ALPN;

use super::scene::Scene;
use crate::loopback::{
    initial::{HONEST_PARAMETERS, packet, with_parameters},
    stranger::{Identity, quic, tls, unknown_seed},
};

#[tokio::test]
async fn q1_who_has_not_shown_its_address_gets_no_more_than_three_times_what_it_sent() {
    let scene = Scene::new(1, &[]).await;
    let mut sockets: Vec<(UdpSocket, usize)> = (0..40).map(|_| (socket(HERE), 0)).collect();
    for (number, (socket, _)) in (0..).zip(&sockets) {
        let first = with_parameters(HONEST_PARAMETERS, number);
        socket.send_to(&first, scene.relay()).unwrap();
    }
    // Who gets no answer says it again and again, until the handshake has taken too long.
    let until = Instant::now() + Duration::from_secs(6);
    while Instant::now() < until {
        for (socket, received) in &mut sockets {
            *received += answers(socket).iter().map(Vec::len).sum::<usize>();
        }
        sleep(Duration::from_millis(20)).await;
    }

    let received: Vec<usize> = sockets.iter().map(|(_, received)| *received).collect();
    println!("bytes for 1200 each: {received:?}");
    // The word that it took too long comes on top.
    assert!(received.iter().all(|it| *it <= 3 * 1_200 + CLOSE_LEN_MAX));
    let begun = received.iter().filter(|received| **received > 1_200);
    let retried = received.iter().filter(|it| (1..1_200).contains(*it));
    // As many as need not show where they are, and the others must.
    assert!(begun.count() >= 8 && retried.count() >= 8);
}

#[tokio::test]
async fn q2_a_flood_of_first_packets_costs_no_memory_and_keeps_nobody_out() {
    let scene = Scene::new(3, &[]).await;
    let mut pair = scene.pair().await;
    let idle = pair.a_hazard_passes().await;
    let before_kib = scene.rss_kib();
    let relay = scene.relay();
    let sent = Arc::new(AtomicU64::new(0));
    let flood = {
        let sent = sent.clone();
        tokio::spawn(async move {
            let sockets: Vec<UdpSocket> = (0..16).map(|_| socket(ELSEWHERE)).collect();
            let packets: Vec<Vec<u8>> = (0..500)
                .map(|number| with_parameters(HONEST_PARAMETERS, number))
                .collect();
            let mut ticks = interval(Duration::from_millis(10));
            let pairs = packets.iter().cycle().zip(sockets.iter().cycle());
            for (count, (packet, socket)) in pairs.enumerate() {
                if count % 50 == 0 {
                    ticks.tick().await;
                }
                if socket.send_to(packet, relay).is_ok() {
                    sent.fetch_add(1, Ordering::Relaxed);
                }
            }
        })
    };
    sleep(Duration::from_secs(1)).await;

    let under_flood = pair.a_hazard_passes().await;
    let begun = Instant::now();
    let newcomer = scene.vehicle(3, &[]).await;
    let joined = begun.elapsed();
    sleep(Duration::from_secs(1)).await;
    flood.abort();
    let sent = sent.load(Ordering::Relaxed);
    assert!(sent > 1_000, "{sent}");

    let grown_kib = scene.memory_is_flat_since(before_kib);
    println!(
        "{sent} first packets; a hazard took {under_flood:?} instead of {idle:?}, a newcomer \
         {joined:?} from its start; {grown_kib} KiB grown"
    );
    drop(newcomer);
}

#[tokio::test]
async fn q3_tokens_are_good_for_who_got_them_and_broken_ones_do_no_harm() {
    let scene = Scene::new(2, &[("WAYSIDE__RELAY__LIMITS__RETRY_FROM", "0")]).await;
    let relay = scene.relay();
    let asker = socket(HERE);
    asker
        .send_to(&with_parameters(HONEST_PARAMETERS, 1), relay)
        .unwrap();
    let retry = first_answer(&asker).await;
    let (id, token) = parse_retry(&retry).expect("asked to show where it is");

    let shown = packet(&id, &token, HONEST_PARAMETERS);
    // From another port, and another host: the answer is no handshake.
    for other in [socket(HERE), socket(ELSEWHERE)] {
        other.send_to(&shown, relay).unwrap();
        sleep(Duration::from_millis(300)).await;
        let answered: usize = answers(&other).iter().map(Vec::len).sum();
        assert!(answered < 1_200, "{answered}");
    }
    for at in 0..token.len() {
        let mut broken = token.clone();
        *broken.get_mut(at).unwrap() ^= 0x55;
        let broken = packet(&id, &broken, HONEST_PARAMETERS);
        asker.send_to(&broken, relay).unwrap();
        let cut = packet(&id, token.get(..at).unwrap(), HONEST_PARAMETERS);
        asker.send_to(&cut, relay).unwrap();
    }
    for len in 0..=20_u8 {
        let odd = vec![len; usize::from(len)];
        let broken = packet(&odd, &[0xff; 80], HONEST_PARAMETERS);
        asker.send_to(&broken, relay).unwrap();
        asker.send_to(&packet(&odd, &[], &[]), relay).unwrap();
        let lengths = [&[0xc0, 0, 0, 0, 1, len, len][..], &[len; 1_193]].concat();
        asker.send_to(&lengths, relay).unwrap();
    }
    sleep(Duration::from_millis(300)).await;
    assert!(
        answers(&asker).iter().all(|answer| answer.len() < 1_200),
        "nothing of that begins a handshake"
    );
    // A good one does, once, however often it is said; a new one, since tokens do not live long.
    let asker = socket(HERE);
    asker
        .send_to(&with_parameters(HONEST_PARAMETERS, 2), relay)
        .unwrap();
    let (id, token) = parse_retry(&first_answer(&asker).await).expect("asked as before");
    let shown = packet(&id, &token, HONEST_PARAMETERS);
    for _ in 0..100 {
        asker.send_to(&shown, relay).unwrap();
    }
    let mut handshakes = vec![first_answer(&asker).await.len()];
    sleep(Duration::from_millis(300)).await;
    handshakes.extend(answers(&asker).iter().map(Vec::len));
    assert!(handshakes.iter().any(|len| *len >= 1_200), "{handshakes:?}");
    assert!(handshakes.len() < 20, "{handshakes:?}");

    let mut pair = scene.pair().await;
    pair.a_hazard_passes().await;
}

#[tokio::test]
async fn q8_strangers_who_shake_hands_all_the_time_keep_no_newcomer_out() {
    // Fewer places than the flood holds, were it not bounded by where it comes from.
    let connections = ("WAYSIDE__RELAY__LIMITS__CONNECTIONS_MAX", "48");
    let scene = Scene::new(3, &[connections]).await;
    let mut pair = scene.pair().await;
    let idle = pair.a_hazard_passes().await;
    let before_kib = scene.rss_kib();
    let (done, is_over) = (
        Arc::new(AtomicU64::new(0)),
        Arc::new(AtomicBool::new(false)),
    );
    let mut flood = JoinSet::new();
    for number in 0..96 {
        let (done, is_over, relay) = (done.clone(), is_over.clone(), scene.relay());
        flood.spawn(async move {
            while !is_over.load(Ordering::Relaxed) {
                let Some(connection) = shake_hands(relay).await else {
                    continue;
                };
                done.fetch_add(1, Ordering::Relaxed);
                // Some go at once, and others stay as long as they may.
                if number % 3 > 0 {
                    connection.closed().await;
                }
            }
        });
    }
    sleep(Duration::from_secs(1)).await;

    let under_flood = pair.a_hazard_passes().await;
    let begun = Instant::now();
    let newcomer = scene.vehicle(3, &[]).await;
    let joined = begun.elapsed();
    sleep(Duration::from_secs(1)).await;
    is_over.store(true, Ordering::Relaxed);
    flood.abort_all();

    let grown_kib = scene.memory_is_flat_since(before_kib);
    println!(
        "{} handshakes in {:?}; a hazard took {under_flood:?} instead of {idle:?}, a newcomer \
         {joined:?} from its start; {grown_kib} KiB grown",
        done.load(Ordering::Relaxed),
        begun.elapsed(),
    );
    assert!(done.load(Ordering::Relaxed) > 10);
    drop(newcomer);
}

/// Connects as nobody in particular from another network than vehicles; `None` if that fails.
pub(super) async fn shake_hands(relay: SocketAddr) -> Option<quinn::Connection> {
    let endpoint = quinn::Endpoint::client(SocketAddr::from((ELSEWHERE, 0))).unwrap();
    let config = quic(tls(&Identity::RawKey(unknown_seed()), &[ALPN]));
    let connecting = endpoint.connect_with(config, relay, "stranger.invalid");
    timeout(Duration::from_secs(3), connecting.unwrap())
        .await
        .ok()?
        .ok()
}

fn socket(host: Ipv4Addr) -> UdpSocket {
    let socket = UdpSocket::bind((host, 0)).unwrap();
    socket.set_nonblocking(true).unwrap();
    socket
}

/// What has come to a socket.
fn answers(socket: &UdpSocket) -> Vec<Vec<u8>> {
    let mut buffer = [0; 2_048];
    let mut answers = Vec::new();
    while let Ok(len) = socket.recv(&mut buffer) {
        answers.push(buffer.get(..len).unwrap().to_vec());
    }
    answers
}

async fn first_answer(socket: &UdpSocket) -> Vec<u8> {
    let waiting = async {
        loop {
            if let Some(answer) = answers(socket).into_iter().next() {
                return answer;
            }
            sleep(Duration::from_millis(5)).await;
        }
    };
    timeout(Duration::from_secs(30), waiting).await.unwrap()
}

/// The connection id to use from now on, and the token to show (RFC 9000 §17.2.5).
fn parse_retry(packet: &[u8]) -> Option<(Vec<u8>, Vec<u8>)> {
    let (first, rest) = packet.split_first()?;
    if first & 0xf0 != 0xf0 {
        return None;
    }
    let (destination_len, rest) = rest.get(4..)?.split_first()?;
    let rest = rest.get(usize::from(*destination_len)..)?;
    let (source_len, rest) = rest.split_first()?;
    let (source, rest) = rest.split_at_checked(usize::from(*source_len))?;
    let token = rest.get(..rest.len().checked_sub(16)?)?;
    Some((source.to_vec(), token.to_vec()))
}

/// A packet that closes a connection and says nothing else.
const CLOSE_LEN_MAX: usize = 50;
/// Where vehicles are.
const HERE: Ipv4Addr = Ipv4Addr::LOCALHOST;
/// In another network of this machine.
const ELSEWHERE: Ipv4Addr = Ipv4Addr::new(127, 0, 99, 1);
