//! QUIC alone.

use std::net::{Ipv4Addr, SocketAddr};

use anyhow::Context as _;
use bytes::Bytes;
use quinn::Endpoint;

use super::{
    part::{Log, Part, Stage},
    tls,
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
                    if let Some((who, which)) = names(&datagram) {
                        log.note(who, which);
                    }
                }
            });
        }
    });
    Ok(Stage {
        address: Some(address),
        log,
        publish: None,
        kept: Box::new(endpoint),
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
        let mut payload = vec![0x5a; PAYLOAD_LEN];
        let name = [who.to_be_bytes(), sequence.to_be_bytes()].concat();
        for (byte, named) in payload.iter_mut().zip(name) {
            *byte = named;
        }
        sent.note(who, sequence);
        if let Some(connection) = connections.get(car % connections.len()) {
            // A connection that is gone shows as messages that never arrive.
            let _ = connection.send_datagram(Bytes::from(payload));
        }
    };
    Ok(Stage {
        address: None,
        log,
        publish: Some(Box::new(publish)),
        kept: Box::new(endpoints),
    })
}

fn names(payload: &[u8]) -> Option<(u64, u64)> {
    let (who, rest) = payload.split_first_chunk()?;
    let which = rest.first_chunk()?;
    Some((u64::from_be_bytes(*who), u64::from_be_bytes(*which)))
}

fn loopback() -> SocketAddr {
    SocketAddr::from((Ipv4Addr::LOCALHOST, 0))
}

/// As long as in the measurements of other middleware that ours stand beside.
const PAYLOAD_LEN: usize = 300;
