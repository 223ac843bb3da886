//! Whole agents: a station, its driver and its clock, but no disk and no gRPC.

use std::{
    net::{Ipv4Addr, SocketAddr},
    time::Duration,
};

use anyhow::Context as _;
use tokio::sync::mpsc;
use wayside::{
    id::StationId,
    link,
    pipeline::{self, Event, GenerationRule, OwnState, Station},
    security::{Reservation, Wallet},
    time::{Now, Timestamp},
    transport::{Clock, Config, Driver, Handle, Setup},
};

use super::part::{Log, Part, Stage};
use crate::bench::traffic::Traffic;

/// One agent that hears everybody.
pub(super) fn receive(part: &Part) -> anyhow::Result<Stage> {
    let traffic = traffic(part)?;
    let log = Log::default();
    let delivered = log.clone();
    let heard = move |event: &Event| {
        if let Event::Delivered(delivery) = event {
            delivered.note(name_of(delivery.station), delivery.generated.unix_ms());
        }
    };
    let handle = start(part, &traffic, traffic.named_wallet("receiver"), heard)?;
    Ok(Stage {
        address: Some(handle.local_addr()),
        log,
        publish: None,
        kept: Box::new(handle),
    })
}

/// A hundred agents, each connected to the receiver.
pub(super) async fn send(part: &Part) -> anyhow::Result<Stage> {
    let receiver = part.receiver.context("a receiver")?;
    let traffic = traffic(part)?;
    let mut handles = Vec::new();
    for car in 0..part.connections {
        let handle = start(part, &traffic, traffic.wallet(car), |_| {})?;
        handle.connect(receiver);
        until_connected(&handle).await;
        handles.push(handle);
    }
    let kept = handles.clone();
    let log = Log::default();
    let sent = log.clone();
    let publish = move |car: usize| {
        let Some(handle) = handles.get(car) else {
            return;
        };
        handle.call(|station, now| {
            let telemetry = traffic.telemetry(car, now.timestamp);
            if let (Some(telemetry), Some(own)) = (telemetry, station.station()) {
                sent.note(name_of(own), now.timestamp.unix_ms());
                let measured = now.timestamp;
                // What is not published shows as a message that never arrives.
                let _ = station.handle_state(
                    OwnState {
                        telemetry,
                        measured,
                    },
                    now,
                );
            }
        });
    };
    Ok(Stage {
        address: None,
        log,
        publish: Some(Box::new(publish)),
        kept: Box::new(kept),
    })
}

pub(super) fn traffic(part: &Part) -> anyhow::Result<Traffic> {
    Traffic::new(Timestamp::from_unix_ms(part.start_unix_ms).context("a moment in range")?)
}

pub(super) fn name_of(station: StationId) -> u64 {
    u64::from_be_bytes(*station.as_bytes())
}

pub(super) fn link_config(part: &Part) -> link::Config {
    link::Config {
        tick: part.tick,
        ..link::Config::default()
    }
}

fn start(
    part: &Part,
    traffic: &Traffic,
    wallet: Wallet,
    heard: impl Fn(&Event) + Send + 'static,
) -> anyhow::Result<Handle> {
    let clock = Clock::system();
    let config = pipeline::Config {
        generation: GenerationRule::Fixed {
            interval: Duration::from_millis(50),
        },
        link: link_config(part),
        ..pipeline::Config::default()
    };
    let domain = traffic.cast.domain();
    let station = Station::new(config, domain.clone(), wallet, &[], clock.now());
    let (wanted, mut reservations) = mpsc::unbounded_channel::<Reservation>();
    let sink = move |_: &Station, event: Event, _: Now| {
        heard(&event);
        if let Event::Reserve(reservation) = event {
            // The task below lives as long as the process.
            let _ = wanted.send(reservation);
        }
    };
    let setup = Setup {
        config: Config {
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
            keep_port: true,
            ..Config::default()
        },
        clock,
        domain: domain.id(),
        seed: u64::from(std::process::id()),
    };
    let (handle, _) = Driver::start(setup, station, sink)?;
    let storage = handle.clone();
    tokio::spawn(async move {
        while let Some(reservation) = reservations.recv().await {
            storage.call(|station, _| station.handle_reserved(reservation));
        }
    });
    Ok(handle)
}

async fn until_connected(handle: &Handle) {
    while handle.call(|station, now| station.readiness(now).peers) == 0 {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}
