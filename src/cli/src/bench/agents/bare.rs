//! QUIC alone.

use std::net::{Ipv4Addr, SocketAddr};

use anyhow::Context as _;
use quinn::Endpoint;

use super::{part::Part, tls};
use crate::bench::{
    payload,
    stage::{Log, Stage},
};

/// Counts what comes.
pub(super) fn receive() -> anyhow::Result<Stage> {
    let endpoint = Endpoint::server(tls::server(&[7; 32])?, loopback())?;
    let address = endpoint.local_addr()?;
    let log = Log::default();
    let arriving = log.clone();
    let accepting = endpoint.clone();
    tokio::spawn(async move {
        while let Some(incoming) = accepting.accept().await {
            let log = arriving.clone();
            tokio::spawn(async move {
                let Ok(connection) = incoming.await else {
                    return;
                };
                while let Ok(datagram) = connection.read_datagram().await {
                    if let Some((who, which)) = payload::names(&datagram) {
                        log.note(who, which);
                    }
                }
            });
        }
    });
    Ok(Stage {
        address: Some(address),
        kept: Box::new(endpoint),
        ..Stage::of(log)
    })
}

/// Sends payloads that name themselves.
pub(super) async fn send(part: &Part) -> anyhow::Result<Stage> {
    let receiver = part.receiver.context("a receiver")?;
    let config = tls::client(None)?;
    let mut endpoints = Vec::new();
    let mut connections = Vec::new();
    for _ in 0..part.connections {
        let endpoint = Endpoint::client(loopback())?;
        let connecting = endpoint.connect_with(config.clone(), receiver, "bench.invalid")?;
        connections.push(connecting.await?);
        endpoints.push(endpoint);
    }
    let log = Log::default();
    let sent = log.clone();
    let mut sequence = 0_u64;
    let publish = move |car: usize| {
        let who = car as u64;
        sequence += 1;
        sent.note(who, sequence);
        if let Some(connection) = connections.get(car % connections.len()) {
            // A connection that is gone shows as messages that never arrive.
            let _ = connection.send_datagram(payload::named(who, sequence));
        }
    };
    Ok(Stage {
        publish: Some(Box::new(publish)),
        kept: Box::new(endpoints),
        ..Stage::of(log)
    })
}

fn loopback() -> SocketAddr {
    SocketAddr::from((Ipv4Addr::LOCALHOST, 0))
}
