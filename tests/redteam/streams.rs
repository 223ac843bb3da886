//! Streams that bring little for long, and much in pieces.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use quinn::Connection;
use tokio::{
    task::JoinSet,
    time::{Instant, sleep, timeout},
};
use wayside::transport::ALPN;

use super::{
    scene::{Domain, Scene},
    strangers::shake_hands,
    wire::{Weather, Wire},
};
use crate::loopback::stranger::{Identity, dial, tls, unknown_seed};

#[tokio::test]
async fn q5_streams_in_single_bytes_of_which_half_are_lost_cost_little_memory() {
    let domain = Domain::new(2).await;
    let wire = Arc::new(Wire::to(domain.relay(), Weather::default()).await);
    let scene = domain.start(&[]).await;
    let mut pair = scene.pair().await;
    let before_kib = scene.rss_kib();
    let pieces = Arc::new(AtomicU64::new(0));
    let mut attack = JoinSet::new();
    for _ in 0..12 {
        let (address, pieces) = (wire.address, pieces.clone());
        attack.spawn(async move {
            loop {
                let stranger = Identity::RawKey(unknown_seed());
                if let Ok(connection) = dial(address, tls(&stranger, &[ALPN])).await {
                    send_pieces(&connection, &pieces).await;
                }
            }
        });
    }
    while pieces.load(Ordering::Relaxed) == 0 {
        sleep(Duration::from_millis(10)).await;
    }
    let until = Instant::now() + Duration::from_secs(5);
    wire.set_weather(Weather {
        loss: 0.5,
        ..Weather::default()
    });

    let hazard = pair.a_hazard_passes().await;
    let mut most_kib = 0;
    while Instant::now() < until {
        most_kib = most_kib.max(scene.memory_is_flat_since(before_kib));
        sleep(Duration::from_millis(100)).await;
    }

    attack.shutdown().await;
    wire.set_weather(Weather::default());
    let pieces = pieces.load(Ordering::Relaxed);
    println!("{pieces} pieces; {most_kib} KiB at most; a hazard took {hazard:?}");
    assert!(pieces > 1_000);
    pair.a_hazard_passes().await;
}

#[tokio::test]
async fn q6_hundreds_who_dribble_hold_few_places_and_no_newcomer_up() {
    let scene = Scene::new(3, &[]).await;
    let mut pair = scene.pair().await;
    let idle = pair.a_hazard_passes().await;
    let before_kib = scene.rss_kib();
    let relay = scene.relay();
    let mut attack = JoinSet::new();
    let until = Instant::now() + Duration::from_secs(6);
    for _ in 0..200 {
        attack.spawn(async move {
            let mut held = 0_u64;
            while Instant::now() < until {
                if let Some(connection) = shake_hands(relay).await {
                    held += 1;
                    dribble(&connection).await;
                }
            }
            held
        });
    }
    sleep(Duration::from_secs(1)).await;

    let under_attack = pair.a_hazard_passes().await;
    let begun = Instant::now();
    let newcomer = scene.vehicle(3, &[]).await;
    let joined = begun.elapsed();
    let grown_kib = scene.memory_is_flat_since(before_kib);

    let held: u64 = attack.join_all().await.iter().sum();
    println!(
        "{held} connections dribbled; a hazard took {under_attack:?} instead of {idle:?}, a newcomer \
         {joined:?} from its start; {grown_kib} KiB grown",
    );
    assert!(held > 20);
    drop(newcomer);
}

/// Sends streams byte by byte, each in a packet of its own, until the connection is closed.
async fn send_pieces(connection: &Connection, pieces: &AtomicU64) {
    let mut streams = Vec::new();
    for _ in 0..32 {
        let opened = timeout(Duration::from_millis(50), connection.open_uni());
        if let Ok(Ok(stream)) = opened.await {
            streams.push(stream);
        }
    }
    while !streams.is_empty() {
        for stream in &mut streams {
            if stream.write_all(&[1]).await.is_err() {
                return;
            }
            pieces.fetch_add(1, Ordering::Relaxed);
            // The connection's own task sends what is there before more is written.
            tokio::task::yield_now().await;
        }
    }
}

/// Opens all streams that it may and says a byte on each now and then, until it is thrown out.
async fn dribble(connection: &Connection) {
    let mut streams = Vec::new();
    while connection.close_reason().is_none() {
        let opened = timeout(Duration::from_millis(20), connection.open_uni());
        if let Ok(Ok(stream)) = opened.await {
            streams.push(stream);
        }
        for stream in &mut streams {
            // The unit may have stopped it.
            let _ = stream.write(&[1]).await;
        }
        sleep(Duration::from_millis(250)).await;
    }
}
