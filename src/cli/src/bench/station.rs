//! Whole stations: with a driver and a clock, but no disk and no gRPC.

use std::{
    net::{Ipv4Addr, SocketAddr},
    sync::Arc,
    time::Duration,
};

use tokio::sync::mpsc;
use wayside::{
    id::StationId,
    pipeline::{self, Event, GenerationRule, OwnState, Station},
    security::{Reservation, TrustDomain, Wallet},
    time::Now,
    transport::{Clock, Config, Driver, Handle, Setup},
};

use super::{
    stage::{Log, Stage},
    traffic::Traffic,
};

/// What a station is made from.
pub(super) struct Plan {
    pub(super) domain: Arc<TrustDomain>,
    pub(super) wallet: Wallet,
    pub(super) config: pipeline::Config,
    pub(super) transport: Config,
}

impl Plan {
    /// Of a station that may say something twenty times a second.
    pub(super) fn new(domain: Arc<TrustDomain>, wallet: Wallet) -> Self {
        Self {
            domain,
            wallet,
            config: pipeline::Config {
                generation: GenerationRule::Fixed {
                    interval: Duration::from_millis(50),
                },
                ..pipeline::Config::default()
            },
            transport: Config {
                listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
                keep_port: true,
                ..Config::default()
            },
        }
    }
}

/// Starts a station, once `prepare` has seen it.
pub(super) fn start(
    plan: Plan,
    prepare: impl FnOnce(&mut Station, Now),
    heard: impl Fn(&Event) + Send + 'static,
) -> anyhow::Result<Handle> {
    let clock = Clock::system();
    let domain = plan.domain.id();
    let now = clock.now();
    let mut station = Station::new(plan.config, plan.domain, plan.wallet, &[], now);
    prepare(&mut station, now);
    let (wanted, mut reservations) = mpsc::unbounded_channel::<Reservation>();
    let sink = move |_: &Station, event: Event, _: Now| {
        heard(&event);
        if let Event::Reserve(reservation) = event {
            // The task below lives as long as the process.
            let _ = wanted.send(reservation);
        }
    };
    let setup = Setup {
        config: plan.transport,
        clock,
        domain,
        seed: u64::from(std::process::id()),
        reset_key: None,
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

/// Waits until a peer has said hello.
pub(super) async fn until_connected(handle: &Handle) {
    while handle.call(|station, now| station.readiness(now).peers) == 0 {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}

/// Has each car of the traffic say where it is by the station of its number.
pub(super) fn speak(handles: Vec<Handle>, traffic: Traffic) -> Stage {
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
    Stage {
        publish: Some(Box::new(publish)),
        kept: Box::new(kept),
        ..Stage::of(log)
    }
}

/// A station's name, as a number.
pub(super) fn name_of(station: StationId) -> u64 {
    u64::from_be_bytes(*station.as_bytes())
}
